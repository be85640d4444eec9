/** Takes out of the search index what is no longer in its folder, and whole folders that are gone. */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { type FolderPlace, type SearchFolder, searchTables } from './search-index-folders.ts'
import { documentsLeftMin } from './search-index-segments.ts'

/** Tombstones that are looked at in one transaction, but for those of one large expunge. */
const tombstonesPerBatch = 2000

/**
 * Removes the documents of messages that were expunged since the last time, in a folder whose row the caller has locked.
 * @returns whether there may be more.
 */
export async function cleanDocuments(tx: Tx, search: SearchFolder): Promise<boolean> {
  const place = { mailboxId: search.mailbox_id, folderId: search.folder_id }
  const folder = await tx
    .selectFrom('folders')
    .select(['highest_modseq', 'tombstones_from_modseq'])
    .where('mailbox_id', '=', place.mailboxId)
    .where('id', '=', place.folderId)
    .executeTakeFirst()
  if (!folder) return false
  if (folder.tombstones_from_modseq > search.cleaned_modseq) {
    // Tombstones that were not looked at are gone: the messages themselves have to tell.
    await removeDocuments(
      tx,
      place,
      sql`not exists (select from messages where messages.mailbox_id = gone.mailbox_id
      and messages.folder_id = gone.folder_id and messages.uid = gone.uid)`,
    )
    await setCleaned(tx, place, folder.highest_modseq)
    return false
  }
  const upTo = await nextModseq(tx, place, search.cleaned_modseq)
  if (upTo === null) return false
  await removeDocuments(
    tx,
    place,
    sql`uid = any(array(
    select uid from expunged_messages where ${inFolder(place)}
      and modseq > ${search.cleaned_modseq}::bigint and modseq <= ${upTo}::bigint))`,
  )
  await setCleaned(tx, place, upTo)
  return true
}

/** The MODSEQ of the last of the next tombstones; all of one MODSEQ are taken together. */
async function nextModseq(tx: Tx, place: FolderPlace, after: number): Promise<number | null> {
  const { rows } = await sql<{ modseq: number | null }>`
    select max(modseq) as modseq from (
      select modseq from expunged_messages where ${inFolder(place)} and modseq > ${after}::bigint
      order by modseq limit ${tombstonesPerBatch}
    ) as next`.execute(tx)
  return rows[0]?.modseq ?? null
}

/** @param which a condition on `search_fields as gone`. */
async function removeDocuments(tx: Tx, place: FolderPlace, which: ReturnType<typeof sql>): Promise<void> {
  const { rows } = await sql<{ first_uid: number; document_count: number }>`
    with removed as (
      delete from search_fields as gone where ${inFolder(place)} and ${which} returning uid
    ), texts as (
      delete from search_texts where ${inFolder(place)} and uid = any(array(select uid from removed))
    ), counts as (
      select segment.first_uid, count(*)::int as count
      from removed join search_segments as segment
        on ${inFolder(place)} and removed.uid between segment.first_uid and segment.last_uid
      group by segment.first_uid
    )
    update search_segments as segment set document_count = document_count - counts.count
    from counts where ${inFolder(place)} and segment.first_uid = counts.first_uid
    returning segment.first_uid, document_count`.execute(tx)
  for (const { first_uid: firstUid, document_count: documentCount } of rows) {
    if (documentCount < documentsLeftMin) await removeSegment(tx, place, firstUid)
  }
}

/** What is left of its documents is looked through from now on. */
async function removeSegment(tx: Tx, place: FolderPlace, firstUid: number): Promise<void> {
  for (const table of ['search_segments', 'search_grams'] as const) {
    await tx
      .deleteFrom(table)
      .where('mailbox_id', '=', place.mailboxId)
      .where('folder_id', '=', place.folderId)
      .where('first_uid', '=', firstUid)
      .execute()
  }
}

async function setCleaned(tx: Tx, place: FolderPlace, modseq: number): Promise<void> {
  await tx
    .updateTable('search_folders')
    .set({ cleaned_modseq: modseq })
    .where('mailbox_id', '=', place.mailboxId)
    .where('folder_id', '=', place.folderId)
    .execute()
}

const orphansPerRun = 20

/** Removes the index of folders that were deleted. @returns whether there may be more. */
export async function removeOrphans(platform: Platform): Promise<boolean> {
  const { rows } = await sql<{ mailbox_id: string; folder_id: string }>`
    select mailbox_id, folder_id from search_folders where not exists (
      select from folders where folders.mailbox_id = search_folders.mailbox_id and folders.id = search_folders.folder_id
    ) limit ${orphansPerRun}`.execute(platform.db)
  for (const { mailbox_id: mailboxId, folder_id: folderId } of rows) {
    await transaction(platform.db, async (tx) => {
      for (const table of searchTables) {
        await tx
          .deleteFrom(table)
          .where('mailbox_id', '=', mailboxId)
          .where('folder_id', '=', folderId)
          .execute()
      }
    })
  }
  return rows.length === orphansPerRun
}

function inFolder({ mailboxId, folderId }: FolderPlace) {
  return sql`mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`
}
