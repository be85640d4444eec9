/**
 * Bodies of many messages at once: a FETCH of headers or a SEARCH of texts reads those of a batch of messages in
 * one statement. Of a large body only the first chunk comes with it, which nearly always holds the header.
 */
import { constants, zstdDecompressSync } from 'node:zlib'
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type ByteRange, chunkBytes, readChunk } from './bodies.ts'

export type BodyReader = {
  readonly sizeBytes: number
  /** The bytes of a range if they are in memory already, else null. */
  inMemory(range: ByteRange): Buffer | null
  /** The bytes of a range, one chunk in memory at a time. @throws when a chunk is gone. */
  read(range: ByteRange): AsyncGenerator<Buffer, void>
}

/** Raw bytes of the bodies that are read and held together. */
export const batchBytesMax = 2 * 1024 * 1024

/** Cuts messages into batches whose bodies, as far as `readBodies` brings them, stay within `batchBytesMax`. */
export function* batchesOfBodies<Row extends { size_bytes: number }>(
  rows: readonly Row[],
): Generator<Row[], void> {
  let batch: Row[] = []
  let heldBytes = 0
  for (const row of rows) {
    const bytes = Math.min(row.size_bytes, chunkBytes)
    if (batch.length > 0 && heldBytes + bytes > batchBytesMax) {
      yield batch
      batch = []
      heldBytes = 0
    }
    batch.push(row)
    heldBytes += bytes
  }
  if (batch.length > 0) yield batch
}

/** Readers by body id; bodies that do not exist (any more) are left out. */
export async function readBodies(db: Db, bodyIds: readonly string[]): Promise<Map<string, BodyReader>> {
  const { rows } = await sql<{ id: string; size_bytes: number; frame: Buffer }>`/* prepared read_bodies */
    select bodies.id, bodies.size_bytes, coalesce(bodies.content, body_chunks.content) as frame
    from bodies left join body_chunks
      on bodies.content is null and body_chunks.body_id = bodies.id and body_chunks.number = 0
    where bodies.id = any(${uuidArray([...new Set(bodyIds)])})`.execute(db)
  return new Map(rows.map((row) => [row.id, readerOf(db, row)]))
}

/** @param body.frame its single frame, or that of its first chunk. */
export function readerOf(db: Db, body: { id: string; size_bytes: number; frame: Buffer }): BodyReader {
  let held: { number: number; raw: Buffer } | null = null
  const firstBytes = Math.min(chunkBytes, body.size_bytes)

  const first = (): Buffer => {
    if (held?.number !== 0) held = { number: 0, raw: decompress(body.frame, firstBytes) }
    return held.raw
  }
  const chunk = async (number: number): Promise<Buffer> => {
    if (number === 0) return first()
    if (held?.number !== number) held = { number, raw: await readChunk(db, body.id, number) }
    return held.raw
  }

  return {
    sizeBytes: body.size_bytes,
    inMemory(range) {
      return range.end > firstBytes ? null : first().subarray(range.start, range.end)
    },
    async *read(range) {
      const end = Math.min(range.end, body.size_bytes)
      for (let at = Math.max(0, range.start); at < end; ) {
        const number = Math.floor(at / chunkBytes)
        const raw = await chunk(number)
        const offset = number * chunkBytes
        const piece = raw.subarray(at - offset, Math.min(raw.length, end - offset))
        if (piece.length === 0) throw new Error(`body ${body.id} is shorter than its row says`)
        yield piece
        at += piece.length
      }
    },
  }
}

/** One output buffer with a byte to spare: zlib then sees the end at once, which takes a third off the time. */
function decompress(frame: Buffer, rawBytes: number): Buffer {
  return zstdDecompressSync(frame, { chunkSize: Math.max(constants.Z_MIN_CHUNK, rawBytes + 1) })
}

/** The bytes of a range in one piece: for ranges that the caller knows to be small. */
export async function readRange(body: BodyReader, range: ByteRange): Promise<Buffer> {
  const held = body.inMemory(range)
  if (held !== null) return held
  const pieces: Buffer[] = []
  for await (const piece of body.read(range)) pieces.push(piece)
  return Buffer.concat(pieces)
}
