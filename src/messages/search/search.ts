/**
 * Search in one folder, for every face. What PostgreSQL can decide of the messages' rows is one condition. Texts are
 * looked up in the search index (decision 0017), as far as the folder has one. The messages behind it, and those that
 * the index cannot tell of, are looked at here, first by their envelope, then by their header and text, a batch at a
 * time. So memory is flat, and a search for a word among the unseen messages reads the unseen ones.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import { type BodyReader, batchesOfBodies, readBodies, readRange } from '../bodies-read.ts'
import { isRemembered, type LightFolder, lightFolderOf } from '../light-folders.ts'
import { collectHeaderValues } from '../mime/header-fields.ts'
import { packedUids, unpackUids } from '../packed-uids.ts'
import { startWorkSlices } from '../work-slices.ts'
import { type CompiledSearch, compileSearch, type MessageFacts, type SearchedRow } from './search-compile.ts'
import type { SearchCriterion } from './search-criterion.ts'
import { requestIndex, unindexedMax } from './search-index-jobs.ts'
import { searchIndexed } from './search-index-search.ts'
import { asSql, type Condition, evaluate, isExact, possible } from './search-logic.ts'
import { isDecidedByLight, searchRemembered } from './search-remembered.ts'
import { findNeedles, headerRange } from './search-texts.ts'

/** Messages that are looked at together. */
const candidatesPerPage = 200

export type SearchOptions = {
  /** Told before each page how many messages were examined. What it throws ends the search. */
  onProgress?: (examined: number) => void
}

/**
 * @param folder.modseq what happened up to it must be seen; later changes may be.
 * @returns the UIDs of the messages that match, ascending.
 */
export async function searchMessages(
  platform: Platform,
  folder: Folder,
  criterion: SearchCriterion,
  { onProgress }: SearchOptions = {},
): Promise<number[]> {
  const search = compileSearch(criterion)
  const where = possible(search.query)
  if (where === false) return []
  if (isExact(search.query)) {
    const remembered = isDecidedByLight(criterion) ? await rememberedFolder(platform, folder) : null
    if (remembered !== null) return searchRemembered(remembered, search)
    return await readMatchingUids(platform.db, folder, where)
  }
  let examined = 0
  const examine = (count: number): void => {
    onProgress?.(examined)
    examined += count
  }
  const { indexedUid, found, undecided } = await searchIndexed(platform, folder, criterion, examine)
  for (let at = 0; at < undecided.length; at += candidatesPerPage) {
    const uids = undecided.slice(at, at + candidatesPerPage)
    examine(0)
    const rows = await readCandidates(platform.db, folder, search, sql`uid = any(${int8Array(uids)})`)
    for (const uid of await matchRows(platform.db, search, rows)) found.push(uid)
  }
  found.sort((a, b) => a - b)
  let opened = 0
  for (let afterUid = indexedUid; ; ) {
    examine(candidatesPerPage)
    const behind = sql`uid > ${afterUid}::bigint and ${asSql(where)}`
    const rows = await readCandidates(platform.db, folder, search, behind)
    for (const uid of await matchRows(platform.db, search, rows)) found.push(uid)
    opened += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < candidatesPerPage) break
    afterUid = last.uid
  }
  if (opened > unindexedMax) await requestIndex(platform, folder)
  return found
}

type Folder = { mailboxId: string; folderId: string; modseq?: number }

/** Only one that is remembered already: to read a folder for one search costs more than the search. */
async function rememberedFolder(platform: Platform, folder: Folder): Promise<LightFolder | null> {
  if (!isRemembered(platform, folder.folderId)) return null
  return await lightFolderOf(platform, folder, { modseq: folder.modseq ?? 0, isStale: false })
}

/** In one packed value, as a session's index is read. */
async function readMatchingUids(db: Db, folder: Folder, where: Condition): Promise<number[]> {
  const { rows } = await sql<{ uids: Buffer | null }>`
    select ${packedUids} as uids from messages
    where mailbox_id = ${folder.mailboxId}::uuid and folder_id = ${folder.folderId}::uuid and ${asSql(where)}`.execute(
    db,
  )
  return Array.from(unpackUids(rows[0]?.uids ?? null))
}

async function readCandidates(
  db: Db,
  folder: Folder,
  search: CompiledSearch,
  which: RawBuilder<unknown>,
): Promise<SearchedRow[]> {
  const { envelope, content } = search.needs
  const { rows } = await sql<SearchedRow>`
    select uid, flags, keywords, internal_date, messages.size_bytes, modseq, body_id, thread_id, saved_at,
      ${envelope ? sql`bodies.envelope` : sql`null::json as envelope`},
      ${content ? sql`bodies.structure` : sql`null::json as structure`}
    from messages ${envelope || content ? sql`join bodies on bodies.id = messages.body_id` : sql``}
    where mailbox_id = ${folder.mailboxId}::uuid and folder_id = ${folder.folderId}::uuid
      and ${which}
    order by uid limit ${candidatesPerPage}`.execute(db)
  return rows
}

/** @returns the UIDs of the rows that match, ascending. */
async function matchRows(db: Db, search: CompiledSearch, rows: readonly SearchedRow[]): Promise<number[]> {
  const found: number[] = []
  const open: SearchedRow[] = []
  for (const row of rows) {
    const decided = evaluate(search.query, { row, header: null, needles: null })
    if (decided === null) open.push(row)
    else if (decided) found.push(row.uid)
  }
  const slices = startWorkSlices()
  for (const batch of batchesOfBodies(open)) {
    const bodies = await readBodies(
      db,
      batch.map((row) => row.body_id),
    )
    for (const row of batch) {
      const body = bodies.get(row.body_id) // none: it was expunged long ago and swept now
      if (body !== undefined && (await matchContent(search, row, body))) found.push(row.uid)
      if (slices.isOver()) await slices.letGo()
    }
  }
  return found.sort((a, b) => a - b)
}

/** The header is read first, because it often decides. */
async function matchContent(search: CompiledSearch, row: SearchedRow, body: BodyReader): Promise<boolean> {
  const { structure } = row
  if (structure === null) return false
  const facts: MessageFacts = { row, header: null, needles: null }
  if (search.headerFields.size > 0) {
    facts.header = collectHeaderValues(await readRange(body, headerRange(structure)), search.headerFields)
    const decided = evaluate(search.query, facts)
    if (decided !== null) return decided
  }
  facts.needles = await findNeedles(body, structure, search.needles)
  return evaluate(search.query, facts) === true
}
