/**
 * The folders of mailboxes in use, remembered by this process: clients name them in every other command. Events tell
 * of changes: of a name, and the mailbox is forgotten; of messages, and the counters of their folder are read again
 * before they are used.
 *
 * What another node has committed is known once its event came. Who must know of everything that happened before asks
 * the feed to catch up first.
 */
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { Platform } from '../platform/platform.ts'
import { folderField } from './folder-event-fields.ts'
import { canonicalPath, type Folder, findFolder, listFolders } from './folders.ts'

/** Rows that are kept, some 400 octets each; the mailbox used longest ago goes first. */
const foldersMax = 50_000

type KnownMailbox = {
  /** By path, in the order of listFolders. */
  folders: Map<string, Readonly<Folder>>
  /** Folders whose counters have changed, and how often. */
  readonly changed: Map<string, number>
}

type Memory = { mailboxes: Map<string, KnownMailbox>; folders: number }

const memories = new WeakMap<Platform, Memory>()

function memoryOf(platform: Platform): Memory {
  const kept = memories.get(platform)
  if (kept !== undefined) return kept
  const made: Memory = { mailboxes: new Map(), folders: 0 }
  memories.set(platform, made)
  platform.bus.subscribe((event) => hear(made, event))
  platform.bus.subscribeDoubt(() => {
    made.mailboxes.clear()
    made.folders = 0
  })
  return made
}

function hear(memory: Memory, { type, mailboxId, data }: PublishedEvent): void {
  const known = mailboxId === null ? undefined : memory.mailboxes.get(mailboxId)
  if (known === undefined || mailboxId === null) return
  if (type.startsWith('message.')) {
    for (const name of ['folder_id', 'from_folder_id'] as const) {
      const folderId = folderField(data, name)
      if (folderId !== '') noteChange(known, folderId)
    }
  } else if (type.startsWith('folder.') || type.startsWith('mailbox.')) forget(memory, mailboxId, known)
}

function noteChange({ changed }: KnownMailbox, folderId: string): void {
  changed.set(folderId, (changed.get(folderId) ?? 0) + 1)
}

function forget(memory: Memory, mailboxId: string, known: KnownMailbox): void {
  if (memory.mailboxes.get(mailboxId) !== known) return
  memory.mailboxes.delete(mailboxId)
  memory.folders -= known.folders.size
}

/** A folder by its path, with counters of some time ago; null when there is none. */
export async function folderNamed(
  platform: Platform,
  mailboxId: string,
  path: string,
): Promise<Readonly<Folder> | null> {
  const known = await knownMailbox(platform, mailboxId)
  // Another node may just have made it.
  return known.folders.get(canonicalPath(path)) ?? (await findFolder(platform, mailboxId, path))
}

/** A folder by its path as it was when the call began, or later; null when there is none. */
export async function currentFolder(
  platform: Platform,
  mailboxId: string,
  path: string,
): Promise<Readonly<Folder> | null> {
  await platform.feed.catchUp()
  const known = await knownMailbox(platform, mailboxId)
  const folder = known.folders.get(canonicalPath(path))
  const changes = folder === undefined ? undefined : known.changed.get(folder.id)
  if (folder === undefined || changes === undefined) return folder ?? null
  const read = await findFolder(platform, mailboxId, path)
  // What happened during the reading may not be in it.
  if (read?.id === folder.id && known.changed.get(folder.id) === changes) {
    known.folders.set(folder.path, read)
    known.changed.delete(folder.id)
  }
  return read
}

/**
 * All folders of a mailbox in the order of their paths, as they were when the call began, or later.
 * @param options.counted their counters too, and not only their names.
 */
export async function currentFolders(
  platform: Platform,
  mailboxId: string,
  options: { counted: boolean },
): Promise<Readonly<Folder>[]> {
  await platform.feed.catchUp()
  const known = await knownMailbox(platform, mailboxId)
  if (!options.counted || known.changed.size === 0) return [...known.folders.values()]
  forget(memoryOf(platform), mailboxId, known)
  return [...(await knownMailbox(platform, mailboxId)).folders.values()]
}

/** The next who wants the counters of this folder reads them: something changed that no event tells of. */
export function noteCounters(platform: Platform, mailboxId: string, folderId: string): void {
  const known = memories.get(platform)?.mailboxes.get(mailboxId)
  if (known !== undefined) noteChange(known, folderId)
}

async function knownMailbox(platform: Platform, mailboxId: string): Promise<KnownMailbox> {
  const memory = memoryOf(platform)
  const kept = memory.mailboxes.get(mailboxId)
  if (kept !== undefined && kept.folders.size > 0) {
    memory.mailboxes.delete(mailboxId)
    memory.mailboxes.set(mailboxId, kept) // a Map iterates in order of insertion: last used goes last
    return kept
  }
  const known: KnownMailbox = { folders: new Map(), changed: new Map() }
  // Registered before the reading: what happens meanwhile has it forgotten, and its caller alone uses what was read.
  memory.mailboxes.set(mailboxId, known)
  const folders = await listFolders(platform, mailboxId).catch((error: unknown) => {
    forget(memory, mailboxId, known)
    throw error
  })
  known.folders = new Map(folders.map((folder) => [folder.path, folder]))
  if (memory.mailboxes.get(mailboxId) === known) memory.folders += folders.length
  if (folders.length === 0) forget(memory, mailboxId, known)
  makeRoom(memory)
  return known
}

function makeRoom(memory: Memory): void {
  for (const [mailboxId, oldest] of memory.mailboxes) {
    if (memory.folders <= foldersMax || memory.mailboxes.size === 1) return
    forget(memory, mailboxId, oldest)
  }
}
