/**
 * Merging: some neighbouring segments become one, so that a search in a large folder looks into few of them. The postings
 * are read and written in the order of their grams, a few blocks of each segment in memory.
 */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import { sliceMs, startWorkSlices, type WorkSlices } from '../work-slices.ts'
import { readBlocksOf, type SegmentKey, startBlockRows } from './search-index-block-rows.ts'
import {
  type BlockReader,
  createBlockWriter,
  documentNumbersMax,
  type GramBlock,
  readBlock,
} from './search-index-blocks.ts'
import type { FolderPlace, SearchFolder } from './search-index-folders.ts'
import { type IndexedField, indexedFields } from './search-index-grams.ts'

/** Segments of one level that become one of the next. */
const segmentsPerMerge = 8

type Segment = {
  level: number
  first_uid: number
  last_uid: number
  document_count: number
  cut_uids: number[]
}

/**
 * Merges the first segments that can be, of a folder whose row the caller has locked.
 * @returns false when there are none.
 */
export async function mergeNextSegments(tx: Tx, folder: SearchFolder): Promise<boolean> {
  const place = { mailboxId: folder.mailbox_id, folderId: folder.folder_id }
  for (const segments of mergeable(await readSegments(tx, place))) {
    if (await hasDocumentsBetween(tx, place, segments)) continue
    await merge(tx, place, segments)
    return true
  }
  return false
}

async function readSegments(tx: Tx, place: FolderPlace): Promise<Segment[]> {
  const { rows } = await sql<Segment>`
    select level, first_uid, last_uid, document_count, array_to_json(cut_uids) as cut_uids from search_segments
    where ${inFolder(place)} order by first_uid`.execute(tx)
  return rows
}

/** Runs of neighbours of one level whose documents can be numbered together. */
function* mergeable(segments: readonly Segment[]): Generator<Segment[], void> {
  for (let at = 0; at + segmentsPerMerge <= segments.length; at++) {
    const run = segments.slice(at, at + segmentsPerMerge)
    const [first, last] = [run[0], run.at(-1)]
    if (first === undefined || last === undefined) return
    const isNear = last.last_uid - first.first_uid < documentNumbersMax
    if (isNear && run.every(({ level }) => level === first.level)) yield run
  }
}

/** Documents of a segment that was dropped between two others are looked through; a merged one would hide them. */
async function hasDocumentsBetween(
  tx: Tx,
  place: FolderPlace,
  segments: readonly Segment[],
): Promise<boolean> {
  const gaps = segments.slice(1).map((segment, index) => ({
    after: segments[index]?.last_uid ?? 0,
    before: segment.first_uid,
  }))
  const { rows } = await sql<{ found: boolean }>`
    select exists (
      select from unnest(${int8Array(gaps.map(({ after }) => after))}, ${int8Array(gaps.map(({ before }) => before))})
        as gap (after, before)
      join search_fields on ${inFolder(place)} and uid > gap.after and uid < gap.before
    ) as found`.execute(tx)
  return rows[0]?.found ?? false
}

async function merge(tx: Tx, place: FolderPlace, segments: readonly Segment[]): Promise<void> {
  const firstUid = segments[0]?.first_uid ?? 0
  const merged = { level: (segments[0]?.level ?? 0) + 1, firstUid }
  const slices = startWorkSlices(sliceMs)
  for (const field of indexedFields) await mergeField(tx, place, segments, merged, field, slices)
  await sql`
    delete from search_grams where ${inFolder(place)} and level = ${merged.level - 1}::smallint
      and first_uid = any(${int8Array(segments.map((segment) => segment.first_uid))})`.execute(tx)
  await sql`
    delete from search_segments where ${inFolder(place)}
      and first_uid = any(${int8Array(segments.map((segment) => segment.first_uid))})`.execute(tx)
  await tx
    .insertInto('search_segments')
    .values({
      mailbox_id: place.mailboxId,
      folder_id: place.folderId,
      level: merged.level,
      first_uid: firstUid,
      last_uid: segments.at(-1)?.last_uid ?? 0,
      document_count: segments.reduce((sum, segment) => sum + segment.document_count, 0),
      cut_uids: segments.flatMap((segment) => segment.cut_uids),
    })
    .execute()
}

/** A place in the blocks of one segment. */
type Cursor = {
  /** What its document numbers are more in the merged segment. */
  offset: number
  pages: AsyncGenerator<GramBlock[], void>
  blocks: GramBlock[]
  reader: BlockReader | null
}

async function mergeField(
  tx: Tx,
  place: FolderPlace,
  segments: readonly Segment[],
  merged: SegmentKey,
  field: IndexedField,
  slices: WorkSlices,
): Promise<void> {
  const cursors: Cursor[] = segments.map(({ level, first_uid: firstUid }) => ({
    offset: firstUid - merged.firstUid,
    pages: readBlocksOf(tx, place, { level, firstUid }, field),
    blocks: [],
    reader: null,
  }))
  for (const cursor of cursors) await nextBlock(cursor)
  const rows = startBlockRows(tx, place, merged, field)
  const writer = createBlockWriter()
  const documents = new Uint16Array(documentNumbersMax)
  for (let gram = lowestGram(cursors); gram !== null; gram = lowestGram(cursors)) {
    let count = 0
    // In the order of the segments, and so of the documents.
    for (const cursor of cursors) {
      if (cursor.reader?.gram !== gram) continue
      count = cursor.reader.copyDocuments(documents, count, cursor.offset)
      if (!cursor.reader.next()) await nextBlock(cursor)
    }
    const full = writer.add(gram, documents.subarray(0, count))
    if (full !== null) await rows.add(full)
    if (slices.isOver()) await slices.letGo()
  }
  const last = writer.end()
  if (last !== null) await rows.add(last)
  await rows.end()
}

function lowestGram(cursors: readonly Cursor[]): number | null {
  let lowest: number | null = null
  for (const { reader } of cursors) {
    if (reader !== null && (lowest === null || reader.gram < lowest)) lowest = reader.gram
  }
  return lowest
}

/** Goes to the first entry of the next block; behind the last one the reader is null. */
async function nextBlock(cursor: Cursor): Promise<void> {
  if (cursor.blocks.length === 0) {
    const page = await cursor.pages.next()
    cursor.blocks = page.done ? [] : page.value
  }
  const block = cursor.blocks.shift()
  cursor.reader = block === undefined ? null : readBlock(block)
  cursor.reader?.next()
}

function inFolder({ mailboxId, folderId }: FolderPlace) {
  return sql`mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`
}
