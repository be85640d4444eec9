/**
 * APPEND: RFC 9051 §6.3.12, RFC 3502 MULTIAPPEND, RFC 6855 §4 UTF8. Its message literals are large, so the server asks
 * what an announced literal is for before it lets the bytes come.
 */

import { type CommandFault, toCommandFault } from './command-fault.ts'
import type { AppendData, AppendMessage, CommandOf } from './commands.ts'
import { readDateTime } from './date-time.ts'
import { type FlagList, readFlagList } from './flags.ts'
import type { LiteralAnnounced, Segment } from './framing.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { MailboxName, MailboxNameEncoding } from './mailbox-name.ts'
import { Reader } from './reader.ts'

/** "APPEND" SP mailbox 1*(SP [flag-list SP] [date-time SP] append-data) */
export function parseAppend(reader: Reader): Omit<CommandOf<'APPEND'>, 'tag'> {
  reader.space()
  const mailbox = reader.mailbox()
  return { name: 'APPEND', mailbox, messages: readMessages(reader, false) }
}

/** What the literal announced at the end of `segmentsSoFar` is. */
export type LiteralUse =
  /** A message: `messages` ends with it. Check mailbox, size and quota now, then stream it. */
  | { kind: 'append-message'; tag: string; mailbox: MailboxName; messages: readonly AppendMessage[] }
  /** Any other argument: buffer it, or refuse it when it is not bufferable. */
  | { kind: 'argument'; tag: string | null }
  /** An APPEND that is already wrong: refuse the literal and answer this. */
  | { kind: 'fault'; fault: CommandFault }

export function classifyLiteral(
  announced: Pick<LiteralAnnounced, 'segmentsSoFar' | 'sizeBytes' | 'binary'>,
  encoding: MailboxNameEncoding = 'modified-utf-7',
): LiteralUse {
  const { segmentsSoFar, sizeBytes, binary } = announced
  const coming: Segment = { kind: 'streamed', sizeBytes, binary }
  const reader = new Reader([...segmentsSoFar, coming], encoding)
  let tag: string | null = null
  try {
    const name = reader.tag()
    reader.space()
    tag = name
    if (!reader.skipWord('APPEND')) return { kind: 'argument', tag }
    reader.space()
    if (reader.streamedAhead()) return { kind: 'argument', tag } // the mailbox name itself
    const mailbox = reader.mailbox()
    return { kind: 'append-message', tag: name, mailbox, messages: readMessages(reader, true) }
  } catch (error) {
    const fault = toCommandFault(error, tag)
    return tag === null ? { kind: 'argument', tag } : { kind: 'fault', fault }
  }
}

/** `announced`: the last literal is still to come, and nothing after it has arrived. */
function readMessages(reader: Reader, announced: boolean): AppendMessage[] {
  const messages: AppendMessage[] = []
  do {
    if (messages.length >= imapSyntaxLimits.appendMessagesMax) reader.fail('Too many messages')
    messages.push(readMessage(reader, announced))
  } while (!reader.atEnd())
  return messages
}

function readMessage(reader: Reader, announced: boolean): AppendMessage {
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
  return { flags, internalDate, data: readData(reader, announced) }
}

/** literal / literal8 / "UTF8" SP "(" literal8 ")" */
function readData(reader: Reader, announced: boolean): AppendData {
  if (!reader.skipWord('UTF8')) return { kind: 'message', literal: reader.literal(), utf8: false }
  reader.space()
  reader.expect('(')
  const literal = reader.literal()
  if (!literal.binary) reader.fail('Expected a literal8')
  if (!announced || !reader.atEnd()) reader.expect(')')
  return { kind: 'message', literal, utf8: true }
}
