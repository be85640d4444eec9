/**
 * A mailbox as a ZIP archive of .eml files, byte for byte: FOLDER/000000001.eml, folders as directories. Flags, keywords
 * and the exact date stand in the comment of each entry; archives of others have none, and give their entry's time.
 */
import type { Readable } from 'node:stream'
import { type Entry, fromRandomAccessReaderPromise, openPromise, type RandomAccessReader } from 'yauzl'
import { flagBits, type SystemFlag } from '../flags.ts'
import { decodeFileName, encodeFileName } from './folder-files.ts'
import { folderNameOf, readMboxPieces } from './mbox-reader.ts'
import {
  type MessageMarks,
  newSummary,
  type OnProgress,
  TooMuch,
  type TransferItem,
  type TransferMessage,
  type TransferSummary,
} from './transfer-item.ts'
import { createZipWriter } from './zip-writer.ts'

/** @param file a new one. */
export async function writeEmlZip(
  items: AsyncIterable<TransferItem>,
  file: string,
  onProgress?: OnProgress,
): Promise<TransferSummary> {
  const summary = newSummary()
  const zip = await createZipWriter(file)
  try {
    for await (const item of items) {
      if (item.kind === 'folder') {
        await zip.add({ name: `${directoryOf(item.path)}/`, at: new Date(), comment: '', content: null })
        summary.folders += 1
        continue
      }
      const number = String(summary.messages + 1).padStart(9, '0')
      summary.sizeBytes += await zip.add({
        name: `${directoryOf(item.folder)}/${number}.eml`,
        at: item.internalDate ?? new Date(),
        comment: encodeMarks(item),
        content: item.content,
      })
      summary.messages += 1
      onProgress?.(summary)
    }
    await zip.finish()
  } catch (error) {
    await zip.abandon()
    throw error
  }
  return summary
}

function directoryOf(path: string): string {
  return path.split('/').map(encodeFileName).join('/')
}

/** `date=2026-03-01T10:00:00.000Z flags=seen,flagged keywords=$Work,$Later` */
function encodeMarks({ internalDate, flags, keywords }: TransferMessage): string {
  const names = Object.entries(flagBits).flatMap(([name, bit]) => ((flags & bit) === 0 ? [] : [name]))
  const date = internalDate === null ? '' : `date=${internalDate.toISOString()} `
  const listed = keywords.map(encodeURIComponent).join(',')
  return `${date}flags=${names.join(',')}${keywords.length > 0 ? ` keywords=${listed}` : ''}`
}

function decodeMarks(comment: string, at: Date): MessageMarks {
  const date = new Date(/\bdate=(\S+)/.exec(comment)?.[1] ?? '')
  const names = (/\bflags=(\S+)/.exec(comment)?.[1] ?? '').split(',')
  const keywords = /\bkeywords=(\S+)/.exec(comment)?.[1]?.split(',') ?? []
  return {
    internalDate: Number.isNaN(date.getTime()) ? at : date,
    flags: names.reduce((bits, name) => bits | (isSystemFlag(name) ? flagBits[name] : 0), 0),
    keywords: keywords.map(decodeFileName).filter((keyword) => /^[^\s(){%*"\\\]\p{Cc}]+$/u.test(keyword)),
  }
}

function isSystemFlag(name: string): name is SystemFlag {
  return Object.hasOwn(flagBits, name)
}

/** Entries are read from the list one by one. Sizes are checked against what it says: no archive becomes endless. */
const zipOptions = { lazyEntries: true, autoClose: false, validateEntrySizes: true } as const

/** @param folder where entries go that are in no directory. */
export async function* readEmlZip(file: string, folder: string): AsyncGenerator<TransferItem, void> {
  yield* readEntries(await openPromise(file, zipOptions), folder)
}

/** The same of an archive that is no file. @param sizeBytes its length. @throws TooMuch, before anything is read. */
export async function* readEmlZipFrom(
  reader: RandomAccessReader,
  sizeBytes: number,
  folder: string,
  entriesMax: number,
): AsyncGenerator<TransferItem, void> {
  const zip = await fromRandomAccessReaderPromise(reader, sizeBytes, zipOptions)
  if (zip.entryCount > entriesMax) {
    zip.close()
    throw new TooMuch(`The archive has ${zip.entryCount} entries, and an import may have ${entriesMax}.`)
  }
  yield* readEntries(zip, folder)
}

async function* readEntries(zip: Zip, folder: string): AsyncGenerator<TransferItem, void> {
  try {
    for await (const entry of zip.eachEntry()) {
      const levels = entry.fileName.split('/').map(decodeFileName)
      const name = levels.pop() ?? ''
      const path = levels.length === 0 ? folder : levels.join('/')
      if (name === '') yield { kind: 'folder', path }
      else if (/\.eml$/i.test(name)) yield await messageOf(zip, entry, path)
      else if (/\.(mbox|mbx)$/i.test(name))
        yield* mboxOf(zip, entry, [...levels, folderNameOf(name)].join('/'))
    }
  } finally {
    zip.close()
  }
}

type Zip = Awaited<ReturnType<typeof openPromise>>

/** What an entry may become, for each byte of it: text becomes a tenth. */
const expansionMax = 100

/** The messages of an mbox file in the archive; each is said to be where the file is. */
async function* mboxOf(zip: Zip, entry: Entry, folder: string): AsyncGenerator<TransferItem, void> {
  if (entry.uncompressedSize > entry.compressedSize * expansionMax)
    throw new Error(`${entry.fileName} expands to too much`)
  const stream: AsyncIterable<Buffer> = await zip.openReadStreamPromise(entry)
  const place = { offset: entry.relativeOffsetOfLocalHeader, sizeBytes: 0 }
  for await (const item of readMboxPieces(stream, entry.fileName, folder))
    yield item.kind === 'message' ? { ...item, place } : item
}

async function messageOf(zip: Zip, entry: Entry, folder: string): Promise<TransferItem> {
  const marks = decodeMarks(entry.fileComment, entry.getLastModDate())
  const content: AsyncIterable<Buffer> = (async function* () {
    const stream: Readable = await zip.openReadStreamPromise(entry)
    for await (const piece of stream) yield piece
  })()
  const place = { offset: entry.relativeOffsetOfLocalHeader, sizeBytes: entry.uncompressedSize }
  return { kind: 'message', folder, ...marks, content, place }
}
