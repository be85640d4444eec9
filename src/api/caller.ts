/** Who calls: the bearer token and the workspace header become a principal and a scope, before anything is read. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Authenticator, Principal, Scope } from '../accounts/principals.ts'
import { Refusal } from '../platform/errors.ts'
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
  authenticator: Authenticator,
  requestsPerMinute: number = apiLimits.requestsPerMinute,
): void {
  const rates = createRateLimiter({ perMinute: requestsPerMinute, entriesMax: apiLimits.rateEntriesMax })
  app.addHook('onRequest', async (request, reply) => {
    const principal = await authenticate(authenticator, request)
    const rate = rates.take(principal.id)
    // draft-ietf-httpapi-ratelimit-headers-03 §3
    void reply.header('ratelimit-limit', rates.perMinute)
    void reply.header('ratelimit-remaining', rate.remaining)
    void reply.header('ratelimit-reset', rate.resetSeconds)
    if (!rate.ok) {
      void reply.header('retry-after', rate.resetSeconds)
      throw new Refusal('rate_limited', `More than ${rates.perMinute} requests in a minute.`)
    }
    const scope = await authenticator.scopeOf(principal, workspaceHeader(request))
    request.caller = { principal, scope }
  })
}

async function authenticate(authenticator: Authenticator, request: FastifyRequest): Promise<Principal> {
  const token = bearerToken(request.headers.authorization)
  const principal = token === null ? null : await authenticator.authenticate(token)
  if (!principal) throw new Refusal('unauthenticated')
  return principal
}

// RFC 6750 §2.1; the scheme's case does not matter (RFC 9110 §11.1).
const bearer = /^bearer +([\w.~+/=-]+)$/i

function bearerToken(header: string | undefined): string | null {
  return header === undefined ? null : (bearer.exec(header)?.[1] ?? null)
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
