/** The upload of an import in pieces in the database, so that any node can carry it out (DESIGN rule 2). */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { newId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ImportFormat } from './tables.ts'

/** Each piece but the last has this many bytes. */
export const chunkBytes = 1024 * 1024

/** Of a mailbox, uploads under way among them. */
const unfinishedMax = 10

export type NewUpload = { format: ImportFormat; folder: string; preserve: boolean }

export type Upload = { id: string; bytes: number; sha256: string }

/** Which import of which mailbox. */
export type ImportKey = { mailboxId: string; id: string }

/**
 * Takes in the bytes of an import, piece by piece, each in a transaction of its own. Nobody sees it until
 * `startImport`; what fails on the way is removed.
 * @throws Refusal import_limit_reached, payload_too_large, invalid_request for an empty one; whatever `pieces` throws.
 */
export async function receiveUpload(
  platform: Platform,
  mailboxId: string,
  wanted: NewUpload,
  pieces: AsyncIterable<Buffer>,
): Promise<Upload> {
  const id = newId()
  const key = { mailboxId, id }
  await beginUpload(platform, key, wanted)
  try {
    const { bytes, sha256 } = await storePieces(platform, key, pieces)
    if (bytes === 0) throw new Refusal('invalid_request', 'The body is empty.')
    return { id, bytes, sha256 }
  } catch (error) {
    await discardUpload(platform, key)
    throw error
  }
}

async function beginUpload(
  platform: Platform,
  { mailboxId, id }: ImportKey,
  wanted: NewUpload,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended(${`imports:${mailboxId}`}, 0))`.execute(tx)
    const { count } = await tx
      .selectFrom('imports')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('mailbox_id', '=', mailboxId)
      .where('state', 'in', ['uploading', 'waiting', 'running'])
      .executeTakeFirstOrThrow()
    if (Number(count) >= unfinishedMax)
      throw new Refusal(
        'import_limit_reached',
        `The mailbox has ${unfinishedMax} imports that have not ended.`,
      )
    const now = platform.clock.now()
    await tx
      .insertInto('imports')
      .values({
        mailbox_id: mailboxId,
        id,
        state: 'uploading',
        ...wanted,
        run_id: null,
        seen_at: now,
        created_at: now,
        started_at: null,
        ended_at: null,
        own_addresses: null,
        upload_token_hash: null,
        upload_expires_at: null,
      })
      .execute()
  })
}

async function storePieces(
  platform: Platform,
  key: ImportKey,
  pieces: AsyncIterable<Buffer>,
): Promise<{ bytes: number; sha256: string }> {
  const { importBytesMax } = platform.config
  const hash = createHash('sha256')
  let bytes = 0
  let held: Buffer[] = []
  let heldBytes = 0
  let number = 0
  const store = async (content: Buffer): Promise<void> => {
    await storeChunk(platform, key, number, content)
    number += 1
  }
  for await (const piece of pieces) {
    bytes += piece.length
    if (bytes > importBytesMax)
      throw new Refusal('payload_too_large', `An import may have at most ${importBytesMax} bytes.`)
    hash.update(piece)
    held.push(piece)
    heldBytes += piece.length
    if (heldBytes < chunkBytes) continue
    const joined = Buffer.concat(held)
    let at = 0
    for (; joined.length - at >= chunkBytes; at += chunkBytes)
      await store(joined.subarray(at, at + chunkBytes))
    held = [joined.subarray(at)]
    heldBytes = joined.length - at
  }
  if (heldBytes > 0) await store(Buffer.concat(held))
  return { bytes, sha256: hash.digest('hex') }
}

async function storeChunk(
  platform: Platform,
  { mailboxId, id }: ImportKey,
  number: number,
  content: Buffer,
): Promise<void> {
  // Not when the mailbox was purged in the meantime, or the upload taken for one that was given up.
  const { numAffectedRows } = await sql`
    with alive as (
      update imports set seen_at = ${platform.clock.now()}
      where mailbox_id = ${mailboxId}::uuid and id = ${id}::uuid and state = 'uploading' returning id
    )
    insert into import_chunks (mailbox_id, import_id, number, content)
    select ${mailboxId}::uuid, alive.id, ${number}::int, ${content}::bytea from alive`.execute(platform.db)
  if (numAffectedRows !== 1n) throw new Refusal('mailbox_not_found')
}

/** Removes an upload, unless it became an import. */
export async function discardUpload(platform: Platform, { mailboxId, id }: ImportKey): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await tx
      .deleteFrom('imports')
      .where('mailbox_id', '=', mailboxId)
      .where('id', '=', id)
      .where('state', '=', 'uploading')
      .execute()
    await sql`
      delete from import_chunks where mailbox_id = ${mailboxId}::uuid and import_id = ${id}::uuid
        and not exists (select from imports where mailbox_id = ${mailboxId}::uuid and id = ${id}::uuid)`.execute(
      tx,
    )
  })
}

export async function deleteChunks(tx: Tx, { mailboxId, id }: ImportKey): Promise<void> {
  await tx
    .deleteFrom('import_chunks')
    .where('mailbox_id', '=', mailboxId)
    .where('import_id', '=', id)
    .execute()
}

/** @returns a piece of an upload; null where it has none of that number. */
export async function readChunk(
  db: Db,
  { mailboxId, id }: ImportKey,
  number: number,
): Promise<Buffer | null> {
  const row = await db
    .selectFrom('import_chunks')
    .select('content')
    .where('mailbox_id', '=', mailboxId)
    .where('import_id', '=', id)
    .where('number', '=', number)
    .executeTakeFirst()
  return row?.content ?? null
}
