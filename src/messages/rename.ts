/** RENAME of folders (RFC 9051 §6.3.6): a tree moves with its root, and INBOX gives its messages away. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { moveMessages } from './copies.ts'
import {
  ancestorsOf,
  canonicalPath,
  createFolder,
  type Folder,
  foldersPerMailboxMax,
  hierarchyDelimiter,
  inboxPath,
  insertFolder,
  lockPaths,
  nextUidValidity,
  rememberUidValidity,
  requireFolderPath,
} from './folders.ts'
import type { MailboxOwner } from './owner.ts'

/**
 * Renames a folder and everything below it; missing levels above the new name are made. Renaming INBOX moves
 * its messages into a new folder and leaves INBOX empty, with the folders below it where they are.
 * @throws Refusal folder_not_found, folder_exists, folder_name_invalid, folder_limit_reached.
 */
export async function renameFolder(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromPath: string,
  toPath: string,
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
  for (const ancestor of missing) await insertFolder(platform, tx, owner, ancestor, null)
  await rememberUidValidity(tx, owner.mailboxId, tree)
  for (const { folder, path } of moves) await movePath(platform, tx, owner, folder, path)
}

async function renameInbox(platform: Platform, tx: Tx, owner: MailboxOwner, to: string): Promise<void> {
  const target = await createFolder(platform, tx, owner, to)
  const inbox = await tx
    .selectFrom('folders')
    .select(['id', 'uidnext'])
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', inboxPath)
    .executeTakeFirstOrThrow()
  await moveMessages(platform, tx, owner, inbox.id, [{ first: 1, last: inbox.uidnext }], target.id)
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

async function movePath(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folder: Folder,
  path: string,
): Promise<void> {
  // The folder keeps its UIDVALIDITY unless the new name once had a higher one.
  const floor = await nextUidValidity(platform, tx, owner.mailboxId, path)
  const reused = await tx
    .selectFrom('deleted_folders')
    .select('uidvalidity')
    .where('mailbox_id', '=', owner.mailboxId)
    .where('path', '=', path)
    .executeTakeFirst()
  const uidvalidity = reused && reused.uidvalidity >= folder.uidvalidity ? floor : folder.uidvalidity
  await tx
    .updateTable('folders')
    .set({ path, uidvalidity })
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', folder.id)
    .execute()
  await appendEvents(platform, tx, [
    { type: 'folder.renamed', ...owner, data: { folder_id: folder.id, from: folder.path, path } },
  ])
}
