/**
 * Reads mbox files: one, or a directory of them as ./mbox-writer.ts leaves it. A message begins with `From ` and a
 * date behind an empty line; `>From ` loses one sign (mboxrd). The status fields of mutt, Dovecot and Thunderbird
 * become flags and leave the header.
 */
import { createReadStream } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { flagBits } from '../flags.ts'
import { decodeFileName } from './folder-files.ts'
import { atLineEnds } from './lines.ts'
import { months } from './mbox-writer.ts'
import type { MessageMarks, TransferItem } from './transfer-item.ts'

/** A header that is larger is taken as text: its status is not looked for. */
const headerBytesMax = 1024 * 1024
const foldersDeepMax = 50

/** @param folder where the messages of a single file go; those of a directory go where their files say. */
export async function* readMbox(path: string, folder: string): AsyncGenerator<TransferItem, void> {
  const found = await stat(path)
  if (found.isDirectory()) yield* readDirectory(path, [])
  else yield* readFolder(path, folder)
}

async function* readDirectory(directory: string, levels: string[]): AsyncGenerator<TransferItem, void> {
  if (levels.length > foldersDeepMax) return
  const entries: { name: string; isDirectory: boolean }[] = []
  for await (const entry of await opendir(directory)) {
    entries.push({ name: entry.name, isDirectory: entry.isDirectory() })
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name, isDirectory } of entries) {
    if (isDirectory) yield* readDirectory(join(directory, name), [...levels, decodeFileName(name)])
    else if (/\.(mbox|mbx)$/i.test(name)) {
      yield* readFolder(join(directory, name), [...levels, folderNameOf(name)].join('/'))
    }
  }
}

/** `Sent.mbox` -> `Sent`. */
export function folderNameOf(file: string): string {
  return decodeFileName(basename(file).replace(/\.(mbox|mbx|eml|zip)$/i, ''))
}

type Event = { kind: 'start'; at: Date | null; offset: number } | { kind: 'lines'; bytes: Buffer }

async function* readFolder(file: string, folder: string): AsyncGenerator<TransferItem, void> {
  yield* readMboxPieces(createReadStream(file, { highWaterMark: 256 * 1024 }), file, folder)
}

/** The messages of one mbox file, wherever its bytes come from. @param name for who is told that it is none. */
export async function* readMboxPieces(
  pieces: AsyncIterable<Buffer>,
  name: string,
  folder: string,
): AsyncGenerator<TransferItem, void> {
  yield { kind: 'folder', path: folder }
  const events = eventsOf(pieces)[Symbol.asyncIterator]()
  let next = await events.next()
  while (!next.done) {
    if (next.value.kind !== 'start')
      throw new Error(`${name} is not an mbox file: it does not begin with "From "`)
    const { at, offset } = next.value
    const rest = { next: await events.next() }
    const advance = async (): Promise<void> => {
      rest.next = await events.next()
    }
    const header = await readHeader(rest, advance)
    const content = contentOf(header.bytes, rest, advance)
    const place = { offset, sizeBytes: 0 }
    if (!header.isInternal)
      yield { kind: 'message', folder, ...header.marks, internalDate: at, content, place }
    for await (const _ of content); // what the reader of the message left
    next = rest.next
  }
}

type Rest = { next: IteratorResult<Event, void> }

function linesOf({ next }: Rest): Buffer | null {
  return !next.done && next.value.kind === 'lines' ? next.value.bytes : null
}

async function* contentOf(
  header: Buffer,
  rest: Rest,
  advance: () => Promise<void>,
): AsyncGenerator<Buffer, void> {
  if (header.length > 0) yield header
  for (let bytes = linesOf(rest); bytes !== null; bytes = linesOf(rest)) {
    await advance()
    yield bytes
  }
}

type Header = { bytes: Buffer; marks: Omit<MessageMarks, 'internalDate'>; isInternal: boolean }

/** Takes events as far as the header goes; what is behind it stays in `bytes` too. */
async function readHeader(rest: Rest, advance: () => Promise<void>): Promise<Header> {
  let bytes: Buffer = Buffer.alloc(0)
  for (let more = linesOf(rest); more !== null; more = linesOf(rest)) {
    bytes = Buffer.concat([bytes, more])
    await advance()
    if (/(^|\n)\r?\n/.test(bytes.toString('latin1')) || bytes.length > headerBytesMax) break
  }
  const text = bytes.toString('latin1')
  const end = /(^|\n)\r?\n/.exec(text)
  const header = end === null ? text : text.slice(0, end.index + (end[1] ?? '').length)
  const kept = header.replace(
    /^(Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|X-Mozilla-Status2?|X-Mozilla-Keys):[^\n]*\n([ \t][^\n]*\n)*/gim,
    '',
  )
  return {
    bytes: Buffer.from(kept + text.slice(header.length), 'latin1'),
    marks: marksOf(header),
    // The first message of a folder of UW IMAP, which is no message.
    isInternal: /^X-IMAP:/im.test(header) && /FOLDER INTERNAL DATA/.test(header),
  }
}

const statusBits: Readonly<Record<string, number>> = {
  R: flagBits.seen,
  A: flagBits.answered,
  F: flagBits.flagged,
  T: flagBits.draft,
  D: flagBits.deleted,
}

/** X-Mozilla-Status is hexadecimal: 1 read, 2 replied, 4 marked, 8 expunged. */
const mozillaBits: readonly (readonly [mask: number, flag: number])[] = [
  [1, flagBits.seen],
  [2, flagBits.answered],
  [4, flagBits.flagged],
  [8, flagBits.deleted],
]

function marksOf(header: string): Omit<MessageMarks, 'internalDate'> {
  const field = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*)$`, 'im').exec(header)?.[1]?.trim() ?? ''
  let flags = 0
  for (const letter of field('Status') + field('X-Status')) flags |= statusBits[letter] ?? 0
  const mozilla = Number.parseInt(field('X-Mozilla-Status'), 16)
  for (const [mask, flag] of mozillaBits) if ((mozilla & mask) !== 0) flags |= flag
  const keywords = `${field('X-Keywords')} ${field('X-Mozilla-Keys')}`.split(/[\s,]+/)
  return { flags, keywords: keywords.filter((keyword) => /^[^\s(){%*"\\\]\p{Cc}]+$/u.test(keyword)) }
}

/** A longer line begins no message: the pattern looks at a line more than once. */
const fromLineCharsMax = 1000

const fromPattern = /^From (?:\S.* |)\w{3} (\w{3}) +(\d{1,2}) (\d\d):(\d\d)(?::(\d\d))?.* (\d{4})\b/

/** Cuts a file at its `From ` lines. The empty line before one belongs to the format, not to the message. */
async function* eventsOf(file: AsyncIterable<Buffer>): AsyncGenerator<Event, void> {
  let afterEmpty = true
  let heldBack = ''
  let offset = 0
  for await (const piece of atLineEnds(file)) {
    let lines = ''
    for (const line of piece.toString('latin1').split(/(?<=\n)/)) {
      const mayStart = afterEmpty && line.length <= fromLineCharsMax && line.startsWith('From ')
      const start = mayStart ? fromPattern.exec(line) : null
      const isEmpty = line === '\n' || line === '\r\n'
      if (start !== null) {
        if (lines !== '') yield { kind: 'lines', bytes: Buffer.from(lines, 'latin1') }
        lines = ''
        heldBack = ''
        yield { kind: 'start', at: dateOf(start), offset }
      } else {
        lines += heldBack
        heldBack = isEmpty ? line : ''
        if (!isEmpty) lines += line.replace(/^>(>*From )/, '$1')
      }
      afterEmpty = isEmpty
      offset += line.length
    }
    if (lines !== '') yield { kind: 'lines', bytes: Buffer.from(lines, 'latin1') }
  }
}

function dateOf([, month = '', day, hour, minute, second = '0', year]: RegExpExecArray): Date | null {
  const index = months.indexOf(month)
  const at = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second))
  return index === -1 || Number.isNaN(at) ? null : new Date(at)
}
