/** /v1/sessions: logging in with an e-mail address and a password, and out again. */
import { Type } from 'typebox'
import { createSession, endSession } from '../accounts/sessions.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter } from '../platform/rate-limit.ts'
import { callerOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { problems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, Nullable, noStore } from './schemas.ts'

const LoginBody = Type.Object(
  {
    email: Type.String({ minLength: 1, maxLength: 254 }),
    password: Type.String({ minLength: 1, maxLength: apiLimits.passwordLengthMax }),
    organization_id: Type.Optional(
      Nullable(Id, 'For members of several organizations. Default: the one that they joined first.'),
    ),
  },
  closed,
)

const SessionView = Type.Object(
  { token: Type.String({ description: 'Used like an API key.' }), expires_at: Moment },
  { title: 'Session' },
)

const loginCodes = [
  'invalid_request',
  'invalid_json',
  'payload_too_large',
  'unsupported_media_type',
  'login_failed',
  'rate_limited',
  'internal',
  'shutting_down',
] as const

/** The route that anyone may call. */
export function loginRoute(app: Api, platform: Platform): void {
  const failures = createRateLimiter({
    perMinute: apiLimits.failedLoginsPerMinute,
    entriesMax: apiLimits.rateEntriesMax,
  })
  app.post(
    '/v1/sessions',
    {
      schema: {
        summary: 'Log in',
        description: 'An Idempotency-Key has no effect here: every login makes a session of its own.',
        tags: ['account'],
        security: [],
        body: LoginBody,
        response: { 201: SessionView, ...problems(...loginCodes) },
      },
    },
    async (request, reply) => {
      // Taken before the password is checked, so that many attempts at once are counted too.
      const rate = failures.take(request.ip)
      if (!rate.ok) {
        throw new Refusal('rate_limited', 'Too many failed logins from this address.', {
          retryAfterSeconds: rate.resetSeconds,
        })
      }
      const { email, password, organization_id: organizationId = null } = request.body
      const session = await createSession(platform, email, password, request.ip, organizationId)
      failures.giveBack(request.ip)
      void reply.code(201).headers(noStore)
      return { token: session.token, expires_at: session.expiresAt.toISOString() }
    },
  )
}

/** The route of those who are logged in. */
export function logoutRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/sessions/current',
    {
      schema: {
        summary: 'Log out',
        description: 'Ends the session that makes the call. An API key is not a session.',
        tags: ['account'],
        response: { 204: Type.Null(), ...writeProblems() },
      },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      if (principal.kind !== 'session')
        throw new Refusal('forbidden', 'Only a session can end itself; revoke an API key instead.')
      return mutate(platform, request, reply, async (tx) => {
        await endSession(platform, tx, principal)
        return { status: 204, body: undefined }
      })
    },
  )
}
