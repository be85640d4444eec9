/**
 * Sending by a program: the copy in Sent, the copies of recipients here and a row for each recipient elsewhere are written
 * in one transaction, the caller's. It obeys what submission over SMTP obeys.
 */

import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { requireWrite } from '../../accounts/principals.ts'
import { parseAddress } from '../../mailboxes/address.ts'
import { isServed } from '../../mailboxes/lifecycle.ts'
import { getMailbox, lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import { maySend } from '../../mailboxes/sending-right.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { createBodyWriter, type StagedBody } from '../../messages/bodies.ts'
import { flagBits } from '../../messages/flags.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { requireRoom } from '../../messages/quotas.ts'
import type { StoredMessage } from '../../messages/store.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { holdMessage, type NewHeld } from '../approvals/hold.ts'
import { askedOf, judgeSending, sendingNotAllowed } from '../approvals/sending-mode.ts'
import { type Delivery, type Placement, writeDelivery } from '../commit-lane.ts'
import type { Arrival } from '../inbound/arrival.ts'
import { decideForOwn, ownOutbound, planDelivery, sentBy } from '../inbound/plan.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { insertTracking, withOpenPicture } from '../open-tracking/open-tracking.ts'
import { insertScheduled, type NewSchedule } from '../scheduled/schedule.ts'
import type { ScheduledEnvelope } from '../scheduled/tables.ts'
import { receivedField } from '../trace.ts'
import {
  composeMessage,
  customFieldProblem,
  fieldBytesMax,
  type NewMessageParts,
  type Person,
} from './compose.ts'
import {
  admitRecipients,
  type NamedRecipient,
  type Recipients,
  resolveRecipients,
} from './judge-recipients.ts'
import type { Answer } from './mark-answered.ts'
import { countUnclaimedSends, requireHumanAlone } from './unclaimed.ts'

export type Submission = NewMessageParts & {
  /** Not before then; null is at once. */
  sendAt: Date | null
  /** Whether it is counted how often its HTML is opened. Not of what waits for its time or for an approval. */
  trackOpens?: boolean
}

export type SubmittedRecipient = { address: string; status: 'delivered' | 'queued' | 'scheduled' | 'held' }

export type Submitted =
  | {
      status: 'accepted'
      /** The copy in Sent. */
      sent: StoredMessage
      /** Message-ID without angle brackets. */
      messageId: string
      recipients: SubmittedRecipient[]
      /** Of a message that waits for its time. */
      scheduled: { id: string; sendAt: Date } | null
    }
  /** By the sending mode of the mailbox: nothing of it is sent, nor in Sent, until somebody else approves it. */
  | { status: 'pending_approval'; approvalId: string; messageId: string; recipients: SubmittedRecipient[] }

export const submissionLimits = {
  recipientsMax: 1000,
  attachmentsMax: 100,
  headersMax: 50,
  headerBytesMax: fieldBytesMax,
  /** How far ahead a message may be scheduled, in days (as FUTURERELEASE has it). */
  scheduleDaysMax: 30,
} as const

type Tracked = { id: string; copy: StagedBody }

/** A message that can be sent, or must wait: its recipients are judged, its bytes are made. */
export type PreparedSubmission = { mailbox: Mailbox; messageId: string } & (
  | {
      kind: 'send'
      delivery: Delivery
      recipients: Recipients
      /** Of one that is to wait for its time: the delivery is then that of the copy in Sent alone. */
      schedule: NewSchedule | null
      /** Of one whose openings are counted: its copy in Sent, which is without the picture that counts. */
      tracked: Tracked | null
    }
  | { kind: 'hold'; held: NewHeld }
)

/**
 * Judges and composes, before the transaction: what is asked here asks the database on its own.
 * @param ref the mailbox's id or address, or the mailbox that the scope has just found.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, recipient_refused, sending_limit_reached, invalid_request,
 *   sending_not_allowed, payload_too_large, agent_unclaimed, forbidden.
 */
export async function prepareSubmission(
  platform: Platform,
  scope: Scope,
  ref: string | Mailbox,
  submission: Submission,
): Promise<PreparedSubmission> {
  requireWrite(scope)
  const mailbox = typeof ref === 'string' ? await getMailbox(platform, scope, ref) : ref
  await requireServed(platform.db, mailbox)
  requireSound(platform, submission)
  const recipients = await resolveRecipients(platform, mailbox, namedIn(submission))
  await requireHumanAlone(platform, mailbox.id, recipients)
  const verdict = await judgeSending(platform, subject(mailbox), recipients)
  if (verdict.kind === 'refuse') throw sendingNotAllowed()
  const now = platform.clock.now()
  const sendAt = submission.sendAt !== null && submission.sendAt > now ? submission.sendAt : null
  // What waits is counted when it goes.
  if (verdict.kind === 'send' && sendAt === null) await admitRecipients(platform, mailbox, recipients)
  const from = { address: mailbox.address, name: mailbox.display_name }
  const { raw, messageId } = await composeMessage(from, sendAt ?? now, submission)
  const whole = traced(platform, raw)
  if (verdict.kind === 'hold') {
    const arrival = { ...arrivalOf(platform, mailbox, whole, recipients), notBefore: sendAt }
    const body = await stageRaw(platform, whole)
    const held = { source: 'api', requestedBy: scope.actor, verdict, arrival, body, skipBytes: 0 } as const
    return { kind: 'hold', mailbox, messageId, held: { owner: subject(mailbox), ...held } }
  }
  const prepared = { kind: 'send', mailbox, messageId, recipients } as const
  if (sendAt === null) {
    const counted = await countedCopy(platform, from, now, submission, messageId)
    const delivery = await planSubmission(platform, mailbox, counted?.whole ?? whole, recipients)
    const tracked = counted === null ? null : { id: counted.id, copy: await stageRaw(platform, whole) }
    return { ...prepared, delivery, schedule: null, tracked }
  }
  const body = await stageRaw(platform, whole)
  const { to, cc, bcc, subject: title } = submission
  const schedule = {
    id: newId(),
    bodyId: body.id,
    headerMessageId: messageId,
    envelope: { to, cc, bcc },
    subject: title,
    sendAt,
    isApproved: false,
  }
  return { ...prepared, delivery: scheduledDelivery(body, now, schedule), schedule, tracked: null }
}

/** @throws Refusal payload_too_large. */
function traced(platform: Platform, raw: Buffer): Buffer {
  const whole = Buffer.concat([Buffer.from(trace(platform)), raw])
  if (whole.length > platform.config.messageBytesMax) throw new Refusal('payload_too_large')
  return whole
}

/** What goes out of a message whose openings are counted; null of any other. */
async function countedCopy(
  platform: Platform,
  from: Person,
  at: Date,
  submission: Submission,
  messageId: string,
): Promise<{ id: string; whole: Buffer } | null> {
  const { html, trackOpens = false } = submission
  if (!trackOpens || html === null) return null
  const id = newId()
  const parts = { ...submission, html: withOpenPicture(platform, html, id) }
  const { raw } = await composeMessage(from, at, parts, { messageId })
  return { id, whole: traced(platform, raw) }
}

/** Of a message that waits for its time: its copy in Sent. */
export function scheduledDelivery(body: StagedBody, internalDate: Date, { id }: NewSchedule): Delivery {
  return { body, internalDate, placements: [], outbound: [], jobs: [], holders: [id] }
}

/** What becomes of a message that is sent now, for everyone that it is for; the copy in Sent is not in it. */
export async function planSubmission(
  platform: Platform,
  mailbox: Mailbox,
  whole: Buffer,
  recipients: Recipients,
): Promise<Delivery> {
  const arrival = arrivalOf(platform, mailbox, whole, recipients)
  const decisions = await decideForOwn(platform, arrival)
  const body = await stageRaw(platform, whole)
  const sender = {
    owner: subject(mailbox),
    kind: 'submission',
    signingDomain: mailbox.address.slice(mailbox.address.lastIndexOf('@') + 1),
  } as const
  const own = ownOutbound(arrival, sender, body)
  return {
    ...planDelivery(arrival, { body, decisions, localBytes: 0, own }),
    sentBy: sentBy(arrival, subject(mailbox)),
  }
}

/** The same, said to follow from another message, whenever it goes. */
export function answering(prepared: PreparedSubmission, answers: Answer | null): PreparedSubmission {
  if (answers === null) return prepared
  if (prepared.kind === 'hold') return { ...prepared, held: { ...prepared.held, answers } }
  const { delivery, schedule } = prepared
  return {
    ...prepared,
    delivery: { ...delivery, answers },
    schedule: schedule && { ...schedule, envelope: { ...schedule.envelope, answers } },
  }
}

/**
 * Writes what was prepared.
 * @throws Refusal mailbox_not_found, mailbox_state_conflict, quota_exceeded, sending_limit_reached, sending_paused,
 *   recipient_refused, schedule_limit_reached.
 */
export async function submitPrepared(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  prepared: PreparedSubmission,
): Promise<Submitted> {
  const { mailbox, messageId } = prepared
  await requireServed(tx, await lockMailbox(tx, scope, mailbox.id))
  const asked = prepared.kind === 'hold' ? askedOf(prepared.held.arrival) : prepared.recipients.asked
  await countUnclaimedSends(platform, tx, mailbox.id, asked.length)
  if (prepared.kind === 'hold') {
    const approvalId = await holdMessage(platform, tx, prepared.held)
    const recipients = askedOf(prepared.held.arrival).map((address) => ({ address, status: 'held' as const }))
    return { status: 'pending_approval', approvalId, messageId, recipients }
  }
  const { delivery, recipients, schedule, tracked } = prepared
  const sent = await (tracked === null
    ? writeSent(platform, tx, mailbox, delivery)
    : writeTracked(platform, tx, mailbox, delivery, tracked))
  if (schedule !== null) await insertScheduled(platform, tx, subject(mailbox), schedule, sent)
  const statusOf = (isHere: boolean): SubmittedRecipient['status'] =>
    schedule !== null ? 'scheduled' : isHere ? 'delivered' : 'queued'
  return {
    status: 'accepted',
    sent,
    messageId,
    recipients: recipients.asked.map(({ address, isHere }) => ({ address, status: statusOf(isHere) })),
    scheduled: schedule === null ? null : { id: schedule.id, sendAt: schedule.sendAt },
  }
}

/**
 * Writes what a mailbox sends, with a copy in Sent, in the transaction that holds its lock.
 * @returns that copy.
 * @throws Refusal quota_exceeded, sending_limit_reached, sending_paused, recipient_refused.
 */
export async function writeSent(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  delivery: Delivery,
): Promise<StoredMessage> {
  const owner = subject(mailbox)
  await requireRoom(platform, tx, owner, { bytes: delivery.body.sizeBytes, messages: 1 })
  const copy = await sentPlacement(tx, owner)
  const placements = [copy, ...delivery.placements.filter(({ folderId }) => folderId !== copy.folderId)]
  const [sent] = await writeDelivery(platform, tx, { ...delivery, placements })
  if (sent === undefined) throw new Error('a message that was sent has no copy')
  return sent
}

/** The same of one whose copy in Sent is another than what goes out. */
async function writeTracked(
  platform: Platform,
  tx: Tx,
  mailbox: Mailbox,
  delivery: Delivery,
  { id, copy }: Tracked,
): Promise<StoredMessage> {
  const { internalDate } = delivery
  const own = { body: copy, internalDate, placements: [], outbound: [], jobs: [], holders: [] }
  const sent = await writeSent(platform, tx, mailbox, own)
  await insertTracking(platform, tx, subject(mailbox), id, sent.id)
  await writeDelivery(platform, tx, { ...delivery, sentCopy: sent })
  return sent
}

/** @throws Refusal mailbox_state_conflict unless the mailbox and its domain are in states that send. */
export async function requireServed(db: Db, { id, address, state, service }: Mailbox): Promise<void> {
  if (!isServed(state) || service !== 'local') {
    throw new Refusal('mailbox_state_conflict', `${address} is ${state} and cannot send.`)
  }
  if (await maySend(db, id)) return
  throw new Refusal('mailbox_state_conflict', `The domain of ${address} is not in a state that sends.`)
}

function requireSound(platform: Platform, { to, cc, bcc, headers, sendAt }: Submission): void {
  const count = to.length + cc.length + bcc.length
  if (count === 0) throw new Refusal('invalid_request', 'The message has no recipient.')
  if (count > submissionLimits.recipientsMax) {
    throw new Refusal('invalid_request', `A message may have ${submissionLimits.recipientsMax} recipients.`)
  }
  requireSettable(headers)
  requireSoon(platform, sendAt)
}

/** @throws Refusal invalid_request that points at every field that a caller may not add. */
export function requireSettable(headers: NewMessageParts['headers']): void {
  const fields = Object.entries(headers).flatMap(([name, value]): FieldProblem[] => {
    const problem = customFieldProblem(name, value)
    return problem === null ? [] : [{ pointer: `/headers/${name}`, detail: problem }]
  })
  if (fields.length > 0) throw new Refusal('invalid_request', 'A header field cannot be set.', { fields })
}

/** @throws Refusal invalid_request for a time that is too far ahead. */
export function requireSoon(platform: Platform, sendAt: Date | null): void {
  const { scheduleDaysMax } = submissionLimits
  const latest = platform.clock.now().getTime() + scheduleDaysMax * 24 * 3600 * 1000
  if (sendAt === null || sendAt.getTime() <= latest) return
  const fields = [{ pointer: '/send_at', detail: `is more than ${scheduleDaysMax} days ahead` }]
  throw new Refusal('invalid_request', `A message may be scheduled ${scheduleDaysMax} days ahead.`, {
    fields,
  })
}

function trace(platform: Platform): string {
  return receivedField({
    helo: platform.config.hostname,
    remoteAddress: '127.0.0.1',
    by: platform.config.hostname,
    protocol: 'HTTP',
    id: newId(),
    recipient: null,
    at: platform.clock.now(),
  })
}

/** Every address with where it stands. */
export function namedIn({ to, cc, bcc }: ScheduledEnvelope): NamedRecipient[] {
  return Object.entries({ to, cc, bcc }).flatMap(([list, people]) =>
    people.map(({ address }, index) => ({ text: address, pointer: `/${list}/${index}` })),
  )
}

/** The message as if a login of the mailbox had submitted it: what decides about recipients asks for that. */
function arrivalOf(platform: Platform, mailbox: Mailbox, raw: Buffer, recipients: Recipients): Arrival {
  return {
    id: newId(),
    at: platform.clock.now(),
    role: 'submission',
    helo: platform.config.hostname,
    remoteAddress: '127.0.0.1',
    protocol: 'HTTP',
    tls: false,
    mailFrom: mailbox.address,
    smtputf8: [mailbox.address, ...recipients.remote.map(({ address }) => address)].some((address) =>
      /[^\x20-\x7e]/.test(address),
    ),
    ret: null,
    envid: null,
    requireTls: false,
    notBefore: null,
    login: subject(mailbox),
    ...recipients,
    message: spooledBytes(raw),
  }
}

export async function stageRaw(platform: Platform, raw: Buffer): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  await writer.write(raw)
  return await writer.finish()
}

/** The folder for sent mail, or INBOX where someone deleted it. */
async function sentPlacement(tx: Tx, owner: MailboxOwner): Promise<Placement> {
  const { rows } = await sql<{ id: string }>`/* prepared sent_folder */
    select id from folders where mailbox_id = ${owner.mailboxId}::uuid and special_use in ('sent', 'inbox')
    order by special_use = 'sent' desc limit 1`.execute(tx)
  const [folder] = rows
  if (folder === undefined) throw new Refusal('mailbox_not_found')
  return { owner, folderId: folder.id, flags: flagBits.seen, keywords: [], isSentCopy: true }
}

/** `ann@a.test` or `Ann <ann@a.test>`. @returns null when it is neither. */
export function personOf(text: string): Person | null {
  const match = /^\s*(?:"((?:[^"\\]|\\.)*)"|([^<>"]*?))\s*<([^<>]+)>\s*$/.exec(text)
  const name = (match?.[1]?.replace(/\\(.)/g, '$1') ?? match?.[2] ?? '').trim()
  const address = parseAddress((match?.[3] ?? text).trim())
  if (!address.ok || /[\r\n]/.test(text)) return null
  return { address: address.value.address, name: name === '' ? null : name }
}
