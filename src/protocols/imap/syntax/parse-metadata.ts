/** Arguments of GETMETADATA and SETMETADATA: RFC 5464 §5. */
import type { CommandOf } from './commands.ts'
import { imapSyntaxLimits } from './limits.ts'
import type { MailboxName } from './mailbox-name.ts'
import type { Reader } from './reader.ts'

type GetMetadata = CommandOf<'GETMETADATA'>
type Options = Pick<GetMetadata, 'maxSizeBytes' | 'depth'>

/**
 * "GETMETADATA" [SP options] SP mailbox SP entries. The examples of §4.2 have the options behind the mailbox, and
 * clients write what they read there, so that both places are understood.
 */
export function parseGetMetadata(reader: Reader): Omit<GetMetadata, 'tag'> {
  reader.space()
  const optionsFirst = reader.peek() === '('
  let options: Options = optionsFirst ? readOptions(reader) : { maxSizeBytes: null, depth: 0 }
  if (optionsFirst) reader.space()
  const mailbox = readMailboxOrServer(reader)
  reader.space()
  if (!optionsFirst && reader.match(optionsAhead) !== null) {
    options = readOptions(reader)
    reader.space()
  }
  return { name: 'GETMETADATA', mailbox, ...options, entries: readEntries(reader) }
}

/** Entries begin with "/". */
const optionsAhead = /(?=\([A-Za-z])/y

/** "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")" */
export function parseSetMetadata(reader: Reader): Omit<CommandOf<'SETMETADATA'>, 'tag'> {
  reader.space()
  const mailbox = readMailboxOrServer(reader)
  reader.space()
  const values = reader.nonEmptyList(imapSyntaxLimits.metadataEntriesMax, () => {
    const entry = reader.astring()
    reader.space()
    return { entry, value: readValue(reader) }
  })
  return { name: 'SETMETADATA', mailbox, values }
}

/** entry / "(" entry *(SP entry) ")", each once. */
export function readEntries(reader: Reader): string[] {
  const entries =
    reader.peek() === '('
      ? reader.nonEmptyList(imapSyntaxLimits.metadataEntriesMax, () => reader.astring())
      : [reader.astring()]
  return [...new Set(entries)]
}

function readOptions(reader: Reader): Options {
  const options: Options = { maxSizeBytes: null, depth: 0 }
  reader.nonEmptyList(imapSyntaxLimits.listOptionsMax, () => {
    const option = reader.word('an option')
    reader.space()
    if (option === 'MAXSIZE') options.maxSizeBytes = reader.number()
    else if (option === 'DEPTH') options.depth = readDepth(reader)
    else reader.fail('Unknown option')
  })
  return options
}

function readDepth(reader: Reader): Options['depth'] {
  const depth = reader.atom().toLowerCase()
  if (depth === '0') return 0
  if (depth === '1') return 1
  return depth === 'infinity' ? depth : reader.fail('DEPTH is 0, 1 or infinity')
}

/** The empty string is the server (§4.1). */
function readMailboxOrServer(reader: Reader): MailboxName | null {
  const text = reader.mailboxText()
  return text === '' ? null : reader.mailboxFrom(text)
}

/** nstring / literal8 */
function readValue(reader: Reader): Buffer | null {
  if (reader.skipWord('NIL')) return null
  return reader.literalAhead() ? readLiteral(reader) : reader.stringBytes('a value')
}

function readLiteral(reader: Reader): Buffer {
  const literal = reader.literal()
  if (literal.kind === 'streamed') return reader.fail('Literal too large')
  if (!literal.binary && literal.bytes.includes(0)) return reader.fail('NUL needs a literal8')
  return literal.bytes
}
