/** Attachments of messages: by links that are good for a while without a key. */
import { Readable } from 'node:stream'
import { Type } from 'typebox'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import { countPartBytes, readPartBytes } from '../../messages/content/attachment-bytes.ts'
import {
  attachmentLinkSeconds,
  attachmentLinkToken,
  type LinkedAttachment,
  openAttachmentLink,
} from '../../messages/content/attachment-links.ts'
import { type Attachment, attachmentsOf, requireBody } from '../../messages/content/read-content.ts'
import { getMessage } from '../../messages/find-message.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { attachmentDisposition, safeContentType } from '../../platform/http/file-headers.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { findMailbox } from './mailbox-path.ts'
import { requireMessage } from './message-facts.ts'
import { filenamesOf } from './message-view.ts'
import { MessagePath } from './messages.ts'
import { errors } from './schemas.ts'

const AttachmentPath = Type.Object({
  ...MessagePath.properties,
  filename: Type.String({ description: 'As the message has it under `attachment_metadata`.' }),
})

const LinkView = Type.Object(
  { url: Type.String(), filename: Type.String(), expires_in: Type.Integer() },
  { title: 'AttachmentLink' },
)

export function attachmentRoutes(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes/:email_address/messages/:message_id/attachments/:filename',
    {
      schema: {
        summary: 'Get a link to an attachment',
        description: 'With `redirect=true` the answer leads there at once.',
        tags: ['Messages'],
        params: AttachmentPath,
        querystring: Type.Object({ redirect: Type.Optional(Type.Boolean()) }),
        response: { 200: LinkView, 302: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const { email_address: ref, message_id: id, filename } = request.params
      const mailbox = await findMailbox(platform, callerOf(request).scope, ref)
      const { structure } = await requireMessage(platform.db, mailbox.id, id)
      const attachments = attachmentsOf(structure)
      const { number } = attachments[filenamesOf(attachments).indexOf(filename)] ?? { number: null }
      if (number === null) throw new Refusal('attachment_not_found')
      const linked = { workspaceId: mailbox.workspace_id, mailboxId: mailbox.id, messageId: id, number }
      const url = `${publicUrl(platform)}/inkbox/files/${attachmentLinkToken(platform, linked)}`
      if (request.query.redirect === true) return await reply.redirect(url, 302)
      return { url, filename, expires_in: attachmentLinkSeconds }
    },
  )
}

/** Where the links lead. Whoever has one may load the file; what is wrong with one that is not good is not told. */
export function fileRoute(app: Api, platform: Platform): void {
  app.get(
    '/files/:token',
    { config: { open: true }, schema: { hide: true, params: Type.Object({ token: Type.String() }) } },
    async (request, reply) => {
      const linked = openAttachmentLink(platform, request.params.token)
      if (linked === null) throw new Refusal('attachment_not_found')
      const { attachment, bodyId } = await findLinked(platform, linked)
      const body = await requireBody(platform.db, bodyId)
      const charset = attachment.part.params?.find(([name]) => name === 'charset')?.[1] ?? null
      void reply.headers({
        'content-type': safeContentType(attachment.contentType, charset),
        'content-length': await countPartBytes(body, bodyId, attachment.part),
        'content-disposition': attachmentDisposition(
          attachment.filename ?? `attachment-${attachment.number}`,
        ),
        'cache-control': 'private, no-store',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'referrer-policy': 'no-referrer', // the token is part of the address
      })
      return await reply.send(Readable.from(readPartBytes(body, attachment.part)))
    },
  )
}

/** @throws Refusal attachment_not_found, also where the mailbox or the message is gone. */
async function findLinked(
  platform: Platform,
  { workspaceId, mailboxId, messageId, number }: LinkedAttachment,
): Promise<{ attachment: Attachment; bodyId: string }> {
  const mailbox = await platform.db
    .selectFrom('mailboxes')
    .select('id')
    .where('id', '=', mailboxId)
    .where('workspace_id', '=', workspaceId)
    .where('state', 'not in', ['deletion_scheduled', 'deleted'])
    .executeTakeFirst()
  if (mailbox === undefined) throw new Refusal('attachment_not_found')
  const { structure, bodyId } = await getMessage(platform.db, mailboxId, messageId).catch(() => {
    throw new Refusal('attachment_not_found')
  })
  const attachment = attachmentsOf(structure).find((one) => one.number === number)
  if (attachment === undefined) throw new Refusal('attachment_not_found')
  return { attachment, bodyId }
}
