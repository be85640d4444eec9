/** /mail/mailboxes/{email_address}/drafts: made, listed, read, changed, copied, deleted and sent. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { editedParts } from '../../delivery/drafts/draft-parts.ts'
import { deleteDraft } from '../../delivery/drafts/edit-drafts.ts'
import { type Draft, getDraft, listDrafts } from '../../delivery/drafts/find-drafts.ts'
import { prepareDraft, sendDraft } from '../../delivery/drafts/send-draft.ts'
import type { NewMessageParts } from '../../delivery/submission/compose.ts'
import { withSignature } from '../../delivery/submission/signatures.ts'
import { oneLine, partsOfWritten, type WrittenMessage } from '../../delivery/submission/written.ts'
import { lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { readSummaries } from '../../messages/read-message.ts'
import { storedOwnerOf } from '../../messages/stored-mailbox.ts'
import type { FieldProblem } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { copyDraft, createDraft } from './draft-create.ts'
import {
  currentDraft,
  type DraftChange,
  DraftPath,
  editDraft,
  GenerationBody,
  GenerationQuery,
  requireTracked,
} from './draft-edits.ts'
import { DraftDetailView, DraftSummaryView, draftDetailView, draftSummaryView } from './draft-view.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { messageDetail } from './message-facts.ts'
import { MessageDetailView } from './message-view.ts'
import { PageOf, pageQuery, pageRequest } from './pages.ts'
import { errors, orNull } from './schemas.ts'
import { withUpgrade } from './send-once.ts'
import { notHeld } from './sent.ts'
import {
  messageBodyBytesMax,
  RecipientsBody,
  readPeople,
  readTexts,
  refuse,
  textFields,
} from './written-fields.ts'

const tags = ['Drafts']

const Note = Type.Optional(orNull(Type.String({ maxLength: messageBodyBytesMax })))

const UpdateBody = Type.Object({
  ...GenerationBody.properties,
  recipients: Type.Optional(orNull(RecipientsBody)),
  ...textFields,
  forward_note_text: Note,
  forward_note_html: Note,
})

export function draftRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  createDraft(app, platform)
  app.get(
    '/mail/mailboxes/:email_address/drafts/:draft_id',
    {
      schema: {
        summary: 'Get a draft',
        tags,
        params: DraftPath,
        response: { 200: DraftDetailView, ...errors(404) },
      },
    },
    async (request) => {
      const mailbox = await findMailbox(platform, callerOf(request).scope, request.params.email_address)
      const draft = await getDraft(platform.db, mailbox.id, request.params.draft_id)
      return await draftDetailView(platform.db, mailbox, draft)
    },
  )
  updateRoute(app, platform)
  deleteRoute(app, platform)
  copyDraft(app, platform)
  sendRoute(app, platform)
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/drafts',
    {
      schema: {
        summary: 'List drafts',
        description: 'The one that was changed last first, those of mail programs too.',
        tags,
        params: MailboxPath,
        querystring: Type.Object(pageQuery),
        response: { 200: PageOf(DraftSummaryView), ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const mailbox = await findMailbox(platform, scope, request.params.email_address)
      const { mailboxId } = storedOwnerOf(mailbox)
      const { rows, nextCursor } = await listDrafts(platform, mailboxId, pageRequest(request.query))
      const ids = rows.map(({ messageId }) => messageId)
      const previews = new Map(
        (await readSummaries(platform, mailboxId, ids)).map(({ id, preview }) => [id, preview]),
      )
      const items = rows.map((draft) => draftSummaryView(mailbox, draft, previews.get(draft.messageId) ?? ''))
      return { items, next_cursor: nextCursor, has_more: nextCursor !== null }
    },
  )
}

function updateRoute(app: Api, platform: Platform): void {
  app.patch(
    '/mail/mailboxes/:email_address/drafts/:draft_id',
    {
      bodyLimit: messageBodyBytesMax,
      schema: {
        summary: 'Change a draft',
        description: 'What is left out stays, null clears.',
        tags,
        params: DraftPath,
        body: UpdateBody,
        response: { 200: DraftDetailView, ...errors(402, 404, 409, 422) },
      },
    },
    async (request) => {
      const { body } = request
      return await editDraft(platform, request, body.generation, (draft, mailbox) =>
        changed(platform, mailbox, draft, body),
      )
    },
  )
}

async function changed(
  platform: Platform,
  mailbox: Mailbox,
  draft: Draft,
  body: Static<typeof UpdateBody>,
): Promise<DraftChange> {
  const problems: FieldProblem[] = []
  const trackOpens = body.track_opens ?? draft.trackOpens
  // Whether there is HTML is known once the draft was read.
  const { track_opens: _, ...unchecked } = body
  const { replyTo } = readTexts(unchecked, problems)
  const written: WrittenMessage = {
    ...changedPeople(body.recipients, problems),
    replyTo: body.reply_to === null ? [] : replyTo,
    subject: body.subject === undefined ? null : oneLine(body.subject ?? ''),
    text: null,
    html: null,
    headers: null,
    attachments: null,
    sendAt: null,
  }
  refuse(problems)
  const parts = await editedParts(platform, draft.message, written, (before) => ({
    text: body.body_text === undefined ? before.text : body.body_text,
    html: body.body_html === undefined ? before.html : body.body_html || null,
  }))
  const renoted = await withNote(platform, mailbox, draft, body, parts)
  requireTracked(trackOpens, renoted.parts.html)
  return { ...renoted, trackOpens }
}

/** Of lists of recipients: those that are left out stay, and null clears. */
function changedPeople(
  recipients: Static<typeof UpdateBody>['recipients'],
  problems: FieldProblem[],
): Pick<WrittenMessage, 'to' | 'cc' | 'bcc'> {
  if (recipients === undefined) return { to: null, cc: null, bcc: null }
  if (recipients === null) return { to: [], cc: [], bcc: [] }
  const list = (name: 'to' | 'cc' | 'bcc') =>
    recipients[name] === null ? [] : readPeople(recipients[name], `/recipients/${name}`, problems)
  return { to: list('to'), cc: list('cc'), bcc: list('bcc') }
}

/** A draft that passes a message on, with another note above that. */
async function withNote(
  platform: Platform,
  mailbox: Mailbox,
  draft: Draft,
  { forward_note_text: text, forward_note_html: html }: Static<typeof UpdateBody>,
  parts: NewMessageParts,
): Promise<Pick<DraftChange, 'parts' | 'forward'>> {
  const { forward, answers } = draft
  if (forward === null || answers?.kind !== 'forward' || (text === undefined && html === undefined)) {
    return { parts, forward }
  }
  const noteText = text === undefined ? forward.noteText : text
  const noteHtml = html === undefined ? forward.noteHtml : html || null
  const said = { to: null, cc: null, bcc: null, replyTo: null, subject: null, headers: null, attachments: [] }
  const choice =
    forward.mode === 'inline'
      ? ({ mode: 'inline', attachments: false } as const)
      : ({ mode: 'attachment' } as const)
  const purpose = { kind: 'forward', messageId: answers.messageId, choice } as const
  const written = { ...said, text: noteText, html: noteHtml, sendAt: null }
  const made = (await partsOfWritten(platform, mailbox, written, purpose)).parts
  // Pictures of the original come anew with its HTML; files are those that the draft has.
  const isCarried = (contentId: string | null): boolean => contentId?.endsWith('@quoted') === true
  const kept = parts.attachments.filter(({ contentId }) => !isCarried(contentId))
  const carried = made.attachments.filter(({ contentId }) => isCarried(contentId))
  return {
    parts: { ...parts, text: made.text, html: made.html, attachments: [...kept, ...carried] },
    forward: { ...forward, noteText, noteHtml },
  }
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/mail/mailboxes/:email_address/drafts/:draft_id',
    {
      schema: {
        summary: 'Delete a draft',
        tags,
        params: DraftPath,
        querystring: GenerationQuery,
        response: { 204: Type.Null(), ...errors(404, 409) },
      },
    },
    async (request, reply) => {
      const { mailbox, draft } = await currentDraft(platform, request, request.query.generation)
      await transact(platform, callerOf(request), (tx) => deleteDraft(platform, tx, subject(mailbox), draft))
      return await reply.code(204).send(null)
    },
  )
}

function sendRoute(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes/:email_address/drafts/:draft_id/send',
    {
      schema: {
        summary: 'Send a draft',
        description: 'It is gone with that, in one transaction.',
        tags,
        params: DraftPath,
        body: GenerationBody,
        response: { 201: MessageDetailView, ...errors(402, 404, 409, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      requireWrite(caller.scope)
      const { mailbox, draft } = await currentDraft(platform, request, request.body.generation)
      const prepared = await prepareDraft(platform, caller.scope, draft, (texts) =>
        withSignature(mailbox, texts),
      )
      const sent = await withUpgrade(platform, () =>
        transact(platform, caller, async (tx) => {
          await lockMailbox(tx, caller.scope, mailbox.id)
          const owner = subject(mailbox)
          const { id } = notHeld(await sendDraft(platform, tx, caller.scope, owner, draft, prepared))
          return await messageDetail(platform, mailbox, id, tx)
        }),
      )
      void reply.code(201)
      return sent
    },
  )
}
