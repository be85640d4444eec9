/** Who calls: the bearer token and the workspace header become a principal and a scope, before anything is read. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Scope } from '../accounts/principals.ts'
import { type Caller, type Callers, rateFields } from '../mailboxes/callers.ts'

export type { Caller } from '../mailboxes/callers.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Null on routes that anyone may call. */
    caller: Caller | null
  }
}

/** Asks for a key or a session on every route of this scope, and counts its requests. */
export function requireCaller(app: FastifyInstance, callers: Callers): void {
  app.addHook('onRequest', async (request, reply) => {
    const credentials = {
      authorization: request.headers.authorization,
      workspaceId: workspaceHeader(request),
      remoteAddress: request.ip,
    }
    request.caller = await callers.admit(credentials, (turn) => void reply.headers(rateFields(turn)))
  })
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
