/** What the platform says by itself: reports of delivery, autoreplies. It is delivered and queued like anything else. */
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Delivery, writeDeliveries } from '../commit-lane.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { type LocalRecipient, resolveRecipient } from '../recipients.ts'
import { decideForRecipient } from '../routing/decide.ts'
import { returnPathField } from '../trace.ts'
import type { OutboundMessage, OutboundRecipient } from './queue.ts'

export type GeneratedMessage = {
  /** Whose queue it is in. */
  owner: MailboxOwner
  kind: 'notification' | 'submission'
  /** The reverse path; empty is the null sender. */
  mailFrom: string
  to: readonly string[]
  /** The whole message with its header, lines ending in CRLF. */
  raw: Buffer
  /** Null is not signed. */
  signingDomain: string | null
}

/**
 * Delivers to those recipients that are here and queues for the others, all in one transaction. An address of ours that
 * takes no mail (unknown, suspended) is left out and logged: nobody is there to be told. Quotas do not hold it back.
 * @param also runs in the same transaction.
 * @throws when the database failed, or a mailbox vanished meanwhile: nothing was sent, and a job may try again.
 */
export async function sendGenerated(
  platform: Platform,
  message: GeneratedMessage,
  also?: (tx: Tx) => Promise<void>,
): Promise<void> {
  const arrival = await arrivalOf(platform, message)
  const delivery = await deliveryOf(platform, message, arrival)
  await transaction(platform.db, async (tx) => {
    if (delivery !== null) await writeDeliveries(platform, tx, [delivery])
    await also?.(tx)
  })
}

/** The message as if it had just been received from its owner. */
async function arrivalOf(platform: Platform, message: GeneratedMessage): Promise<Arrival> {
  const spooled = spooledBytes(message.raw)
  return {
    id: newId(),
    at: platform.clock.now(),
    role: 'submission',
    helo: platform.config.hostname,
    remoteAddress: '127.0.0.1',
    protocol: 'ESMTP',
    tls: false,
    mailFrom: message.mailFrom,
    smtputf8: [message.mailFrom, ...message.to, spooled.header.toString('latin1')].some(hasBeyondAscii),
    ret: null,
    envid: null,
    requireTls: false,
    notBefore: null,
    login: message.owner,
    ...(await recipientsOf(platform, message.to)),
    message: spooled,
  }
}

async function recipientsOf(
  platform: Platform,
  to: readonly string[],
): Promise<{ local: LocalRecipient[]; remote: OutboundRecipient[] }> {
  const local = new Map<string, LocalRecipient>()
  const remote = new Map<string, OutboundRecipient>()
  for (const text of to) {
    const recipient = await resolveRecipient(platform, text)
    if (recipient.kind === 'local') local.set(recipient.owner.mailboxId, recipient)
    else if (recipient.kind === 'remote') {
      const { address, domain } = recipient
      remote.set(address, { address, domain, notify: 'never', orcpt: null })
    } else platform.log.info({ event: 'delivery.generated_dropped', recipient: text, reason: recipient.kind })
  }
  return { local: [...local.values()], remote: [...remote.values()] }
}

/** @returns null when there is nobody to send it to. */
async function deliveryOf(
  platform: Platform,
  message: GeneratedMessage,
  arrival: Arrival,
): Promise<Delivery | null> {
  if (arrival.local.length === 0 && arrival.remote.length === 0) return null
  const decisions = []
  for (const recipient of arrival.local) {
    const judged = { authentication: null, spam: null, quarantined: false }
    decisions.push(await decideForRecipient(platform, { arrival, recipient, ...judged }))
  }
  // RFC 5321 §4.4: for final delivery only.
  const returnPath = Buffer.from(returnPathField(message.mailFrom))
  const body = await stage(platform, [returnPath, message.raw])
  const sized = { skipBytes: returnPath.length, bodyBytes: body.sizeBytes }
  return {
    body,
    internalDate: arrival.at,
    placements: decisions.flatMap(({ placements }) => placements),
    outbound: [
      ...queuedOf(message, arrival, body).map((one) => ({ ...one, ...sized })),
      ...decisions.flatMap(({ forwards }) => forwards).map((forward) => ({ ...forward, ...sized })),
    ],
    jobs: decisions.flatMap(({ jobs }) => jobs),
    holders: [],
  }
}

async function stage(platform: Platform, pieces: readonly Buffer[]): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  for (const piece of pieces) await writer.write(piece)
  return await writer.finish()
}

function queuedOf(
  { owner, kind, mailFrom, signingDomain }: GeneratedMessage,
  { remote, smtputf8 }: Arrival,
  { parsed }: StagedBody,
): Omit<OutboundMessage, 'skipBytes' | 'bodyBytes'>[] {
  if (remote.length === 0) return []
  const options = { ret: null, envid: null, requireTls: false, arc: null, notBefore: null } as const
  const messageId = parsed.messageId?.replace(/^<(.*)>$/, '$1') ?? null
  return [{ owner, kind, mailFrom, signingDomain, smtputf8, messageId, ...options, recipients: remote }]
}

function hasBeyondAscii(text: string): boolean {
  return /[^\x20-\x7e\r\n\t]/.test(text)
}
