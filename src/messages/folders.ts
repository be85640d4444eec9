/** Folders (what IMAP calls mailboxes): listed, made, renamed, deleted, counted. */
import { type Selectable, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { int8Array, uuidArray } from '../platform/sql-arrays.ts'
import type { MailboxOwner } from './owner.ts'
import { addSweepCandidatesOf } from './sweep.ts'
import type { FoldersTable, SpecialUse } from './tables.ts'

export type Folder = Selectable<FoldersTable>

export const hierarchyDelimiter = '/'
export const inboxPath = 'INBOX'
export const foldersPerMailboxMax = 5000
const pathBytesMax = 1000
const levelsMax = 20

/** What every new mailbox has (RFC 6154 names the uses, clients expect these paths). */
export const standardFolders: readonly { path: string; specialUse: SpecialUse }[] = [
  { path: inboxPath, specialUse: 'inbox' },
  { path: 'Archive', specialUse: 'archive' },
  { path: 'Drafts', specialUse: 'drafts' },
  { path: 'Junk', specialUse: 'junk' },
  { path: 'Sent', specialUse: 'sent' },
  { path: 'Trash', specialUse: 'trash' },
]

/** INBOX is one name in any case (RFC 9051 §5.1), also as the first level of a path. */
export function canonicalPath(path: string): string {
  const [first = '', ...rest] = path.normalize('NFC').split(hierarchyDelimiter)
  return [first.toUpperCase() === inboxPath ? inboxPath : first, ...rest].join(hierarchyDelimiter)
}

/** @throws Refusal folder_name_invalid. */
export function requireFolderPath(path: string): string {
  const levels = path.split(hierarchyDelimiter)
  const problem =
    Buffer.byteLength(path) > pathBytesMax
      ? `A folder name may have at most ${pathBytesMax} bytes.`
      : levels.length > levelsMax
        ? `A folder may lie at most ${levelsMax} levels deep.`
        : levels.some((level) => level === '' || level === '.' || level === '..')
          ? 'A folder name may not have an empty level.'
          : /[\p{Cc}\p{Cs}\u2028\u2029%*]/u.test(path)
            ? 'A folder name may not have control characters, % or *.'
            : null
  if (problem !== null) throw new Refusal('folder_name_invalid', problem)
  return canonicalPath(path)
}

/** All folders of a mailbox in the order of their paths. */
export async function listFolders(platform: Platform, mailboxId: string): Promise<Folder[]> {
  return await platform.db
    .selectFrom('folders')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .orderBy(sql`path collate "C"`)
    .execute()
}

/** @returns null when there is no folder of that path. */
export async function findFolder(
  platform: Platform,
  mailboxId: string,
  path: string,
): Promise<Folder | null> {
  const folder = await platform.db
    .selectFrom('folders')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .where('path', '=', canonicalPath(path))
    .executeTakeFirst()
  return folder ?? null
}

/** The INBOX of a mailbox, whose id never changes; null when the mailbox is gone. */
export async function findInboxId(platform: Platform, mailboxId: string): Promise<string | null> {
  const folder = await platform.db
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('path', '=', inboxPath)
    .executeTakeFirst()
  return folder?.id ?? null
}

/** Makes the standard folders of new mailboxes, in one statement for all of them. */
export async function createStandardFolders(
  platform: Platform,
  tx: Tx,
  mailboxIds: readonly string[],
): Promise<void> {
  const now = platform.clock.now()
  const rows = mailboxIds.flatMap((mailboxId) => standardFolders.map((folder) => ({ mailboxId, ...folder })))
  await sql`
    insert into folders (mailbox_id, id, path, special_use, subscribed, uidvalidity, created_at)
    select mailbox_id, id, path, special_use, true, ${toUidValidity(now)}::bigint, ${now}
    from unnest(
      ${uuidArray(rows.map((row) => row.mailboxId))}, ${uuidArray(rows.map(() => newId()))},
      ${rows.map((row) => row.path)}::text[], ${rows.map((row) => row.specialUse)}::text[]
    ) as new (mailbox_id, id, path, special_use)`.execute(tx)
}

/**
 * Makes a folder and, as RFC 9051 §6.3.4 says, the levels above it that are missing.
 * @throws Refusal folder_name_invalid, folder_exists, folder_limit_reached, special_use_taken.
 */
export async function createFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  wantedPath: string,
  specialUse: SpecialUse | null = null,
): Promise<Folder> {
  const path = requireFolderPath(wantedPath)
  const existing = new Set(await lockPaths(tx, owner.mailboxId))
  if (existing.has(path)) throw new Refusal('folder_exists')
  const missing = [...ancestorsOf(path), path].filter((one) => !existing.has(one))
  if (existing.size + missing.length > foldersPerMailboxMax) throw new Refusal('folder_limit_reached')
  if (specialUse !== null) await requireFreeUse(tx, owner.mailboxId, specialUse)
  for (const ancestor of missing.slice(0, -1)) await insertFolder(platform, tx, owner, ancestor, null)
  return await insertFolder(platform, tx, owner, path, specialUse)
}

/** One folder for each use, so that clients know where to put things. Under lockPaths. */
async function requireFreeUse(tx: Tx, mailboxId: string, specialUse: SpecialUse): Promise<void> {
  const taken = await tx
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('special_use', '=', specialUse)
    .executeTakeFirst()
  if (taken) throw new Refusal('special_use_taken')
}

/**
 * Deletes a folder with its messages; the folders below it stay (RFC 9051 §6.3.5).
 * @throws Refusal folder_not_found, folder_is_inbox.
 */
export async function deleteFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  path: string,
): Promise<void> {
  const wanted = canonicalPath(path)
  if (wanted === inboxPath) throw new Refusal('folder_is_inbox')
  await lockPaths(tx, owner.mailboxId)
  const folder = await tx
    .deleteFrom('folders')
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', wanted)
    .returningAll()
    .executeTakeFirst()
  if (!folder) throw new Refusal('folder_not_found')
  await rememberUidValidity(tx, owner.mailboxId, [folder])
  // Before the messages go, and without their bodies' ids on the way: a folder may have a million.
  await addSweepCandidatesOf(platform, tx, owner.mailboxId, folder.id)
  for (const table of ['messages', 'expunged_messages'] as const) {
    await tx
      .deleteFrom(table)
      .where('mailbox_id', '=', owner.mailboxId)
      .where('folder_id', '=', folder.id)
      .execute()
  }
  await appendEvents(platform, tx, [
    { type: 'folder.deleted', ...owner, data: { folder_id: folder.id, path: folder.path } },
  ])
}

/** @throws Refusal folder_not_found. */
export async function setSubscribed(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  path: string,
  subscribed: boolean,
): Promise<void> {
  const folder = await tx
    .updateTable('folders')
    .set({ subscribed })
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', canonicalPath(path))
    .returning('id')
    .executeTakeFirst()
  if (!folder) throw new Refusal('folder_not_found')
  await appendEvents(platform, tx, [
    { type: 'folder.subscription_changed', ...owner, data: { folder_id: folder.id, subscribed } },
  ])
}

/** Locks the mailbox's set of folder names, so that two sessions do not change it at once. */
export async function lockPaths(tx: Tx, mailboxId: string): Promise<string[]> {
  const inbox = await tx
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('path', '=', inboxPath)
    .forNoKeyUpdate() // INBOX is never deleted, so its row stands for the set
    .executeTakeFirst()
  if (!inbox) throw new Refusal('mailbox_not_found')
  const rows = await tx.selectFrom('folders').select('path').where('mailbox_id', '=', mailboxId).execute()
  return rows.map((row) => row.path)
}

/** Makes one folder row under lockPaths. */
export async function insertFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  path: string,
  specialUse: SpecialUse | null,
): Promise<Folder> {
  const folder = await tx
    .insertInto('folders')
    .values({
      mailbox_id: owner.mailboxId,
      id: newId(),
      path,
      special_use: specialUse,
      subscribed: false,
      uidvalidity: await nextUidValidity(platform, tx, owner.mailboxId, path),
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
    .catch((error: unknown) => {
      if (violatedConstraint(error) === 'folders_path')
        throw new Refusal('folder_exists', undefined, { cause: error })
      throw error
    })
  await appendEvents(platform, tx, [
    { type: 'folder.created', ...owner, data: { folder_id: folder.id, path } },
  ])
  return folder
}

export function ancestorsOf(path: string): string[] {
  const levels = path.split(hierarchyDelimiter)
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join(hierarchyDelimiter))
}

/** A UIDVALIDITY above any that this name had (RFC 9051 §2.3.1.1; decision 0013). */
export async function nextUidValidity(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  path: string,
): Promise<number> {
  const before = await tx
    .selectFrom('deleted_folders')
    .select('uidvalidity')
    .where('mailbox_id', '=', mailboxId)
    .where('path', '=', path)
    .executeTakeFirst()
  return Math.max(toUidValidity(platform.clock.now()), (before?.uidvalidity ?? 0) + 1)
}

/** Keeps the UIDVALIDITY of names that are given up, so that it rises when they come back. */
export async function rememberUidValidity(
  tx: Tx,
  mailboxId: string,
  folders: readonly Pick<Folder, 'path' | 'uidvalidity'>[],
): Promise<void> {
  await sql`
    insert into deleted_folders (mailbox_id, path, uidvalidity)
    select ${mailboxId}::uuid, path, uidvalidity from unnest(
      ${folders.map((folder) => folder.path)}::text[], ${int8Array(folders.map((folder) => folder.uidvalidity))}
    ) as gone (path, uidvalidity)
    on conflict (mailbox_id, path)
    do update set uidvalidity = greatest(deleted_folders.uidvalidity, excluded.uidvalidity)`.execute(tx)
}

// 32 bits (RFC 9051 §2.3.1.1); seconds fit until 2106.
function toUidValidity(at: Date): number {
  return Math.floor(at.getTime() / 1000)
}
