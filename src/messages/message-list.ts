/**
 * The messages of a mailbox or of a folder, newest first, by page. What an index does not tell (labels, attachments, and
 * flags together) is looked for while walking, up to a bound: such a page may be short and still have a next one.
 */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { encodeCursor, type Page, type PageRequest } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { hasAttachments } from './content/read-content.ts'
import { type Direction, directionOfFolder, directionsOf } from './direction.ts'
import { flagBits } from './flags.ts'
import { canonicalPath, type Folder, listFolders } from './folders.ts'
import { type WalkedMessage, type WalkSource, walkMessages } from './message-walk.ts'
import type { MimePart } from './mime/structure.ts'
import { type MessageSummary, readSummaries } from './read-message.ts'
import type { SpecialUse } from './tables.ts'

/** Null wherever nothing is asked for. */
export type MessageFilter = {
  /** A folder's id, its path, or the word of its use; `anywhere` is every folder. Null: all but Trash and Junk. */
  folder: string | null
  unread: boolean | null
  flagged: boolean | null
  /** In any case. */
  label: string | null
  hasAttachments: boolean | null
  /** A thread's id. */
  thread: string | null
  since: Date | null
  /** Not included. */
  until: Date | null
  /** Only what the mailbox got, or what it sent. Default: both. */
  direction?: Direction
  /** The uses of folders that are left out where `folder` names none. Default: Trash and Junk. */
  withoutUses?: readonly SpecialUse[]
}

/** Messages that are walked over for one page, and those of them whose structure is looked at. */
const walkedMax = 20_000
const structuresMax = 2_000
const structuresPerStep = 200
const readPerStepMax = 10_000

/** @throws Refusal folder_not_found. */
export async function listMessages(
  platform: Platform,
  mailboxId: string,
  filter: MessageFilter,
  page: PageRequest,
): Promise<Page<MessageSummary>> {
  const all = await listFolders(platform, mailboxId)
  const folders = chooseFolders(all, filter.folder, filter.withoutUses).filter(
    (folder) =>
      filter.direction === undefined || (directionOfFolder(folder) ?? filter.direction) === filter.direction,
  )
  const source = sourceOf(mailboxId, folders, filter)
  const { ids, nextCursor } = await findIds(platform.db, source, filter, page)
  return { rows: await readSummaries(platform, mailboxId, ids), nextCursor }
}

const hiddenUses: readonly SpecialUse[] = ['trash', 'junk']

/** @throws Refusal folder_not_found when none is named so. */
export function chooseFolders(
  folders: readonly Folder[],
  wanted: string | null,
  withoutUses: readonly SpecialUse[] = hiddenUses,
): Folder[] {
  if (wanted === null) {
    return folders.filter(({ special_use: use }) => use === null || !withoutUses.includes(use))
  }
  return wanted.toLowerCase() === 'anywhere' ? [...folders] : [chooseFolder(folders, wanted)]
}

/** By its id, its path, or the word of its use. @throws Refusal folder_not_found. */
export function chooseFolder(folders: readonly Folder[], wanted: string): Folder {
  const word = wanted.toLowerCase()
  const use = word === 'spam' ? 'junk' : word
  const found =
    folders.find(({ id }) => isId(word) && id === word) ??
    folders.find(({ path }) => path === canonicalPath(wanted)) ??
    folders.find((folder) => folder.special_use === use)
  if (found === undefined) throw new Refusal('folder_not_found')
  return found
}

function sourceOf(mailboxId: string, folders: readonly Folder[], filter: MessageFilter): WalkSource {
  const only =
    filter.thread !== null
      ? { thread: filter.thread }
      : filter.flagged === true
        ? 'flagged'
        : filter.unread === true
          ? 'unread'
          : 'all'
  const holding = folders.filter(({ message_count: messages, unseen_count: unseen }) =>
    only === 'unread' ? unseen > 0 : messages > 0,
  )
  const folderIds = holding.map(({ id }) => id)
  return { mailboxId, folderIds, only, since: filter.since, until: filter.until }
}

type Found = { ids: string[]; nextCursor: string | null }

/** Walks until the page is full and one more is known, the messages end, or it has looked at enough. */
async function findIds(
  db: Db,
  source: WalkSource,
  filter: MessageFilter,
  { limit, after }: PageRequest,
): Promise<Found> {
  const ids: string[] = []
  let before = after
  let walked = 0
  let opened = 0
  for (
    let step = limit + 1;
    walked < walkedMax && opened < structuresMax;
    step = stepAfter(step, source, filter)
  ) {
    const rows = await walkMessages(db, source, before, step)
    const fitting = rows.filter((row) => fits(row, filter))
    const going = await ofDirection(db, source.mailboxId, fitting, filter)
    const matching = filter.hasAttachments === null ? going : await withAttachments(db, going, filter)
    for (const { id } of matching) if (ids.length <= limit) ids.push(id)
    if (ids.length > limit) {
      const kept = ids.slice(0, limit)
      return { ids: kept, nextCursor: encodeCursor(kept.at(-1) ?? '') }
    }
    if (rows.length < step) return { ids, nextCursor: null }
    walked += rows.length
    opened += isOpening(filter) ? fitting.length : 0
    before = rows.at(-1)?.id ?? before
  }
  return { ids, nextCursor: before === null ? null : encodeCursor(before) }
}

/** What is rare is met sooner in larger steps, each of which is read of every folder. */
function stepAfter(step: number, { folderIds }: WalkSource, filter: MessageFilter): number {
  if (isOpening(filter)) return structuresPerStep
  return Math.min(4 * step, Math.max(structuresPerStep, Math.floor(readPerStepMax / folderIds.length)))
}

/** Whether a message has to be looked into to know whether it is wanted. */
function isOpening({ hasAttachments, direction }: MessageFilter): boolean {
  return hasAttachments !== null || direction !== undefined
}

async function ofDirection(
  db: Db,
  mailboxId: string,
  rows: WalkedMessage[],
  { direction }: MessageFilter,
): Promise<WalkedMessage[]> {
  if (direction === undefined) return rows
  const directions = await directionsOf(
    db,
    mailboxId,
    rows.map(({ id }) => id),
  )
  return rows.filter(({ id }) => directions.get(id) === direction)
}

/** Whatever the source has not decided is decided here, and what it has holds anyway. */
function fits({ flags, keywords }: WalkedMessage, { unread, flagged, label }: MessageFilter): boolean {
  if (unread !== null && ((flags & flagBits.seen) === 0) !== unread) return false
  if (flagged !== null && ((flags & flagBits.flagged) !== 0) !== flagged) return false
  return label === null || keywords.some((one) => one.toLowerCase() === label.toLowerCase())
}

async function withAttachments(
  db: Db,
  rows: readonly WalkedMessage[],
  filter: MessageFilter,
): Promise<WalkedMessage[]> {
  if (rows.length === 0) return []
  const { rows: bodies } = await sql<{ id: string; structure: MimePart }>`
    select id, structure from bodies where id = any(${uuidArray([...new Set(rows.map(({ bodyId }) => bodyId))])})`.execute(
    db,
  )
  const having = new Set(bodies.filter(({ structure }) => hasAttachments(structure)).map(({ id }) => id))
  return rows.filter(({ bodyId }) => having.has(bodyId) === filter.hasAttachments)
}
