/** Which messages of a folder may match by the grams of its segments. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { int4Array, int8Array } from '../../platform/sql-arrays.ts'
import type { UidRange } from '../uid-ranges.ts'
import { startWorkSlices } from '../work-slices.ts'
import { setBitsOfRange } from './search-index-blocks.ts'
import type { FolderPlace } from './search-index-folders.ts'
import { indexedFields } from './search-index-grams.ts'
import { type CandidatePlan, evaluatePlan, type GramRequest } from './search-index-plan.ts'

export type Segment = { level: number; first_uid: number; last_uid: number; cut_uids: number[] }

/** Segments whose postings are in memory together: some megabytes. */
const segmentsPerRead = 200

export async function readSegments(tx: Tx, place: FolderPlace): Promise<Segment[]> {
  const { rows } = await sql<Segment>`
    select level, first_uid, last_uid, array_to_json(cut_uids) as cut_uids from search_segments where ${inFolder(place)}
    order by first_uid`.execute(tx)
  return rows
}

/** The UIDs up to `lastUid` that lie in no segment. */
export function uncoveredRanges(segments: readonly Segment[], lastUid: number): UidRange[] {
  const ranges: UidRange[] = []
  let first = 1
  for (const { first_uid: firstUid, last_uid: lastOfSegment } of segments) {
    if (firstUid > first) ranges.push({ first, last: firstUid - 1 })
    first = lastOfSegment + 1
  }
  if (first <= lastUid) ranges.push({ first, last: lastUid })
  return ranges
}

/** @returns UIDs, ascending. */
export async function findCandidates(
  tx: Tx,
  place: FolderPlace,
  segments: readonly Segment[],
  { plan, requests }: CandidatePlan,
): Promise<number[]> {
  const candidates: number[] = []
  const slices = startWorkSlices()
  for (let at = 0; at < segments.length; at += segmentsPerRead) {
    const some = segments.slice(at, at + segmentsPerRead)
    const blocks = await readBlocks(tx, place, some, requests)
    for (const segment of some) {
      const found = evaluatePlan(plan, segmentBits(segment, blocks.get(segment.first_uid) ?? [], requests))
      pushUids(candidates, segment, found)
      if (slices.isOver()) await slices.letGo()
    }
  }
  return candidates
}

type BlockRow = { first_uid: number; request: number; first_gram: number; postings: Buffer }

/** By segment. A range of grams may lie in several blocks: that in which it starts, and those that start in it. */
async function readBlocks(
  tx: Tx,
  place: FolderPlace,
  segments: readonly Segment[],
  requests: readonly GramRequest[],
): Promise<Map<number, BlockRow[]>> {
  const wanted = sql`unnest(
      ${int4Array(segments.map(({ level }) => level))}, ${int8Array(segments.map((segment) => segment.first_uid))}
    ) as segment (level, first_uid) cross join unnest(
      ${int4Array(requests.map((_, index) => index))}, ${int4Array(requests.map(({ field }) => indexedFields.indexOf(field)))},
      ${int4Array(requests.map(({ range }) => range.first))}, ${int4Array(requests.map(({ range }) => range.last))}
    ) as wanted (request, field, first, last)`
  const blocksOfWanted = sql`${inFolder(place)} and field = wanted.field::smallint
    and grams.level = segment.level::smallint and grams.first_uid = segment.first_uid`
  const { rows } = await sql<BlockRow>`
    select segment.first_uid, request, first_gram, postings from ${wanted} cross join lateral (
      select first_gram, postings from search_grams as grams
      where ${blocksOfWanted} and first_gram <= wanted.first order by first_gram desc limit 1
    ) as block
    union all
    select segment.first_uid, request, first_gram, postings from ${wanted} cross join lateral (
      select first_gram, postings from search_grams as grams
      where ${blocksOfWanted} and first_gram > wanted.first and first_gram <= wanted.last
    ) as block where wanted.last > wanted.first`.execute(tx)
  return Map.groupBy(rows, (row) => row.first_uid)
}

function segmentBits(segment: Segment, blocks: readonly BlockRow[], requests: readonly GramRequest[]) {
  const { first_uid: firstUid, last_uid: lastUid } = segment
  const words = Math.ceil((lastUid - firstUid + 1) / 32)
  const grams = requests.map(() => new Uint32Array(words))
  for (const { request, first_gram: firstGram, postings } of blocks) {
    const [wanted, bits] = [requests[request], grams[request]]
    if (wanted && bits) setBitsOfRange({ firstGram, postings }, wanted.range, bits)
  }
  const cut = new Uint32Array(words)
  for (const uid of segment.cut_uids) {
    const document = uid - firstUid
    cut[document >>> 5] = (cut[document >>> 5] ?? 0) | (1 << (document & 31))
  }
  return { words, grams, cut }
}

function pushUids(uids: number[], { first_uid: firstUid }: Segment, bits: Uint32Array): void {
  for (const [word, value] of bits.entries()) {
    for (let rest = value; rest !== 0; rest &= rest - 1) {
      uids.push(firstUid + word * 32 + (31 - Math.clz32(rest & -rest)))
    }
  }
}

function inFolder({ mailboxId, folderId }: FolderPlace) {
  return sql`mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid`
}
