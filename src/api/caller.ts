/** Who calls: the bearer token and the workspace header become a principal and a scope, before anything is read. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { lockedRefusal } from '../accounts/login-guard.ts'
import type { Authenticator, Principal, Scope } from '../accounts/principals.ts'
import { logIn } from '../mailboxes/login.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { apiLimits } from './limits.ts'
import { createRateLimiter } from './rate-limit.ts'

export type Caller = { principal: Principal; scope: Scope }

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on routes that anyone may call. */
    caller: Caller | null
  }
}

/** Asks for a key or a session on every route of this scope, and counts its requests. */
export function requireCaller(
  app: FastifyInstance,
  platform: Platform,
  authenticator: Authenticator,
  requestsPerMinute: number = apiLimits.requestsPerMinute,
): void {
  const rates = createRateLimiter({ perMinute: requestsPerMinute, entriesMax: apiLimits.rateEntriesMax })
  app.addHook('onRequest', async (request, reply) => {
    const principal = await authenticate(platform, authenticator, request)
    const rate = rates.take(principal.id)
    // draft-ietf-httpapi-ratelimit-headers-03 §3
    void reply.header('ratelimit-limit', rates.perMinute)
    void reply.header('ratelimit-remaining', rate.remaining)
    void reply.header('ratelimit-reset', rate.resetSeconds)
    if (!rate.ok) {
      throw new Refusal('rate_limited', `More than ${rates.perMinute} requests in a minute.`, {
        retryAfterSeconds: rate.resetSeconds,
      })
    }
    const scope = await authenticator.scopeOf(principal, workspaceHeader(request))
    request.caller = { principal, scope }
  })
}

async function authenticate(
  platform: Platform,
  authenticator: Authenticator,
  request: FastifyRequest,
): Promise<Principal> {
  const { authorization } = request.headers
  const token = bearerToken(authorization)
  const principal =
    token === null
      ? await mailboxPrincipal(platform, request.ip, authorization ?? '')
      : await authenticator.authenticate(token)
  if (!principal) throw new Refusal('unauthenticated')
  return principal
}

// RFC 6750 §2.1; the scheme's case does not matter (RFC 9110 §11.1).
const bearer = /^bearer +([\w.~+/=-]+)$/i

function bearerToken(header: string | undefined): string | null {
  return header === undefined ? null : (bearer.exec(header)?.[1] ?? null)
}

// RFC 7617 §2.
const basic = /^basic +([\w+/]+=*)$/i

/**
 * An app password, with the mailbox's address as the user's name, is a key that is bound to the mailbox. The primary
 * password is not: it shows and changes credentials nowhere.
 * @throws Refusal rate_limited when the mailbox is locked for this client.
 */
async function mailboxPrincipal(
  platform: Platform,
  remoteAddress: string,
  authorization: string,
): Promise<Principal | null> {
  const text = Buffer.from(basic.exec(authorization)?.[1] ?? '', 'base64').toString()
  const colon = text.indexOf(':')
  if (colon < 1) return null
  const source = { protocol: 'api', remoteAddress } as const
  const outcome = await logIn(platform, source, text.slice(0, colon), text.slice(colon + 1))
  if (outcome.kind === 'locked') throw lockedRefusal(platform, outcome.until)
  if (outcome.kind === 'refused' || outcome.login.appPasswordId === null) return null
  const { appPasswordId, organizationId, workspaceId, mailboxId } = outcome.login
  return {
    kind: 'app_password',
    id: appPasswordId,
    organizationId,
    workspaceId,
    otherWorkspaceIds: [],
    mailboxId,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
  }
}

function workspaceHeader(request: FastifyRequest): string | null {
  const header = request.headers['mailwright-workspace']
  return typeof header === 'string' ? header : null
}

/** The caller of a route behind `requireCaller`. */
export function callerOf(request: { caller: Caller | null }): Caller {
  if (!request.caller) throw new Error('this route asks for no caller')
  return request.caller
}

export function scopeOf(request: { caller: Caller | null }): Scope {
  return callerOf(request).scope
}
