/** Who calls: the secret of an API key, or the token of a session, in a header of its own; and what the call may reach. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Scope } from '../../accounts/principals.ts'
import { type Reach, reachOf } from '../../accounts/reach.ts'
import type { Callers, Turn } from '../../mailboxes/callers.ts'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { admitToken, callerOf, headerOf } from '../callers.ts'
import { transact } from '../transact.ts'

/** What routes are made from. */
export type Served = { platform: Platform; callers: Callers }

export const keyHeader = 'x-auth-token'
export const sessionHeader = 'x-session-token'

/** How long a window of our rate is. */
export const rateWindowSeconds = 60

/** Asks for a key or a session on every route of this scope that is not open. */
export function requireToken(app: FastifyInstance, callers: Callers): void {
  app.addHook('onRequest', async (request, reply) => {
    const { perMinute } = callers
    rateHeaders(reply, { ok: true, perMinute, remaining: perMinute, resetSeconds: 0 })
    if (request.routeOptions.config.open === true || request.is404) return
    const token = headerOf(request, keyHeader) ?? headerOf(request, sessionHeader)
    await admitToken(callers, request, token, null, (turn) => rateHeaders(reply, turn))
  })
}

function rateHeaders(reply: FastifyReply, { perMinute, remaining, resetSeconds }: Turn): void {
  void reply.headers({
    'x-ratelimit-limit': `${perMinute}, ${perMinute};w=${rateWindowSeconds}`,
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(resetSeconds),
  })
}

/** What the call reaches: a project is a workspace, and none is all that the key reaches. */
export function reachIn(request: FastifyRequest, projectId?: string): Reach {
  return reachOf(callerOf(request).principal, projectId ?? null)
}

/**
 * From here on the call is about this workspace: that of an object within its reach, or the project that its body names.
 * @throws Refusal workspace_not_found.
 */
export async function enterProject(
  { callers }: Served,
  request: FastifyRequest,
  workspaceId: string,
): Promise<Scope> {
  const { principal, scope } = callerOf(request)
  if (scope.workspaceId === workspaceId) return scope
  const other = await callers.scopeOf(principal, workspaceId)
  request.caller = { principal, scope: other }
  return other
}

/** Changes something in a workspace, in one transaction. @throws Refusal workspace_not_found, and whatever `work` does. */
export async function changeIn<T>(
  served: Served,
  request: FastifyRequest,
  workspaceId: string,
  work: (tx: Tx, scope: Scope) => Promise<T>,
): Promise<T> {
  const scope = await enterProject(served, request, workspaceId)
  return await transact(served.platform, callerOf(request), (tx) => work(tx, scope))
}
