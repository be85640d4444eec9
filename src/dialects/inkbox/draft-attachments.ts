/** Attachments of drafts: added, loaded, removed. Their indexes are those of one generation. */
import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { editableText, readDraftAttachments } from '../../delivery/drafts/draft-parts.ts'
import { type Draft, getDraft } from '../../delivery/drafts/find-drafts.ts'
import type { NewAttachment } from '../../delivery/submission/compose.ts'
import { countPartBytes, readPartBytes } from '../../messages/content/attachment-bytes.ts'
import { attachmentsOf, requireBody } from '../../messages/content/read-content.ts'
import { type FieldProblem, Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { attachmentDisposition } from '../../platform/http/file-headers.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { type DraftChange, DraftPath, editDraft, GenerationBody, GenerationQuery } from './draft-edits.ts'
import { DraftDetailView } from './draft-view.ts'
import { findMailbox } from './mailbox-path.ts'
import { filenamesOf } from './message-view.ts'
import { errors } from './schemas.ts'
import { AttachmentBody, messageBodyBytesMax, readAttachments, refuse } from './written-fields.ts'

const tags = ['Drafts']

const PartPath = Type.Object({ ...DraftPath.properties, part_index: Type.String() })

const AddBody = Type.Object({
  ...GenerationBody.properties,
  attachments: Type.Array(AttachmentBody, { minItems: 1, maxItems: 100 }),
})

export function draftAttachmentRoutes(app: Api, platform: Platform): void {
  addRoute(app, platform)
  loadRoute(app, platform)
  app.delete(
    '/mail/mailboxes/:email_address/drafts/:draft_id/attachments/:part_index',
    {
      schema: {
        summary: 'Remove an attachment from a draft',
        tags,
        params: PartPath,
        querystring: GenerationQuery,
        response: { 200: DraftDetailView, ...errors(404, 409) },
      },
    },
    async (request) =>
      editDraft(platform, request, request.query.generation, async (draft) => {
        const numbers = attachmentsOf(draft.message.structure).map(({ number }) => number)
        const gone = numbers[indexOf(request.params)]
        if (gone === undefined) throw new Refusal('attachment_not_found')
        const kept = numbers.filter((number) => number !== gone)
        return await withAttachments(
          platform,
          draft,
          await readDraftAttachments(platform, draft.message, kept),
        )
      }),
  )
}

/** Paths have no numbers: what is none is the index of nothing. */
function indexOf({ part_index: text }: { part_index: string }): number {
  return /^\d{1,6}$/.test(text) ? Number(text) : -1
}

function addRoute(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/drafts/:draft_id/attachments',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Add attachments to a draft',
        tags,
        params: DraftPath,
        body: AddBody,
        response: { 200: DraftDetailView, ...errors(402, 404, 409, 422) },
      },
    },
    async (request) =>
      editDraft(platform, request, request.body.generation, async (draft) => {
        const kept = await readDraftAttachments(platform, draft.message)
        const { html } = await editableText(platform.db, draft.message)
        const problems: FieldProblem[] = []
        const added = readAttachments(request.body.attachments, '/attachments', problems, {
          html: html !== null,
          bytesBefore: kept.reduce((sum, { content }) => sum + content.length, 0),
          taken: kept.flatMap(({ contentId }) => contentId ?? []),
        })
        refuse(problems)
        return await withAttachments(platform, draft, [...kept, ...added])
      }),
  )
}

async function withAttachments(
  platform: Platform,
  draft: Draft,
  attachments: readonly NewAttachment[],
): Promise<DraftChange> {
  const { trackOpens, forward } = draft
  const text = await editableText(platform.db, draft.message)
  return { parts: { ...text, attachments }, trackOpens, forward }
}

function loadRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/drafts/:draft_id/attachments/:part_index',
    {
      schema: {
        summary: 'Get an attachment of a draft',
        tags,
        params: PartPath,
        response: {
          200: Type.Unsafe<unknown>({
            content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
          }),
          ...errors(404),
        },
      },
    },
    async (request, reply) => {
      const { email_address: ref, draft_id: id } = request.params
      const index = indexOf(request.params)
      const mailbox = await findMailbox(platform, callerOf(request).scope, ref)
      const { message } = await getDraft(platform.db, mailbox.id, id)
      const attachments = attachmentsOf(message.structure)
      const attachment = attachments[index]
      if (attachment === undefined) throw new Refusal('attachment_not_found')
      const body = await requireBody(platform.db, message.bodyId)
      void reply.headers({
        'content-type': 'application/octet-stream',
        'content-length': await countPartBytes(body, message.bodyId, attachment.part),
        'content-disposition': attachmentDisposition(filenamesOf(attachments)[index] ?? ''),
        'cache-control': 'private, no-store',
        'x-content-type-options': 'nosniff',
      })
      return await reply.send(Readable.from(readPartBytes(body, attachment.part)))
    },
  )
}
