/**
 * The jobs that keep search indexes. Nothing of it happens when mail is delivered: a search that met many messages
 * without documents asks for its folder, and a schedule looks for folders that are behind.
 */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { cleanDocuments, removeOrphans } from './search-index-clean.ts'
import { indexNextDocuments } from './search-index-documents.ts'
import { type FolderPlace, lockSearchFolder, type SearchFolder } from './search-index-folders.ts'
import { mergeNextSegments } from './search-index-merge.ts'
import { rest } from './search-index-pace.ts'
import { isSegmentFull, type SegmentSizes, sealNextSegment, segmentSizes } from './search-index-segments.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'search.index': { mailbox_id: string; folder_id: string }
    'search.schedule': Record<string, never>
  }
}

/** So many messages are as quickly opened as looked up: a search that opens more asks for an index. */
export const unindexedMax = 300
/** A folder with so many messages gets an index before anyone searches it. */
const largeFolderMessages = 2000
const foldersPerSchedule = 200
/** Then others have their turn, and the folder waits for its next. */
const runMsMax = 20_000

/** Has a folder indexed soon. */
export async function requestIndex(platform: Platform, { mailboxId, folderId }: FolderPlace): Promise<void> {
  await transaction(platform.db, (tx) =>
    addJob(
      tx,
      'search.index',
      { mailbox_id: mailboxId, folder_id: folderId },
      { key: `search.index:${folderId}` },
    ),
  )
}

/** Brings the index of a folder up to date; when it takes too long, a later job goes on. */
export async function indexFolder(
  platform: Platform,
  place: FolderPlace,
  sizes: SegmentSizes = segmentSizes,
): Promise<void> {
  const until = performance.now() + runMsMax
  for (;;) {
    const startedAt = performance.now()
    const step = await transaction(platform.db, async (tx) => {
      const folder = await lockSearchFolder(tx, place)
      return folder === null ? 'nothing' : await runStep(tx, folder, sizes)
    })
    if (step === 'nothing') return
    if (performance.now() > until) return await requestIndex(platform, place)
    await rest(performance.now() - startedAt)
  }
}

/** One piece of work. Segments go first, so that a search never has much more than one of them to look through. */
async function runStep(tx: Tx, folder: SearchFolder, sizes: SegmentSizes): Promise<'done' | 'nothing'> {
  if (isSegmentFull(folder, sizes) && (await sealNextSegment(tx, folder, sizes))) {
    // A merge follows at once, while nobody else can have the lock.
    await mergeNextSegments(tx, folder)
    return 'done'
  }
  if ((await indexNextDocuments(tx, folder)) > 0) return 'done'
  return (await cleanDocuments(tx, folder)) ? 'done' : 'nothing'
}

/** Adds a job for each folder that is behind, and removes the index of deleted ones. */
export async function scheduleIndexing(platform: Platform): Promise<void> {
  while (await removeOrphans(platform));
  const { rows } = await sql<{ mailbox_id: string; id: string }>`
    select folders.mailbox_id, id from folders left join search_folders as search
      on search.mailbox_id = folders.mailbox_id and search.folder_id = folders.id
    where (search.folder_id is null and message_count >= ${largeFolderMessages})
      or uidnext - 1 - search.indexed_uid > ${unindexedMax}
      or exists (select from expunged_messages as gone where gone.mailbox_id = search.mailbox_id
        and gone.folder_id = search.folder_id and gone.modseq > search.cleaned_modseq)
    limit ${foldersPerSchedule}`.execute(platform.db)
  for (const { mailbox_id: mailboxId, id: folderId } of rows) {
    await requestIndex(platform, { mailboxId, folderId })
  }
}
