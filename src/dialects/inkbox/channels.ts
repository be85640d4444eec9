/** /identities/{agent_handle}/channel-status and /avatar: which channels work, and the picture of an agent. */
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Identity } from '../../mailboxes/identities.ts'
import { isServed } from '../../mailboxes/lifecycle.ts'
import { makePicture, pictureBounds } from '../../mailboxes/picture-image.ts'
import { requirePictureRight, setPicture } from '../../mailboxes/pictures.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { readUploadForm } from '../../platform/http/upload-form.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf, headerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { findIdentity, IdentityPath } from './identity-path.ts'
import { IdentityView, identityView } from './identity-view.ts'
import { errors } from './schemas.ts'

const tags = ['Identities']
/** A picture and the form around it. */
const formBytesMax = pictureBounds.bytesMax + 64 * 1024

const Channel = Type.Object({
  status: Type.Union([
    Type.Literal('ready'),
    Type.Literal('paused'),
    Type.Literal('not_configured'),
    Type.Literal('not_available'),
  ]),
  address: Type.Optional(Type.String()),
})

export function channelRoutes(app: Api, platform: Platform): void {
  app.get(
    '/identities/:agent_handle/channel-status',
    {
      schema: {
        summary: 'See which channels of an identity work',
        tags,
        params: IdentityPath,
        response: {
          200: Type.Object({ mail: Channel, phone: Channel, imessage: Channel }),
          ...errors(404),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const identity = await findIdentity(platform, scope, request.params.agent_handle)
      const absent = { status: 'not_available' as const }
      return { mail: mailChannel(identity), phone: absent, imessage: absent }
    },
  )
  void app.register(async (scope: FastifyInstance) => {
    scope.addContentTypeParser('multipart/form-data', { parseAs: 'buffer' }, (_request, body, done) =>
      done(null, body),
    )
    avatarRoute(scope.withTypeProvider(), platform)
  })
}

function mailChannel({ address, state }: Identity) {
  if (address === null) return { status: 'not_configured' as const }
  return { status: isServed(state) ? ('ready' as const) : ('paused' as const), address }
}

const PictureForm = Type.Unsafe<Buffer>({
  content: {
    'multipart/form-data': {
      schema: { type: 'object', properties: { file: { type: 'string', format: 'binary' } } },
    },
  },
})

function avatarRoute(app: Api, platform: Platform): void {
  app.put(
    '/identities/:agent_handle/avatar',
    {
      bodyLimit: formBytesMax,
      schema: {
        summary: 'Set the picture of an identity',
        description: 'PNG, JPEG, WebP, GIF or AVIF up to 10 MiB, in the field `file`.',
        tags,
        params: IdentityPath,
        body: PictureForm,
        response: { 200: IdentityView, ...errors(404, 413, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { id, mailbox_id } = await findIdentity(platform, scope, request.params.agent_handle)
      if (mailbox_id === null) throw new Refusal('mailbox_not_found', 'The identity has no mailbox.')
      await requirePictureRight(platform, scope, mailbox_id)
      const sent = await fileOf(headerOf(request, 'content-type') ?? '', request.body)
      // Outside of the transaction: a connection is not held while the picture is made.
      const jpeg = await makePicture(sent)
      return await transact(platform, caller, async (tx) => {
        await setPicture(platform, tx, scope, mailbox_id, jpeg)
        return identityView(platform, tx, await findIdentity(platform, scope, id, tx))
      })
    },
  )
}

/** The file of a form, which the route's limit of bytes bounds. @throws Refusal invalid_request. */
async function fileOf(contentType: string, body: unknown): Promise<Buffer> {
  const whole = Buffer.isBuffer(body) ? body : Buffer.alloc(0)
  const { file } = await readUploadForm(Readable.from([whole]), contentType)
  return await buffer(file)
}
