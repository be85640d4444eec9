/**
 * Sorts messages of a folder (RFC 5256). What they are sorted by is read in pages and becomes one number for each
 * message and criterion, so that a million messages take some tens of megabytes and no body is opened.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { int8Array } from '../../platform/sql-arrays.ts'
import type { EnvelopeAddress } from '../mime/envelope.ts'
import { createSorter, type SortCriterion, type SortFacts, type SortKey } from './sort-order.ts'
import { runInTurns } from './sort-steps.ts'

/** Messages whose keys are read together, with parts of their envelopes and without. */
const keysPerPage = 2_000
const packedKeysPerPage = 20_000

export type SortOptions = {
  /** Told how many messages were read, before each page and each pause. What it throws ends the sort. */
  onProgress?: (read: number) => void
}

type FolderId = { mailboxId: string; folderId: string }

/**
 * @param uids ascending. Messages that are gone meanwhile count as empty ones of no date.
 * @returns the same UIDs in the order that was asked for.
 */
export async function sortMessages(
  platform: Platform,
  folder: FolderId,
  uids: readonly number[],
  criteria: readonly SortCriterion[],
  { onProgress = () => {} }: SortOptions = {},
): Promise<number[]> {
  const { db } = platform
  const sorter = createSorter(criteria, uids.length)
  const columns = columnsFor(criteria)
  const pages =
    columns.size > 0
      ? readPages(uids, keysPerPage, (page) => readKeys(db, folder, page, columns), onProgress)
      : readPages(uids, packedKeysPerPage, (page) => readPackedKeys(db, folder, page), onProgress)
  for await (const { page, rows } of pages) {
    const found = new Map(rows.map((row) => [row.uid, row]))
    for (const uid of page) sorter.add(found.get(uid) ?? noFacts)
  }
  const places = await runInTurns(sorter.order(), () => onProgress(uids.length))
  return Array.from(places, (place) => uids[place] ?? 0)
}

/** Reads of UIDs, a page at a time; the next one is on its way while the caller works on one. */
export async function* readPages<Row>(
  uids: readonly number[],
  pageLength: number,
  read: (page: readonly number[]) => Promise<Row[]>,
  onProgress: (read: number) => void,
): AsyncGenerator<{ page: readonly number[]; rows: Row[] }, void> {
  const start = (at: number) => {
    const page = uids.slice(at, at + pageLength)
    const rows = page.length > 0 ? read(page) : Promise.resolve([])
    rows.catch(() => {}) // it is thrown where it is waited for, unless the caller has stopped before
    return { page, rows }
  }
  let next = start(0)
  for (let at = 0; at < uids.length; at += pageLength) {
    onProgress(at)
    const current = next
    const rows = await current.rows
    next = start(at + pageLength)
    yield { page: current.page, rows }
  }
}

const noFacts: SortFacts = {
  arrivalMs: 0,
  sizeBytes: 0,
  date: null,
  subject: null,
  firstFrom: null,
  firstTo: null,
  firstCc: null,
}

type KeyRow = SortFacts & { uid: number }

/** The parts of the envelope that are needed; none when the row of the message itself tells all. */
function columnsFor(criteria: readonly SortCriterion[]): Map<keyof SortFacts, RawBuilder<unknown>> {
  const columns = new Map<keyof SortFacts, RawBuilder<unknown>>()
  for (const { key } of criteria) {
    const part = envelopePart(key)
    if (part !== null) columns.set(...part)
  }
  return columns
}

function envelopePart(key: SortKey): [keyof SortFacts, RawBuilder<unknown>] | null {
  switch (key) {
    case 'arrival':
    case 'size':
      return null
    case 'date':
      return ['date', sql`envelope.date`]
    case 'subject':
      return ['subject', sql`envelope.subject`]
    case 'from':
    case 'display-from':
      return ['firstFrom', sql<EnvelopeAddress>`envelope."from"->0`]
    case 'to':
    case 'display-to':
      return ['firstTo', sql<EnvelopeAddress>`envelope."to"->0`]
    case 'cc':
      return ['firstCc', sql<EnvelopeAddress>`envelope.cc->0`]
  }
}

/** A date and a size for each message, all in one value: a row for each would cost the driver ten times as much. */
async function readPackedKeys(db: Db, folder: FolderId, uids: readonly number[]): Promise<KeyRow[]> {
  const { rows } = await sql<{ packed: Buffer | null }>`
    select string_agg(
      int8send(uid) || float8send((extract(epoch from internal_date) * 1000)::float8) || int8send(size_bytes),
      ''::bytea
    ) as packed from messages where ${inFolder(folder, uids)}`.execute(db)
  const packed = rows[0]?.packed ?? Buffer.alloc(0)
  return Array.from({ length: packed.length / 24 }, (_, row) => ({
    ...noFacts,
    uid: packed.readUInt32BE(row * 24 + 4),
    arrivalMs: packed.readDoubleBE(row * 24 + 8),
    sizeBytes: Number(packed.readBigInt64BE(row * 24 + 16)),
  }))
}

export function inFolder({ mailboxId, folderId }: FolderId, uids: readonly number[]): RawBuilder<boolean> {
  return sql`messages.mailbox_id = ${mailboxId}::uuid and messages.folder_id = ${folderId}::uuid
    and messages.uid = any(${int8Array(uids)})`
}

async function readKeys(
  db: Db,
  folder: FolderId,
  uids: readonly number[],
  columns: ReadonlyMap<keyof SortFacts, RawBuilder<unknown>>,
): Promise<KeyRow[]> {
  const parts = Array.from(columns, ([name, value]) => sql`, ${value} as ${sql.ref(name)}`)
  // json_to_record reads an envelope once, however many of its parts are wanted.
  const envelopes = sql`join bodies on bodies.id = messages.body_id cross join lateral
    json_to_record(bodies.envelope) as envelope (date text, subject text, "from" json, "to" json, cc json)`
  const { rows } = await sql<Partial<SortFacts> & Pick<KeyRow, 'uid' | 'arrivalMs' | 'sizeBytes'>>`
    select messages.uid, (extract(epoch from messages.internal_date) * 1000)::float8 as "arrivalMs",
      messages.size_bytes as "sizeBytes" ${sql.join(parts, sql``)}
    from messages ${envelopes} where ${inFolder(folder, uids)}`.execute(db)
  return rows.map((row) => ({ ...noFacts, ...row }))
}
