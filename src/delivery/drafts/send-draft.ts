/** Sending a draft: what stands in it becomes a submission, and it goes in the transaction that writes that. */

import { sql } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import type { MailboxOwner } from '../../messages/owner.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { lockForSending } from '../submission/lock-folders.ts'
import { markAnswered } from '../submission/mark-answered.ts'
import type { SignedTexts } from '../submission/signatures.ts'
import {
  answering,
  type PreparedSubmission,
  prepareSubmission,
  type Submission,
  type Submitted,
  submitPrepared,
} from '../submission/submit.ts'
import { editableText, readDraftAttachments } from './draft-parts.ts'
import { takeSentDraft } from './edit-drafts.ts'
import type { Draft } from './find-drafts.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'drafts.clean_up': Record<string, never>
  }
}

/** What mail programs note in a draft for themselves. */
const notes =
  /^(?:x-mozilla-.*|x-identity-key|x-account-key|fcc|x-apple-.*|x-uniform-type-identifier|x-universally-unique-identifier)$/i

/**
 * Before the transaction.
 * @param complete makes of its texts what is sent.
 * @throws Refusal draft_not_editable, and as prepareSubmission.
 */
export async function prepareDraft(
  platform: Platform,
  scope: Scope,
  draft: Draft,
  complete: (texts: SignedTexts) => SignedTexts = (texts) => texts,
): Promise<PreparedSubmission> {
  const text = await editableText(platform.db, draft.message)
  const headers = Object.entries(text.headers).filter(([name]) => !notes.test(name))
  const submission: Submission = {
    ...text,
    ...complete({ text: text.text, html: text.html }),
    headers: Object.fromEntries(headers),
    attachments: await readDraftAttachments(platform, draft.message),
    sendAt: draft.sendAt,
    trackOpens: draft.trackOpens,
  }
  return await prepareSubmission(platform, scope, draft.message.mailboxId, submission)
}

/** @throws Refusal edit_conflict when the draft is not any more what was prepared; and as submitPrepared. */
export async function sendDraft(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  owner: MailboxOwner,
  draft: Draft,
  prepared: PreparedSubmission,
): Promise<Submitted> {
  await lockForSending(tx, scope, prepared, [draft.message.id, draft.answers?.messageId ?? null])
  const submitted = await submitPrepared(platform, tx, scope, answering(prepared, draft.answers))
  await takeSentDraft(platform, tx, owner, draft, submitted.status === 'accepted' ? submitted.sent : null)
  if (draft.answers !== null) await markAnswered(platform, tx, owner, draft.answers)
  return submitted
}

/** Rows of drafts that mail programs have removed or replaced. @returns how many. */
export async function forgetGoneDrafts(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - 24 * 3600 * 1000)
  const { numAffectedRows } = await sql`
    delete from drafts d where created_at < ${before}::timestamptz
      and not exists (select from messages m where m.mailbox_id = d.mailbox_id and m.id = d.message_id)`.execute(
    platform.db,
  )
  return Number(numAffectedRows ?? 0)
}
