/**
 * Sends are made once for an Idempotency-Key, which belongs to the mailbox and the operation for seven days. The same
 * request again is told so, or gets the first answer where it asks for that (`Prefer: idempotency-replay`).
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { fingerprintOf } from '../../platform/idempotency.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf, headerOf } from '../callers.ts'
import { findAnswer, type Once, transact, transactOnce } from '../transact.ts'

const keptHours = 7 * 24
const retrySeconds = 1

export type SendOperation = 'mail.send' | 'mail.reply_all' | 'mail.forward' | 'mail.draft'

export const IdempotencyHeaders = Type.Object({
  'idempotency-key': Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  prefer: Type.Optional(Type.String({ description: '`idempotency-replay`: the first answer again.' })),
})

/**
 * @param prepare what is done before the transaction. With a key a refusal of it waits for that.
 * @param work gives the body of the answer, which is the same however often it is asked for.
 * @throws Refusal idempotency_key_reused, idempotency_key_in_use, and whatever they refuse with.
 */
export async function sendOnce<Prepared, Body>(
  platform: Platform,
  request: FastifyRequest,
  reply: FastifyReply,
  { operation, mailboxId }: { operation: SendOperation; mailboxId: string },
  prepare: () => Promise<Prepared>,
  work: (tx: Tx, prepared: Prepared) => Promise<Body>,
): Promise<Body> {
  void reply.code(201)
  const caller = callerOf(request)
  const key = headerOf(request, 'idempotency-key')
  if (key === undefined) {
    const prepared = await prepare()
    return await withUpgrade(platform, () => transact(platform, caller, (tx) => work(tx, prepared)))
  }
  const outcome = await prepare().then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  const once = onceOf(mailboxId, operation, key, [
    request.url.split('?')[0] ?? '',
    JSON.stringify(request.body),
  ])
  const { reply: stored, replayed } = await withUpgrade(platform, () =>
    transactOnce(platform, caller, once, async (tx) => {
      if ('error' in outcome) throw outcome.error
      return { status: 201, body: JSON.stringify(await work(tx, outcome.value)) }
    }).catch((error: unknown) => {
      throw isRunning(error) && operation !== 'mail.draft' ? stillRunning(error) : error
    }),
  )
  if (replayed && operation !== 'mail.draft' && !wantsReplay(request)) throw accepted()
  return JSON.parse(stored.body)
}

function onceOf(mailboxId: string, operation: SendOperation, key: string, request: string[]): Once {
  const bound = fingerprintOf([mailboxId, operation, key]).toString('hex')
  return { key: bound, dialect: 'inkbox', request, keptHours }
}

/** RFC 7240 §2: several preferences may stand in one field. */
function wantsReplay(request: FastifyRequest): boolean {
  const wanted = headerOf(request, 'prefer') ?? ''
  return wanted.split(/[,;]/).some((one) => one.trim().toLowerCase() === 'idempotency-replay')
}

function isRunning(error: unknown): error is Refusal {
  return error instanceof Refusal && error.code === 'idempotency_key_in_use'
}

/** Clients try again after it. */
function stillRunning(cause: unknown): Refusal {
  return new Refusal('not_ready', 'The first request with this key still runs.', {
    retryAfterSeconds: retrySeconds,
    facts: { error: 'idempotency_in_progress', code: 'idempotency_in_progress' },
    cause,
  })
}

function accepted(): Refusal {
  return new Refusal('idempotency_key_in_use', 'The first request with this key was accepted.', {
    facts: { error: 'idempotency_already_accepted', code: 'idempotency_already_accepted' },
  })
}

/** @returns the id of the message that the key produced; null when there is none. */
export async function sentWithKey(
  platform: Platform,
  request: FastifyRequest,
  mailboxId: string,
  operation: SendOperation,
  key: string,
): Promise<string | null> {
  const stored = await findAnswer(platform, callerOf(request), onceOf(mailboxId, operation, key, []))
  if (stored === null) return null
  const body: unknown = JSON.parse(stored.body)
  const id = typeof body === 'object' && body !== null && 'id' in body ? body.id : null
  return typeof id === 'string' ? id : null
}

/** Whoever is out of storage learns where to ask for more. */
export async function withUpgrade<T>(platform: Platform, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'quota_exceeded') throw error
    const facts = { ...error.facts, upgrade_url: publicUrl(platform) }
    throw new Refusal('quota_exceeded', error.detail, { facts, cause: error })
  }
}
