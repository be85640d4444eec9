/** A mailbox as a Maildir with Maildir++ folders, out and in. Lines end in LF; the date is the file's. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, opendir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { withLf } from './lines.ts'
import {
  decodeFolderDirectory,
  decodeInfo,
  encodeFolderDirectory,
  encodeInfo,
  encodeKeywordsFile,
  type KeywordLetters,
  keywordsFile,
  parseKeywordsFile,
} from './maildir-names.ts'
import {
  newSummary,
  noteSkipped,
  type OnProgress,
  type TransferItem,
  type TransferMessage,
  type TransferSummary,
} from './transfer-item.ts'

/** @param directory a new one. */
export async function writeMaildir(
  items: AsyncIterable<TransferItem>,
  directory: string,
  onProgress?: OnProgress,
): Promise<TransferSummary> {
  const summary = newSummary()
  await mkdir(directory)
  const writtenAt = Math.floor(Date.now() / 1000)
  let folder: { directory: string; keywords: KeywordLetters } | null = null
  const close = async (): Promise<void> => {
    if (folder === null || folder.keywords.names.length === 0) return
    await writeFile(join(folder.directory, keywordsFile), encodeKeywordsFile(folder.keywords))
  }
  for await (const item of items) {
    if (item.kind === 'folder') {
      await close()
      folder = { directory: join(directory, encodeFolderDirectory(item.path)), keywords: { names: [] } }
      await makeFolder(folder.directory, item.path !== 'INBOX')
      summary.folders += 1
    } else if (folder !== null) {
      await writeMessage(folder, item, writtenAt, summary)
      onProgress?.(summary)
    }
  }
  await close()
  return summary
}

async function makeFolder(directory: string, isBelow: boolean): Promise<void> {
  for (const part of ['cur', 'new', 'tmp']) await mkdir(join(directory, part), { recursive: true })
  if (isBelow) await writeFile(join(directory, 'maildirfolder'), '') // so that a delivery agent finds the Maildir above
}

async function writeMessage(
  folder: { directory: string; keywords: KeywordLetters },
  message: TransferMessage,
  /** Begins every name: they sort as the messages do, whose own times are those of the files. */
  writtenAt: number,
  summary: TransferSummary,
): Promise<void> {
  const at = message.internalDate ?? new Date()
  const { info, lost } = encodeInfo(message.flags, message.keywords, folder.keywords)
  const number = String(summary.messages + 1).padStart(9, '0')
  const name = `${writtenAt}.M${number}P${process.pid}.mailwright${info}`
  const file = join(folder.directory, 'cur', name)
  let sizeBytes = 0
  await pipeline(
    Readable.from(withLf(message.content)),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        sizeBytes += piece.length
        yield piece
      }
    },
    createWriteStream(file, { flags: 'wx' }),
  )
  await utimes(file, at, at)
  summary.messages += 1
  summary.sizeBytes += sizeBytes
  if (lost > 0)
    noteSkipped(summary, `${lost} keywords of ${name}`, 'a Maildir folder has letters for 26 keywords')
}

/** Folders of both kinds are read: `.Name.Below` beside cur (Maildir++), and `Name/Below` (Dovecot's LAYOUT=fs). */
export async function* readMaildir(directory: string): AsyncGenerator<TransferItem, void> {
  yield* readFolder(directory, 'INBOX')
  const names: string[] = []
  for await (const entry of await opendir(directory)) {
    if (entry.isDirectory() && !['cur', 'new', 'tmp'].includes(entry.name)) names.push(entry.name)
  }
  for (const name of names.sort()) {
    const below = join(directory, name)
    if (name.startsWith('.')) {
      if (await isMaildir(below)) yield* readFolder(below, decodeFolderDirectory(name))
    } else yield* readBelow(below, decodeFolderDirectory(name))
  }
}

const foldersDeepMax = 50

async function* readBelow(directory: string, path: string): AsyncGenerator<TransferItem, void> {
  if (path.split('/').length > foldersDeepMax) return
  if (await isMaildir(directory)) yield* readFolder(directory, path)
  for await (const entry of await opendir(directory)) {
    if (!entry.isDirectory() || ['cur', 'new', 'tmp'].includes(entry.name)) continue
    yield* readBelow(join(directory, entry.name), `${path}/${decodeFolderDirectory(entry.name)}`)
  }
}

export async function isMaildir(directory: string): Promise<boolean> {
  return await stat(join(directory, 'cur')).then(
    (found) => found.isDirectory(),
    () => false,
  )
}

async function* readFolder(directory: string, path: string): AsyncGenerator<TransferItem, void> {
  yield { kind: 'folder', path }
  const keywords = parseKeywordsFile(await readFile(join(directory, keywordsFile), 'utf8').catch(() => ''))
  for (const part of ['cur', 'new']) {
    for (const name of await messageFiles(join(directory, part))) {
      const file = join(directory, part, name)
      const found = await stat(file).catch(() => null) // a program that works on it may have renamed it
      if (found === null) continue
      yield {
        kind: 'message',
        folder: path,
        ...decodeInfo(name, keywords),
        internalDate: found.mtime,
        content: createReadStream(file, { highWaterMark: 256 * 1024 }),
      }
    }
  }
}

/** In the order of their names, which begin with the time of delivery. A name takes some 100 bytes of memory. */
async function messageFiles(directory: string): Promise<string[]> {
  const names: string[] = []
  const found = await opendir(directory).catch(() => null)
  if (found === null) return names
  for await (const entry of found) if (entry.isFile() && !entry.name.startsWith('.')) names.push(entry.name)
  return names.sort()
}
