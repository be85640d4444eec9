/**
 * BODY[...], BODY.PEEK[...] and the RFC822 items: nstrings whose octets are a slice of the message (RFC 9051 §6.4.5.1,
 * §7.5.2). Where the RFC leaves a choice:
 * - A section that the message does not have is NIL, as Dovecot answers; so is its HEADER.FIELDS. That of a part
 *   without any such field is the blank line alone.
 * - A partial that starts behind the end is the empty string, one that goes beyond it is cut (§6.4.5).
 * - Octets go out as they came in, NUL included, although `literal` excludes it: every client reads a literal by its
 *   count, and a changed octet would break signatures.
 */
import { type BodyReader, readRange } from '../../../messages/bodies-read.ts'
import { filterHeader } from '../../../messages/mime/header-fields.ts'
import { type ByteRange, type SectionText, sectionRange } from '../../../messages/mime/sections.ts'
import type { MimePart } from '../../../messages/mime/structure.ts'
import { literalHeader } from '../syntax/encode.ts'
import type { Partial, Section } from '../syntax/fetch-item.ts'
import type { FetchOutput } from './output.ts'

/** Header octets that HEADER.FIELDS looks through. Fields behind this of a hostile header are not found. */
const filteredHeaderBytesMax = 1024 * 1024

const textOf: Record<Section['text'], SectionText> = {
  all: null,
  header: 'HEADER',
  text: 'TEXT',
  mime: 'MIME',
  'header-fields': 'HEADER',
  'header-fields-not': 'HEADER',
}

/** The octets of a section: as many as `sizeBytes` says, read as they are taken. */
export type SectionOctets = { sizeBytes: number; pieces: Iterable<Buffer> | AsyncIterable<Buffer> }

/** `structure` may be null where `needsStructure` says so. */
export async function writeSection(
  output: FetchOutput,
  body: BodyReader,
  structure: MimePart | null,
  section: Section,
  partial: Partial | null,
): Promise<void> {
  const octets = await openSection(body, structure, section, partial)
  if (octets === null) output.text('NIL')
  else await writeLiteral(output, octets.sizeBytes, octets.pieces)
}

/** null when the message has no such section. */
export async function openSection(
  body: BodyReader,
  structure: MimePart | null,
  section: Section,
  partial: Partial | null,
): Promise<SectionOctets | null> {
  const range = locate(body, structure, section)
  if (range === null) return null
  if ('names' in section) {
    const mode = section.text === 'header-fields' ? 'only' : 'not'
    const fields = filterHeader(await headerBytes(body, range), section.names, mode)
    const { start, end } = cutToPartial({ start: 0, end: fields.length }, partial)
    return { sizeBytes: end - start, pieces: [fields.subarray(start, end)] }
  }
  const cut = cutToPartial(range, partial)
  const held = body.inMemory(cut)
  return { sizeBytes: cut.end - cut.start, pieces: held === null ? body.read(cut) : [held] }
}

/** The whole message needs no structure. */
export function needsStructure(section: Section): boolean {
  return section.part.length > 0 || section.text !== 'all'
}

function locate(body: BodyReader, structure: MimePart | null, section: Section): ByteRange | null {
  if (!needsStructure(section)) return { start: 0, end: body.sizeBytes }
  if (structure === null) return null
  return sectionRange({ root: structure, sizeBytes: body.sizeBytes }, section.part, textOf[section.text])
}

/** A header that is cut ends with a whole line, since half a field says something else. */
async function headerBytes(body: BodyReader, range: ByteRange): Promise<Buffer> {
  if (range.end - range.start <= filteredHeaderBytesMax) return await readRange(body, range)
  const bytes = await readRange(body, { start: range.start, end: range.start + filteredHeaderBytesMax })
  return bytes.subarray(0, bytes.lastIndexOf(0x0a) + 1)
}

export function cutToPartial(range: ByteRange, partial: Partial | null): ByteRange {
  if (partial === null) return range
  const start = Math.min(range.end, range.start + partial.offsetBytes)
  return { start, end: Math.min(range.end, start + partial.countBytes) }
}

/**
 * Writes a literal whose size is announced before its octets are there.
 * @throws when the octets are not as many as announced: the connection can only be closed then.
 */
export async function writeLiteral(
  output: FetchOutput,
  sizeBytes: number,
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  binary = false,
): Promise<void> {
  if (sizeBytes === 0) return output.text('""')
  output.text(literalHeader(sizeBytes, binary))
  let left = sizeBytes
  for await (const piece of pieces) {
    left -= piece.length
    if (left < 0) break
    await output.bytes(piece)
  }
  if (left !== 0) throw new Error(`a literal of ${sizeBytes} octets came out ${-left} octets longer`)
}
