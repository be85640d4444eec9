/**
 * How far the search index of each folder has come. Whoever changes a folder's index holds the lock of its row: two
 * runs at once, also of two nodes, do not meet.
 *
 * All messages up to `indexed_uid` have documents; UIDs become visible in order (decision 0012), so none can come in
 * below it later. Messages behind it are searched without the index.
 */
import { type Selectable, sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import type { SearchFoldersTable } from '../tables.ts'

export type FolderPlace = { mailboxId: string; folderId: string }
export type SearchFolder = Selectable<SearchFoldersTable>

/**
 * The folder's row, locked and made if need be.
 * @returns null when another run has the lock, or the folder is gone.
 */
export async function lockSearchFolder(tx: Tx, place: FolderPlace): Promise<SearchFolder | null> {
  const locked = await readLocked(tx, place)
  if (locked !== null) return locked
  // The lock of the folder's own row makes a deletion wait, or shows that it was first.
  await sql`
    insert into search_folders (mailbox_id, folder_id, indexed_uid, sealed_uid, cleaned_modseq, open_documents, open_chars)
    select mailbox_id, id, 0, 0, highest_modseq, 0, 0 from folders
    where mailbox_id = ${place.mailboxId}::uuid and id = ${place.folderId}::uuid for key share
    on conflict do nothing`.execute(tx)
  return await readLocked(tx, place)
}

async function readLocked(tx: Tx, { mailboxId, folderId }: FolderPlace): Promise<SearchFolder | null> {
  const row = await tx
    .selectFrom('search_folders')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .where('folder_id', '=', folderId)
    .forUpdate()
    .skipLocked()
    .executeTakeFirst()
  return row ?? null
}

/** The tables of the index, the one with the lock first. */
export const searchTables = [
  'search_folders',
  'search_grams',
  'search_segments',
  'search_texts',
  'search_fields',
] as const
