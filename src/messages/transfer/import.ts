/**
 * Puts folders and messages into a mailbox, a batch in each transaction. What cannot be taken is left out and named;
 * a mailbox that is full ends the import.
 */
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type AppendedMessage, appendMessages } from '../append.ts'
import { type BodyWriter, createBodyWriter } from '../bodies.ts'
import { requireKeywords, uniqueKeywords } from '../flags.ts'
import { createFolder, findFolder } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import { withCrlf } from './lines.ts'
import {
  newSummary,
  noteSkipped,
  type OnProgress,
  type TransferItem,
  type TransferMessage,
  type TransferSummary,
} from './transfer-item.ts'

/** Messages that are written together; the bodies of small ones are held until then. */
const batchMessagesMax = 200
const batchBytesMax = 8 * 1024 * 1024

export type ImportOptions = { onProgress?: OnProgress }

/** @throws Refusal quota_exceeded, folder_limit_reached, mailbox_not_found; what was placed before stays. */
export async function importItems(
  platform: Platform,
  owner: MailboxOwner,
  items: AsyncIterable<TransferItem>,
  options: ImportOptions = {},
): Promise<TransferSummary> {
  const summary = newSummary()
  const folderIds = new Map<string, string | null>()
  let batch = newBatch('')
  const flush = async (): Promise<void> => {
    const full = batch
    batch = newBatch('')
    await placeBatch(platform, owner, full, summary)
    options.onProgress?.(summary)
  }
  try {
    for await (const item of items) {
      const path = item.kind === 'folder' ? item.path : item.folder
      let folderId = folderIds.get(path)
      if (folderId === undefined) {
        folderId = await folderFor(platform, owner, path, summary)
        folderIds.set(path, folderId)
      }
      if (item.kind === 'folder') continue
      if (folderId === null) {
        noteSkipped(summary, `a message in ${path}`, 'its folder cannot be made')
        continue
      }
      if (batch.folderId !== folderId) await flush()
      batch.folderId = folderId
      await stage(platform, item, batch, summary)
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

async function stage(
  platform: Platform,
  item: TransferMessage,
  batch: Batch,
  summary: TransferSummary,
): Promise<void> {
  const writer = createBodyWriter(platform)
  const { messageBytesMax } = platform.config
  let reason: string | null = null
  for await (const piece of withCrlf(item.content)) {
    if (reason !== null) continue // to the end, so that the next message begins where it should
    if (piece.includes(0)) reason = 'it has NUL octets'
    else if (writer.sizeBytes + piece.length > messageBytesMax)
      reason = `it is larger than ${messageBytesMax} bytes`
    else await writer.write(piece)
  }
  const keywords = uniqueKeywords(item.keywords)
  reason ??= writer.sizeBytes === 0 ? 'it is empty' : reasonAgainst(keywords)
  if (reason !== null) {
    await writer.discard()
    noteSkipped(summary, `message ${summary.messages + batch.messages.length + 1} (${item.folder})`, reason)
    return
  }
  const body = await writer.finish()
  const internalDate = item.internalDate ?? platform.clock.now()
  batch.messages.push({ body, flags: item.flags, keywords, internalDate })
  batch.writers.push(writer)
  batch.sizeBytes += body.sizeBytes
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
  summary: TransferSummary,
): Promise<void> {
  if (batch.messages.length === 0) return
  try {
    await transaction(platform.db, (tx) =>
      appendMessages(platform, tx, owner, batch.folderId, batch.messages),
    )
  } catch (error) {
    for (const writer of batch.writers) await writer.discard().catch(() => undefined) // the sweep takes what stays
    throw error
  }
  summary.messages += batch.messages.length
  summary.sizeBytes += batch.sizeBytes
}
