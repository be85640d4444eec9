/**
 * append-message, what APPEND and REPLACE share: RFC 9051 §9, RFC 3516 literal8, RFC 4469 CATENATE, RFC 6855 §4 UTF8.
 * Its literals are large, so a command is also read while one of them is only announced: it then ends there.
 */
import type { AppendData, AppendMessage, CatenatePart } from './commands.ts'
import { readDateTime } from './date-time.ts'
import { type FlagList, readFlagList } from './flags.ts'
import type { LiteralSegment } from './framing.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { Reader } from './reader.ts'

/** `announced`: the last literal is still to come, and nothing after it has arrived. */
export type Extent = 'whole' | 'announced'

/** 1*append-message, RFC 3502. */
export function readAppendMessages(reader: Reader, extent: Extent): AppendMessage[] {
  const messages: AppendMessage[] = []
  do {
    if (messages.length >= imapSyntaxLimits.appendMessagesMax) reader.fail('Too many messages')
    messages.push(readAppendMessage(reader, extent))
  } while (!reader.atEnd())
  return messages
}

/** SP [flag-list SP] [date-time SP] append-data */
export function readAppendMessage(reader: Reader, extent: Extent): AppendMessage {
  reader.space()
  let flags: FlagList = { system: [], keywords: [] }
  if (reader.peek() === '(') {
    flags = readFlagList(reader)
    reader.space()
  }
  let internalDate: Date | null = null
  if (reader.peek() === '"') {
    internalDate = readDateTime(reader)
    reader.space()
  }
  return { flags, internalDate, data: readData(reader, extent) }
}

/** Whether what was announced at the end of `data` is a URL, which is an argument like any other. */
export function endsInUrl(data: AppendData | undefined): boolean {
  return data?.kind === 'catenate' && data.parts.at(-1)?.kind === 'url'
}

/** literal / literal8 / "UTF8" SP "(" literal8 ")" / "CATENATE" SP "(" cat-part *(SP cat-part) ")" */
function readData(reader: Reader, extent: Extent): AppendData {
  if (reader.skipWord('CATENATE')) return { kind: 'catenate', parts: readCatenateParts(reader, extent) }
  if (reader.skipWord('UTF8'))
    return { kind: 'message', literal: readUtf8Literal(reader, extent), utf8: true }
  return { kind: 'message', literal: reader.literal(), utf8: false }
}

function readUtf8Literal(reader: Reader, extent: Extent): LiteralSegment {
  reader.space()
  reader.expect('(')
  const literal = reader.literal()
  if (!literal.binary) reader.fail('Expected a literal8')
  if (extent === 'whole' || !reader.atEnd()) reader.expect(')')
  return literal
}

function readCatenateParts(reader: Reader, extent: Extent): CatenatePart[] {
  const parts: CatenatePart[] = []
  reader.space()
  reader.expect('(')
  do {
    if (parts.length >= imapSyntaxLimits.catenatePartsMax) reader.fail('Too many parts')
    parts.push(readCatenatePart(reader, extent))
    if (extent === 'announced' && reader.atEnd()) return parts
  } while (reader.skip(' '))
  reader.expect(')')
  return parts
}

/** "URL" SP astring / "TEXT" SP literal / utf8-literal. A literal8 is taken for TEXT too, as it is for a message. */
function readCatenatePart(reader: Reader, extent: Extent): CatenatePart {
  if (reader.skipWord('UTF8')) return { kind: 'text', literal: readUtf8Literal(reader, extent), utf8: true }
  const word = reader.word('TEXT or URL')
  if (word !== 'TEXT' && word !== 'URL') reader.fail('Expected TEXT or URL')
  reader.space()
  if (word === 'TEXT') return { kind: 'text', literal: reader.literal(), utf8: false }
  if (!reader.streamedAhead()) return { kind: 'url', url: reader.astring() }
  if (extent === 'whole') reader.fail('Literal too large')
  reader.literal()
  return { kind: 'url', url: '' }
}
