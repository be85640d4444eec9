/** Header fields: where they lie, their names, and their unfolded text (RFC 5322 §2.2, §4.5; RFC 6532 for UTF-8). */
import { isUtf8 } from 'node:buffer'

/** `start` and `end` are offsets into the header, of the raw field with its folding and line end. */
export type HeaderField = { name: string; value: string; start: number; end: number }

type FieldSpan = { start: number; end: number; colon: number /* -1: a line that is no field */ }

const lineFeed = 0x0a
const carriageReturn = 0x0d
const space = 0x20
const tab = 0x09
const colonByte = 0x3a

/**
 * All fields up to the blank line, in order. Names keep their case. A line without a colon is listed too, with
 * an empty name and the line as its value, so that the fields cover every byte of the header.
 */
export function parseHeaderFields(header: Buffer): HeaderField[] {
  return fieldSpans(header).map((span) => ({
    name: fieldName(header, span),
    value: decodeHeaderBytes(header.subarray(span.colon === -1 ? span.start : span.colon + 1, span.end)),
    start: span.start,
    end: span.end,
  }))
}

/** The values of the wanted fields (names in lower case), each name with its values in order. */
export function collectHeaderValues(header: Buffer, wanted: ReadonlySet<string>): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const span of fieldSpans(header)) {
    const name = fieldName(header, span).toLowerCase()
    if (!wanted.has(name)) continue
    const value = decodeHeaderBytes(header.subarray(span.colon + 1, span.end))
    const earlier = values.get(name)
    if (earlier === undefined) values.set(name, [value])
    else earlier.push(value)
  }
  return values
}

/**
 * HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 §6.4.5.1): the raw fields that do, or do not, have one of the
 * names, in their order and followed by the blank line. Names match without regard to case.
 */
export function filterHeader(header: Buffer, names: readonly string[], mode: 'only' | 'not'): Buffer {
  const wanted = new Set(names.map((name) => name.toLowerCase()))
  const pieces: Buffer[] = []
  for (const span of fieldSpans(header)) {
    const isNamed = span.colon !== -1 && wanted.has(fieldName(header, span).toLowerCase())
    if (isNamed !== (mode === 'only')) continue
    pieces.push(header.subarray(span.start, span.end))
    if (header[span.end - 1] !== lineFeed) pieces.push(Buffer.from('\r\n'))
  }
  pieces.push(Buffer.from('\r\n'))
  return Buffer.concat(pieces)
}

/**
 * Header bytes as text: UTF-8 when valid (RFC 6532), else latin1; unfolded (RFC 5322 §2.2.3) and trimmed.
 * NUL becomes U+FFFD and stray CR or LF a space: neither PostgreSQL nor an IMAP string can carry them.
 */
export function decodeHeaderBytes(bytes: Buffer): string {
  const latin1 = bytes.toString('latin1')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the class is "anything but ASCII"
  const text = /[^\x00-\x7f]/.test(latin1) && isUtf8(bytes) ? bytes.toString('utf8') : latin1
  return withoutControls(text.replace(/\r?\n(?=[ \t])/g, '')).trim()
}

/** Text without NUL, CR and LF, see `decodeHeaderBytes`. */
export function withoutControls(text: string): string {
  return /[\0\r\n]/.test(text) ? text.replaceAll('\0', '\ufffd').replace(/[\r\n]/g, ' ') : text
}

function fieldSpans(header: Buffer): FieldSpan[] {
  const spans: FieldSpan[] = []
  let start = 0
  let nextColon = -1 // searched once per colon, so that lines without one cost nothing extra
  while (start < header.length && !isBlankLine(header, start)) {
    const isFolded = isWhitespace(header[start])
    let end = lineEnd(header, start)
    if (nextColon < start) nextColon = indexOrEnd(header, colonByte, start)
    const colon = nextColon < end && !isFolded ? nextColon : -1
    while (isWhitespace(header[end])) end = lineEnd(header, end)
    spans.push({ start, end, colon })
    start = end
  }
  return spans
}

/** RFC 5322 §4.5: obsolete syntax allows white space before the colon. */
function fieldName(header: Buffer, span: FieldSpan): string {
  return span.colon === -1 ? '' : header.toString('latin1', span.start, span.colon).trimEnd()
}

function isBlankLine(header: Buffer, at: number): boolean {
  return header[at] === lineFeed || (header[at] === carriageReturn && header[at + 1] === lineFeed)
}

function isWhitespace(byte: number | undefined): boolean {
  return byte === space || byte === tab
}

function lineEnd(header: Buffer, from: number): number {
  const feed = header.indexOf(lineFeed, from)
  return feed === -1 ? header.length : feed + 1
}

function indexOrEnd(header: Buffer, byte: number, from: number): number {
  const index = header.indexOf(byte, from)
  return index === -1 ? header.length : index
}
