/**
 * The narrow part of the messages of folders that are in use, remembered by this process: flags, MODSEQ, size and date,
 * in arrays, some 30 octets for each message. Events tell when there is news of a folder; it is read before the folder
 * is used again. What this process changes itself is taken in at the commit, without reading.
 *
 * What another node has committed is seen when its event comes, as by a session that follows the folder. A caller that
 * knows of something younger says so, and it is read.
 */
import { sql } from 'kysely'
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { Platform } from '../platform/platform.ts'
import { folderField, numberField } from './folder-event-fields.ts'
import { type LightMessage, readLightMessages } from './light-messages.ts'
import { packedUids, unpackUids } from './packed-uids.ts'
import { forgetBodies } from './remembered-bodies.ts'
import { lowerBound } from './uid-arrays.ts'
import type { UidRange } from './uid-ranges.ts'

/** Larger folders are read from the database each time. */
export const rememberedMessagesMax = 20_000

/** Arrays of one length, in UID order. They are replaced together when messages come or go; values change in place. */
type Columns = {
  uids: Uint32Array
  flags: Uint8Array
  modseqs: Float64Array
  sizes: Float64Array
  /** Seconds since 1970. */
  dates: Float64Array
}

export type LightFolder = Columns & {
  readonly mailboxId: string
  readonly folderId: string
  /** What happened up to this MODSEQ is in it, and perhaps some of what came after. */
  modseq: number
  /** Events told of changes up to this MODSEQ; Infinity: of one without a number. */
  heard: number
  /** Only of messages that have any. */
  readonly keywords: Map<number, readonly string[]>
  /** Values that never change for a message, as whoever put them there needs them: its ENVELOPE on the wire. */
  readonly texts: Map<number, string>
  /** Settles when a reading that is under way has ended. */
  reading: Promise<void> | null
}

/** Octets of one message in the arrays. */
const messageBytes = 4 + 1 + 3 * 8
const totalBytesMax = 64 * 1024 ** 2
/** Changes that are read one by one; after more of them, the folder is read anew. */
const changesMax = 1_000

type Memory = { folders: Map<string, LightFolder>; sizeBytes: number }

const memories = new WeakMap<Platform, Memory>()

function memoryOf(platform: Platform): Memory {
  const kept = memories.get(platform)
  if (kept !== undefined) return kept
  const made: Memory = { folders: new Map(), sizeBytes: 0 }
  memories.set(platform, made)
  platform.bus.subscribe((event) => hear(made, event))
  platform.bus.subscribeDoubt(() => {
    for (const folder of made.folders.values()) folder.heard = Number.POSITIVE_INFINITY
  })
  return made
}

function hear({ folders }: Memory, { data }: PublishedEvent): void {
  const target = folders.get(folderField(data, 'folder_id'))
  const source = folders.get(folderField(data, 'from_folder_id'))
  if (target !== undefined) {
    target.heard = Math.max(target.heard, numberField(data, 'highest_modseq') ?? Number.POSITIVE_INFINITY)
  }
  if (source !== undefined) source.heard = Number.POSITIVE_INFINITY // the number is the other folder's
}

export type Freshness = {
  /** The caller knows of what happened up to this MODSEQ. */
  modseq: number
  /** And that there is more: it is read in any case. */
  isStale: boolean
}

/** @returns null for a folder that is gone or too large to be remembered. */
export async function lightFolderOf(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  known: Freshness,
): Promise<LightFolder | null> {
  const memory = memoryOf(platform)
  for (;;) {
    const kept = memory.folders.get(folder.folderId)
    if (kept === undefined) return await load(platform, memory, folder)
    if (kept.reading !== null) {
      await kept.reading // it may have begun before what the caller knows of
      continue
    }
    if (!known.isStale && kept.heard <= kept.modseq && kept.modseq >= known.modseq) {
      memory.folders.delete(folder.folderId)
      memory.folders.set(folder.folderId, kept) // a Map iterates in order of insertion: last used goes last
      return kept
    }
    if (await reading(memory, kept, () => refresh(platform, kept))) return kept
  }
}

/** @returns what `read` tells: whether the folder is known now. Else it is forgotten. */
async function reading(memory: Memory, folder: LightFolder, read: () => Promise<boolean>): Promise<boolean> {
  const done = Promise.withResolvers<void>()
  folder.reading = done.promise
  let isKnown = false
  try {
    isKnown = await read()
    return isKnown
  } finally {
    folder.reading = null
    if (!isKnown) forget(memory, folder)
    done.resolve()
  }
}

/** The messages of ranges that are in order and apart, as the database would give them. */
export function* lightMessagesIn(
  { uids, flags, modseqs, sizes, dates, keywords }: LightFolder,
  ranges: readonly UidRange[],
): Generator<LightMessage, void> {
  for (const { first, last } of ranges) {
    for (let at = lowerBound(uids, first); at < uids.length; at++) {
      const uid = uids[at] ?? 0
      if (uid > last) break
      yield {
        uid,
        modseq: modseqs[at] ?? 0,
        flags: flags[at] ?? 0,
        keywords: keywords.get(uid) ?? noKeywords,
        size_bytes: sizes[at] ?? 0,
        internal_date: new Date((dates[at] ?? 0) * 1000),
      }
    }
  }
}

const noKeywords: readonly string[] = []

/** Keeps a text of a message for the next time. */
export function keepText(platform: Platform, folder: LightFolder, uid: number, text: string): void {
  const memory = memoryOf(platform)
  if (memory.folders.get(folder.folderId) !== folder || folder.texts.has(uid)) return
  folder.texts.set(uid, text)
  memory.sizeBytes += text.length
  makeRoom(memory)
}

/** A folder of which nothing more has been heard than what is remembered; null when there is none. */
export function knownLightFolder(platform: Platform, folderId: string): LightFolder | null {
  const folder = memories.get(platform)?.folders.get(folderId)
  return folder !== undefined && folder.reading === null && folder.heard <= folder.modseq ? folder : null
}

type MessageFlags = Pick<LightMessage, 'uid' | 'flags' | 'keywords' | 'modseq'>

export function isRemembered(platform: Platform, folderId: string): boolean {
  return memories.get(platform)?.folders.has(folderId) === true
}

/** Takes in flags that this process has just committed: the whole change of that MODSEQ. */
export function noteFlags(
  platform: Platform,
  folderId: string,
  modseq: number,
  changed: Iterable<MessageFlags>,
): void {
  const folder = next(platform, folderId, modseq)
  if (folder === null) return
  for (const message of changed) applyFlags(folder, message)
  folder.modseq = modseq
}

/** Takes in messages that this process has just removed: all that went at that MODSEQ. */
export function noteGone(platform: Platform, folderId: string, modseq: number, uids: Iterable<number>): void {
  forgetBodies(platform, folderId, uids)
  const folder = next(platform, folderId, modseq)
  if (folder === null) return
  removeFrom(memoryOf(platform), folder, new Set(uids))
  folder.modseq = modseq
}

/** Takes in messages that this process has just stored: all that came at that MODSEQ. */
export function noteStored(
  platform: Platform,
  folderId: string,
  modseq: number,
  stored: readonly LightMessage[],
): void {
  const folder = next(platform, folderId, modseq)
  if (folder === null) return
  addTo(memoryOf(platform), folder, stored)
  folder.modseq = modseq
}

/** The folder, when nothing is missing between what is known of it and this change. */
function next(platform: Platform, folderId: string, modseq: number): LightFolder | null {
  const folder = memories.get(platform)?.folders.get(folderId)
  return folder !== undefined && folder.reading === null && folder.modseq === modseq - 1 ? folder : null
}

function forget(memory: Memory, folder: LightFolder): void {
  if (memory.folders.get(folder.folderId) !== folder) return
  memory.sizeBytes -= sizeOf(folder)
  memory.folders.delete(folder.folderId)
}

/** One that had to make room while it was read is somebody's, and counts no more. */
function grow(memory: Memory, folder: LightFolder, bytes: number): void {
  if (memory.folders.get(folder.folderId) === folder) memory.sizeBytes += bytes
}

function sizeOf({ uids, texts }: LightFolder): number {
  let sizeBytes = uids.length * messageBytes
  for (const text of texts.values()) sizeBytes += text.length
  return sizeBytes
}

function makeRoom(memory: Memory): void {
  for (const oldest of memory.folders.values()) {
    if (memory.sizeBytes <= totalBytesMax || memory.folders.size === 1) return
    forget(memory, oldest)
  }
}

async function load(
  platform: Platform,
  memory: Memory,
  { mailboxId, folderId }: { mailboxId: string; folderId: string },
): Promise<LightFolder | null> {
  const folder: LightFolder = {
    mailboxId,
    folderId,
    modseq: 0,
    heard: 0,
    uids: new Uint32Array(),
    flags: new Uint8Array(),
    modseqs: new Float64Array(),
    sizes: new Float64Array(),
    dates: new Float64Array(),
    keywords: new Map(),
    texts: new Map(),
    reading: null,
  }
  // Registered before the reading, so that it hears of what happens meanwhile; that is read once more.
  memory.folders.set(folderId, folder)
  return (await reading(memory, folder, () => readAll(platform, memory, folder))) ? folder : null
}

async function readAll(platform: Platform, memory: Memory, folder: LightFolder): Promise<boolean> {
  const { mailboxId, folderId } = folder
  const { rows } = await sql<{ modseq: number; count: number }>`/* prepared light_folder */
    select highest_modseq as modseq, message_count as count from folders
    where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid`.execute(platform.db)
  const row = rows[0]
  if (row === undefined || row.count > rememberedMessagesMax) return false
  folder.modseq = row.modseq
  const all = [{ first: 1, last: 2 ** 32 - 1 }]
  for await (const page of readLightMessages(platform.db, mailboxId, folderId, all))
    addTo(memory, folder, page)
  return true
}

type NewsRow = {
  modseq: number
  forgotten: number
  changed:
    | [uid: number, modseq: number, flags: number, sizeBytes: number, seconds: number, keywords: string[]][]
    | null
  expunged: Buffer | null
}

/** @returns false when it has to be read anew. */
async function refresh(platform: Platform, folder: LightFolder): Promise<boolean> {
  const inFolder = sql`mailbox_id = ${folder.mailboxId}::uuid and folder_id = ${folder.folderId}::uuid
    and modseq > ${folder.modseq}::bigint`
  folder.heard = 0 // before the reading: what happens during it is heard again
  const { rows } = await sql<NewsRow>`/* prepared light_news */
    select highest_modseq as modseq, tombstones_from_modseq as forgotten, (
      select json_agg(json_build_array(uid, modseq, flags, size_bytes,
        floor(extract(epoch from internal_date))::bigint, keywords) order by uid)
      from (select * from messages where ${inFolder} limit ${sql.lit(changesMax + 1)}) as changed
    ) as changed, (select ${packedUids} from expunged_messages where ${inFolder}) as expunged
    from folders where mailbox_id = ${folder.mailboxId}::uuid and id = ${folder.folderId}::uuid`.execute(
    platform.db,
  )
  const row = rows[0]
  const changed = row?.changed ?? []
  if (row === undefined || row.forgotten > folder.modseq || changed.length > changesMax) return false
  const memory = memoryOf(platform)
  const gone = unpackUids(row.expunged)
  if (gone.length > 0) removeFrom(memory, folder, new Set(gone))
  forgetBodies(platform, folder.folderId, gone)
  const messages = changed.map(([uid, modseq, flags, size_bytes, seconds, keywords]) => ({
    uid,
    modseq,
    flags,
    size_bytes,
    internal_date: new Date(seconds * 1000),
    keywords,
  }))
  addTo(
    memory,
    folder,
    messages.filter((message) => !applyFlags(folder, message)),
  )
  folder.modseq = row.modseq
  return true
}

/** @returns whether the message is known. */
function applyFlags(folder: LightFolder, { uid, flags, keywords, modseq }: MessageFlags): boolean {
  const at = lowerBound(folder.uids, uid)
  if (folder.uids[at] !== uid) return false
  folder.flags[at] = flags
  folder.modseqs[at] = modseq
  if (keywords.length > 0) folder.keywords.set(uid, keywords)
  else folder.keywords.delete(uid)
  return true
}

/** @param messages in UID order, above all that are there. */
function addTo(memory: Memory, folder: LightFolder, messages: readonly LightMessage[]): void {
  if (messages.length === 0) return
  const before = folder.uids.length
  const length = before + messages.length
  const columns: Columns = {
    uids: new Uint32Array(length),
    flags: new Uint8Array(length),
    modseqs: new Float64Array(length),
    sizes: new Float64Array(length),
    dates: new Float64Array(length),
  }
  columns.uids.set(folder.uids)
  columns.flags.set(folder.flags)
  columns.modseqs.set(folder.modseqs)
  columns.sizes.set(folder.sizes)
  columns.dates.set(folder.dates)
  messages.forEach((message, index) => {
    columns.uids[before + index] = message.uid
    columns.flags[before + index] = message.flags
    columns.modseqs[before + index] = message.modseq
    columns.sizes[before + index] = message.size_bytes
    columns.dates[before + index] = Math.floor(message.internal_date.getTime() / 1000)
    if (message.keywords.length > 0) folder.keywords.set(message.uid, message.keywords)
  })
  Object.assign(folder, columns)
  grow(memory, folder, messages.length * messageBytes)
  makeRoom(memory)
}

function removeFrom(memory: Memory, folder: LightFolder, gone: ReadonlySet<number>): void {
  const stays = (_: number, at: number): boolean => !gone.has(folder.uids[at] ?? 0)
  const columns: Columns = {
    uids: folder.uids.filter(stays),
    flags: folder.flags.filter(stays),
    modseqs: folder.modseqs.filter(stays),
    sizes: folder.sizes.filter(stays),
    dates: folder.dates.filter(stays),
  }
  grow(memory, folder, (columns.uids.length - folder.uids.length) * messageBytes)
  for (const uid of gone) {
    grow(memory, folder, -(folder.texts.get(uid)?.length ?? 0))
    folder.texts.delete(uid)
    folder.keywords.delete(uid)
  }
  Object.assign(folder, columns)
}
