/** REPLACE and UID REPLACE, RFC 8508 §3.2 and §3.3: one message, named by one number, and what takes its place. */
import { type Extent, readAppendMessage } from './append-message.ts'
import type { ReplaceCommand } from './commands.ts'
import type { Reader } from './reader.ts'

/** "REPLACE" SP seq-number SP mailbox append-message */
export function parseReplace(reader: Reader, uid: boolean): ReplaceCommand {
  const head = readReplaceTarget(reader, uid)
  return readReplacement(reader, head, 'whole')
}

type ReplaceHead = Pick<ReplaceCommand, 'uid' | 'message'>

/** Up to the mailbox, which may be a literal. */
export function readReplaceTarget(reader: Reader, uid: boolean): ReplaceHead {
  reader.space()
  const message = reader.skip('*') ? '*' : reader.nzNumber()
  reader.space()
  return { uid, message }
}

export function readReplacement(reader: Reader, head: ReplaceHead, extent: Extent): ReplaceCommand {
  const mailbox = reader.mailbox()
  return { name: 'REPLACE', ...head, mailbox, messages: [readAppendMessage(reader, extent)] }
}
