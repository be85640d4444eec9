/**
 * Puts folders and messages into a mailbox, a batch in each transaction. What cannot be taken is left out and named;
 * a mailbox that is full ends the import.
 */
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type AppendedMessage, appendMessages } from '../append.ts'
import { type BodyWriter, createBodyWriter, type StagedBody } from '../bodies.ts'
import { requireKeywords, uniqueKeywords } from '../flags.ts'
import { createFolder, findFolder } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import type { StoredMessage } from '../store.ts'
import { withCrlf } from './lines.ts'
import {
  newSummary,
  noteSkipped,
  type OnProgress,
  type TransferItem,
  type TransferMessage,
  type TransferSummary,
  UnreadableMessage,
} from './transfer-item.ts'

/** Messages that are written together; the bodies of small ones are held until then. */
const batchMessagesMax = 200
const batchBytesMax = 8 * 1024 * 1024
/** An archive may name millions that no mailbox takes. */
const foldersRememberedMax = 10_000

/** How far an import is. */
export type ImportPosition = {
  /** Messages of the file that are done with, those that were left out among them. */
  messagesRead: number
  /** Where the last of them begins in the file, in bytes. */
  offset: number
  /** Messages that `sort` found to be there already. */
  duplicates: number
  summary: TransferSummary
}

export type ImportOptions = {
  onProgress?: OnProgress
  /** Goes on behind what another run has done: the same messages have to come in the same order. */
  from?: ImportPosition
  /** Called with each batch, in its transaction: what it writes stands or falls with the messages. */
  record?: (tx: Tx, position: ImportPosition, messages: readonly StoredMessage[]) => Promise<void>
  /** Says of each message where it goes instead of where the file says; null where it should not come at all. */
  sort?: (body: StagedBody, folder: string) => Promise<string | null>
  /** Ends it between two messages. */
  signal?: AbortSignal
}

/** @throws Refusal quota_exceeded, folder_limit_reached, mailbox_not_found; what was placed before stays. */
export async function importItems(
  platform: Platform,
  owner: MailboxOwner,
  items: AsyncIterable<TransferItem>,
  options: ImportOptions = {},
): Promise<TransferSummary> {
  const summary = structuredClone(options.from?.summary ?? newSummary())
  const duplicates = options.from?.duplicates ?? 0
  const position: ImportPosition = { messagesRead: 0, offset: 0, duplicates, summary }
  let recorded = options.from?.messagesRead ?? 0
  const folderIds = new Map<string, string | null>()
  let batch = newBatch('')
  const folderAt = async (path: string): Promise<string | null> => {
    const known = folderIds.get(path)
    if (known !== undefined) return known
    const folderId = await folderFor(platform, owner, path, summary)
    if (folderIds.size >= foldersRememberedMax) folderIds.clear()
    folderIds.set(path, folderId)
    return folderId
  }
  const flush = async (): Promise<void> => {
    const full = batch
    batch = newBatch('')
    if (full.messages.length === 0 && position.messagesRead <= recorded) return
    await placeBatch(platform, owner, full, position, options)
    recorded = position.messagesRead
    options.onProgress?.(summary)
  }
  try {
    for await (const item of items) {
      options.signal?.throwIfAborted()
      if (item.kind === 'message' && position.messagesRead < recorded) {
        position.messagesRead += 1
        continue
      }
      if (item.kind === 'folder') {
        await folderAt(item.path)
        continue
      }
      const staged = await stage(platform, item, summary, batch.messages.length)
      const path = staged === null ? null : await placeOf(staged, item.folder, position, options)
      const folderId = path === null ? null : await folderAt(path)
      if (staged !== null && folderId !== null) {
        if (batch.folderId !== folderId) await flush()
        batch.folderId = folderId
        addTo(batch, staged)
      } else {
        if (path !== null)
          noteSkipped(summary, `a message in ${path}`, 'its folder cannot be made', item.place?.offset)
        await staged?.writer.discard()
      }
      position.messagesRead += 1
      position.offset = item.place?.offset ?? 0
      if (batch.messages.length >= batchMessagesMax || batch.sizeBytes >= batchBytesMax) await flush()
    }
    await flush()
  } finally {
    for (const writer of batch.writers) await writer.discard().catch(() => undefined) // the sweep takes what stays
  }
  return summary
}

type Batch = { folderId: string; messages: AppendedMessage[]; writers: BodyWriter[]; sizeBytes: number }

function newBatch(folderId: string): Batch {
  return { folderId, messages: [], writers: [], sizeBytes: 0 }
}

type Staged = { message: AppendedMessage; writer: BodyWriter }

function addTo(batch: Batch, { message, writer }: Staged): void {
  batch.messages.push(message)
  batch.writers.push(writer)
  batch.sizeBytes += message.body.sizeBytes
}

/** @returns the path of the folder; null for a message that is there already. */
async function placeOf(
  { message }: Staged,
  folder: string,
  position: ImportPosition,
  { sort }: ImportOptions,
): Promise<string | null> {
  const path = sort === undefined ? folder : await sort(message.body, folder)
  if (path === null) position.duplicates += 1
  return path
}

/** The folder's id; it is made when it is missing. null for a name that no folder may have. */
async function folderFor(
  platform: Platform,
  owner: MailboxOwner,
  path: string,
  summary: TransferSummary,
): Promise<string | null> {
  try {
    const existing = await findFolder(platform, owner.mailboxId, path)
    if (existing !== null) return existing.id
    const made = await transaction(platform.db, (tx) => createFolder(platform, tx, owner, path, null))
    summary.folders += 1
    return made.id
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'folder_name_invalid')) throw error
    noteSkipped(summary, `the folder ${path}`, error.detail)
    return null
  }
}

/** Writes the body. @param waiting messages that are read and not written. @returns null for one that is left out. */
async function stage(
  platform: Platform,
  item: TransferMessage,
  summary: TransferSummary,
  waiting: number,
): Promise<Staged | null> {
  const writer = createBodyWriter(platform)
  const keywords = uniqueKeywords(item.keywords)
  const reason = (await reasonAgainstContent(platform, item, writer)) ?? reasonAgainst(keywords)
  if (reason !== null) {
    await writer.discard()
    const what = `message ${summary.messages + waiting + 1} (${item.folder})`
    noteSkipped(summary, what, reason, item.place?.offset)
    return null
  }
  const body = await writer.finish()
  const internalDate = item.internalDate ?? platform.clock.now()
  return { message: { body, flags: item.flags, keywords, internalDate }, writer }
}

/** Writes the content. @returns why it cannot be taken, or null. */
async function reasonAgainstContent(
  platform: Platform,
  item: TransferMessage,
  writer: BodyWriter,
): Promise<string | null> {
  const { messageBytesMax } = platform.config
  const tooLarge = `it is larger than ${messageBytesMax} bytes`
  if ((item.place?.sizeBytes ?? 0) > messageBytesMax) return tooLarge
  let reason: string | null = null
  try {
    for await (const piece of withCrlf(item.content)) {
      if (reason !== null) continue // to the end, so that the next message begins where it should
      if (piece.includes(0)) reason = 'it has NUL octets'
      else if (writer.sizeBytes + piece.length > messageBytesMax) reason = tooLarge
      else await writer.write(piece)
    }
  } catch (error) {
    if (!(error instanceof UnreadableMessage)) throw error
    return error.message
  }
  return reason ?? (writer.sizeBytes === 0 ? 'it is empty' : null)
}

function reasonAgainst(keywords: readonly string[]): string | null {
  try {
    requireKeywords(keywords)
    return null
  } catch (error) {
    if (error instanceof Refusal) return error.detail
    throw error
  }
}

async function placeBatch(
  platform: Platform,
  owner: MailboxOwner,
  batch: Batch,
  position: ImportPosition,
  { record }: ImportOptions,
): Promise<void> {
  const { summary } = position
  const messages = summary.messages + batch.messages.length
  const sizeBytes = summary.sizeBytes + batch.sizeBytes
  try {
    await transaction(platform.db, async (tx) => {
      const stored =
        batch.messages.length > 0
          ? await appendMessages(platform, tx, owner, batch.folderId, batch.messages)
          : []
      await record?.(tx, { ...position, summary: { ...summary, messages, sizeBytes } }, stored)
    })
  } catch (error) {
    for (const writer of batch.writers) await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
  summary.messages = messages
  summary.sizeBytes = sizeBytes
}
