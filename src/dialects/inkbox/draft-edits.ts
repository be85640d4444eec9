/** Changes of a draft: each names the generation that it was made for, and of two for the same one is too late. */
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { stageDraft } from '../../delivery/drafts/draft-parts.ts'
import { replaceDraft } from '../../delivery/drafts/edit-drafts.ts'
import { type Draft, getDraft } from '../../delivery/drafts/find-drafts.ts'
import type { DraftForward } from '../../delivery/drafts/tables.ts'
import type { NewMessageParts } from '../../delivery/submission/compose.ts'
import { subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { type DraftDetailView, draftDetailView } from './draft-view.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { withUpgrade } from './send-once.ts'
import { refuse } from './written-fields.ts'

export const DraftPath = Type.Object({ ...MailboxPath.properties, draft_id: Type.String() })

const Generation = Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1 })
export const GenerationBody = Type.Object({ generation: Generation })
export const GenerationQuery = Type.Object({ generation: Generation })

type DraftRequest = FastifyRequest<{ Params: Static<typeof DraftPath> }>

/** @throws Refusal mailbox_not_found, draft_not_found, forbidden; edit_conflict for another generation than it has. */
export async function currentDraft(
  platform: Platform,
  request: DraftRequest,
  generation: number,
): Promise<{ mailbox: Mailbox; draft: Draft }> {
  const { scope } = callerOf(request)
  requireWrite(scope)
  const mailbox = await findMailbox(platform, scope, request.params.email_address)
  const draft = await getDraft(platform.db, mailbox.id, request.params.draft_id)
  if (draft.version !== generation) throw new Refusal('edit_conflict', 'The draft was changed meanwhile.')
  return { mailbox, draft }
}

/** What a draft is after a change. */
export type DraftChange = { parts: NewMessageParts; trackOpens: boolean; forward: DraftForward | null }

/** @throws Refusal as currentDraft, draft_not_editable, quota_exceeded. */
export async function editDraft(
  platform: Platform,
  request: DraftRequest,
  generation: number,
  change: (draft: Draft, mailbox: Mailbox) => Promise<DraftChange>,
): Promise<Static<typeof DraftDetailView>> {
  const { mailbox, draft } = await currentDraft(platform, request, generation)
  const { parts, ...more } = await change(draft, mailbox)
  const staged = await stageDraft(platform, mailbox, parts)
  return await withUpgrade(platform, () =>
    transact(platform, callerOf(request), async (tx) => {
      await replaceDraft(platform, tx, subject(mailbox), draft, staged, draft.sendAt, more)
      return await draftDetailView(tx, mailbox, await getDraft(tx, mailbox.id, draft.id))
    }),
  )
}

/** @throws Refusal invalid_request. */
export function requireTracked(trackOpens: boolean, html: string | null): void {
  if (trackOpens && html === null) refuse([{ pointer: '/track_opens', detail: 'needs body_html' }])
}
