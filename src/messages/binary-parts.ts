/**
 * Messages with NUL octets, as a literal8 of APPEND brings them (RFC 3516 §4.4). Neither BODY[...] of IMAP nor SMTP
 * can carry a NUL, so a part with the transfer encoding `binary` that has one is stored in base64: BINARY[...] gives
 * its octets back as they came. A NUL anywhere else cannot be written in another way.
 */
import type { Platform } from '../platform/platform.ts'
import {
  type BodyWriter,
  type ByteRange,
  createBodyWriter,
  readStagedBody,
  type StagedBody,
} from './bodies.ts'
import { parseHeaderFields } from './mime/header-fields.ts'
import { mimeLimits } from './mime/mime-limits.ts'
import type { MimePart } from './mime/structure.ts'

/** RFC 2045 §6.8: 76 characters in a line. */
const lineBytes = 57

/**
 * Writes the message anew, without NULs, one chunk in memory at a time. The caller discards the first writer.
 * @returns null when a NUL is outside the parts that can be encoded.
 */
export async function encodeBinaryParts(
  platform: Platform,
  staged: StagedBody,
): Promise<{ body: StagedBody; writer: BodyWriter } | null> {
  const parts = await partsWithNul(platform, staged)
  if (parts === null) return null
  const writer = createBodyWriter(platform)
  try {
    let at = 0
    for (const part of parts) {
      await copy(platform, staged, { start: at, end: part.headerStart }, writer)
      await writeHeader(platform, staged, part, writer)
      await writeBase64(platform, staged, part, writer)
      at = part.end
    }
    await copy(platform, staged, { start: at, end: staged.sizeBytes }, writer)
    return { body: await writer.finish(), writer }
  } catch (error) {
    await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
}

/** The parts that hold a NUL, in their order; null when one is not in a part of encoding `binary`. */
async function partsWithNul(platform: Platform, staged: StagedBody): Promise<MimePart[] | null> {
  const parts = leavesOf(staged.parsed.root)
  const found: MimePart[] = []
  let from = 0
  let offset = 0
  for await (const piece of readStagedBody(platform.db, staged)) {
    for (;;) {
      const at = piece.indexOf(0, Math.max(0, from - offset))
      if (at === -1) break
      const part = parts.find(({ bodyStart, end }) => bodyStart <= offset + at && offset + at < end)
      if (part?.encoding !== 'binary') return null
      found.push(part)
      from = part.end
      if (from >= offset + piece.length) break
    }
    offset += piece.length
  }
  return found
}

function leavesOf(part: MimePart): MimePart[] {
  if (part.message !== undefined) return leavesOf(part.message.part)
  return part.parts?.flatMap(leavesOf) ?? [part]
}

async function copy(
  platform: Platform,
  staged: StagedBody,
  range: ByteRange,
  writer: BodyWriter,
): Promise<void> {
  for await (const piece of readStagedBody(platform.db, staged, range)) await writer.write(piece)
}

/** The part's header with base64 as its only transfer encoding. */
async function writeHeader(
  platform: Platform,
  staged: StagedBody,
  part: MimePart,
  writer: BodyWriter,
): Promise<void> {
  // The parser has read the encoding within these bytes.
  const end = Math.min(part.bodyStart, part.headerStart + mimeLimits.headerBytesPerPartMax)
  const pieces: Buffer[] = []
  for await (const piece of readStagedBody(platform.db, staged, { start: part.headerStart, end })) {
    pieces.push(piece)
  }
  const header = Buffer.concat(pieces)
  const fields = parseHeaderFields(header).filter(
    ({ name }) => name.toLowerCase() === 'content-transfer-encoding',
  )
  let at = 0
  for (const [index, field] of fields.entries()) {
    await writer.write(header.subarray(at, field.start))
    if (index === 0) await writer.write(Buffer.from('Content-Transfer-Encoding: base64\r\n'))
    at = field.end
  }
  await writer.write(header.subarray(at))
  await copy(platform, staged, { start: end, end: part.bodyStart }, writer)
}

async function writeBase64(
  platform: Platform,
  staged: StagedBody,
  part: MimePart,
  writer: BodyWriter,
): Promise<void> {
  let held: Buffer = Buffer.alloc(0)
  const write = async (bytes: Buffer): Promise<void> => {
    const lines = bytes.toString('base64').replace(/.{76}/g, '$&\r\n')
    if (lines !== '') await writer.write(Buffer.from(lines, 'latin1'))
  }
  for await (const piece of readStagedBody(platform.db, staged, { start: part.bodyStart, end: part.end })) {
    const bytes = held.length === 0 ? piece : Buffer.concat([held, piece])
    const usable = bytes.length - (bytes.length % lineBytes)
    held = Buffer.from(bytes.subarray(usable))
    await write(bytes.subarray(0, usable))
  }
  await write(held)
}
