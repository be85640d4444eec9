/**
 * APPEND: RFC 9051 §6.3.12, RFC 3502 MULTIAPPEND. The literals of messages are large, so the server asks what an
 * announced literal is for before it lets the bytes come.
 */
import { type Extent, endsInUrl, readAppendMessages } from './append-message.ts'
import { type CommandFault, toCommandFault } from './command-fault.ts'
import type { AppendCommand, UploadCommand } from './commands.ts'
import type { LiteralAnnounced, Segment } from './framing.ts'
import type { MailboxNameEncoding } from './mailbox-name.ts'
import { readReplacement, readReplaceTarget } from './parse-replace.ts'
import { Reader } from './reader.ts'

/** "APPEND" SP mailbox 1*append-message */
export function parseAppend(reader: Reader): AppendCommand {
  reader.space()
  return readAppend(reader, 'whole')
}

function readAppend(reader: Reader, extent: Extent): AppendCommand {
  const mailbox = reader.mailbox()
  return { name: 'APPEND', mailbox, messages: readAppendMessages(reader, extent) }
}

/** What the literal announced at the end of `segmentsSoFar` is. */
export type LiteralUse =
  /** Of a message: the last of `command`, and its last part, is still to come. Judge it now, then stream it. */
  | { kind: 'append-message'; tag: string; command: UploadCommand }
  /** Any other argument: buffer it, or refuse it when it is not bufferable. */
  | { kind: 'argument'; tag: string | null }
  /** An APPEND or REPLACE that is already wrong: refuse the literal and answer this. */
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
    const command = readUpload(reader)
    if (command === null || endsInUrl(command.messages.at(-1)?.data)) return { kind: 'argument', tag }
    return { kind: 'append-message', tag: name, command }
  } catch (error) {
    const fault = toCommandFault(error, tag)
    return tag === null ? { kind: 'argument', tag } : { kind: 'fault', fault }
  }
}

/** null for any other command, and when the literal is the name of the mailbox. */
function readUpload(reader: Reader): UploadCommand | null {
  if (reader.skipWord('APPEND')) {
    reader.space()
    return reader.streamedAhead() ? null : readAppend(reader, 'announced')
  }
  const uid = reader.skipWord('UID')
  if (uid) reader.space()
  if (!reader.skipWord('REPLACE')) return null
  const target = readReplaceTarget(reader, uid)
  if (reader.streamedAhead()) return null
  const command = readReplacement(reader, target, 'announced')
  reader.end()
  return command
}
