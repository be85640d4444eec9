/**
 * Sending what is due. Who the recipients are, and whether they may be written to, is found out now and not when the
 * message was scheduled; what cannot be sent to all of them is sent to none, and becomes a draft again.
 */

import { sql } from 'kysely'
import { subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { readBodyBytes } from '../../messages/bodies.ts'
import { releaseBodies } from '../../messages/sweep.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { type ErrorCode, Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { judgeSending, sendingNotAllowed } from '../approvals/sending-mode.ts'
import { type Delivery, writeDelivery } from '../commit-lane.ts'
import { headerFieldsOf } from '../inbound/arrival-fields.ts'
import { spooledBytes } from '../inbound/spool.ts'
import { refuseAuthors } from '../inbound/submission.ts'
import { admitRecipients, type Recipients, resolveRecipients } from '../submission/judge-recipients.ts'
import { namedIn, planSubmission, requireServed } from '../submission/submit.ts'
import { becomeDraft, removeRow, type ScheduledMessage, stageCancelled } from './scheduled.ts'

const rowsPerBatch = 20
/** A node that died with some in hand has lost nothing: they are due again after this. */
const leaseMs = 2 * 60 * 1000
const retryMs = 10 * 60 * 1000
/** So long after its time a message is still worth sending. */
const givenUpMs = 3 * 24 * 3600 * 1000

/** What may be over in a while. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'sending_limit_reached',
  'sending_paused',
  'mailbox_state_conflict',
])

/** Sends a batch of what is due. @returns how many were looked at. */
export async function sendDue(platform: Platform): Promise<number> {
  const due = await claim(platform)
  for (const row of due) {
    try {
      await sendOne(platform, row)
    } catch (error) {
      await settle(platform, row, error)
    }
  }
  return due.length
}

async function claim(platform: Platform): Promise<ScheduledMessage[]> {
  const now = platform.clock.now()
  const until = new Date(now.getTime() + leaseMs)
  const { rows } = await sql<ScheduledMessage>`
    update scheduled_messages set next_attempt_at = ${until}::timestamptz
    where (mailbox_id, id) in (
      select mailbox_id, id from scheduled_messages where next_attempt_at <= ${now}::timestamptz
      order by next_attempt_at limit ${rowsPerBatch}::int for update skip locked
    )
    returning *`.execute(platform.db)
  return rows
}

async function sendOne(platform: Platform, row: ScheduledMessage): Promise<void> {
  const mailbox = await mailboxOf(platform, row)
  await requireServed(platform.db, mailbox)
  const recipients = await resolveRecipients(platform, mailbox, namedIn(row.envelope))
  const verdict = await judgeSending(platform, subject(mailbox), recipients)
  if (verdict.kind === 'refuse') throw sendingNotAllowed()
  if (verdict.kind === 'hold' && !row.is_approved) {
    throw new Refusal(
      'sending_not_allowed',
      'By now the mailbox’s messages wait for an approval: send the draft again.',
    )
  }
  const whole = await readBodyBytes(platform.db, row.body_id)
  await requireAuthors(platform, mailbox, recipients, whole)
  await admitRecipients(platform, mailbox, recipients)
  const { answers } = row.envelope
  const planned = await planSubmission(platform, mailbox, whole, recipients)
  const delivery = answers === undefined ? planned : { ...planned, answers }
  await transaction(platform.db, async (tx) => {
    await requireServed(tx, await lockedMailbox(tx, row))
    await removeRow(tx, row)
    await writeDelivery(platform, tx, { ...delivery, sentCopy: await copyOf(tx, row) })
    const now = platform.clock.now()
    await releaseBodies([row.id], now).execute(tx)
    const data = { scheduled_message_id: row.id, message_id: row.message_id }
    await appendEvents(platform, tx, [{ type: 'message.schedule_sent', ...subject(mailbox), data }])
  })
}

/** The address that it was written from may be another's by now. @throws Refusal sending_not_allowed. */
async function requireAuthors(
  platform: Platform,
  mailbox: Mailbox,
  { remote }: Recipients,
  whole: Buffer,
): Promise<void> {
  const sent = { mailFrom: mailbox.address, remote }
  const refused = await refuseAuthors(platform, subject(mailbox), sent, headerFieldsOf(spooledBytes(whole)))
  if (refused !== null) throw new Refusal('sending_not_allowed', `${refused.text}.`)
}

/** The copy in Sent, unless its owner has removed it. */
async function copyOf(
  tx: Tx,
  { mailbox_id, message_id }: ScheduledMessage,
): Promise<NonNullable<Delivery['sentCopy']> | null> {
  const copy = await tx
    .selectFrom('messages')
    .select(['id', 'thread_id'])
    .where('mailbox_id', '=', mailbox_id)
    .where('id', '=', message_id)
    .executeTakeFirst()
  return copy === undefined ? null : { id: copy.id, threadId: copy.thread_id }
}

async function settle(platform: Platform, row: ScheduledMessage, error: unknown): Promise<void> {
  if (!(error instanceof Refusal)) {
    platform.log.error({ event: 'schedule.failed', scheduledMessageId: row.id, cause: error })
    return // tried again when the lease is over
  }
  if (error.code === 'scheduled_message_not_found') return // taken back or moved in this moment
  const now = platform.clock.now()
  if (passing.has(error.code) && now.getTime() < row.send_at.getTime() + givenUpMs) {
    await platform.db
      .updateTable('scheduled_messages')
      .set({
        next_attempt_at: new Date(now.getTime() + retryMs),
        last_problem: error.detail,
      })
      .where('mailbox_id', '=', row.mailbox_id)
      .where('id', '=', row.id)
      .where('body_id', '=', row.body_id)
      .execute()
    return
  }
  await giveUp(platform, row, error.detail)
}

async function giveUp(platform: Platform, row: ScheduledMessage, reason: string): Promise<void> {
  try {
    const draft = await stageCancelled(platform, row)
    await transaction(platform.db, async (tx) => {
      const mailbox = await lockedMailbox(tx, row)
      await becomeDraft(platform, tx, subject(mailbox), row, draft, reason)
    })
  } catch (error) {
    if (error instanceof Refusal && error.code === 'scheduled_message_not_found') return
    platform.log.error({ event: 'schedule.failed', scheduledMessageId: row.id, cause: error })
  }
}

async function mailboxOf(platform: Platform, { mailbox_id: id }: ScheduledMessage): Promise<Mailbox> {
  return await platform.db.selectFrom('mailboxes').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
}

async function lockedMailbox(tx: Tx, { mailbox_id: id }: ScheduledMessage): Promise<Mailbox> {
  return await tx
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow()
}
