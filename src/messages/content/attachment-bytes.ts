/**
 * The bytes of an attachment, its transfer encoding undone, read in pieces: a large file needs no more memory than a
 * small one. How many they are is known only once they were decoded, so that is counted once and remembered.
 */
import { type Cache, createCache } from '../../platform/cache.ts'
import type { BodyReader } from '../bodies-read.ts'
import type { MimePart } from '../mime/structure.ts'
import { createTransferDecoder } from '../mime/transfer-decoder.ts'

/** Parts whose size is remembered. A body never changes, so that an entry never becomes wrong. */
const sizesKeptMax = 20_000
const sizesKeptMs = 24 * 3600 * 1000

const sizes: Cache<number> = createCache({ entriesMax: sizesKeptMax, ttlMs: sizesKeptMs })

/** The decoded bytes; those of an encoding that is not known as they are. */
export async function* readPartBytes(body: BodyReader, part: MimePart): AsyncGenerator<Buffer, void> {
  const decoder = createTransferDecoder(part.encoding)
  const range = { start: part.bodyStart, end: part.end }
  if (decoder === null) {
    yield* body.read(range)
    return
  }
  for await (const piece of body.read(range)) {
    const decoded = decoder.write(piece)
    if (decoded.length > 0) yield decoded
  }
  const rest = decoder.end()
  if (rest.length > 0) yield rest
}

/** How many bytes `readPartBytes` gives, exactly. */
export async function countPartBytes(body: BodyReader, bodyId: string, part: MimePart): Promise<number> {
  if (!isCounted(part)) return part.end - part.bodyStart
  const key = `${bodyId} ${part.bodyStart}`
  const kept = sizes.get(key)
  if (kept !== undefined) return kept
  let bytes = 0
  for await (const piece of readPartBytes(body, part)) bytes += piece.length
  sizes.set(key, bytes)
  return bytes
}

/** Decoded bytes from `start` to `end`, which is not part of them. What is encoded is decoded from its beginning. */
export async function* readPartRange(
  body: BodyReader,
  part: MimePart,
  start: number,
  end: number,
): AsyncGenerator<Buffer, void> {
  if (!isCounted(part)) {
    yield* body.read({ start: part.bodyStart + start, end: Math.min(part.end, part.bodyStart + end) })
    return
  }
  let at = 0
  for await (const piece of readPartBytes(body, part)) {
    const wanted = piece.subarray(Math.max(0, start - at), Math.max(0, end - at))
    if (wanted.length > 0) yield wanted
    at += piece.length
    if (at >= end) return
  }
}

/** Whether its bytes are others than those in the message. */
function isCounted({ encoding }: MimePart): boolean {
  return ['base64', 'quoted-printable'].includes(encoding.trim().toLowerCase())
}
