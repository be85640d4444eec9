/** /v1/mailboxes/{mailbox}/picture: sent as it is or in JSON, shown as the JPEG that was made of it. */
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Scope } from '../accounts/principals.ts'
import { seenBy } from '../mailboxes/mailboxes.ts'
import { makePicture, pictureBounds, pictureTypes } from '../mailboxes/picture-image.ts'
import { getPicture, requirePictureRight, setPicture } from '../mailboxes/pictures.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { etagOf } from './etag.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath, MailboxView, mailboxView } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { OrPreview, type PreviewBody, PreviewView, preview } from './preview.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { AnyOf, type Api, closed } from './schemas.ts'

const tags = ['mailboxes']

const PreviewQuery = Type.Object(
  { preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })) },
  closed,
)

const base64LengthMax = Math.ceil(pictureBounds.bytesMax / 3) * 4

const JsonBody = Type.Object(
  { content_base64: Type.String({ minLength: 1, maxLength: base64LengthMax, description: 'RFC 4648 §4.' }) },
  closed,
)

/** By media type, so that only JSON is looked at by its schema. */
const PictureBody = Type.Unsafe<Buffer | { content_base64: string } | undefined>({
  content: { 'application/json': { schema: JsonBody } },
})

const Binary = { schema: { type: 'string', format: 'binary' } }

const PictureDocumented = Type.Unsafe({
  content: {
    ...Object.fromEntries(pictureTypes.map((type) => [type, Binary])),
    'application/json': { schema: JsonBody },
  },
})

const JpegReply = Type.Unsafe<Buffer>({ description: 'The picture', content: { 'image/jpeg': Binary } })

export function pictureRoutes(app: Api, platform: Platform): void {
  void app.register(async (scope: FastifyInstance) => {
    scope.addContentTypeParser([...pictureTypes], { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
    setRoute(scope.withTypeProvider(), platform)
  })
  showRoute(app, platform)
  removeRoute(app, platform)
}

function setRoute(app: Api, platform: Platform): void {
  app.put(
    '/v1/mailboxes/:mailbox/picture',
    {
      bodyLimit: apiLimits.pictureBodyBytesMax,
      schema: {
        summary: 'Set a mailbox’s picture',
        description:
          'PNG, JPEG, WebP, GIF or AVIF up to 10 MiB. It is made a JPEG of 512 x 512 pixels, without metadata.',
        tags,
        params: MailboxPath,
        querystring: PreviewQuery,
        body: PictureBody,
        response: {
          200: OrPreview(MailboxView),
          ...writeProblems('mailbox_not_found', 'picture_invalid', 'pictures_busy', 'service_cannot'),
        },
      },
      config: { documented: { body: PictureDocumented, replies: { 200: AnyOf(MailboxView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      const bytes = bytesOf(request.body)
      await requirePictureRight(platform, scope, ref)
      // Outside of the transaction: a connection is not held while the picture is made.
      const jpeg = await makePicture(bytes)
      if (request.query.preview === true) return previewOf(platform, reply, scope, ref, jpeg)
      return mutate(platform, request, reply, async (tx) => {
        const mailbox = await setPicture(platform, tx, scope, ref, jpeg)
        return { status: 200, body: mailboxView(seenBy(scope, mailbox)), headers: { etag: etagOf(mailbox) } }
      })
    },
  )
}

// RFC 4648 §4, whole groups of four.
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** @throws Refusal invalid_request. */
function bytesOf(body: Buffer | { content_base64: string } | undefined): Buffer {
  if (body === undefined) throw new Refusal('invalid_request', 'The body is missing.')
  if (Buffer.isBuffer(body)) return body
  if (!base64.test(body.content_base64)) {
    const fields = [{ pointer: '/content_base64', detail: 'is no base64' }]
    throw new Refusal('invalid_request', undefined, { fields })
  }
  return Buffer.from(body.content_base64, 'base64')
}

function showRoute(app: Api, platform: Platform): void {
  app.get(
    '/v1/mailboxes/:mailbox/picture',
    {
      schema: {
        summary: 'Get a mailbox’s picture',
        tags,
        params: MailboxPath,
        response: {
          200: JpegReply,
          304: Type.Unsafe<undefined>({ description: 'It is the one of If-None-Match.', type: 'null' }),
          ...readProblems('mailbox_not_found', 'picture_not_found'),
        },
      },
    },
    async (request, reply) => {
      const { jpeg, sha256, updatedAt } = await getPicture(platform, scopeOf(request), request.params.mailbox)
      const etag = `"${sha256.toString('hex')}"`
      // Whoever has it asks again before it is shown, and gets 304 (RFC 9111 §5.2.2.4, §5.2.2.7).
      void reply.headers({
        etag,
        'cache-control': 'private, no-cache',
        'last-modified': updatedAt.toUTCString(),
      })
      if (isKnown(request.headers['if-none-match'], etag)) return await reply.code(304).send(undefined)
      void reply.headers({
        'content-type': 'image/jpeg',
        'content-disposition': 'inline; filename="picture.jpg"',
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
      })
      return await reply.code(200).send(jpeg)
    },
  )
}

/** RFC 9110 §13.1.2: compared weakly. */
function isKnown(header: string | undefined, etag: string): boolean {
  return header?.split(',').some((tag) => ['*', etag, `W/${etag}`].includes(tag.trim())) ?? false
}

function removeRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/mailboxes/:mailbox/picture',
    {
      schema: {
        summary: 'Remove a mailbox’s picture',
        tags,
        params: MailboxPath,
        querystring: PreviewQuery,
        response: {
          200: PreviewView,
          204: Type.Null({ description: 'It is removed.' }),
          ...writeProblems('mailbox_not_found', 'picture_not_found', 'service_cannot'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { mailbox: ref } = request.params
      if (request.query.preview === true) return previewOf(platform, reply, scope, ref, null)
      return mutate(platform, request, reply, async (tx) => {
        await setPicture(platform, tx, scope, ref, null)
        return { status: 204, body: undefined }
      })
    },
  )
}

function previewOf(
  platform: Platform,
  reply: Parameters<typeof preview>[1],
  scope: Scope,
  ref: string,
  jpeg: Buffer | null,
): Promise<PreviewBody> {
  return preview(platform, reply, async (tx) => {
    const { id, address, state } = await setPicture(platform, tx, scope, ref, jpeg)
    return { objects: [{ type: 'mailbox', action: 'update', id, name: address, state }] }
  })
}
