/** /v1/mailboxes/{mailbox}/drafts/{draft}/attachments and /send: files of a draft one by one, and the draft sent. */

import { Type } from 'typebox'
import { editableText, readDraftAttachments } from '../delivery/drafts/draft-parts.ts'
import { type Draft, getDraft } from '../delivery/drafts/find-drafts.ts'
import { prepareDraft, sendDraft } from '../delivery/drafts/send-draft.ts'
import type { NewMessageParts } from '../delivery/submission/compose.ts'
import { resolveAttachments } from '../delivery/submission/stored-attachments.ts'
import { getMailbox, subject } from '../mailboxes/mailboxes.ts'
import { attachmentsOf } from '../messages/content/read-content.ts'
import { type FieldProblem, Refusal } from '../platform/errors.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DraftView } from './draft-view.ts'
import { DraftPath, editDraft } from './drafts.ts'
import { idsOfIfMatch } from './etag.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import {
  AttachmentBody,
  prepared,
  preparedValue,
  readAttachmentBody,
  SubmittedView,
  sendingProblems,
  submittedView,
  throwProblems,
} from './new-message.ts'
import { postProblems, writeProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'

const tags = ['drafts']

const AttachmentPath = Type.Object({
  ...DraftPath.properties,
  number: Type.String({
    pattern: '^[1-9]\\d{0,5}$',
    description: 'Its number in the version that is there.',
  }),
})

const editProblems = [
  'mailbox_not_found',
  'draft_not_found',
  'draft_not_editable',
  'attachment_not_found',
  'edit_conflict',
  'quota_exceeded',
] as const

export function draftAttachmentRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/drafts/:draft/attachments',
    {
      bodyLimit: apiLimits.messageBodyBytesMax,
      schema: {
        summary: 'Add an attachment to a draft',
        description: 'A file, or one of a stored message. It becomes the last one.',
        tags,
        params: DraftPath,
        body: AttachmentBody,
        response: { 201: DraftView, ...postProblems(...editProblems, 'message_not_found') },
      },
    },
    async (request, reply) => {
      const problems: FieldProblem[] = []
      const added = readAttachmentBody(request.body, '', problems)
      throwProblems(problems)
      return await editDraft(platform, request, reply, 201, async (draft) => {
        const more = await resolveAttachments(platform, draft.message.mailboxId, added)
        const kept = await readDraftAttachments(platform, draft.message)
        return await withAttachments(platform, draft, [...kept, ...more])
      })
    },
  )
  app.delete(
    '/v1/mailboxes/:mailbox/drafts/:draft/attachments/:number',
    {
      schema: {
        summary: 'Remove an attachment from a draft',
        description: 'Those behind it get new numbers: give If-Match where somebody else may edit the draft.',
        tags,
        params: AttachmentPath,
        response: { 200: DraftView, ...writeProblems(...editProblems) },
      },
    },
    async (request, reply) =>
      editDraft(platform, request, reply, 200, async (draft) => {
        const numbers = attachmentsOf(draft.message.structure).map(({ number }) => number)
        const gone = Number(request.params.number)
        if (!numbers.includes(gone)) throw new Refusal('attachment_not_found')
        const kept = numbers.filter((number) => number !== gone)
        const attachments = await readDraftAttachments(platform, draft.message, kept)
        return await withAttachments(platform, draft, attachments)
      }),
  )
  sendRoute(app, platform)
}

async function withAttachments(
  platform: Platform,
  draft: Draft,
  attachments: NewMessageParts['attachments'],
): Promise<{ parts: NewMessageParts; sendAt: Date | null }> {
  const text = await editableText(platform.db, draft.message)
  return { parts: { ...text, attachments }, sendAt: draft.sendAt }
}

function sendRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/mailboxes/:mailbox/drafts/:draft/send',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Send a draft',
        description:
          'The draft is gone when this is answered, in the transaction that sends it. With If-Match only the version that ' +
          'it names is sent. Give an Idempotency-Key: the same request again gets the same answer.',
        tags,
        params: DraftPath,
        body: Type.Object({}, closed),
        response: {
          202: SubmittedView,
          ...postProblems(...sendingProblems, 'draft_not_found', 'draft_not_editable', 'edit_conflict'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const ready = await prepared(request, async () => {
        const mailbox = await getMailbox(platform, scope, request.params.mailbox)
        const draft = await getDraft(platform.db, mailbox.id, request.params.draft)
        const wanted = idsOfIfMatch(request.headers['if-match'])
        if (wanted !== null && !wanted.includes(draft.message.id)) throw new Refusal('edit_conflict')
        return { mailbox, draft, submission: await prepareDraft(platform, scope, draft) }
      })
      return await mutate(platform, request, reply, async (tx) => {
        const { mailbox, draft, submission } = preparedValue(ready)
        const submitted = await sendDraft(platform, tx, scope, subject(mailbox), draft, submission)
        return { status: 202, body: submittedView(platform, submitted) }
      })
    },
  )
}
