/**
 * Search in the part of a folder that has search documents. The grams of its segments say which messages may match,
 * and their documents say in SQL whether they do. Documents that are in no segment are all looked through.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import { packedUids, unpackUids } from '../packed-uids.ts'
import { isWithinRanges, type UidRange } from '../uid-ranges.ts'
import { type CompiledSearch, compileSearch } from './search-compile.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { findCandidates, readSegments, uncoveredRanges } from './search-index-candidates.ts'
import type { FolderPlace } from './search-index-folders.ts'
import { planCandidates } from './search-index-plan.ts'
import { asSql, certain, possible } from './search-logic.ts'

export type IndexedResult = {
  /** Messages behind it have no documents yet. */
  indexedUid: number
  /** Messages that match. */
  found: number[]
  /** Messages that must be opened to tell. */
  undecided: number[]
}

/** Messages that one statement looks at. */
const candidatesPerStatement = 10_000
/** UIDs that one statement looks through, where grams do not help. */
const scannedUids = 20_000

/** @param onExamined told how many messages were looked at since the last time. */
export async function searchIndexed(
  platform: Platform,
  place: FolderPlace,
  criterion: SearchCriterion,
  onExamined: (count: number) => void,
): Promise<IndexedResult> {
  return await platform.db
    .transaction()
    .setIsolationLevel('repeatable read') // segments and documents of one moment
    .setAccessMode('read only')
    .execute(async (kyselyTx) => {
      const tx = kyselyTx as Tx // nothing is written, so nothing can run after the commit
      const indexedUid = await readIndexedUid(tx, place)
      const result: IndexedResult = { indexedUid, found: [], undecided: [] }
      if (indexedUid === 0) return result
      const search = compileSearch(criterion, 'documents')
      if (possible(search.query) === false) return result
      for await (const source of sourcesOf(tx, place, search, indexedUid)) {
        const part = await look(tx, place, search, source)
        for (const uid of part.found) result.found.push(uid)
        for (const uid of part.undecided) result.undecided.push(uid)
        onExamined(source.count)
      }
      return result
    })
}

async function readIndexedUid(tx: Tx, place: FolderPlace): Promise<number> {
  const row = await tx
    .selectFrom('search_folders')
    .select('indexed_uid')
    .where('mailbox_id', '=', place.mailboxId)
    .where('folder_id', '=', place.folderId)
    .executeTakeFirst()
  return row?.indexed_uid ?? 0
}

/**
 * For the rest of the transaction plans go by the indexes: a statement is of one folder, and what the planner thinks of
 * tables that all mailboxes share is no help. Compiling a plan costs more than it saves.
 */
async function planJoins(tx: Tx, kind: Source['kind']): Promise<void> {
  const whole = kind === 'ranges' ? 'on' : 'off'
  await sql`
    select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
      set_config('enable_hashjoin', ${whole}, true), set_config('enable_mergejoin', ${whole}, true)`.execute(
    tx,
  )
}

/**
 * Messages to look at. Single ones are looked up in one table after the other, so that a text is read only where all
 * else matches. Ranges are a condition of every table, so that each can be read in the order of its index.
 */
type Source = {
  kind: 'uids' | 'ranges'
  within: (uid: RawBuilder<unknown>) => RawBuilder<boolean>
  count: number
}

async function* sourcesOf(
  tx: Tx,
  place: FolderPlace,
  search: CompiledSearch,
  indexedUid: number,
): AsyncGenerator<Source, void> {
  const plan = planCandidates(search.query)
  const segments = plan === null ? [] : await readSegments(tx, place)
  if (plan !== null && segments.length > 0) {
    const candidates = await findCandidates(tx, place, segments, plan)
    for (let at = 0; at < candidates.length; at += candidatesPerStatement) {
      const some = candidates.slice(at, at + candidatesPerStatement)
      const uids = int8Array(some)
      yield { kind: 'uids', within: (uid) => sql`${uid} = any(${uids})`, count: some.length }
    }
  }
  for (const ranges of pagesOf(uncoveredRanges(segments, indexedUid))) {
    const count = ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0)
    yield { kind: 'ranges', within: (uid) => isWithinRanges(uid, ranges), count }
  }
}

/** Ranges of at most `scannedUids` together. */
function* pagesOf(ranges: readonly UidRange[]): Generator<UidRange[], void> {
  let page: UidRange[] = []
  let room = scannedUids
  for (const range of ranges) {
    for (let first = range.first; first <= range.last; ) {
      const last = Math.min(range.last, first + room - 1)
      page.push({ first, last })
      room -= last - first + 1
      first = last + 1
      if (room > 0) continue
      yield page
      page = []
      room = scannedUids
    }
  }
  if (page.length > 0) yield page
}

async function look(
  tx: Tx,
  place: FolderPlace,
  search: CompiledSearch,
  { kind, within }: Source,
): Promise<Omit<IndexedResult, 'indexedUid'>> {
  const tables = search.documents ?? { fields: false, texts: false }
  const join = (table: 'search_fields' | 'search_texts', alias: 'fields' | 'texts') => {
    const column = (name: string) => sql.ref(`${alias}.${name}`)
    return sql`join ${sql.table(table)} as ${sql.table(alias)}
      on ${column('mailbox_id')} = messages.mailbox_id and ${column('folder_id')} = messages.folder_id
        and ${column('uid')} = messages.uid ${kind === 'ranges' ? sql`and ${within(column('uid'))}` : sql``}`
  }
  await planJoins(tx, kind)
  const { rows } = await sql<{ found: Buffer | null; undecided: Buffer | null }>`
    select ${packedUids} filter (where is_certain) as found, ${packedUids} filter (where not is_certain) as undecided
    from (
      select messages.uid, ${asSql(certain(search.query))} as is_certain from messages
        ${tables.fields ? join('search_fields', 'fields') : sql``}
        ${tables.texts ? join('search_texts', 'texts') : sql``}
      where messages.mailbox_id = ${place.mailboxId}::uuid and messages.folder_id = ${place.folderId}::uuid
        and ${within(sql.ref('messages.uid'))} and ${asSql(possible(search.query))}
    ) as looked_at`.execute(tx)
  return {
    found: Array.from(unpackUids(rows[0]?.found ?? null)),
    undecided: Array.from(unpackUids(rows[0]?.undecided ?? null)),
  }
}
