/** Threads of messages in a folder: what the trees are made of is read in pages, and no body is opened for it. */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { batchesOfBodies, readBodies, readRange } from '../bodies-read.ts'
import { collectHeaderValues } from '../mime/header-fields.ts'
import { parseMessageId, parseMessageIds } from '../mime/message-ids.ts'
import type { MimePart } from '../mime/structure.ts'
import { headerRange } from '../search/search-texts.ts'
import { inFolder, readPages, type SortOptions } from '../sort/sort.ts'
import { sentMs } from '../sort/sort-order.ts'
import { runInTurns } from '../sort/sort-steps.ts'
import { createThreader, type ThreadAlgorithm, type ThreadNode } from './thread-tree.ts'

/** Messages that are read together. */
const messagesPerPage = 2_000

/**
 * @param uids ascending. Messages that are gone meanwhile are left out.
 * @returns the threads by the sent dates of their first messages.
 */
export async function threadMessages(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  uids: readonly number[],
  algorithm: ThreadAlgorithm,
  { onProgress = () => {} }: SortOptions = {},
): Promise<ThreadNode[]> {
  const threader = createThreader(algorithm)
  const read = (page: readonly number[]) => readPage(platform.db, folder, page)
  for await (const { rows } of readPages(uids, messagesPerPage, read, onProgress)) {
    for (const row of rows) {
      threader.add({
        uid: row.uid,
        messageId: parseMessageId(row.messageId ?? ''),
        references: row.references ?? [],
        inReplyTo: parseMessageIds(row.inReplyTo ?? ''),
        subject: row.subject,
        sentMs: sentMs(row),
      })
    }
  }
  return await runInTurns(threader.threads(), () => onProgress(uids.length))
}

type Row = {
  uid: number
  bodyId: string
  size_bytes: number
  arrivalMs: number
  date: string | null
  subject: string | null
  messageId: string | null
  inReplyTo: string | null
  /** null for a body that was stored before they were kept with the envelope. */
  references: string[] | null
}

async function readPage(
  db: Db,
  folder: { mailboxId: string; folderId: string },
  uids: readonly number[],
): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select messages.uid, messages.body_id as "bodyId", messages.size_bytes,
      (extract(epoch from messages.internal_date) * 1000)::float8 as "arrivalMs", envelope.*
    from messages join bodies on bodies.id = messages.body_id cross join lateral json_to_record(bodies.envelope)
      as envelope (date text, subject text, "messageId" text, "inReplyTo" text, "references" json)
    where ${inFolder(folder, uids)} order by messages.uid`.execute(db)
  await readMissingReferences(
    db,
    rows.filter((row) => row.references === null),
  )
  return rows
}

const referencesField = new Set(['references'])

async function readMissingReferences(db: Db, rows: readonly Row[]): Promise<void> {
  for (const batch of batchesOfBodies(rows)) {
    const ids = batch.map((row) => row.bodyId)
    const bodies = await readBodies(db, ids)
    const { rows: structures } = await sql<{ id: string; structure: MimePart }>`
      select id, structure from bodies where id = any(${ids}::uuid[])`.execute(db)
    const structureOf = new Map(structures.map(({ id, structure }) => [id, structure]))
    for (const row of batch) {
      const body = bodies.get(row.bodyId)
      const structure = structureOf.get(row.bodyId)
      if (body === undefined || structure === undefined) continue
      const header = await readRange(body, headerRange(structure))
      const [value = ''] = collectHeaderValues(header, referencesField).get('references') ?? []
      row.references = parseMessageIds(value)
    }
  }
}
