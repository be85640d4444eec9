/**
 * Idempotency: the key, a fingerprint of the request and the sealed reply are written in the same
 * transaction as the effect. A repeated request is answered from the row; the same key with another
 * request is refused. Refused requests leave no row, because their transaction rolls back.
 */
import { createHash } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { sql } from 'kysely'
import { sqlState, type Tx, transaction } from './database.ts'
import { Refusal } from './errors.ts'
import type { Platform } from './platform.ts'

/** A reply as it goes out: the status and the body, already as text. */
export type StoredReply = { status: number; body: string }

export type IdempotentRequest = {
  /** Whose keys these are: the organization's, so that two tenants may use the same key. */
  scopeId: string
  key: string
  /** What makes two requests the same: method, path, workspace and body. */
  fingerprint: Buffer
  /** How long the key is kept after its request. Default: `idempotencyRetentionHours`. */
  keptHours?: number
}

export const idempotencyRetentionHours = 72
const waitMsDefault = 2_000

// RFC draft-ietf-httpapi-idempotency-key-header: an opaque value; printable ASCII of a bounded length here.
const keyPattern = /^[\x21-\x7e]{1,255}$/

export function isIdempotencyKey(text: string): boolean {
  return keyPattern.test(text)
}

export function fingerprintOf(parts: readonly string[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest()
}

/**
 * Runs `work` once for this key, in one transaction with the key's row.
 * @param waitMsMax how long to wait for a running request of the same key.
 * @returns the reply, and whether it is a repeated one.
 * @throws Refusal idempotency_key_reused, idempotency_key_in_use, or whatever `work` refuses with.
 */
export async function runIdempotently(
  platform: Platform,
  request: IdempotentRequest,
  work: (tx: Tx) => Promise<StoredReply>,
  waitMsMax = waitMsDefault,
): Promise<{ reply: StoredReply; replayed: boolean }> {
  const context = contextOf(request)
  return await transaction(platform.db, async (tx) => {
    if (!(await claim(platform, tx, request, waitMsMax))) {
      return { reply: await storedReply(platform, tx, request, context), replayed: true }
    }
    const reply = await work(tx)
    const packed = zstdCompressSync(Buffer.from(reply.body))
    await tx
      .updateTable('idempotency_keys')
      .set({ status: reply.status, sealed_reply: platform.vault.seal(packed, context) })
      .where('scope_id', '=', request.scopeId)
      .where('key', '=', request.key)
      .execute()
    return { reply, replayed: false }
  })
}

/** @returns false when the key has a row already. Waits for a running request of the same key to end. */
async function claim(
  platform: Platform,
  tx: Tx,
  request: IdempotentRequest,
  waitMsMax: number,
): Promise<boolean> {
  try {
    await sql`select set_config('lock_timeout', ${String(waitMsMax)}, true)`.execute(tx)
    return await insertKey(platform, tx, request)
  } catch (error) {
    // lock_not_available. A lock that the work itself waits for in vain is another matter, and not refused so.
    if (sqlState(error) === '55P03') throw new Refusal('idempotency_key_in_use', undefined, { cause: error })
    throw error
  }
}

async function insertKey(platform: Platform, tx: Tx, request: IdempotentRequest): Promise<boolean> {
  const now = platform.clock.now()
  await tx
    .deleteFrom('idempotency_keys')
    .where('scope_id', '=', request.scopeId)
    .where('key', '=', request.key)
    .where('kept_until', '<', now)
    .execute()
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('idempotency_keys')
    .values({
      scope_id: request.scopeId,
      key: request.key,
      fingerprint: request.fingerprint,
      status: null,
      sealed_reply: null,
      created_at: now,
      kept_until: new Date(now.getTime() + (request.keptHours ?? idempotencyRetentionHours) * 3600 * 1000),
    })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return Number(numInsertedOrUpdatedRows) === 1
}

async function storedReply(
  platform: Platform,
  tx: Tx,
  request: IdempotentRequest,
  context: string,
): Promise<StoredReply> {
  const row = await tx
    .selectFrom('idempotency_keys')
    .select(['fingerprint', 'status', 'sealed_reply'])
    .where('scope_id', '=', request.scopeId)
    .where('key', '=', request.key)
    .executeTakeFirstOrThrow()
  if (!row.fingerprint.equals(request.fingerprint)) throw new Refusal('idempotency_key_reused')
  const reply = openReply(platform, row, context)
  if (reply === null) throw new Error('an idempotency key has no reply')
  return reply
}

/** What a request with this key was answered, whoever sent it; null when there was none, or it is still running. */
export async function findStoredReply(
  platform: Platform,
  { scopeId, key }: Pick<IdempotentRequest, 'scopeId' | 'key'>,
): Promise<StoredReply | null> {
  const row = await platform.db
    .selectFrom('idempotency_keys')
    .select(['status', 'sealed_reply'])
    .where('scope_id', '=', scopeId)
    .where('key', '=', key)
    .where('kept_until', '>=', platform.clock.now())
    .executeTakeFirst()
  return row === undefined ? null : openReply(platform, row, contextOf({ scopeId, key }))
}

function openReply(
  platform: Platform,
  { status, sealed_reply: sealed }: { status: number | null; sealed_reply: Buffer | null },
  context: string,
): StoredReply | null {
  if (status === null || sealed === null) return null
  return { status, body: zstdDecompressSync(platform.vault.open(sealed, context)).toString() }
}

function contextOf({ scopeId, key }: Pick<IdempotentRequest, 'scopeId' | 'key'>): string {
  return `idempotency_keys:${scopeId}:${key}`
}

/** Deletes keys past their retention. */
export async function deleteOldIdempotencyKeys(platform: Platform): Promise<void> {
  await platform.db.deleteFrom('idempotency_keys').where('kept_until', '<', platform.clock.now()).execute()
}
