/** Calls of dialects that change something: one transaction each, laid at the caller's door. */
import type { Caller } from '../mailboxes/callers.ts'
import { nameActor } from '../platform/actors.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import {
  findStoredReply,
  fingerprintOf,
  isIdempotencyKey,
  runIdempotently,
  type StoredReply,
} from '../platform/idempotency.ts'
import type { Platform } from '../platform/platform.ts'

/** @returns what `work` returned, after the commit. @throws Refusal whatever `work` refuses with. */
export async function transact<T>(
  platform: Platform,
  caller: Caller,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  return await transaction(platform.db, async (tx) => {
    nameActor(tx, caller.scope.actor)
    return await work(tx)
  })
}

export type Once = {
  /** The caller's key; keys of different dialects do not meet. */
  key: string
  dialect: string
  /** What makes two requests the same: method, path and body. */
  request: readonly string[]
  /** How long the key is kept. Default: as long as those of the native API. */
  keptHours?: number
}

/**
 * The same, at most once for a key: the same request again gets the first one's reply.
 * @param work gives the reply with its body as text, as it goes out.
 * @throws Refusal idempotency_key_invalid, idempotency_key_reused, idempotency_key_in_use, or whatever `work` refuses with.
 */
export async function transactOnce(
  platform: Platform,
  { principal, scope }: Caller,
  { key, dialect, request, keptHours }: Once,
  work: (tx: Tx) => Promise<StoredReply>,
): Promise<{ reply: StoredReply; replayed: boolean }> {
  if (!isIdempotencyKey(key)) throw new Refusal('idempotency_key_invalid')
  const identity = {
    scopeId: principal.organizationId,
    key: `${dialect}:${key}`,
    // The caller is part of it: a reply may hold what another key of the organization may not see.
    fingerprint: fingerprintOf([dialect, scope.workspaceId, principal.userId ?? principal.id, ...request]),
    ...(keptHours === undefined ? {} : { keptHours }),
  }
  return await runIdempotently(platform, identity, async (tx) => {
    nameActor(tx, scope.actor)
    return await work(tx)
  })
}

/** What the key was answered, whoever of the organization sent it; null when it has no answer (yet). */
export async function findAnswer(
  platform: Platform,
  { principal }: Caller,
  { key, dialect }: Pick<Once, 'key' | 'dialect'>,
): Promise<StoredReply | null> {
  return await findStoredReply(platform, { scopeId: principal.organizationId, key: `${dialect}:${key}` })
}
