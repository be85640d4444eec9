/** Who calls: an API key of the whole workspace, one that is bound to the mailbox of one identity, or a person's session. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Callers, rateFields } from '../../mailboxes/callers.ts'
import { isUnclaimed } from '../../mailboxes/signups/unclaimed.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { admitToken, bearerOf, callerOf, headerOf } from '../callers.ts'

/** In the contract's words: `admin_key` acts for a whole workspace, `agent_key` for one identity, `jwt` is a session. */
export type CallerKind = 'admin_key' | 'agent_key' | 'jwt'

/** An agent that signed up by itself is unclaimed until its human has claimed it. `agent_key` stands for both. */
export type AdmittedKind = CallerKind | 'claimed_agent_key' | 'unclaimed_agent_key'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route; default: all kinds. */
    admits?: readonly AdmittedKind[]
  }
}

export const everyone: readonly CallerKind[] = ['admin_key', 'agent_key', 'jwt']
/** Everyone but agents whom nobody has claimed yet. */
export const claimed: readonly AdmittedKind[] = ['admin_key', 'claimed_agent_key', 'jwt']
export const administrators: readonly CallerKind[] = ['admin_key', 'jwt']

/** Asks for a key or a session on every route of this scope that is not open, and counts its requests. */
export function requireCaller(app: FastifyInstance, platform: Platform, callers: Callers): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open === true || request.is404) return
    await admitToken(callers, request, tokenOf(request), null, (turn) => void reply.headers(rateFields(turn)))
    await requireKind(platform, request)
  })
}

/** Newer clients, those until 0.2.9, and the console. */
function tokenOf(request: FastifyRequest): string | undefined {
  return headerOf(request, 'x-api-key') ?? headerOf(request, 'x-service-token') ?? bearerOf(request)
}

/** Clients until 0.2.9, which made identities and mailboxes each by itself. */
export function isOldClient(request: FastifyRequest): boolean {
  return headerOf(request, 'x-api-key') === undefined && headerOf(request, 'x-service-token') !== undefined
}

/** For what only some callers may do in a call that everyone may make. @throws Refusal forbidden. */
export function requireAdministrator(request: FastifyRequest): void {
  if (kindOf(request) === 'agent_key') throw new Refusal('forbidden', neededKind(administrators))
}

export function kindOf(request: FastifyRequest): CallerKind {
  const { principal } = callerOf(request)
  if (principal.kind === 'session') return 'jwt'
  return principal.mailboxId === null ? 'admin_key' : 'agent_key'
}

async function requireKind(platform: Platform, request: FastifyRequest): Promise<void> {
  const admits: readonly AdmittedKind[] = request.routeOptions.config.admits ?? everyone
  const kind = kindOf(request)
  if (admits.includes(kind)) return
  if (kind === 'agent_key' && admits.some((one) => one.endsWith('claimed_agent_key'))) {
    const { mailboxId } = callerOf(request).scope
    const isOpen = await isUnclaimed(platform, mailboxId)
    if (admits.includes(isOpen ? 'unclaimed_agent_key' : 'claimed_agent_key')) return
    if (isOpen) throw new Refusal('agent_unclaimed')
  }
  throw new Refusal('forbidden', neededKind(admits))
}

function neededKind(admits: readonly AdmittedKind[]): string {
  if (admits.includes('unclaimed_agent_key')) return 'Key of an unclaimed agent required'
  if (admits.includes('admin_key')) return 'Admin-scoped API key required'
  return admits.includes('jwt') ? 'Console session required' : 'Agent-scoped API key required'
}
