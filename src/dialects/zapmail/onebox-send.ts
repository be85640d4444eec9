/** A message sent from an account, and the attachments of those that it has. */
import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import type { Person } from '../../delivery/submission/compose.ts'
import { personOf, type Submitted, submissionLimits } from '../../delivery/submission/submit.ts'
import { oneLine, type Purpose, prepareWritten, submitWritten } from '../../delivery/submission/written.ts'
import { countPartBytes, readPartBytes } from '../../messages/content/attachment-bytes.ts'
import { type Attachment, attachmentsOf, requireBody } from '../../messages/content/read-content.ts'
import { findByMessageId } from '../../messages/find-by-message-id.ts'
import { getMessage } from '../../messages/find-message.ts'
import { getThread } from '../../messages/threads/thread-list.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { line } from './fields.ts'
import { AccountInput, requireAccount, tags } from './onebox.ts'
import { parseThreadRef } from './onebox-view.ts'
import { DataOf, dataOf, errors } from './schemas.ts'

const bodyBytesMax = 10 * 1024 ** 2
/** In base64 inside JSON: larger ones are downloaded by the native API, in pieces. */
const attachmentBytesMax = 25 * 1024 ** 2

const Address = Type.String({ maxLength: 1000 })
const Addresses = Type.Array(Address, { maxItems: submissionLimits.recipientsMax })
const Ref = line(1000, 0)

const EmailBody = Type.Object({
  account: AccountInput,
  to: Type.Union([Address, Addresses]),
  subject: Type.String({ maxLength: 998 }),
  body: Type.String({ maxLength: bodyBytesMax, description: 'HTML.' }),
  cc: Type.Optional(Addresses),
  bcc: Type.Optional(Addresses),
  messageId: Type.Optional(
    Type.String({ ...Ref, description: 'What it answers: the id or the Message-ID.' }),
  ),
  threadId: Type.Optional(
    Type.String({ maxLength: 100, description: 'The thread whose newest message it answers.' }),
  ),
  from: Type.Optional(Type.String({ maxLength: 1000, description: 'Not used: the mailbox has a name.' })),
})

const SentView = Type.Object({
  id: Nullable(Type.String(), 'Null while it waits for an approval.'),
  messageId: Nullable(Type.String(), 'The same.'),
  internetMessageId: Type.String(),
  threadId: Nullable(Type.String(), 'Null while it waits for an approval.'),
  status: OneOf(['SENT', 'PENDING_APPROVAL']),
})

const FileBody = Type.Object({
  attachmentId: Type.String({ maxLength: 100 }),
  provider: Type.Optional(Ref),
  messageId: Ref,
  account: AccountInput,
  filename: Type.Optional(Ref),
})

const FileView = Type.Object({
  filename: Type.String(),
  contentType: Type.String({ description: 'As the sender says.' }),
  size: Type.Integer(),
  encoding: Type.Literal('base64'),
  content: Type.String(),
})

export function oneboxSendRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/onebox/send-email',
    {
      bodyLimit: 2 * bodyBytesMax,
      schema: {
        summary: 'Send a message',
        description: 'With `messageId` or `threadId` it answers what is named.',
        tags,
        body: EmailBody,
        response: { 200: DataOf(SentView), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      requireWrite(scope)
      const { body } = request
      const mailbox = await requireAccount(platform, scope, body.account)
      const written = {
        to: peopleOf('to', typeof body.to === 'string' ? [body.to] : body.to),
        cc: peopleOf('cc', body.cc ?? []),
        bcc: peopleOf('bcc', body.bcc ?? []),
        replyTo: null,
        subject: oneLine(body.subject),
        text: null,
        html: body.body,
        headers: null,
        attachments: null,
        sendAt: null,
      }
      const purpose = await purposeOf(platform, mailbox.id, body)
      const prepared = await prepareWritten(platform, scope, mailbox, written, purpose)
      const sent = await transact(platform, caller, (tx) => submitWritten(platform, tx, scope, prepared))
      return dataOf('Email sent successfully', sentView(mailbox.id, sent))
    },
  )
  app.post(
    '/v2/onebox/download-attachment',
    {
      schema: {
        summary: 'Get an attachment',
        description: 'Its content in base64; at most 25 MiB.',
        tags,
        body: FileBody,
        response: { 200: DataOf(FileView), ...errors() },
      },
    },
    async (request) =>
      dataOf(
        'Attachment fetched successfully',
        await fileView(platform, callerOf(request).scope, request.body),
      ),
  )
}

/** @throws Refusal invalid_request. */
function peopleOf(name: string, texts: readonly string[]): Person[] {
  return texts.map((text) => {
    const person = personOf(text)
    if (person === null) throw new Refusal('invalid_request', `${name}: ${oneLine(text)} is not an address`)
    return person
  })
}

/** @throws Refusal message_not_found, thread_not_found. */
async function purposeOf(
  platform: Platform,
  mailboxId: string,
  { messageId, threadId }: Pick<Static<typeof EmailBody>, 'messageId' | 'threadId'>,
): Promise<Purpose> {
  const answered = await answeredId(platform, mailboxId, messageId || null, threadId || null)
  if (answered === null) return null
  return { kind: 'reply', messageId: answered, choice: { all: false, list: false, quote: false } }
}

async function answeredId(
  platform: Platform,
  mailboxId: string,
  message: string | null,
  thread: string | null,
): Promise<string | null> {
  if (message !== null) return await messageOf(platform, mailboxId, message)
  if (thread === null) return null
  const ref = parseThreadRef(thread)
  const found = ref?.mailboxId === mailboxId ? await getThread(platform, mailboxId, ref.threadId) : null
  const newest = found?.at(-1)
  if (newest === undefined) throw new Refusal('thread_not_found')
  return newest.id
}

/** @param ref its id or its Message-ID. @throws Refusal message_not_found. */
async function messageOf(platform: Platform, mailboxId: string, ref: string): Promise<string> {
  if (isId(ref)) return (await getMessage(platform.db, mailboxId, ref)).id
  const found = await findByMessageId(platform.db, mailboxId, ref)
  if (found === null) throw new Refusal('message_not_found')
  return found
}

function sentView(mailboxId: string, submitted: Submitted): Static<typeof SentView> {
  const { messageId: internetMessageId } = submitted
  if (submitted.status === 'pending_approval') {
    return { id: null, messageId: null, internetMessageId, threadId: null, status: 'PENDING_APPROVAL' }
  }
  const { id, threadId } = submitted.sent
  return { id, messageId: id, internetMessageId, threadId: `${mailboxId}_${threadId}`, status: 'SENT' }
}

type Named = Static<typeof FileBody>

/** @throws Refusal mailbox_not_found, message_not_found, attachment_not_found, payload_too_large. */
async function fileView(
  platform: Platform,
  scope: Parameters<typeof requireAccount>[1],
  named: Named,
): Promise<Static<typeof FileView>> {
  const { id: mailboxId } = await requireAccount(platform, scope, named.account)
  const messageId = await messageOf(platform, mailboxId, named.messageId)
  const { bodyId, structure } = await getMessage(platform.db, mailboxId, messageId)
  const attachment = chosen(attachmentsOf(structure), named)
  if (attachment === undefined) throw new Refusal('attachment_not_found')
  const { part, number, contentType, filename } = attachment
  const body = await requireBody(platform.db, bodyId)
  const size = await countPartBytes(body, bodyId, part)
  if (size > attachmentBytesMax) {
    throw new Refusal('payload_too_large', 'The attachment has more than 25 MiB: get it by the native API.')
  }
  const pieces: Buffer[] = []
  for await (const piece of readPartBytes(body, part)) pieces.push(piece)
  return {
    filename: filename ?? `attachment-${number}`,
    contentType,
    size,
    encoding: 'base64',
    content: Buffer.concat(pieces).toString('base64'),
  }
}

/** By its id, or by its name where there is no such id. */
function chosen(
  attachments: readonly Attachment[],
  { attachmentId, filename }: Named,
): Attachment | undefined {
  return (
    attachments.find(({ number }) => String(number) === attachmentId) ??
    attachments.find((one) => one.filename !== null && one.filename === filename)
  )
}
