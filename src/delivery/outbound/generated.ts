/** What the platform says by itself: reports of delivery, autoreplies. It is delivered and queued like anything else. */
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Delivery, writeDeliveries } from '../commit-lane.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { decideForOwn, ownOutbound, planDelivery } from '../inbound/plan.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { type LocalRecipient, resolveRecipient } from '../recipients.ts'
import type { ForwardTarget } from '../routing/expand.ts'
import { returnPathField } from '../trace.ts'
import type { OutboundRecipient } from './queue.ts'

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
): Promise<{ local: LocalRecipient[]; remote: OutboundRecipient[]; forwards: ForwardTarget[] }> {
  const local = new Map<string, LocalRecipient>()
  const remote = new Map<string, OutboundRecipient>()
  const forwards = new Map<string, ForwardTarget>()
  for (const text of to) {
    const recipient = await resolveRecipient(platform, text)
    if (recipient.kind === 'local') local.set(recipient.owner.mailboxId, recipient)
    else if (recipient.kind === 'forward') {
      for (const one of recipient.local) local.set(one.owner.mailboxId, one)
      for (const target of recipient.targets) forwards.set(target.address, target)
    } else if (recipient.kind === 'remote') {
      const { address, domain } = recipient
      remote.set(address, { address, domain, notify: 'never', orcpt: null })
    } else platform.log.info({ event: 'delivery.generated_dropped', recipient: text, reason: recipient.kind })
  }
  return { local: [...local.values()], remote: [...remote.values()], forwards: [...forwards.values()] }
}

/** @returns null when there is nobody to send it to. */
async function deliveryOf(
  platform: Platform,
  message: GeneratedMessage,
  arrival: Arrival,
): Promise<Delivery | null> {
  const { local, remote, forwards = [] } = arrival
  if (local.length === 0 && remote.length === 0 && forwards.length === 0) return null
  const decisions = await decideForOwn(platform, arrival)
  const returnPath = Buffer.from(returnPathField(message.mailFrom))
  const body = await stage(platform, [returnPath, message.raw])
  const own = ownOutbound(arrival, message, body)
  return planDelivery(arrival, { body, decisions, localBytes: returnPath.length, own })
}

async function stage(platform: Platform, pieces: readonly Buffer[]): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  for (const piece of pieces) await writer.write(piece)
  return await writer.finish()
}

function hasBeyondAscii(text: string): boolean {
  return /[^\x20-\x7e\r\n\t]/.test(text)
}
