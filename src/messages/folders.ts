/** Folders (what IMAP calls mailboxes): listed, made, renamed, deleted, counted. */
import { type Selectable, sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { violatedConstraint } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { int8Array, uuidArray } from '../platform/sql-arrays.ts'
import { deleteAnnotationsOf } from './annotation-rows.ts'
import {
  addLostSubscriptions,
  requireLostSubscriptions,
  takeLostSubscriptions,
} from './lost-subscriptions.ts'
import type { MailboxOwner } from './owner.ts'
import { policyOf } from './policies.ts'
import { removeAllMessages } from './removal.ts'
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
  const problem = problemOfPath(path)
  if (problem !== null) throw new Refusal('folder_name_invalid', problem)
  return canonicalPath(path)
}

/** Why no folder can have that path; null when one can. */
function problemOfPath(path: string): string | null {
  if (Buffer.byteLength(path) > pathBytesMax) return `A folder name may have at most ${pathBytesMax} bytes.`
  const levels = path.split(hierarchyDelimiter)
  if (levels.length > levelsMax) return `A folder may lie at most ${levelsMax} levels deep.`
  if (levels.some((level) => level === '' || level === '.' || level === '..')) {
    return 'A folder name may not have an empty level.'
  }
  return /[\p{Cc}\p{Cs}\u2028\u2029%*]/u.test(path)
    ? 'A folder name may not have control characters, % or *.'
    : null
}

/** By name: a prepared statement with `*` would fail while a newer version adds a column. */
export const folderColumns = sql.raw(
  [
    'mailbox_id',
    'id',
    'path',
    'special_use',
    'subscribed',
    'uidvalidity',
    'uidnext',
    'highest_modseq',
    'message_count',
    'unseen_count',
    'size_bytes',
    'first_recent_uid',
    'created_at',
    'tombstones_from_modseq',
    'clean_up_at',
  ]
    .map((name) => `folders.${name}`)
    .join(', '),
)

/** All folders of a mailbox in the order of their paths. */
export async function listFolders(platform: Platform, mailboxId: string): Promise<Folder[]> {
  return await listFoldersIn(platform.db, mailboxId)
}

/** The same inside a transaction. */
export async function listFoldersIn(db: Db | Tx, mailboxId: string): Promise<Folder[]> {
  const { rows } = await sql<Folder>`/* prepared list_folders */
    select ${folderColumns} from folders where mailbox_id = ${mailboxId}::uuid order by path collate "C"`.execute(
    db,
  )
  return rows
}

/** @returns null when there is no folder of that path, also because none can have it. */
export async function findFolder(
  platform: Platform,
  mailboxId: string,
  path: string,
): Promise<Folder | null> {
  if (problemOfPath(path) !== null) return null
  const { rows } = await sql<Folder>`/* prepared find_folder */
    select ${folderColumns} from folders
    where mailbox_id = ${mailboxId}::uuid and path = ${canonicalPath(path)}`.execute(platform.db)
  return rows[0] ?? null
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
  const made = await insertFolders(platform, tx, owner, missing, specialUse)
  const folder = made.find((one) => one.path === path)
  if (!folder) throw new Error('a folder that was inserted did not come back')
  return folder
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
 * Deletes a folder with its messages and annotations; the folders below it stay (RFC 9051 §6.3.5), and so does its
 * subscription.
 * @throws Refusal folder_not_found, folder_is_inbox.
 */
export async function deleteFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  path: string,
): Promise<void> {
  if (problemOfPath(path) !== null) throw new Refusal('folder_not_found')
  const wanted = canonicalPath(path)
  if (wanted === inboxPath) throw new Refusal('folder_is_inbox')
  await lockFolderSet(tx, owner.mailboxId)
  const folder = await tx
    .deleteFrom('folders')
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', wanted)
    .returningAll()
    .executeTakeFirst()
  if (!folder) throw new Refusal('folder_not_found')
  await rememberUidValidity(tx, owner.mailboxId, [folder])
  await addLostSubscriptions(tx, owner.mailboxId, folder.subscribed ? [folder.path] : [])
  await deleteAnnotationsOf(tx, owner.mailboxId, folder.id)
  const { restoreDays } = await policyOf(platform, owner, tx)
  await removeAllMessages(platform, owner.mailboxId, folder, restoreDays).execute(tx)
  await tx
    .deleteFrom('expunged_messages')
    .where('mailbox_id', '=', owner.mailboxId)
    .where('folder_id', '=', folder.id)
    .execute()
  await appendEvents(platform, tx, [
    { type: 'folder.deleted', ...owner, data: { folder_id: folder.id, path: folder.path } },
  ])
}

/**
 * Adds a name to the subscriptions or takes it away. The name need not be one of a folder (RFC 9051 §6.3.7: checking
 * is optional): a client may subscribe before it creates. Nothing happens when all is as wanted (§6.3.8).
 * @throws Refusal folder_name_invalid, folder_limit_reached.
 */
export async function setSubscribed(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  wantedPath: string,
  subscribed: boolean,
): Promise<void> {
  const path = requireFolderPath(wantedPath)
  await lockFolderSet(tx, owner.mailboxId)
  const folder = await tx
    .selectFrom('folders')
    .select(['id', 'subscribed'])
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', path)
    .executeTakeFirst()
  const changed = folder
    ? folder.subscribed !== subscribed
    : await setLostSubscription(tx, owner.mailboxId, path, subscribed)
  if (!changed) return
  if (folder) {
    await tx
      .updateTable('folders')
      .set({ subscribed })
      .where('mailbox_id', '=', owner.mailboxId)
      .where('id', '=', folder.id)
      .execute()
  }
  const folderId = folder?.id ?? null
  await appendEvents(platform, tx, [
    { type: 'folder.subscription_changed', ...owner, data: { folder_id: folderId, path, subscribed } },
  ])
}

/** @returns whether that changed anything. */
async function setLostSubscription(
  tx: Tx,
  mailboxId: string,
  path: string,
  subscribed: boolean,
): Promise<boolean> {
  if (!subscribed) return (await takeLostSubscriptions(tx, mailboxId, [path])).size > 0
  if ((await addLostSubscriptions(tx, mailboxId, [path])) === 0) return false
  await requireLostSubscriptions(tx, mailboxId)
  return true
}

/**
 * Locks the mailbox's set of folder names, so that two sessions do not change it at once.
 * @throws Refusal mailbox_not_found.
 */
export async function lockFolderSet(tx: Tx, mailboxId: string): Promise<void> {
  const inbox = await tx
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('path', '=', inboxPath)
    .forNoKeyUpdate() // INBOX is never deleted, so its row stands for the set
    .executeTakeFirst()
  if (!inbox) throw new Refusal('mailbox_not_found')
}

/** The same. @returns the names. */
export async function lockPaths(tx: Tx, mailboxId: string): Promise<string[]> {
  await lockFolderSet(tx, mailboxId)
  const rows = await tx.selectFrom('folders').select('path').where('mailbox_id', '=', mailboxId).execute()
  return rows.map((row) => row.path)
}

/**
 * Makes folders under lockPaths, in one statement. Each gets a UIDVALIDITY above any that its name had (RFC 9051
 * §2.3.1.1; decision 0013) and the subscription that waited for it.
 * @param specialUse of the last one.
 */
export async function insertFolders(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  paths: readonly string[],
  specialUse: SpecialUse | null,
): Promise<Folder[]> {
  if (paths.length === 0) return []
  const now = platform.clock.now()
  const uses = paths.map((_, index) => (index === paths.length - 1 ? specialUse : null))
  const { rows } = await sql<Folder>`
    with wanted as (
      select * from unnest(${uuidArray(paths.map(() => newId()))}, ${paths}::text[], ${uses}::text[])
        as wanted (id, path, special_use)
    ), resumed as (
      delete from lost_subscriptions as lost using wanted
      where lost.mailbox_id = ${owner.mailboxId}::uuid and lost.path = wanted.path returning lost.path
    )
    insert into folders (mailbox_id, id, path, special_use, subscribed, uidvalidity, created_at)
    select ${owner.mailboxId}::uuid, wanted.id, wanted.path, wanted.special_use,
      wanted.path in (select path from resumed),
      greatest(${toUidValidity(now)}::bigint, gone.uidvalidity + 1), ${now}::timestamptz
    from wanted
      left join deleted_folders as gone on gone.mailbox_id = ${owner.mailboxId}::uuid and gone.path = wanted.path
    returning *`
    .execute(tx)
    .catch((error: unknown) => {
      if (violatedConstraint(error) === 'folders_path')
        throw new Refusal('folder_exists', undefined, { cause: error })
      throw error
    })
  const events = rows.map((folder) => ({
    type: 'folder.created' as const,
    ...owner,
    data: { folder_id: folder.id, path: folder.path },
  }))
  await appendEvents(platform, tx, events)
  return rows
}

export function ancestorsOf(path: string): string[] {
  const levels = path.split(hierarchyDelimiter)
  return levels.slice(1).map((_, index) => levels.slice(0, index + 1).join(hierarchyDelimiter))
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

/** 32 bits (RFC 9051 §2.3.1.1); seconds fit until 2106. */
export function toUidValidity(at: Date): number {
  return Math.floor(at.getTime() / 1000)
}
