/** RENAME of folders (RFC 9051 §6.3.6): a tree moves with its root, and INBOX gives its messages away. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { copyAnnotations } from './annotation-rows.ts'
import { moveMessages } from './copies.ts'
import {
  ancestorsOf,
  canonicalPath,
  createFolder,
  type Folder,
  foldersPerMailboxMax,
  hierarchyDelimiter,
  inboxPath,
  insertFolders,
  lockPaths,
  rememberUidValidity,
  requireFolderPath,
  toUidValidity,
} from './folders.ts'
import { addLostSubscriptions, takeLostSubscriptions } from './lost-subscriptions.ts'
import type { MailboxOwner } from './owner.ts'

/**
 * What becomes of the subscriptions of a tree: they follow their folders, as a person expects, or they stay with the
 * old names, as IMAP says (RFC 9051 §6.3.6).
 */
export type RenamedSubscriptions = 'follow' | 'stay'

/**
 * Renames a folder and everything below it, in a number of statements that does not grow with the tree; missing
 * levels above the new name are made. Renaming INBOX moves its messages into a new folder and leaves INBOX empty,
 * with the folders below it where they are.
 * @throws Refusal folder_not_found, folder_exists, folder_name_invalid, folder_limit_reached.
 */
export async function renameFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromPath: string,
  toPath: string,
  subscriptions: RenamedSubscriptions = 'follow',
): Promise<void> {
  const from = canonicalPath(fromPath)
  const to = requireFolderPath(toPath)
  if (from === inboxPath) return await renameInbox(platform, tx, owner, to)
  const existing = new Set(await lockPaths(tx, owner.mailboxId))
  if (!existing.has(from)) throw new Refusal('folder_not_found')
  if (to === from || to.startsWith(`${from}${hierarchyDelimiter}`)) {
    throw new Refusal('folder_name_invalid', 'A folder cannot be moved to itself or below itself.')
  }
  const tree = await readTree(tx, owner.mailboxId, from)
  const moves = tree.map((folder) => ({ folder, path: `${to}${folder.path.slice(from.length)}` }))
  if (moves.some(({ path }) => existing.has(path))) throw new Refusal('folder_exists')
  for (const { path } of moves) requireFolderPath(path) // the new names may have become too long or too deep
  const missing = ancestorsOf(to).filter((ancestor) => !existing.has(ancestor))
  if (existing.size + missing.length > foldersPerMailboxMax) throw new Refusal('folder_limit_reached')
  await insertFolders(platform, tx, owner, missing, null)
  await rememberUidValidity(tx, owner.mailboxId, tree)
  const subscribed = await moveSubscriptions(tx, owner.mailboxId, moves, subscriptions)
  await movePaths(platform, tx, owner, moves, subscribed)
}

type Move = { folder: Folder; path: string }

async function renameInbox(platform: Platform, tx: Tx, owner: MailboxOwner, to: string): Promise<void> {
  const target = await createFolder(platform, tx, owner, to)
  const inbox = await tx
    .selectFrom('folders')
    .select(['id', 'uidnext'])
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', inboxPath)
    .executeTakeFirstOrThrow()
  await moveMessages(platform, tx, owner, inbox.id, [{ first: 1, last: inbox.uidnext }], target.id)
  await copyAnnotations(tx, owner.mailboxId, inbox.id, target.id)
}

async function readTree(tx: Tx, mailboxId: string, root: string): Promise<Folder[]> {
  return await tx
    .selectFrom('folders')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .where((eb) =>
      eb.or([eb('path', '=', root), sql<boolean>`starts_with(path, ${`${root}${hierarchyDelimiter}`})`]),
    )
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
}

/** @returns the new paths that are subscribed: with their folder, or already before it came. */
async function moveSubscriptions(
  tx: Tx,
  mailboxId: string,
  moves: readonly Move[],
  subscriptions: RenamedSubscriptions,
): Promise<Set<string>> {
  const waiting = await takeLostSubscriptions(
    tx,
    mailboxId,
    moves.map(({ path }) => path),
  )
  const subscribed = moves.filter(({ folder }) => folder.subscribed)
  if (subscriptions === 'follow') return new Set([...waiting, ...subscribed.map(({ path }) => path)])
  await addLostSubscriptions(
    tx,
    mailboxId,
    subscribed.map(({ folder }) => folder.path),
  )
  return waiting
}

async function movePaths(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  moves: readonly Move[],
  subscribed: ReadonlySet<string>,
): Promise<void> {
  // A folder keeps its UIDVALIDITY unless its new name once had a higher one.
  await sql`
    update folders set path = new.path, subscribed = new.subscribed,
      uidvalidity = case when gone.uidvalidity >= folders.uidvalidity
        then greatest(${toUidValidity(platform.clock.now())}::bigint, gone.uidvalidity + 1)
        else folders.uidvalidity end
    from unnest(
      ${uuidArray(moves.map(({ folder }) => folder.id))}, ${moves.map(({ path }) => path)}::text[],
      ${moves.map(({ path }) => subscribed.has(path))}::boolean[]
    ) as new (id, path, subscribed)
      left join deleted_folders as gone on gone.mailbox_id = ${owner.mailboxId}::uuid and gone.path = new.path
    where folders.mailbox_id = ${owner.mailboxId}::uuid and folders.id = new.id`.execute(tx)
  const events = moves.map(({ folder, path }) => ({
    type: 'folder.renamed' as const,
    ...owner,
    data: { folder_id: folder.id, from: folder.path, path },
  }))
  await appendEvents(platform, tx, events)
}
