/** How drafts look in the API. */
import { type Static, Type } from 'typebox'
import { readDraftText } from '../delivery/drafts/draft-parts.ts'
import type { Draft, DraftSummary } from '../delivery/drafts/find-drafts.ts'
import type { Person } from '../delivery/submission/compose.ts'
import { peopleOf } from '../delivery/submission/original.ts'
import { attachmentsOf } from '../messages/content/read-content.ts'
import { decodeHeaderText } from '../messages/mime/encoded-words.ts'
import type { Db } from '../platform/database.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const PersonView = Type.Object({ address: Type.String(), name: Nullable(Type.String()) })

const common = {
  id: Type.String({ format: 'uuid', description: 'Stays through all edits by this API.' }),
  message_id: Type.String({
    format: 'uuid',
    description: 'The message that it is now, in the folder for drafts: another after each edit.',
  }),
  thread_id: Id,
  to: Type.Array(PersonView),
  cc: Type.Array(PersonView),
  bcc: Type.Array(PersonView),
  subject: Type.String(),
  size_bytes: Type.Integer(),
  updated_at: Moment,
  send_at: Nullable(Moment, 'When it goes once it is sent; null is at once.'),
  answers: Type.Unsafe<{ message_id: string; kind: 'reply' | 'forward' } | null>({
    type: ['object', 'null'],
    description: 'The message that it answers or passes on, which is marked so when the draft is sent.',
    properties: { message_id: Id, kind: OneOf(['reply', 'forward']) },
    required: ['message_id', 'kind'],
  }),
} as const

export const DraftSummaryView = Type.Object(common, { title: 'DraftSummary' })

export const DraftView = Type.Object(
  {
    ...common,
    reply_to: Type.Array(PersonView),
    text: Nullable(Type.String()),
    html: Nullable(Type.String()),
    headers: Type.Record(Type.String(), Type.String()),
    attachments: Type.Array(
      Type.Object({
        number: Type.Integer({ description: 'Of this version of the draft.' }),
        filename: Nullable(Type.String()),
        content_type: Type.String(),
        content_id: Nullable(Type.String()),
        disposition: OneOf(['attachment', 'inline']),
        encoded_bytes: Type.Integer({ description: 'As it is in the message.' }),
      }),
    ),
    editable: Type.Boolean({
      description:
        'False for what is signed or encrypted: it can be edited and sent only where it was written.',
    }),
  },
  { title: 'Draft' },
)

export function draftSummaryView(draft: DraftSummary): Static<typeof DraftSummaryView> {
  const { envelope } = draft
  return {
    id: draft.id,
    message_id: draft.messageId,
    thread_id: draft.threadId,
    to: peopleOf(envelope.to).map(personView),
    cc: peopleOf(envelope.cc).map(personView),
    bcc: peopleOf(envelope.bcc).map(personView),
    subject: decodeHeaderText(envelope.subject ?? ''),
    size_bytes: draft.sizeBytes,
    updated_at: draft.updatedAt.toISOString(),
    send_at: momentOrNull(draft.sendAt),
    answers: answersView(draft),
  }
}

export async function draftView(db: Db, draft: Draft): Promise<Static<typeof DraftView>> {
  const { message } = draft
  const { text: parts, isEditable } = await readDraftText(db, message)
  return {
    id: draft.id,
    message_id: message.id,
    thread_id: message.threadId,
    to: parts.to.map(personView),
    cc: parts.cc.map(personView),
    bcc: parts.bcc.map(personView),
    reply_to: parts.replyTo.map(personView),
    subject: parts.subject,
    text: parts.text,
    html: parts.html,
    headers: parts.headers,
    attachments: attachmentsOf(message.structure).map((one) => ({
      number: one.number,
      filename: one.filename,
      content_type: one.contentType,
      content_id: one.contentId,
      disposition: one.disposition,
      encoded_bytes: one.encodedBytes,
    })),
    size_bytes: message.sizeBytes,
    updated_at: message.internalDate.toISOString(),
    send_at: momentOrNull(draft.sendAt),
    answers: answersView(draft),
    editable: isEditable,
  }
}

function personView({ address, name }: Person): Static<typeof PersonView> {
  return { address, name }
}

function answersView({
  answers,
}: Pick<Draft, 'answers'>): { message_id: string; kind: 'reply' | 'forward' } | null {
  return answers === null ? null : { message_id: answers.messageId, kind: answers.kind }
}
