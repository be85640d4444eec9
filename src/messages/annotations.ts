/**
 * Annotations (RFC 5464): named values that clients keep on a folder, or on none ("the server"). A mailbox has one
 * user, so that /private and /shared are kept alike; both belong to the mailbox, and no other one sees them.
 */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { noFolder } from './annotation-rows.ts'
import { lockFolderSet } from './folders.ts'
import type { MailboxOwner } from './owner.ts'

/** RFC 5464 §4.1 asks for at least 1,024 octets and 10 entries. */
export const annotationLimits = {
  nameBytesMax: 255,
  valueBytesMax: 32_768,
  entriesPerFolderMax: 100,
  entriesPerMailboxMax: 10_000,
  bytesPerMailboxMax: 16 * 1024 ** 2,
} as const

/** `folderId` is null for an entry that belongs to no folder. */
export type Annotation = {
  folderId: string | null
  entry: string
  sizeBytes: number
  /** Null when it is larger than was asked for. */
  value: Buffer | null
}

export type AnnotationQuery = {
  /** Of folders, and of none by null. */
  folderIds: readonly (string | null)[]
  /** As requireEntryName gives them; the empty name is above all others. */
  entries: readonly string[]
  /** Levels below each entry that are wanted too. */
  depth: 0 | 1 | 'infinity'
  /** Larger values are only measured. */
  valueBytesMax: number | null
}

/** A null value removes the entry. */
export type AnnotationChange = { entry: string; value: Buffer | null }

/**
 * A name in lower case, because case does not matter (RFC 5464 §3.2).
 * @throws Refusal annotation_name_invalid.
 */
export function requireEntryName(name: string): string {
  const problem = problemOfEntry(name)
  if (problem !== null) throw new Refusal('annotation_name_invalid', problem)
  return name.toLowerCase()
}

function problemOfEntry(name: string): string | null {
  if (name.length > annotationLimits.nameBytesMax) {
    return `An annotation's name may have at most ${annotationLimits.nameBytesMax} bytes.`
  }
  if (!/^\/(?:private|shared)(?:\/|$)/i.test(name)) {
    return 'The name of an annotation begins with /private/ or /shared/.'
  }
  if (!/^[\x20-\x7e]*$/.test(name) || /[*%]/.test(name)) {
    return 'The name of an annotation may have printable ASCII only, without % and *.'
  }
  return /\/\/|\/$/.test(name) ? 'The name of an annotation may not have an empty level.' : null
}

/** Ordered by folder and name. */
export async function readAnnotations(
  db: Db,
  mailboxId: string,
  { folderIds, entries, depth, valueBytesMax }: AnnotationQuery,
): Promise<Annotation[]> {
  const below =
    depth === 0
      ? sql`false`
      : depth === 1
        ? sql`starts_with(entry, name || '/') and strpos(substr(entry, length(name) + 2), '/') = 0`
        : sql`starts_with(entry, name || '/')`
  const fits = valueBytesMax === null ? sql`true` : sql`octet_length(value) <= ${valueBytesMax}::bigint`
  const { rows } = await sql<Annotation>`
    select nullif(folder_id, ${noFolder}::uuid) as "folderId", entry, octet_length(value) as "sizeBytes",
      case when ${fits} then value end as value
    from annotations
    where mailbox_id = ${mailboxId}::uuid and folder_id = any(${uuidArray(folderIds.map((id) => id ?? noFolder))})
      and exists (select from unnest(${entries}::text[]) as wanted (name) where entry = name or ${below})
    order by folder_id, entry collate "C"`.execute(db)
  return rows
}

/**
 * Sets and removes entries of a folder, or of none (null): all or nothing.
 * @param changes with names as requireEntryName gives them.
 * @throws Refusal folder_not_found, annotation_too_large, annotation_limit_reached.
 */
export async function writeAnnotations(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string | null,
  changes: readonly AnnotationChange[],
): Promise<void> {
  const last = new Map(changes.map(({ entry, value }) => [entry, value]))
  for (const value of last.values()) {
    if (value !== null && value.length > annotationLimits.valueBytesMax) {
      throw new Refusal('annotation_too_large')
    }
  }
  await lockFolderSet(tx, owner.mailboxId)
  if (folderId !== null) await requireFolder(tx, owner.mailboxId, folderId)
  await replaceEntries(tx, owner.mailboxId, folderId ?? noFolder, last)
  const adds = [...last.values()].some((value) => value !== null)
  if (adds) await requireWithinLimits(tx, owner.mailboxId, folderId ?? noFolder)
  await appendEvents(platform, tx, [
    {
      type: 'folder.annotations_changed',
      ...owner,
      data: { folder_id: folderId, entries: [...last.keys()] },
    },
  ])
}

async function requireFolder(tx: Tx, mailboxId: string, folderId: string): Promise<void> {
  const folder = await tx
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', folderId)
    .executeTakeFirst()
  if (!folder) throw new Refusal('folder_not_found')
}

async function replaceEntries(
  tx: Tx,
  mailboxId: string,
  folderId: string,
  changes: ReadonlyMap<string, Buffer | null>,
): Promise<void> {
  await tx
    .deleteFrom('annotations')
    .where('mailbox_id', '=', mailboxId)
    .where('folder_id', '=', folderId)
    .where('entry', 'in', [...changes.keys()])
    .execute()
  const rows = [...changes].flatMap(([entry, value]) =>
    value === null ? [] : [{ mailbox_id: mailboxId, folder_id: folderId, entry, value }],
  )
  if (rows.length > 0) await tx.insertInto('annotations').values(rows).execute()
}

async function requireWithinLimits(tx: Tx, mailboxId: string, folderId: string): Promise<void> {
  const { rows } = await sql<{ inFolder: number; entries: number; bytes: number }>`
    select count(*) filter (where folder_id = ${folderId}::uuid) as "inFolder", count(*) as entries,
      coalesce(sum(octet_length(value)), 0)::bigint as bytes
    from annotations where mailbox_id = ${mailboxId}::uuid`.execute(tx)
  const [held] = rows
  if (
    held &&
    (held.inFolder > annotationLimits.entriesPerFolderMax ||
      held.entries > annotationLimits.entriesPerMailboxMax ||
      held.bytes > annotationLimits.bytesPerMailboxMax)
  ) {
    throw new Refusal('annotation_limit_reached')
  }
}
