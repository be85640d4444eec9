/** Scheduled messages: listed, moved to another time, taken back. Whoever removes or rewrites the row first has won. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import { appendMessages } from '../../messages/append.ts'
import { insertBodies, readBodyBytes, type StagedBody } from '../../messages/bodies.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { replaceMessage } from '../../messages/replace.ts'
import { holdBodies, releaseBodies } from '../../messages/sweep.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId } from '../../platform/ids.ts'
import { addJobs } from '../../platform/jobs.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { haveDraftsFolder } from '../drafts/drafts-folder.ts'
import { draftFlags, noteAnswers } from '../drafts/edit-drafts.ts'
import { requireSoon, stageRaw } from '../submission/submit.ts'
import { asDraft, withDate } from './rewrite.ts'
import { sendingAt } from './schedule.ts'
import type { ScheduledMessagesTable } from './tables.ts'

export type ScheduledMessage = Selectable<ScheduledMessagesTable>

/** Those that wait, the newest first. */
export async function listScheduled(
  platform: Platform,
  mailboxId: string,
  page: PageRequest,
): Promise<Page<ScheduledMessage>> {
  const rows = await platform.db
    .selectFrom('scheduled_messages')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id < ${page.after}::uuid`))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal scheduled_message_not_found, also for one that was sent or taken back. */
export async function getScheduled(db: Db, mailboxId: string, id: string): Promise<ScheduledMessage> {
  const row = isId(id)
    ? await db
        .selectFrom('scheduled_messages')
        .selectAll()
        .where('mailbox_id', '=', mailboxId)
        .where('id', '=', id)
        .executeTakeFirst()
    : undefined
  if (row === undefined) throw new Refusal('scheduled_message_not_found')
  return row
}

/** The message as a draft again, before the transaction. */
export async function stageCancelled(platform: Platform, row: ScheduledMessage): Promise<StagedBody> {
  const raw = await readBodyBytes(platform.db, row.body_id)
  return await stageRaw(platform, asDraft(raw, row.envelope.bcc))
}

/**
 * Takes a message back: nobody gets it, and the copy in Sent becomes a draft.
 * @returns the draft's id.
 * @throws Refusal scheduled_message_not_found when it was sent in the meantime.
 */
export async function cancelScheduled(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  row: ScheduledMessage,
  draft: StagedBody,
): Promise<string> {
  const owner = subject(await lockMailbox(tx, scope, row.mailbox_id))
  return await becomeDraft(platform, tx, owner, row, draft, null)
}

/** @param reason why it could not be sent; null where it was taken back. Under the mailbox's lock. */
export async function becomeDraft(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  row: ScheduledMessage,
  draft: StagedBody,
  reason: string | null,
): Promise<string> {
  await removeRow(tx, row)
  const folderId = await haveDraftsFolder(platform, tx, owner)
  const message = { body: draft, flags: draftFlags, keywords: [], internalDate: platform.clock.now() }
  const copy = await placeOf(tx, row)
  const stored =
    copy === null
      ? (await appendMessages(platform, tx, owner, folderId, [message]))[0]
      : await replaceMessage(platform, tx, owner, { ...copy, toFolderId: folderId, message })
  if (!stored) throw new Error('a draft that was stored did not come back')
  const { answers } = row.envelope
  if (answers !== undefined) await noteAnswers(platform, tx, owner, stored.id, answers)
  await releaseBodies([row.id], platform.clock.now()).execute(tx)
  const data = { scheduled_message_id: row.id, message_id: stored.id }
  await appendEvents(platform, tx, [
    reason === null
      ? { type: 'message.schedule_cancelled', ...owner, data }
      : { type: 'message.schedule_failed', ...owner, data: { ...data, reason } },
  ])
  return stored.id
}

/** @throws Refusal scheduled_message_not_found when it is gone, or was moved in the meantime. */
export async function removeRow(tx: Tx, row: ScheduledMessage): Promise<void> {
  const removed = await tx
    .deleteFrom('scheduled_messages')
    .where('mailbox_id', '=', row.mailbox_id)
    .where('id', '=', row.id)
    .where('body_id', '=', row.body_id)
    .returning('id')
    .executeTakeFirst()
  if (removed === undefined) throw new Refusal('scheduled_message_not_found')
}

/** The message with another Date, before the transaction. @throws Refusal invalid_request. */
export async function stageMoved(
  platform: Platform,
  row: ScheduledMessage,
  sendAt: Date,
): Promise<StagedBody> {
  requireSoon(platform, sendAt)
  return await stageRaw(platform, withDate(await readBodyBytes(platform.db, row.body_id), sendAt))
}

/**
 * Gives it another time; one that is past is now. The copy in Sent is replaced: it has the Date of that time.
 * @throws Refusal scheduled_message_not_found when it was sent in the meantime, edit_conflict when it was moved.
 */
export async function moveScheduled(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  row: ScheduledMessage,
  sendAt: Date,
  body: StagedBody,
): Promise<ScheduledMessage> {
  const owner = subject(await lockMailbox(tx, scope, row.mailbox_id))
  const current = await getScheduled(tx, row.mailbox_id, row.id)
  if (current.body_id !== row.body_id) throw new Refusal('edit_conflict')
  const now = platform.clock.now()
  const copy = await placeOf(tx, row)
  const stored =
    copy === null
      ? null
      : await replaceMessage(platform, tx, owner, {
          fromFolderId: copy.fromFolderId,
          uid: copy.uid,
          toFolderId: copy.fromFolderId,
          message: { body, flags: copy.flags, keywords: copy.keywords, internalDate: now },
        })
  if (stored === null) await insertBodies(tx, [body], now)
  await releaseBodies([row.id], now).execute(tx)
  await holdBodies([{ bodyId: body.id, holderId: row.id }]).execute(tx)
  const messageId = stored?.id ?? row.message_id
  const changed = await tx
    .updateTable('scheduled_messages')
    .set({
      send_at: sendAt,
      next_attempt_at: sendAt,
      body_id: body.id,
      message_id: messageId,
      last_problem: null,
    })
    .where('mailbox_id', '=', row.mailbox_id)
    .where('id', '=', row.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await addJobs(tx, [sendingAt(row.id, sendAt)])
  const data = { scheduled_message_id: row.id, message_id: messageId, send_at: sendAt.toISOString() }
  await appendEvents(platform, tx, [{ type: 'message.rescheduled', ...owner, data }])
  return changed
}

/** Where the copy is now: its owner may have moved it, or removed it. */
async function placeOf(
  tx: Tx,
  { mailbox_id, message_id }: ScheduledMessage,
): Promise<{ fromFolderId: string; uid: number; flags: number; keywords: string[] } | null> {
  const place = await tx
    .selectFrom('messages')
    .select(['folder_id', 'uid', 'flags', 'keywords'])
    .where('mailbox_id', '=', mailbox_id)
    .where('id', '=', message_id)
    .executeTakeFirst()
  if (place === undefined) return null
  const { folder_id: fromFolderId, ...rest } = place
  return { fromFolderId, ...rest }
}
