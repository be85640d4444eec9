/** /v1/mailboxes/{mailbox}/messages/{message}: one message, its raw bytes and its attachments. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { requireWrite } from '../accounts/principals.ts'
import { isFirstContact } from '../delivery/contacts.ts'
import { changeByIds } from '../messages/change-by-id.ts'
import { countPartBytes, readPartRange } from '../messages/content/attachment-bytes.ts'
import { attachmentsOf, requireBody } from '../messages/content/read-content.ts'
import { getMessage } from '../messages/find-message.ts'
import { flagBits } from '../messages/flags.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import { type FullMessage, readMessage } from '../messages/read-message.ts'
import { getStoredMailbox } from '../messages/stored-mailbox.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { safeContentType, sendFile } from './file-reply.ts'
import { MessageView, messageView } from './message-view.ts'
import { mutate } from './mutate.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed } from './schemas.ts'

const tags = ['messages']

export const MessagePath = Type.Object({
  mailbox: Type.String({ description: 'Its id or its address.' }),
  message: Type.String({ description: 'Its id.' }),
})

const AttachmentPath = Type.Object({
  ...MessagePath.properties,
  number: Type.String({ description: 'As the message has it under `attachments`.' }),
})

const BytesHeaders = Type.Object({
  Range: Type.Optional(
    Type.String({ description: 'One range of bytes (RFC 9110 §14). Of several the whole is sent.' }),
  ),
  'If-Range': Type.Optional(Type.String({ description: 'The ETag of which a part is there already.' })),
  'If-None-Match': Type.Optional(Type.String({ description: 'The ETag of what is there already.' })),
  'Mailwright-Workspace': Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'The workspace that the call is about. Default: the key’s own.',
    }),
  ),
})

export function messageReadRoutes(app: Api, platform: Platform): void {
  messageRoute(app, platform)
  rawRoute(app, platform)
  attachmentRoute(app, platform)
}

function messageRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/messages/:message',
    {
      schema: {
        summary: 'Get a message',
        description:
          'With its text, its attachments’ names and sizes, its header, and what was found out about its sender. ' +
          'Reading marks nothing as read.',
        tags,
        params: MessagePath,
        querystring: Type.Object(
          {
            mark_seen: Type.Optional(
              Type.Boolean({ description: 'Mark it as read; refused for a key that may only read.' }),
            ),
          },
          closed,
        ),
        response: {
          200: MessageView,
          ...readProblems('mailbox_not_found', 'message_not_found', 'service_cannot'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      if (request.query.mark_seen === true) requireWrite(scope)
      const owner = await getStoredMailbox(platform, scope, request.params.mailbox)
      if (request.query.mark_seen === true) await markSeen(platform, request, reply, owner)
      const view = await viewOf(
        platform,
        await readMessage(platform, owner.mailboxId, request.params.message),
      )
      void reply.header('etag', view.etag)
      return view
    },
  )
}

/** With what other parts of the core know of it. */
export async function viewOf(platform: Platform, message: FullMessage): Promise<Static<typeof MessageView>> {
  const { mailboxId, id } = message
  return messageView(message, { isFirstContact: await isFirstContact(platform, mailboxId, id) })
}

type MessageRequest = FastifyRequest<{ Params: Static<typeof MessagePath> }>

async function markSeen(
  platform: Platform,
  request: MessageRequest,
  reply: FastifyReply,
  owner: MailboxOwner,
): Promise<void> {
  const { id, flags } = await getMessage(platform.db, owner.mailboxId, request.params.message)
  if ((flags & flagBits.seen) !== 0) return
  await mutate(platform, request, reply, async (tx) => {
    await changeByIds(platform, tx, owner, [id], { kind: 'edit', edit: { seen: true } })
    return { status: 200, body: undefined }
  })
}

const Bytes = { schema: { type: 'string', format: 'binary' } }

/** Replies of a route that sends bytes. @param mediaType what they are, or `*` for many. */
function byteReplies(mediaType: string) {
  const bytes = (description: string) =>
    Type.Unsafe<unknown>({ description, content: { [mediaType]: Bytes } })
  return {
    200: bytes('All of it'),
    206: bytes('The range that was asked for'),
    304: Type.Unsafe<undefined>({ description: 'It is the one of If-None-Match.', type: 'null' }),
  }
}

function rawRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/messages/:message/raw',
    {
      schema: {
        summary: 'Get a message as it came',
        description: 'Byte by byte (RFC 5322). Takes `Range`, so that a download can be continued.',
        tags,
        params: MessagePath,
        response: {
          ...byteReplies('message/rfc822'),
          ...readProblems(
            'mailbox_not_found',
            'message_not_found',
            'service_cannot',
            'range_not_satisfiable',
          ),
        },
      },
      config: { documented: { headers: BytesHeaders } },
    },
    async (request, reply) => {
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const { id, bodyId } = await getMessage(platform.db, mailboxId, request.params.message)
      const body = await requireBody(platform.db, bodyId)
      return await sendFile(request, reply, {
        sizeBytes: body.sizeBytes,
        etag: `"${bodyId}"`,
        contentType: 'message/rfc822',
        filename: `${id}.eml`,
        read: (start, end) => body.read({ start, end }),
      })
    },
  )
}

function attachmentRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/messages/:message/attachments/:number',
    {
      schema: {
        summary: 'Get an attachment',
        description:
          'The file, decoded. Takes `Range`. A type that a browser might run is sent as application/octet-stream; ' +
          'the message has the type that the sender gave.',
        tags,
        params: AttachmentPath,
        response: {
          ...byteReplies('*/*'),
          ...readProblems(
            'mailbox_not_found',
            'message_not_found',
            'attachment_not_found',
            'service_cannot',
            'range_not_satisfiable',
          ),
        },
      },
      config: { documented: { headers: BytesHeaders } },
    },
    async (request, reply) => {
      const { mailboxId } = await getStoredMailbox(platform, scopeOf(request), request.params.mailbox)
      const { bodyId, structure } = await getMessage(platform.db, mailboxId, request.params.message)
      const attachment = attachmentsOf(structure).find(
        ({ number }) => String(number) === request.params.number,
      )
      if (attachment === undefined) throw new Refusal('attachment_not_found')
      const { part, number, contentType, filename } = attachment
      const body = await requireBody(platform.db, bodyId)
      const charset = part.params?.find(([name]) => name === 'charset')?.[1] ?? null
      return await sendFile(request, reply, {
        sizeBytes: await countPartBytes(body, bodyId, part),
        etag: `"${bodyId}-${number}"`,
        contentType: safeContentType(contentType, charset),
        filename: filename ?? `attachment-${number}`,
        read: (start, end) => readPartRange(body, part, start, end),
      })
    },
  )
}
