/**
 * Message bodies: the raw RFC 5322 bytes, stored once for all recipients (decision 0011). Up to one chunk a
 * body is a single zstd frame in its row. A larger one is cut into chunks of fixed raw size, each a frame of
 * its own, which are written while the message is still arriving: memory stays flat at any size, and a
 * partial FETCH reads only the chunks that it needs.
 */
import { promisify } from 'node:util'
import { constants, type ZstdOptions, zstdCompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { createStructureParser, type ParsedMessage } from './mime/structure.ts'
import type { Trust } from './trust.ts'

/** Raw bytes of a chunk. It is part of the stored format: a change needs a migration. */
export const chunkBytes = 256 * 1024

/** A body that was received whole. Its row is not written yet; the chunks of a large one are. */
export type StagedBody = {
  id: string
  sizeBytes: number
  /** The single frame, or null when the body lies in chunks. */
  content: Buffer | null
  parsed: ParsedMessage
  /** What was found out about it on its way in; delivery sets it. */
  trust?: Trust
}

export type BodyWriter = {
  /** Bytes that were written so far. */
  readonly sizeBytes: number
  /** Takes the next bytes; the caller waits before it gives more. */
  write(bytes: Buffer): Promise<void>
  finish(): Promise<StagedBody>
  /** Forgets what was written. Chunks in the database go at once, or by the sweep if that fails. */
  discard(): Promise<void>
}

const compressAsync = promisify(zstdCompress)
// Level 1 costs a third less time than the default and gives nearly the same size on mail.
const level = { [constants.ZSTD_c_compressionLevel]: 1 }
const outputBytes = { min: 1024, max: 64 * 1024 } as const

/** With the size known, zstd and Node set up no more memory than it needs: half the time of a small message. */
function compressionOf({ length }: Buffer): ZstdOptions {
  const chunkSize = Math.min(Math.max(length, outputBytes.min), outputBytes.max)
  return { params: level, pledgedSrcSize: length, chunkSize }
}

export function createBodyWriter(platform: Platform): BodyWriter {
  const id = newId()
  const parser = createStructureParser()
  let pieces: Buffer[] = []
  let heldBytes = 0
  let sizeBytes = 0
  let chunks = 0

  const flushChunk = async (): Promise<void> => {
    const held = Buffer.concat(pieces, heldBytes)
    pieces = []
    heldBytes = 0
    await insertChunk(platform.db, id, chunks++, held)
  }

  return {
    get sizeBytes() {
      return sizeBytes
    },
    async write(bytes) {
      parser.write(bytes)
      sizeBytes += bytes.length
      for (let rest = bytes; rest.length > 0; ) {
        if (heldBytes === chunkBytes) await flushChunk() // only now: a body of exactly one chunk lies in its row
        const piece = rest.subarray(0, chunkBytes - heldBytes)
        pieces.push(piece)
        heldBytes += piece.length
        rest = rest.subarray(piece.length)
      }
    },
    async finish() {
      const parsed = parser.end()
      if (chunks === 0) {
        const raw = Buffer.concat(pieces, heldBytes)
        return { id, sizeBytes, content: zstdCompressSync(raw, compressionOf(raw)), parsed }
      }
      if (heldBytes > 0) await flushChunk()
      return { id, sizeBytes, content: null, parsed }
    },
    async discard() {
      pieces = []
      if (chunks > 0) await platform.db.deleteFrom('body_chunks').where('body_id', '=', id).execute()
    },
  }
}

async function insertChunk(db: Db, bodyId: string, number: number, raw: Buffer): Promise<void> {
  const content = await compressAsync(raw, compressionOf(raw))
  await db.insertInto('body_chunks').values({ body_id: bodyId, number, content }).execute()
}

/**
 * The statement that writes the rows of staged bodies, in the transaction that gives them their messages. All contents travel as one
 * value of raw bytes, which the statement cuts up: an array of bytea would double them as hex.
 */
export function bodiesStatement(bodies: readonly StagedBody[], at: Date): RawBuilder<unknown> {
  let offset = 1 // SQL counts from one
  const rows = bodies.map(({ id, sizeBytes, content, parsed, trust }) => {
    const start = offset
    offset += content?.length ?? 0
    return {
      id,
      size_bytes: sizeBytes,
      start,
      length: content?.length ?? null,
      envelope: { ...parsed.envelope, references: parsed.references }, // THREAD reads them from here
      structure: parsed.root,
      trust: trust ?? null,
    }
  })
  const contents = Buffer.concat(bodies.flatMap(({ content }) => content ?? []))
  return sql`/* prepared insert_bodies */
    insert into bodies (id, store, size_bytes, content, envelope, structure, trust, created_at)
    select id, 'postgres', size_bytes, substring(${contents}::bytea from start for length), envelope, structure,
      trust, ${at}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as new (id uuid, size_bytes bigint, start int, length int, envelope json, structure json,
        trust jsonb)`
}

/** Writes the rows of staged bodies. */
export async function insertBodies(tx: Tx, bodies: readonly StagedBody[], at: Date): Promise<void> {
  if (bodies.length > 0) await bodiesStatement(bodies, at).execute(tx)
}

/** A range of raw bytes; `end` is not part of it. */
export type ByteRange = { start: number; end: number }

/**
 * Reads raw bytes of a body, one chunk in memory at a time. The range is cut to the body.
 * @throws when the body does not exist: a message of ours always has one.
 */
export async function* readBody(db: Db, bodyId: string, range?: ByteRange): AsyncGenerator<Buffer, void> {
  const row = await db
    .selectFrom('bodies')
    .select(['size_bytes', 'content'])
    .where('id', '=', bodyId)
    .executeTakeFirstOrThrow()
  yield* readStagedBody(db, { id: bodyId, sizeBytes: row.size_bytes, content: row.content }, range)
}

/** As readBody, of a body whose row is not written yet. */
export async function* readStagedBody(
  db: Db,
  { id, sizeBytes, content }: Omit<StagedBody, 'parsed'>,
  range?: ByteRange,
): AsyncGenerator<Buffer, void> {
  const start = Math.max(0, range?.start ?? 0)
  const end = Math.min(sizeBytes, range?.end ?? sizeBytes)
  if (start >= end) return
  if (content !== null) {
    yield zstdDecompressSync(content).subarray(start, end)
    return
  }
  for (let number = Math.floor(start / chunkBytes); number * chunkBytes < end; number++) {
    const raw = await readChunk(db, id, number)
    const offset = number * chunkBytes
    yield raw.subarray(Math.max(0, start - offset), Math.min(raw.length, end - offset))
  }
}

/** Reads raw bytes of a body into memory: for ranges that the caller knows to be small. */
export async function readBodyBytes(db: Db, bodyId: string, range?: ByteRange): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of readBody(db, bodyId, range)) pieces.push(piece)
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces)
}

/** One chunk of a large body. */
export async function readChunk(db: Db, bodyId: string, number: number): Promise<Buffer> {
  const { content } = await db
    .selectFrom('body_chunks')
    .select('content')
    .where('body_id', '=', bodyId)
    .where('number', '=', number)
    .executeTakeFirstOrThrow()
  return zstdDecompressSync(content)
}
