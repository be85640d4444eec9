/** Drafts made, edited and deleted. Each edit is a new message in the place of the one before, in one transaction. */

import { appendMessages } from '../../messages/append.ts'
import type { StagedBody } from '../../messages/bodies.ts'
import { expungeMessages } from '../../messages/changes.ts'
import { flagBits } from '../../messages/flags.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import { replaceMessage } from '../../messages/replace.ts'
import type { StoredMessage } from '../../messages/store.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Answer } from '../submission/mark-answered.ts'
import { haveDraftsFolder } from './drafts-folder.ts'
import type { Draft, DraftInfo } from './find-drafts.ts'

/** \Seen too: nobody has to be told of what they write themselves. */
export const draftFlags = flagBits.draft | flagBits.seen

/** What is known of a new draft besides its message. */
export type NewDraftInfo = Pick<DraftInfo, 'sendAt' | 'answers'> &
  Partial<Pick<DraftInfo, 'trackOpens' | 'forward'>>

/** @returns the draft's message, whose id is the draft's. @throws Refusal quota_exceeded, folder_limit_reached. */
export async function insertDraft(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  body: StagedBody,
  { sendAt, answers, trackOpens = false, forward = null }: NewDraftInfo,
): Promise<StoredMessage> {
  const folderId = await haveDraftsFolder(platform, tx, owner)
  const message = { body, flags: draftFlags, keywords: [], internalDate: platform.clock.now() }
  const [stored] = await appendMessages(platform, tx, owner, folderId, [message])
  if (stored === undefined) throw new Error('a draft that was stored did not come back')
  if (sendAt !== null || answers !== null || trackOpens) {
    const info = { id: stored.id, sendAt, answers, trackOpens, forward, version: 1 }
    await writeRow(platform, tx, owner, info, stored.id)
  }
  await tell(platform, tx, owner, 'draft.created', stored.id, stored.id)
  return stored
}

/**
 * Puts a message in the place of the draft's as it was read.
 * @throws Refusal edit_conflict when somebody has replaced or removed that in the meantime; quota_exceeded.
 */
export async function replaceDraft(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  draft: Draft,
  body: StagedBody,
  sendAt: Date | null,
  more: Partial<Pick<DraftInfo, 'trackOpens' | 'forward'>> = {},
): Promise<StoredMessage> {
  const { message } = draft
  const place = { fromFolderId: message.folderId, uid: message.uid, toFolderId: message.folderId }
  const next = {
    body,
    flags: message.flags | draftFlags,
    keywords: message.keywords,
    internalDate: platform.clock.now(),
  }
  const stored = await replaceMessage(platform, tx, owner, { ...place, message: next })
  if (stored === null) throw new Refusal('edit_conflict')
  await writeRow(platform, tx, owner, { ...draft, ...more, sendAt, version: draft.version + 1 }, stored.id)
  await tell(platform, tx, owner, 'draft.updated', draft.id, stored.id)
  return stored
}

/** @throws Refusal edit_conflict as above. */
export async function deleteDraft(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  draft: Draft,
): Promise<void> {
  await takeDraft(platform, tx, owner, draft)
  await tell(platform, tx, owner, 'draft.deleted', draft.id, draft.message.id)
}

/** Removes the draft that was sent, in the transaction that sends it. @throws Refusal edit_conflict as above. */
export async function takeSentDraft(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  draft: Draft,
  sent: StoredMessage | null,
): Promise<void> {
  await takeDraft(platform, tx, owner, draft)
  await tell(platform, tx, owner, 'draft.sent', draft.id, sent?.id ?? draft.message.id)
}

async function takeDraft(platform: Platform, tx: Tx, owner: MailboxOwner, draft: Draft): Promise<void> {
  const { folderId, uid } = draft.message
  const { uids } = await expungeMessages(platform, tx, owner, folderId, [uid])
  if (uids.length === 0) throw new Refusal('edit_conflict')
  await tx.deleteFrom('drafts').where('mailbox_id', '=', owner.mailboxId).where('id', '=', draft.id).execute()
}

/** Notes what a message that has become a draft again answers or passes on. */
export async function noteAnswers(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  draftId: string,
  answers: Answer,
): Promise<void> {
  const info = { id: draftId, sendAt: null, answers, trackOpens: false, forward: null, version: 1 }
  await writeRow(platform, tx, owner, info, draftId)
}

async function writeRow(
  platform: Platform,
  tx: Tx,
  { mailboxId }: MailboxOwner,
  { id, sendAt, answers, version, trackOpens, forward }: DraftInfo,
  messageId: string,
): Promise<void> {
  const values = {
    message_id: messageId,
    send_at: sendAt,
    answers_message_id: answers?.messageId ?? null,
    answers_kind: answers?.kind ?? null,
    version,
    track_opens: trackOpens,
    forward: forward === null ? null : JSON.stringify(forward),
  }
  await tx
    .insertInto('drafts')
    .values({ mailbox_id: mailboxId, id, ...values, created_at: platform.clock.now() })
    .onConflict((conflict) => conflict.columns(['mailbox_id', 'id']).doUpdateSet(values))
    .execute()
}

async function tell(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  type: 'draft.created' | 'draft.updated' | 'draft.deleted' | 'draft.sent',
  draftId: string,
  messageId: string,
): Promise<void> {
  await appendEvents(platform, tx, [{ type, ...owner, data: { draft_id: draftId, message_id: messageId } }])
}
