/** /v1/webhooks/{webhook}/secret: what its requests are signed with, and another one in its place. */

import { type Static, Type } from 'typebox'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { webhookPolicy } from '../webhooks/policy.ts'
import type { SigningSecret } from '../webhooks/secrets.ts'
import { getSecrets, removePreviousSecret, rotateSecret } from '../webhooks/webhooks.ts'
import { scopeOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable, noStore } from './schemas.ts'
import { WebhookPath } from './webhooks.ts'

const SecretView = Type.Object(
  {
    secret: Type.String({ description: 'The present one.' }),
    previous_secret: Nullable(Type.String(), 'The one before it, while it signs too.'),
    previous_expires_at: Nullable(Moment),
  },
  { title: 'WebhookSecret' },
)

const RotateBody = Type.Object(
  {
    previous_hours: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: webhookPolicy.rotationHoursMax,
        description: `How long the present secret signs beside the new one; ${webhookPolicy.rotationHoursDefault} if not given.`,
      }),
    ),
  },
  closed,
)
const tags = ['webhooks']

export function webhookSecretRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/webhooks/:webhook/secret',
    {
      schema: {
        summary: 'Show the secret of a webhook',
        description: 'For keys that may write.',
        tags,
        params: WebhookPath,
        response: { 200: SecretView, ...readProblems('webhook_not_found') },
      },
    },
    async (request, reply) => {
      reply.headers(noStore)
      return secretView(await getSecrets(platform, scopeOf(request), request.params.webhook))
    },
  )
  app.post(
    '/v1/webhooks/:webhook/rotate-secret',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Make a new secret',
        description:
          'Requests have signatures under both secrets until the time of the older one is over, or it is removed. One that was older still signs no more.',
        tags,
        params: WebhookPath,
        body: RotateBody,
        response: { 200: SecretView, ...postProblems('webhook_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { previous_hours: hours = webhookPolicy.rotationHoursDefault } = request.body
        const secrets = await rotateSecret(platform, tx, scopeOf(request), request.params.webhook, hours)
        return { status: 200, body: secretView(secrets), headers: noStore }
      }),
  )
  app.delete(
    '/v1/webhooks/:webhook/previous-secret',
    {
      schema: {
        summary: 'Remove the secret before the present one',
        tags,
        params: WebhookPath,
        response: { 204: Type.Null(), ...writeProblems('webhook_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await removePreviousSecret(platform, tx, scopeOf(request), request.params.webhook)
        return { status: 204, body: undefined }
      }),
  )
}

function secretView([present, previous]: readonly SigningSecret[]): Static<typeof SecretView> {
  return {
    secret: present?.secret ?? '',
    previous_secret: previous?.secret ?? null,
    previous_expires_at: momentOrNull(previous?.expiresAt ?? null),
  }
}
