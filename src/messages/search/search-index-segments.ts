/**
 * Segments: some thousand documents of a folder whose grams are indexed together and then never change. A message that
 * is expunged stays in the postings; what is found is looked up among the messages anyway.
 */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { sliceMs, startWorkSlices, type WorkSlices } from '../work-slices.ts'
import { startBlockRows } from './search-index-block-rows.ts'
import { documentNumbersMax } from './search-index-blocks.ts'
import type { FolderPlace, SearchFolder } from './search-index-folders.ts'
import { gramUnits, type IndexedField } from './search-index-grams.ts'
import { createPostingsBuilder } from './search-index-postings.ts'

/** A segment is full with one of these. The bytes bound the memory that its making needs. */
export type SegmentSizes = { documents: number; textBytes: number }
export const segmentSizes: SegmentSizes = { documents: 4096, textBytes: 16 * 1024 * 1024 }
/** Fewer documents, far apart, are not worth a segment; they are looked through each time. */
const documentsMin = 512
/** Below this a segment costs a search more than its messages would. */
export const documentsLeftMin = 64

/** Texts that are read together. */
const pageDocuments = 128

type Span = { firstUid: number; lastUid: number; documents: number; textBytes: number; cutUids: number[] }

/** Whether the documents behind the last segment fill another one. */
export function isSegmentFull(folder: SearchFolder, sizes: SegmentSizes): boolean {
  return folder.open_documents >= sizes.documents || folder.open_chars >= sizes.textBytes
}

/**
 * Seals the next segment of a folder whose row the caller has locked, and moves the row on.
 * @returns false when the documents are too few.
 */
export async function sealNextSegment(tx: Tx, folder: SearchFolder, sizes: SegmentSizes): Promise<boolean> {
  const place = { mailboxId: folder.mailbox_id, folderId: folder.folder_id }
  const span = await nextSpan(tx, place, folder.sealed_uid, sizes)
  if (span === null) return false
  if (span.documents >= Math.min(documentsMin, sizes.documents) || span.textBytes >= sizes.textBytes) {
    await insertSegment(tx, place, span)
  }
  await tx
    .updateTable('search_folders')
    .set((eb) => ({
      sealed_uid: span.lastUid,
      open_documents: eb.fn<number>('greatest', [eb.lit(0), eb('open_documents', '-', span.documents)]),
      open_chars: eb.fn<number>('greatest', [eb.lit(0), eb('open_chars', '-', span.textBytes)]),
    }))
    .where('mailbox_id', '=', place.mailboxId)
    .where('folder_id', '=', place.folderId)
    .execute()
  return true
}

/** The documents of the next segment; null when they do not fill one. */
async function nextSpan(
  tx: Tx,
  place: FolderPlace,
  sealedUid: number,
  sizes: SegmentSizes,
): Promise<Span | null> {
  const { rows } = await sql<{ uid: number; bytes: number; is_cut: boolean }>`
    select uid, octet_length(header) + octet_length(content) as bytes, is_cut from search_texts
    where ${inFolder(place)} and uid > ${sealedUid}::bigint order by uid limit ${sizes.documents}`.execute(tx)
  const firstUid = rows[0]?.uid ?? 0
  const span: Span = { firstUid, lastUid: 0, documents: 0, textBytes: 0, cutUids: [] }
  for (const { uid, bytes, is_cut: isCut } of rows) {
    // Sparse: the next document lies out of the reach of this segment's numbers.
    if (uid - firstUid >= documentNumbersMax) return { ...span, lastUid: firstUid + documentNumbersMax - 1 }
    span.lastUid = uid
    span.documents++
    span.textBytes += bytes
    if (isCut) span.cutUids.push(uid)
    if (span.textBytes >= sizes.textBytes) return span
  }
  return span.documents >= sizes.documents ? span : null
}

async function insertSegment(tx: Tx, place: FolderPlace, span: Span): Promise<void> {
  const slices = startWorkSlices(sliceMs)
  await indexTexts(tx, place, span, 'search_fields', ['subject', 'sender', 'recipients', 'cc', 'bcc'], slices)
  // One after the other, because each of them takes some megabytes.
  await indexTexts(tx, place, span, 'search_texts', ['header'], slices)
  await indexTexts(tx, place, span, 'search_texts', ['content'], slices)
  await tx
    .insertInto('search_segments')
    .values({
      mailbox_id: place.mailboxId,
      folder_id: place.folderId,
      level: 0,
      first_uid: span.firstUid,
      last_uid: span.lastUid,
      document_count: span.documents,
      cut_uids: span.cutUids,
    })
    .execute()
}

async function indexTexts(
  tx: Tx,
  place: FolderPlace,
  span: Span,
  table: 'search_fields' | 'search_texts',
  fields: readonly IndexedField[],
  slices: WorkSlices,
): Promise<void> {
  const builders = fields.map((field) => ({ field, postings: createPostingsBuilder(gramUnits(field)) }))
  const columns = sql.join(fields.map((field) => sql.ref(field)))
  for (let afterUid = span.firstUid - 1; afterUid < span.lastUid; ) {
    const { rows } = await sql<{ uid: number } & { [F in IndexedField]?: string | null }>`
      select uid, ${columns} from ${sql.table(table)} where ${inFolder(place)}
        and uid > ${afterUid}::bigint and uid <= ${span.lastUid}::bigint
      order by uid limit ${pageDocuments}`.execute(tx)
    for (const row of rows) {
      for (const { field, postings } of builders) postings.add(row.uid - span.firstUid, row[field] ?? '')
      if (slices.isOver()) await slices.letGo()
    }
    const last = rows.at(-1)
    if (last === undefined) break
    afterUid = last.uid
  }
  const segment = { level: 0, firstUid: span.firstUid }
  for (const { field, postings } of builders) {
    const writer = startBlockRows(tx, place, segment, field)
    for (const block of postings.finish()) {
      if (block !== null) await writer.add(block)
      if (slices.isOver()) await slices.letGo()
    }
    await writer.end()
  }
}

function inFolder({ mailboxId, folderId }: FolderPlace) {
  return sql`mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`
}
