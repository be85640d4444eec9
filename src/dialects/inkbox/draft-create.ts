/** New drafts: of a message of its own, a reply or a forward, and copies of others. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { editableText, readDraftAttachments, stageDraft } from '../../delivery/drafts/draft-parts.ts'
import { insertDraft } from '../../delivery/drafts/edit-drafts.ts'
import { getDraft } from '../../delivery/drafts/find-drafts.ts'
import type { DraftForward } from '../../delivery/drafts/tables.ts'
import { partsOfWritten, type WrittenMessage } from '../../delivery/submission/written.ts'
import { lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { FieldProblem } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { type Answering, answering, answeringFields } from './answering.ts'
import { currentDraft, DraftPath, GenerationBody } from './draft-edits.ts'
import { DraftDetailView, draftDetailView } from './draft-view.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { requireMessage } from './message-facts.ts'
import { errors, orNull, Uuid } from './schemas.ts'
import { IdempotencyHeaders, sendOnce, withUpgrade } from './send-once.ts'
import {
  AttachmentBodies,
  messageBodyBytesMax,
  RecipientsBody,
  readAttachments,
  readRecipients,
  readTexts,
  refuse,
  textFields,
} from './written-fields.ts'

const tags = ['Drafts']

const Note = Type.Optional(orNull(Type.String({ maxLength: messageBodyBytesMax })))

const CreateBody = Type.Object({
  recipients: Type.Optional(orNull(RecipientsBody)),
  ...textFields,
  ...answeringFields,
  references: Type.Optional(Type.Array(Type.String({ maxLength: 1000 }), { maxItems: 50 })),
  attachments: Type.Optional(AttachmentBodies),
  forward_message_id: Type.Optional(Uuid),
  forward_mode: Type.Optional(Type.Enum(['inline', 'wrapped'])),
  include_original_attachments: Type.Optional(Type.Boolean()),
  forward_note_text: Note,
  forward_note_html: Note,
})

export function createDraft(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/drafts',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Create a draft',
        tags,
        params: MailboxPath,
        headers: IdempotencyHeaders,
        body: CreateBody,
        response: { 201: DraftDetailView, ...errors(402, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { scope } = callerOf(request)
      requireWrite(scope)
      const written = readWritten(body)
      const mailbox = await findMailbox(platform, scope, request.params.email_address)
      return await sendOnce(
        platform,
        request,
        reply,
        { operation: 'mail.draft', mailboxId: mailbox.id },
        async () => {
          const { forward, ...made } = await makingOf(platform, mailbox, written, body)
          if (made.purpose !== null) await requireMessage(platform.db, mailbox.id, made.purpose.messageId)
          const { parts, answers } = await partsOfWritten(platform, mailbox, made.written, made.purpose)
          return { forward, answers, staged: await stageDraft(platform, mailbox, parts) }
        },
        async (tx, { forward, answers, staged }) => {
          await lockMailbox(tx, scope, mailbox.id)
          const info = { sendAt: null, answers, forward, trackOpens: written.trackOpens === true }
          const { id } = await insertDraft(platform, tx, subject(mailbox), staged, info)
          return await draftDetailView(tx, mailbox, await getDraft(tx, mailbox.id, id))
        },
      )
    },
  )
}

/** @throws Refusal invalid_request. */
function readWritten(body: Static<typeof CreateBody>): WrittenMessage {
  const problems: FieldProblem[] = []
  const recipients = readRecipients(body.recipients ?? undefined, problems)
  const texts = readTexts(body, problems)
  const html = texts.html !== null
  const attachments = readAttachments(body.attachments ?? [], '/attachments', problems, { html })
  refuse(problems)
  return { ...texts, ...recipients, headers: null, attachments, sendAt: null }
}

async function makingOf(
  platform: Platform,
  mailbox: Mailbox,
  written: WrittenMessage,
  body: Static<typeof CreateBody>,
): Promise<Answering & { forward: DraftForward | null }> {
  const { forward_message_id: messageId, references } = body
  if (messageId === undefined) {
    const made = await answering(platform, mailbox, written, body)
    const isOwn = made.purpose === null && references !== undefined && references.length > 0
    const headers = isOwn
      ? { ...made.written.headers, References: references.join(' ') }
      : made.written.headers
    return { ...made, written: { ...made.written, headers }, forward: null }
  }
  const noteText = body.forward_note_text ?? written.text
  const noteHtml = body.forward_note_html ?? written.html
  const isWhole = body.forward_mode === 'wrapped'
  const choice = isWhole
    ? ({ mode: 'attachment' } as const)
    : ({ mode: 'inline', attachments: body.include_original_attachments ?? true } as const)
  return {
    written: { ...written, text: noteText, html: noteHtml },
    purpose: { kind: 'forward', messageId, choice },
    forward: { mode: choice.mode, noteText, noteHtml },
  }
}

export function copyDraft(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/drafts/:draft_id/duplicate',
    {
      schema: {
        summary: 'Copy a draft',
        tags,
        params: DraftPath,
        body: GenerationBody,
        response: { 201: DraftDetailView, ...errors(404, 409) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { mailbox, draft } = await currentDraft(platform, request, request.body.generation)
      const text = await editableText(platform.db, draft.message)
      const attachments = await readDraftAttachments(platform, draft.message)
      const staged = await stageDraft(platform, mailbox, { ...text, attachments })
      const copy = await withUpgrade(platform, () =>
        transact(platform, caller, async (tx) => {
          await lockMailbox(tx, caller.scope, mailbox.id)
          const { id } = await insertDraft(platform, tx, subject(mailbox), staged, { ...draft, sendAt: null })
          return await draftDetailView(tx, mailbox, await getDraft(tx, mailbox.id, id))
        }),
      )
      void reply.code(201)
      return copy
    },
  )
}
