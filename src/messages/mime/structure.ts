/**
 * The MIME structure of a message with exact byte offsets (RFC 2045, 2046, 5322), read while bytes arrive.
 *
 * The parser stands in one place at a time: in the header of a part (`header` is set), or in a body. `open`
 * holds the parts around that place, outermost first. A delimiter line of an open multipart closes every part
 * inside it; a close-delimiter turns what follows into that multipart's epilogue.
 *
 * Line ends: the one before a delimiter belongs to the delimiter and not to the body (RFC 2046 §5.1.1). A
 * header always keeps its own line ends, also when the delimiter follows at once.
 */
import { type ByteCollector, createByteCollector } from './byte-collector.ts'
import { buildEnvelope, type Envelope, envelopeFieldNames } from './envelope.ts'
import { collectHeaderValues } from './header-fields.ts'
import { createLineReader } from './line-reader.ts'
import { parseMessageId, parseMessageIds } from './message-ids.ts'
import { mimeLimits } from './mime-limits.ts'
import { contentFieldNames, type DefaultType, describePart, type PartDescription } from './part-header.ts'

export type { Envelope, EnvelopeAddress } from './envelope.ts'

/** A part; offsets count from the start of the outermost raw message, and the body is [bodyStart, end). */
export type MimePart = PartDescription & {
  headerStart: number
  bodyStart: number
  end: number
  /** Line ends in the body, of text and embedded messages (RFC 9051 body-fld-lines); 0 for others. */
  lines: number
  /** Of every multipart, at least one (RFC 9051 §9 body-type-mpart). */
  parts?: MimePart[]
  /** Of every message/rfc822 and message/global. */
  message?: { envelope: Envelope; part: MimePart }
}

/** `truncated`: a bound of mime-limits.ts was hit, and what lies beyond it is not described. */
export type ParsedMessage = {
  sizeBytes: number
  root: MimePart
  envelope: Envelope
  messageId: string | null
  inReplyTo: string[]
  references: string[]
  truncated: boolean
}

/** Chunks may be reused by the caller after `write`. `end` is called once, after the last byte. */
export type StructureParser = { write(chunk: Buffer): void; end(): ParsedMessage }

type PendingHeader = { start: number; defaultType: DefaultType; isOfMessage: boolean }
/** `delimiter` is the dash-boundary of a multipart in latin1, until its close-delimiter was seen. */
type OpenPart = {
  part: MimePart
  bodyStartLine: number
  delimiter: string | null
  hiddenDepth: number | undefined
}
type Top = { root: MimePart; envelope: Envelope; values: Map<string, string[]> }
type Place = { at: number; line: number }

type ParserState = {
  position: number
  line: number
  lastLineEndBytes: number
  header: PendingHeader | null
  headerBytes: ByteCollector
  headerBytesLeft: number
  open: OpenPart[]
  /** dash-boundary -> index in `open` of the innermost multipart that has it. */
  delimiters: Map<string, number>
  partCount: number
  isOpaque: boolean
  truncated: boolean
  top: Top | null
}

const dash = 0x2d
const partFields: ReadonlySet<string> = new Set(contentFieldNames)
const messageFields: ReadonlySet<string> = new Set([
  ...contentFieldNames,
  ...envelopeFieldNames,
  'references',
])

/** The structure of a message that is in memory already. */
export function parseMessage(raw: Buffer): ParsedMessage {
  const parser = createStructureParser()
  parser.write(raw)
  return parser.end()
}

/** A parser that is given the message in pieces; where they are cut makes no difference. */
export function createStructureParser(): StructureParser {
  const state: ParserState = {
    position: 0,
    line: 0,
    lastLineEndBytes: 0,
    header: { start: 0, defaultType: 'text/plain', isOfMessage: true },
    headerBytes: createByteCollector(),
    headerBytesLeft: mimeLimits.headerBytesTotalMax,
    open: [],
    delimiters: new Map(),
    partCount: 0,
    isOpaque: false,
    truncated: false,
    top: null,
  }
  const lines = createLineReader((bytes, from, to, lineBytes, lineEndBytes) => {
    const isDelimiter =
      bytes[from] === dash && bytes[from + 1] === dash && takeDelimiter(state, bytes, from, to, lineBytes)
    if (!isDelimiter && state.header !== null) takeHeaderLine(state, bytes, from, to, lineBytes, lineEndBytes)
    state.position += lineBytes
    if (lineEndBytes > 0) state.line++
    state.lastLineEndBytes = lineEndBytes
  })
  return {
    write: lines.write,
    end: () => {
      lines.end()
      return finishMessage(state)
    },
  }
}

function finishMessage(state: ParserState): ParsedMessage {
  closeParts(state, 0, { at: state.position, line: state.line })
  if (state.top === null) throw new Error('the structure parser was ended without a root part')
  const { root, envelope, values } = state.top
  return {
    sizeBytes: state.position,
    root,
    envelope,
    messageId: parseMessageId(envelope.messageId ?? ''),
    inReplyTo: parseMessageIds(envelope.inReplyTo ?? ''),
    references: parseMessageIds(values.get('references')?.[0] ?? ''),
    truncated: state.truncated,
  }
}

function takeHeaderLine(
  state: ParserState,
  bytes: Buffer,
  from: number,
  to: number,
  lineBytes: number,
  lineEndBytes: number,
): void {
  const bytesMax = Math.min(mimeLimits.headerBytesPerPartMax, state.headerBytesLeft)
  const isWhole = state.headerBytes.append(bytes, from, to, bytesMax) && lineBytes === to - from
  if (!isWhole) state.truncated = true
  if (lineBytes === lineEndBytes)
    finishHeader(state, { at: state.position + lineBytes, line: state.line + 1 })
}

/** RFC 2046 §5.1.1: dash-boundary, "--" if it closes, white space. Answers whether the line is a delimiter. */
function takeDelimiter(
  state: ParserState,
  bytes: Buffer,
  from: number,
  to: number,
  lineBytes: number,
): boolean {
  if (state.delimiters.size === 0 || state.isOpaque || lineBytes > mimeLimits.boundaryLineBytesMax)
    return false
  const line = bytes.toString('latin1', from, textEnd(bytes, from, to))
  const openingDepth = state.delimiters.get(line) ?? -1
  const closingDepth = line.endsWith('--') ? (state.delimiters.get(line.slice(0, -2)) ?? -1) : -1
  const depth = Math.max(openingDepth, closingDepth) // the innermost, should both match
  const multipart = state.open[depth]
  if (multipart === undefined) return false
  const lineEnds = state.lastLineEndBytes > 0 ? 1 : 0
  closeParts(state, depth + 1, { at: state.position - state.lastLineEndBytes, line: state.line - lineEnds })
  if (closingDepth > openingDepth) forgetDelimiter(state, multipart)
  else if (state.partCount >= mimeLimits.partsMax) {
    state.isOpaque = true
    state.truncated = true
  } else {
    const isDigest = multipart.part.subtype === 'digest' // RFC 2046 §5.1.5
    const defaultType = isDigest ? 'message/rfc822' : 'text/plain'
    startHeader(state, { start: state.position + lineBytes, defaultType, isOfMessage: false })
  }
  return true
}

function startHeader(state: ParserState, header: PendingHeader): void {
  state.header = header
  state.headerBytes.clear()
}

/** The pending header ended at `bodyStart`: describes its part, puts it into its parent and opens it. */
function finishHeader(state: ParserState, bodyStart: Place): void {
  const header = state.header
  if (header === null) return
  state.header = null
  const kept = keptHeader(state)
  const values = collectHeaderValues(kept, header.isOfMessage ? messageFields : partFields)
  const part: MimePart = {
    ...describePart(values, header.defaultType),
    headerStart: header.start,
    bodyStart: bodyStart.at,
    end: bodyStart.at,
    lines: 0,
  }
  state.partCount++
  attach(state, part, header, values)
  const opened: OpenPart = { part, bodyStartLine: bodyStart.line, delimiter: null, hiddenDepth: undefined }
  state.open.push(opened)
  if (part.type === 'multipart') openMultipart(state, opened)
  else if (isEmbeddedMessage(part)) openEmbedded(state, part)
}

/** The collected header; of one that was cut, the complete lines, since half a field says something else. */
function keptHeader(state: ParserState): Buffer {
  const kept = state.headerBytes.view()
  const isFull = kept.length >= Math.min(mimeLimits.headerBytesPerPartMax, state.headerBytesLeft)
  state.headerBytesLeft -= kept.length
  return isFull ? kept.subarray(0, kept.lastIndexOf(0x0a) + 1 || kept.length) : kept
}

function attach(
  state: ParserState,
  part: MimePart,
  header: PendingHeader,
  values: Map<string, string[]>,
): void {
  const parent = state.open.at(-1)?.part
  if (!header.isOfMessage) {
    parent?.parts?.push(part)
    return
  }
  const envelope = buildEnvelope(values)
  if (parent === undefined) state.top = { root: part, envelope, values }
  else parent.message = { envelope, part }
}

function openMultipart(state: ParserState, opened: OpenPart): void {
  const boundary = opened.part.params?.find(([name]) => name === 'boundary')?.[1].trimEnd() ?? ''
  const delimiter = `--${Buffer.from(boundary).toString('latin1')}`
  if (boundary === '' || delimiter.length > mimeLimits.boundaryBytesMax + 2) {
    // Without a boundary there are no parts, and IMAP has no multipart without parts. RFC 2045 §5.2 reads
    // what makes no sense as text/plain; Dovecot too gives it up as a multipart.
    becomeLeaf(opened.part, 'text', 'plain')
    return
  }
  if (hasNoRoom(state)) {
    becomeLeaf(opened.part, 'application', 'octet-stream')
    return
  }
  opened.part.parts = []
  opened.delimiter = delimiter
  opened.hiddenDepth = state.delimiters.get(delimiter)
  state.delimiters.set(delimiter, state.open.length - 1)
}

/** RFC 2046 §5.2.1 and RFC 6532 §3.7. Like Dovecot, whatever the transfer encoding: IMAP needs the envelope. */
function openEmbedded(state: ParserState, part: MimePart): void {
  if (hasNoRoom(state)) becomeLeaf(part, 'application', 'octet-stream')
  else startHeader(state, { start: part.bodyStart, defaultType: 'text/plain', isOfMessage: true })
}

function hasNoRoom(state: ParserState): boolean {
  const hasNone = state.partCount >= mimeLimits.partsMax || state.open.length >= mimeLimits.depthMax
  if (hasNone) state.truncated = true
  return hasNone
}

function becomeLeaf(part: MimePart, type: string, subtype: string): void {
  part.type = type
  part.subtype = subtype
  delete part.params
}

/** Closes the open parts from the innermost out to index `depth`; their bodies end at `place` at the latest. */
function closeParts(state: ParserState, depth: number, place: Place): void {
  while (state.header !== null) finishHeader(state, { at: state.position, line: state.line }) // header without body
  let { at, line } = place
  while (state.open.length > depth) {
    const closing = state.open.at(-1)
    if (closing === undefined) return
    const { part } = closing
    if (at < part.bodyStart) {
      // The delimiter follows a header at once; the parts around must hold that header.
      at = part.bodyStart
      line = closing.bodyStartLine
    }
    part.end = at
    if (part.type === 'text' || part.message !== undefined) part.lines = line - closing.bodyStartLine
    // The boundary never appeared. IMAP has no multipart without parts; Dovecot shows one empty text/plain
    // there, so this does as well, and the multipart's type stays visible.
    if (part.parts?.length === 0) part.parts.push(emptyPart(at))
    forgetDelimiter(state, closing)
    state.open.pop()
  }
}

function forgetDelimiter(state: ParserState, multipart: OpenPart): void {
  if (multipart.delimiter === null) return
  if (multipart.hiddenDepth === undefined) state.delimiters.delete(multipart.delimiter)
  else state.delimiters.set(multipart.delimiter, multipart.hiddenDepth)
  multipart.delimiter = null
}

function emptyPart(at: number): MimePart {
  return {
    type: 'text',
    subtype: 'plain',
    encoding: '7bit',
    headerStart: at,
    bodyStart: at,
    end: at,
    lines: 0,
  }
}

function isEmbeddedMessage(part: MimePart): boolean {
  return part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global')
}

/** The offset after the last byte of the line that is neither white space nor line end. */
function textEnd(bytes: Buffer, from: number, to: number): number {
  let end = to
  while (end > from) {
    const byte = bytes[end - 1]
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d && byte !== 0x0a) break
    end--
  }
  return end
}
