/** Calls that change something: one transaction each, made at most once for an Idempotency-Key. */
import type { FastifyRequest } from 'fastify'
import { nameActor } from '../platform/actors.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { fingerprintOf, isIdempotencyKey, runIdempotently } from '../platform/idempotency.ts'
import type { Platform } from '../platform/platform.ts'
import { type Caller, callerOf } from './caller.ts'

/** What a change answers; a body of undefined is none. */
export type Outcome<T> = { status: number; body: T; headers?: Readonly<Record<string, string>> }

/** The parts of a request that a change looks at. */
export type ChangeRequest = Pick<FastifyRequest, 'method' | 'url' | 'headers' | 'body'> & {
  caller: Caller | null
}

/** The parts of a reply that a change sets. */
export type ChangeReply = {
  code(status: number): unknown
  headers(values: Record<string, string>): unknown
}

/**
 * Runs `work` in a transaction. A POST with an Idempotency-Key runs it once: the same request again gets the
 * first one's reply.
 * @returns the body, after the commit; the reply has its status and headers by then.
 */
export async function mutate<T>(
  platform: Platform,
  request: ChangeRequest,
  reply: ChangeReply,
  work: (tx: Tx) => Promise<Outcome<T>>,
): Promise<T> {
  const key = idempotencyKey(request)
  const named = (tx: Tx): Promise<Outcome<T>> => {
    if (request.caller !== null) nameActor(tx, request.caller.scope.actor)
    return work(tx)
  }
  if (key === null) return settle(reply, await transaction(platform.db, named))
  const { principal } = callerOf(request)
  const identity = { scopeId: principal.organizationId, key, fingerprint: fingerprint(request) }
  const { reply: stored, replayed } = await runIdempotently(platform, identity, async (tx) => {
    const { status, ...rest } = await named(tx)
    return { status, body: JSON.stringify(rest) }
  })
  if (replayed) reply.headers({ 'idempotency-replayed': 'true' })
  return settle(reply, { status: stored.status, ...JSON.parse(stored.body) })
}

function settle<T>(reply: ChangeReply, outcome: Outcome<T>): T {
  reply.code(outcome.status)
  reply.headers({ ...outcome.headers })
  return outcome.body
}

function idempotencyKey(request: ChangeRequest): string | null {
  const header = request.method === 'POST' ? request.headers['idempotency-key'] : undefined
  if (header === undefined) return null
  if (typeof header !== 'string' || !isIdempotencyKey(header)) throw new Refusal('idempotency_key_invalid')
  return header
}

// The caller is part of it: a reply may hold secrets that another key of the organization may not see.
function fingerprint(request: ChangeRequest): Buffer {
  const { principal, scope } = callerOf(request)
  const body = request.body === undefined ? '' : JSON.stringify(request.body)
  return fingerprintOf([
    request.method,
    request.url,
    scope.workspaceId,
    principal.userId ?? principal.id,
    body,
  ])
}
