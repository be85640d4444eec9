/** POST /v1/invitations/accept: the route that anyone with a token may call. */
import { Type } from 'typebox'
import { acceptInvitation } from '../accounts/invitation-acceptance.ts'
import { roles } from '../accounts/roles.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter } from '../platform/rate-limit.ts'
import { apiLimits } from './limits.ts'
import { problems } from './problem-view.ts'
import { type Api, closed, Id, Nullable, noStore, OneOf } from './schemas.ts'

const AcceptBody = Type.Object(
  {
    token: Type.String({ minLength: 1, maxLength: 512 }),
    name: Type.Optional(
      Nullable(Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }), 'Of a new user.'),
    ),
    password: Type.String({
      minLength: 1,
      maxLength: apiLimits.passwordLengthMax,
      description: 'A new one; of someone who logs in here already, the one that they log in with.',
    }),
  },
  closed,
)

const AcceptedView = Type.Object(
  { organization_id: Id, user_id: Id, email: Type.String(), role: OneOf(roles) },
  { title: 'AcceptedInvitation' },
)

const acceptCodes = [
  'invalid_request',
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type',
  'invitation_not_found',
  'login_failed',
  'password_too_weak',
  'member_exists',
  'email_taken',
  'rate_limited',
  'internal',
  'shutting_down',
] as const

export function acceptInvitationRoute(app: Api, platform: Platform): void {
  const failures = createRateLimiter({
    perMinute: apiLimits.failedLoginsPerMinute,
    entriesMax: apiLimits.rateEntriesMax,
  })
  app.post(
    '/v1/invitations/accept',
    {
      schema: {
        summary: 'Accept an invitation',
        description:
          'Makes a user of whoever is none yet; log in afterwards by POST /v1/sessions. An Idempotency-Key has no effect here: a token is accepted once.',
        tags: ['account'],
        security: [],
        body: AcceptBody,
        response: { 201: AcceptedView, ...problems(...acceptCodes) },
      },
    },
    async (request, reply) => {
      // Taken before anything is looked at, so that many attempts at once are counted too.
      const rate = failures.take(request.ip)
      if (!rate.ok) {
        throw new Refusal('rate_limited', 'Too many failed attempts from this address.', {
          retryAfterSeconds: rate.resetSeconds,
        })
      }
      const { token, name = null, password } = request.body
      const accepted = await acceptInvitation(platform, { token, name, password }, request.ip)
      failures.giveBack(request.ip)
      void reply.code(201).headers(noStore)
      return {
        organization_id: accepted.organizationId,
        user_id: accepted.userId,
        email: accepted.email,
        role: accepted.role,
      }
    },
  )
}
