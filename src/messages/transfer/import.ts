/**
 * Puts folders and messages into a mailbox, a batch in each transaction. What cannot be taken is left out and named;
 * a mailbox that is full ends the import.
 */
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { type AppendedMessage, appendMessages } from '../append.ts'
import type { StagedBody } from '../bodies.ts'
import { createFolder, findFolder } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import type { StoredMessage } from '../store.ts'
import { type Staged, stageMessage } from './stage-message.ts'
import {
  newSummary,
  noteSkipped,
  type OnProgress,
  TooMuch,
  type TransferItem,
  type TransferSummary,
} from './transfer-item.ts'

/** Messages that are read, sorted and written together; the bodies of small ones are held until then. */
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

/** A message that is read, and the folder that the file names. */
export type Sorted = { body: StagedBody; folder: string }

export type ImportOptions = {
  onProgress?: OnProgress
  /** Goes on behind what another run has done: the same messages have to come in the same order. */
  from?: ImportPosition
  /** Called with each batch, in its transaction: what it writes stands or falls with the messages. */
  record?: (tx: Tx, position: ImportPosition, messages: readonly StoredMessage[]) => Promise<void>
  /**
   * Says of messages, before any of them is placed, where each goes instead of where the file says; null where it should
   * not come at all.
   */
  sort?: (messages: readonly Sorted[]) => Promise<(string | null)[]>
  /** It ends with TooMuch at the next one, when so many are done with. */
  messagesMax?: number
  /** Ends it between two messages. */
  signal?: AbortSignal
}

/**
 * @throws Refusal quota_exceeded, folder_limit_reached, mailbox_not_found; TooMuch. What was placed before stays.
 */
export async function importItems(
  platform: Platform,
  owner: MailboxOwner,
  items: AsyncIterable<TransferItem>,
  options: ImportOptions = {},
): Promise<TransferSummary> {
  const summary = structuredClone(options.from?.summary ?? newSummary())
  const duplicates = options.from?.duplicates ?? 0
  const position: ImportPosition = { messagesRead: 0, offset: 0, duplicates, summary }
  const { messagesMax = Number.POSITIVE_INFINITY } = options
  const done = options.from?.messagesRead ?? 0
  const folderAt = rememberFolders(platform, owner, summary)
  let read: ReadMessage[] = []
  const settle = async (): Promise<void> => {
    const full = read
    read = []
    await placeMessages(platform, owner, full, position, folderAt, options)
  }
  try {
    for await (const item of items) {
      options.signal?.throwIfAborted()
      if (item.kind === 'folder') {
        await folderAt(item.path)
        continue
      }
      if (position.messagesRead + read.length >= messagesMax) {
        await settle()
        throw new TooMuch(`It has more than ${messagesMax} messages, as many as an import may have.`)
      }
      if (position.messagesRead < done) {
        position.messagesRead += 1
        continue
      }
      const { folder } = item
      const name = `message ${summary.messages + read.filter(isStaged).length + 1} (${folder})`
      read.push({ name, folder, offset: item.place?.offset ?? null, ...(await stageMessage(platform, item)) })
      if (isFull(read)) await settle()
    }
    await settle()
  } finally {
    await discard(read)
  }
  return summary
}

/** A message that is read and not placed: its body is written, unless it cannot be taken. */
type ReadMessage = { name: string; folder: string; offset: number | null } & (Staged | { reason: string })

function isStaged(one: ReadMessage): one is ReadMessage & Staged {
  return 'writer' in one
}

function isFull(read: readonly ReadMessage[]): boolean {
  if (read.length >= batchMessagesMax) return true
  const sizeBytes = read.reduce((sum, one) => sum + (isStaged(one) ? one.message.body.sizeBytes : 0), 0)
  return sizeBytes >= batchBytesMax
}

/** The sweep takes what stays. */
async function discard(read: readonly ReadMessage[]): Promise<void> {
  for (const one of read) if (isStaged(one)) await one.writer.discard().catch(() => undefined)
}

/** Places messages in their order, those of a folder that follow each other in one transaction. */
async function placeMessages(
  platform: Platform,
  owner: MailboxOwner,
  read: readonly ReadMessage[],
  position: ImportPosition,
  folderAt: (path: string) => Promise<string | null>,
  options: ImportOptions,
): Promise<void> {
  const { summary } = position
  let batch = newBatch('')
  let placed = 0
  const flush = async (until: number): Promise<void> => {
    if (until === placed) return
    await placeBatch(platform, owner, batch, position, options)
    batch = newBatch('')
    placed = until
    options.onProgress?.(summary)
  }
  try {
    const staged = read.filter(isStaged)
    const paths = new Map(await pathsOf(staged, options))
    for (const [at, one] of read.entries()) {
      const path = paths.get(one) ?? null
      const folderId = path === null ? null : await folderAt(path)
      if (isStaged(one) && folderId !== null) {
        if (batch.folderId !== folderId) await flush(at)
        batch.folderId = folderId
        batch.messages.push(one.message)
        batch.sizeBytes += one.message.body.sizeBytes
      } else {
        if (!isStaged(one)) noteSkipped(summary, one.name, one.reason, one.offset)
        else if (path === null) position.duplicates += 1
        else noteSkipped(summary, `a message in ${path}`, 'its folder cannot be made', one.offset)
        await discard([one])
      }
      position.messagesRead += 1
      position.offset = one.offset ?? 0
    }
    await flush(read.length)
  } catch (error) {
    await discard(read.slice(placed))
    throw error
  }
}

/** Of each message the path of the folder; null where it is there already. */
async function pathsOf(
  staged: readonly (ReadMessage & Staged)[],
  { sort }: ImportOptions,
): Promise<[ReadMessage, string | null][]> {
  const wanted = staged.map(({ message: { body }, folder }) => ({ body, folder }))
  const paths = sort === undefined ? wanted.map(({ folder }) => folder) : await sort(wanted)
  return staged.map((one, at) => [one, paths[at] ?? null])
}

type Batch = { folderId: string; messages: AppendedMessage[]; sizeBytes: number }

function newBatch(folderId: string): Batch {
  return { folderId, messages: [], sizeBytes: 0 }
}

/** @returns what gives the id of a folder by its path; null for a name that no folder may have. */
function rememberFolders(
  platform: Platform,
  owner: MailboxOwner,
  summary: TransferSummary,
): (path: string) => Promise<string | null> {
  const folderIds = new Map<string, string | null>()
  return async (path) => {
    const known = folderIds.get(path)
    if (known !== undefined) return known
    const folderId = await folderFor(platform, owner, path, summary)
    if (folderIds.size >= foldersRememberedMax) folderIds.clear()
    folderIds.set(path, folderId)
    return folderId
  }
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
  await transaction(platform.db, async (tx) => {
    const stored =
      batch.messages.length > 0
        ? await appendMessages(platform, tx, owner, batch.folderId, batch.messages)
        : []
    await record?.(tx, { ...position, summary: { ...summary, messages, sizeBytes } }, stored)
  })
  summary.messages = messages
  summary.sizeBytes = sizeBytes
}
