/**
 * The narrow part of many messages: flags, MODSEQ, size and date, which a client asks for of a whole folder. A page of
 * them comes as one packed value, because a row for each costs the driver five times as much.
 */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { readUid } from './packed-uids.ts'
import { mergeUidRanges, rangesTable, type UidRange } from './uid-ranges.ts'

export type LightMessage = {
  uid: number
  modseq: number
  flags: number
  keywords: readonly string[]
  /** Of a second's precision, as INTERNALDATE has it. */
  internal_date: Date
  size_bytes: number
}

/** Messages of one statement: memory stays flat, and nobody waits long for the event loop. */
export const lightMessagesMax = 4_096

/** Messages of the ranges in UID order, a page at a time. */
export async function* readLightMessages(
  db: Db,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
): AsyncGenerator<LightMessage[], void> {
  const left = mergeUidRanges(ranges)
  let at = 0
  while (at < left.length) {
    const count = countForOnePage(left, at)
    const page = await readPage(db, mailboxId, folderId, left.slice(at, at + count))
    if (page.length > 0) yield page
    at += count
    const lastRange = left[at - 1]
    const lastUid = page.at(-1)?.uid
    if (page.length < lightMessagesMax || lastRange === undefined || lastUid === undefined) continue
    if (lastUid === lastRange.last) continue
    lastRange.first = lastUid + 1 // only the last range of a page can hold more than the page
    at -= 1
  }
}

/** As many ranges as could hold a page: a statement with more of them would read what it drops. */
function countForOnePage(ranges: readonly UidRange[], from: number): number {
  let room = lightMessagesMax
  let at = from
  while (at < ranges.length && room > 0) {
    const range = ranges[at++]
    if (range) room -= range.last - range.first + 1
  }
  return at - from
}

type PageRow = { packed: Buffer | null; keyworded: [uid: number, keywords: string[]][] | null }

/** Octets of one message: UID 4, MODSEQ 8, flags 4, size 8, date 8. */
const messageBytes = 32

async function readPage(
  db: Db,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
): Promise<LightMessage[]> {
  // Each range is read from the index in its order and up to a page, whatever the planner thinks of the table.
  const { rows } = await sql<PageRow>`/* prepared light_messages */
    select string_agg(int4send((uid - 2147483648)::int4) || int8send(modseq) || int4send(flags)
        || int8send(size_bytes) || int8send(floor(extract(epoch from internal_date))::bigint), ''::bytea order by uid)
        as packed,
      json_agg(json_build_array(uid, keywords)) filter (where keywords <> '{}') as keyworded
    from (
      select message.* from ${rangesTable(ranges)} cross join lateral (
        select uid, modseq, flags, size_bytes, internal_date, keywords from messages
        where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
          and uid between ranges.first and ranges.last
        order by uid limit ${sql.lit(lightMessagesMax)}
      ) as message order by uid limit ${sql.lit(lightMessagesMax)}
    ) as page`.execute(db)
  const { packed, keyworded } = rows[0] ?? { packed: null, keyworded: null }
  return packed === null ? [] : unpack(packed, new Map(keyworded))
}

const noKeywords: readonly string[] = []

function unpack(packed: Buffer, keywordsOf: ReadonlyMap<number, string[]>): LightMessage[] {
  const messages: LightMessage[] = []
  for (let at = 0; at < packed.length; at += messageBytes) {
    const uid = readUid(packed, at)
    messages.push({
      uid,
      modseq: Number(packed.readBigInt64BE(at + 4)),
      flags: packed.readInt32BE(at + 12),
      keywords: keywordsOf.get(uid) ?? noKeywords,
      size_bytes: Number(packed.readBigInt64BE(at + 16)),
      internal_date: new Date(Number(packed.readBigInt64BE(at + 24)) * 1000),
    })
  }
  return messages
}
