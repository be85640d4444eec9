/**
 * A mailbox as mbox files (RFC 4155, in the variant mboxrd): FOLDER.mbox in a directory, folders below a folder in a
 * directory of its name. Lines end in LF; `From ` at the start of a line is quoted so that nothing is lost. Flags and
 * keywords are Status, X-Status and X-Keywords before the message's own header, as mutt and Dovecot read them.
 */
import { mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { flagBits } from '../flags.ts'
import { encodeFileName } from './folder-files.ts'
import { withLf } from './lines.ts'
import {
  newSummary,
  type OnProgress,
  type TransferItem,
  type TransferMessage,
  type TransferSummary,
} from './transfer-item.ts'

/** @param directory is made; files in it that are there already are an error, so that none is added to twice. */
export async function writeMbox(
  items: AsyncIterable<TransferItem>,
  directory: string,
  onProgress?: OnProgress,
): Promise<TransferSummary> {
  const summary = newSummary()
  let file: Writable | null = null
  for await (const item of items) {
    if (item.kind === 'folder') {
      await close(file)
      file = await openFolder(directory, item.path)
      summary.folders += 1
    } else if (file !== null) {
      summary.sizeBytes += await writeMessage(file, item)
      summary.messages += 1
      onProgress?.(summary)
    }
  }
  await close(file)
  return summary
}

async function openFolder(directory: string, path: string): Promise<Writable> {
  const file = join(directory, `${path.split('/').map(encodeFileName).join('/')}.mbox`)
  await mkdir(dirname(file), { recursive: true })
  const stream = (await open(file, 'wx')).createWriteStream()
  stream.on('error', () => undefined) // told by the write that meets it
  return stream
}

async function close(file: Writable | null): Promise<void> {
  if (file === null) return
  file.end()
  await finished(file)
}

async function writeMessage(file: Writable, message: TransferMessage): Promise<number> {
  let sizeBytes = 0
  await write(file, `${fromLine(message.internalDate ?? new Date())}\n${statusHeader(message)}`)
  let last: Buffer | undefined
  for await (const piece of withLf(message.content)) {
    const text = piece.toString('latin1')
    sizeBytes += piece.length
    last = Buffer.from(text.replace(/^(>*From )/gm, '>$1'), 'latin1')
    await write(file, last)
  }
  await write(file, last?.at(-1) === 0x0a ? '\n' : '\n\n')
  return sizeBytes
}

async function write(file: Writable, data: string | Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    file.write(data, 'latin1', (error) => (error ? reject(error) : resolve()))
  })
}

const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']
export const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** RFC 4155 §4: the time in UTC, as asctime() writes it. The sender is not known any more. */
function fromLine(at: Date): string {
  const day = String(at.getUTCDate()).padStart(2, ' ')
  const time = at.toISOString().slice(11, 19)
  return `From MAILER-DAEMON ${days[at.getUTCDay()]} ${months[at.getUTCMonth()]} ${day} ${time} ${at.getUTCFullYear()}`
}

/** O: not new any more; R: read; A D F T as the letters of Maildir. */
function statusHeader({ flags, keywords }: TransferMessage): string {
  const has = (bit: number, letter: string): string => ((flags & bit) === 0 ? '' : letter)
  const { seen, answered, flagged, deleted, draft } = flagBits
  const lines = [`Status: ${has(seen, 'R')}O`]
  const marks = has(answered, 'A') + has(flagged, 'F') + has(draft, 'T') + has(deleted, 'D')
  if (marks !== '') lines.push(`X-Status: ${marks}`)
  if (keywords.length > 0) lines.push(`X-Keywords: ${keywords.join(' ')}`)
  return `${lines.join('\n')}\n`
}
