/** The blocks of a segment in the database. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import type { GramBlock } from './search-index-blocks.ts'
import type { FolderPlace } from './search-index-folders.ts'
import { type IndexedField, indexedFields } from './search-index-grams.ts'

/** What names a segment in its folder. */
export type SegmentKey = { level: number; firstUid: number }

const blocksPerInsert = 500
const blocksPerRead = 32

export type BlockRows = { add(block: GramBlock): Promise<void>; end(): Promise<void> }

/** Takes blocks of a field and writes some hundreds of them in one statement. */
export function startBlockRows(
  tx: Tx,
  place: FolderPlace,
  segment: SegmentKey,
  field: IndexedField,
): BlockRows {
  let pending: GramBlock[] = []
  const flush = async (): Promise<void> => {
    if (pending.length > 0) await insertBlocks(tx, place, segment, field, pending)
    pending = []
  }
  return {
    async add(block) {
      pending.push(block)
      if (pending.length >= blocksPerInsert) await flush()
    },
    end: flush,
  }
}

/** As one value of bytes that the statement cuts up, as bodies are. */
async function insertBlocks(
  tx: Tx,
  { mailboxId, folderId }: FolderPlace,
  { level, firstUid }: SegmentKey,
  field: IndexedField,
  blocks: readonly GramBlock[],
): Promise<void> {
  let next = 1 // SQL counts from one
  const rows = blocks.map(({ firstGram, postings }) => {
    const start = next
    next += postings.length
    return { first_gram: firstGram, start, length: postings.length }
  })
  await sql`/* prepared insert_search_grams */
    insert into search_grams (mailbox_id, folder_id, field, level, first_uid, first_gram, postings)
    select ${mailboxId}::uuid, ${folderId}::uuid, ${indexedFields.indexOf(field)}::smallint, ${level}::smallint,
      ${firstUid}::bigint, first_gram, substring(bytes from start for length)
    from (select ${Buffer.concat(blocks.map(({ postings }) => postings))}::bytea as bytes) as packed,
      json_to_recordset(${JSON.stringify(rows)}::json) as new (first_gram int, start int, length int)`.execute(
    tx,
  )
}

/** All blocks of a field in rising order, some at a time. */
export async function* readBlocksOf(
  tx: Tx,
  place: FolderPlace,
  segment: SegmentKey,
  field: IndexedField,
): AsyncGenerator<GramBlock[], void> {
  let after: number | null = null
  for (;;) {
    const page: readonly GramBlock[] = await readPage(tx, place, segment, field, after)
    if (page.length > 0) yield [...page]
    after = page.at(-1)?.firstGram ?? null
    if (page.length < blocksPerRead) return
  }
}

async function readPage(
  tx: Tx,
  { mailboxId, folderId }: FolderPlace,
  { level, firstUid }: SegmentKey,
  field: IndexedField,
  after: number | null,
): Promise<GramBlock[]> {
  const behind = after === null ? sql`` : sql`and first_gram > ${after}::int`
  const { rows } = await sql<GramBlock>`
    select first_gram as "firstGram", postings from search_grams
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid
      and field = ${indexedFields.indexOf(field)}::smallint and level = ${level}::smallint
      and first_uid = ${firstUid}::bigint ${behind}
    order by first_gram limit ${blocksPerRead}`.execute(tx)
  return rows
}
