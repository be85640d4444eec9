/** The messages that a statement is about, chosen by UID. */
import { type RawBuilder, sql } from 'kysely'
import { int8Array } from '../platform/sql-arrays.ts'
import { mergeUidRanges, rangesTable, type UidRange } from './uid-ranges.ts'

/** UIDs that a statement names one by one, at most. A client's command is mostly about few. */
const namedMax = 100

/** Parts of a statement over `messages`. */
export type UidSelection = {
  /** The comment that has the statement prepared under a name; empty where the plan depends on what is selected. */
  prepared(name: string): RawBuilder<unknown>
  /** The condition on `messages`. */
  where: RawBuilder<unknown>
  /** A table that the condition needs besides, in which each message is found once; null when it needs none. */
  table: RawBuilder<unknown> | null
}

/** Few UIDs are named, so that one plan serves all such statements; more are joined as ranges, and planned each time. */
export function selectUids(mailboxId: string, folderId: string, wanted: readonly UidRange[]): UidSelection {
  const ranges = mergeUidRanges(wanted)
  const uids = namedUids(ranges)
  if (uids !== null) return selectNamed(mailboxId, folderId, uids)
  return {
    prepared: () => sql``,
    where: sql`${inFolder(mailboxId, folderId)} and messages.uid between ranges.first and ranges.last`,
    table: rangesTable(ranges),
  }
}

/** All messages of a folder. */
export function selectFolder(mailboxId: string, folderId: string): UidSelection {
  return { prepared: preparedAs, where: inFolder(mailboxId, folderId), table: null }
}

/** The same as `, table` behind another one of FROM. */
export function besides({ table }: UidSelection): RawBuilder<unknown> {
  return table === null ? sql`` : sql`, ${table}`
}

function selectNamed(mailboxId: string, folderId: string, uids: readonly number[]): UidSelection {
  const where = sql`${inFolder(mailboxId, folderId)} and messages.uid = any(${int8Array(uids)})`
  return { prepared: preparedAs, where, table: null }
}

function preparedAs(name: string): RawBuilder<unknown> {
  return sql.raw(`/* prepared ${name} */`)
}

function inFolder(mailboxId: string, folderId: string): RawBuilder<unknown> {
  return sql`messages.mailbox_id = ${mailboxId}::uuid and messages.folder_id = ${folderId}::uuid`
}

/** @returns null when there are too many. */
function namedUids(ranges: readonly UidRange[]): number[] | null {
  const uids: number[] = []
  for (const { first, last } of ranges) {
    if (uids.length + last - first + 1 > namedMax) return null
    for (let uid = first; uid <= last; uid++) uids.push(uid)
  }
  return uids
}
