/**
 * BINARY[...] and BINARY.SIZE[...]: parts without their transfer encoding (RFC 9051 §6.4.5, RFC 3516). The decoded
 * size has to be announced first, so a part is decoded twice, a piece at a time. A multipart and the whole message
 * have no transfer encoding of their own and are given as they are.
 */
import type { BodyReader } from '../../../messages/bodies-read.ts'
import { type ByteRange, findPart } from '../../../messages/mime/sections.ts'
import type { MimePart } from '../../../messages/mime/structure.ts'
import { createTransferDecoder } from '../../../messages/mime/transfer-decoder.ts'
import type { Partial, PartNumber } from '../syntax/fetch-item.ts'
import type { FetchOutput } from './output.ts'
import { cutToPartial, writeLiteral } from './sections.ts'

/** `encoding` is null for a transfer encoding that is not known (RFC 3516 §4.3). */
export type BinaryPart = { range: ByteRange; encoding: string | null }

/** @returns null when the message has no such part. */
export function findBinaryPart(
  body: BodyReader,
  structure: MimePart | null,
  part: PartNumber,
): BinaryPart | null {
  if (part.length === 0) return { range: { start: 0, end: body.sizeBytes }, encoding: 'binary' }
  const found = structure === null ? null : findPart(structure, part)
  if (found === null) return null
  const range = { start: found.bodyStart, end: found.end }
  if (found.parts !== undefined) return { range, encoding: 'binary' }
  return { range, encoding: createTransferDecoder(found.encoding) === null ? null : found.encoding }
}

/** A part that does not exist is NIL, as with BODY[...]. */
export async function writeBinary(
  output: FetchOutput,
  body: BodyReader,
  part: BinaryPart | null,
  partial: Partial | null,
): Promise<void> {
  if (part === null) return output.text('NIL')
  const measured = await measure(body, part)
  // RFC 9051 §6.4.5: the offset counts decoded octets.
  const cut = cutToPartial({ start: 0, end: measured.sizeBytes }, partial)
  // literal8 only where it must be: clients older than RFC 3516 read what they know.
  await writeLiteral(output, cut.end - cut.start, slice(decode(body, part), cut), measured.hasNul)
}

/** The grammar has a number here and no NIL, so a part that does not exist has size 0. */
export async function binarySize(body: BodyReader, part: BinaryPart | null): Promise<number> {
  return part === null ? 0 : (await measure(body, part)).sizeBytes
}

async function measure(body: BodyReader, part: BinaryPart): Promise<{ sizeBytes: number; hasNul: boolean }> {
  let sizeBytes = 0
  let hasNul = false
  for await (const piece of decode(body, part)) {
    sizeBytes += piece.length
    hasNul ||= piece.includes(0)
  }
  return { sizeBytes, hasNul }
}

async function* decode(body: BodyReader, part: BinaryPart): AsyncGenerator<Buffer, void> {
  const decoder = createTransferDecoder(part.encoding ?? '')
  if (decoder === null) return
  for await (const piece of body.read(part.range)) yield decoder.write(piece)
  yield decoder.end()
}

async function* slice(pieces: AsyncIterable<Buffer>, range: ByteRange): AsyncGenerator<Buffer, void> {
  let at = 0
  for await (const piece of pieces) {
    const wanted = piece.subarray(Math.max(0, range.start - at), Math.max(0, range.end - at))
    if (wanted.length > 0) yield wanted
    at += piece.length
    if (at >= range.end) return
  }
}
