/** Sets of UIDs as ranges. */
import { type RawBuilder, sql } from 'kysely'
import { int8Array } from '../platform/sql-arrays.ts'

/** UIDs from `first` to `last`, both included. A session's sequence numbers become few of these. */
export type UidRange = { first: number; last: number }

/** UID ranges as a table in a statement, named `ranges`. They do not overlap there, so that no message comes twice. */
export function rangesTable(wanted: readonly UidRange[]) {
  const ranges = mergeUidRanges(wanted)
  return sql`unnest(${int8Array(ranges.map((range) => range.first))}, ${int8Array(ranges.map((range) => range.last))})
    as ranges (first, last)`
}

/** Whether a UID is in some of the ranges: a multirange is searched by halves, and its bounds narrow an index. */
export function isWithinRanges(uid: RawBuilder<unknown>, wanted: readonly UidRange[]): RawBuilder<boolean> {
  const ranges = mergeUidRanges(wanted)
  const first = ranges[0]?.first ?? 0
  const last = ranges.at(-1)?.last ?? 0
  const bounds = sql<boolean>`${uid} between ${first}::bigint and ${last}::bigint`
  if (ranges.length < 2) return bounds
  const multirange = `{${ranges.map((range) => `[${range.first},${range.last}]`).join(',')}}`
  return sql<boolean>`${bounds} and ${uid} <@ ${multirange}::int8multirange`
}

/** Ascending and apart from each other, as a client's ranges need not be. */
export function mergeUidRanges(ranges: readonly UidRange[]): UidRange[] {
  const merged: UidRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = merged.at(-1)
    if (last !== undefined && range.first <= last.last + 1) last.last = Math.max(last.last, range.last)
    else merged.push({ ...range })
  }
  return merged
}

/** The runs of consecutive numbers among ascending UIDs. */
export function rangesOfUids(uids: Iterable<number>): UidRange[] {
  const ranges: UidRange[] = []
  for (const uid of uids) {
    const last = ranges.at(-1)
    if (last?.last === uid - 1) last.last = uid
    else ranges.push({ first: uid, last: uid })
  }
  return ranges
}

/** Whether a UID is in ranges that `mergeUidRanges` has put in order. */
export function isInRanges(merged: readonly UidRange[], uid: number): boolean {
  let low = 0
  let high = merged.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((merged[middle]?.last ?? 0) < uid) low = middle + 1
    else high = middle
  }
  return (merged[low]?.first ?? Number.POSITIVE_INFINITY) <= uid
}
