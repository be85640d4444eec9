/** Writes the search documents of a folder's messages, in the order of their UIDs. */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { batchesOfBodies, readBodies } from '../bodies-read.ts'
import type { Envelope } from '../mime/envelope.ts'
import type { MimePart } from '../mime/structure.ts'
import { sliceMs, startWorkSlices } from '../work-slices.ts'
import { makeSearchDocument, type SearchDocument } from './search-index-document.ts'
import type { FolderPlace, SearchFolder } from './search-index-folders.ts'

/** Messages of one transaction: the folder's index is locked for some tens of milliseconds. */
export const documentsPerBatch = 200

type Unindexed = {
  uid: number
  body_id: string
  size_bytes: number
  envelope: Envelope
  structure: MimePart
}

type PlacedDocument = SearchDocument & { uid: number }

/**
 * Indexes the next messages of a folder whose row the caller has locked, and moves the row on.
 * @returns how many messages there were; fewer than `documentsPerBatch` when it is at the end.
 */
export async function indexNextDocuments(tx: Tx, folder: SearchFolder): Promise<number> {
  const place = { mailboxId: folder.mailbox_id, folderId: folder.folder_id }
  const rows = await readUnindexed(tx, place, folder.indexed_uid)
  const last = rows.at(-1)
  if (last === undefined) return 0
  let chars = 0
  for (const batch of batchesOfBodies(rows)) {
    const documents = await makeDocuments(tx, batch)
    await insertDocuments(tx, place, documents)
    for (const { header, content } of documents) chars += header.length + content.length
  }
  await tx
    .updateTable('search_folders')
    .set((eb) => ({
      indexed_uid: last.uid,
      open_documents: eb('open_documents', '+', rows.length),
      open_chars: eb('open_chars', '+', chars),
    }))
    .where('mailbox_id', '=', place.mailboxId)
    .where('folder_id', '=', place.folderId)
    .execute()
  return rows.length
}

async function readUnindexed(
  tx: Tx,
  { mailboxId, folderId }: FolderPlace,
  afterUid: number,
): Promise<Unindexed[]> {
  const { rows } = await sql<Unindexed>`
    select uid, body_id, next.size_bytes, envelope, structure from (
      select uid, body_id, size_bytes from messages
      where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid and uid > ${afterUid}::bigint
      order by uid limit ${documentsPerBatch}
    ) as next join bodies on bodies.id = body_id order by uid`.execute(tx)
  return rows
}

async function makeDocuments(tx: Tx, rows: readonly Unindexed[]): Promise<PlacedDocument[]> {
  const bodies = await readBodies(
    tx,
    rows.map((row) => row.body_id),
  )
  const slices = startWorkSlices(sliceMs)
  const documents: PlacedDocument[] = []
  for (const { uid, body_id, envelope, structure } of rows) {
    const document = await makeSearchDocument(envelope, structure, bodies.get(body_id) ?? null)
    documents.push({ uid, ...document })
    if (slices.isOver()) await slices.letGo()
  }
  return documents
}

async function insertDocuments(
  tx: Tx,
  { mailboxId, folderId }: FolderPlace,
  documents: readonly PlacedDocument[],
): Promise<void> {
  const short = packTexts(documents, ['subject', 'sender', 'recipients', 'cc', 'bcc'])
  await sql`/* prepared insert_search_fields */
    insert into search_fields (mailbox_id, folder_id, uid, subject, sender, recipients, cc, bcc, sent_day, has_attachment)
    select ${mailboxId}::uuid, ${folderId}::uuid, uid, ${short.columns}, sent_day, has_attachment
    from (select ${short.bytes}::bytea as bytes) as packed, json_to_recordset(${short.rows}::json)
      as new (uid bigint, places int[], sent_day text, has_attachment boolean)`.execute(tx)
  const long = packTexts(documents, ['header', 'content'])
  await sql`/* prepared insert_search_texts */
    insert into search_texts (mailbox_id, folder_id, uid, header, content, is_cut)
    select ${mailboxId}::uuid, ${folderId}::uuid, uid, ${long.columns}, is_cut
    from (select ${long.bytes}::bytea as bytes) as packed, json_to_recordset(${long.rows}::json)
      as new (uid bigint, places int[], is_cut boolean)`.execute(tx)
}

type TextColumn = 'subject' | 'sender' | 'recipients' | 'cc' | 'bcc' | 'header' | 'content'

/**
 * All texts as one value of bytes that the statement cuts up: an array of texts would be escaped. `places` of a row
 * says where each of its texts starts, counted from one as SQL does, and how many bytes it has; null for no text.
 */
function packTexts(documents: readonly PlacedDocument[], names: readonly TextColumn[]) {
  const pieces: Buffer[] = []
  let next = 1
  const rows = documents.map((document) => {
    const places = names.flatMap((name) => {
      const text = document[name]
      if (text === null) return [1, null]
      const piece = Buffer.from(text)
      pieces.push(piece)
      const start = next
      next += piece.length
      return [start, piece.length]
    })
    const { uid, sentDay, hasAttachment, isCut } = document
    return { uid, places, sent_day: sentDay, has_attachment: hasAttachment, is_cut: isCut }
  })
  const columns = names.map((_, index) => {
    const [start, length] = [sql.lit(2 * index + 1), sql.lit(2 * index + 2)]
    return sql`convert_from(substring(bytes from places[${start}] for places[${length}]), 'UTF8')`
  })
  return { bytes: Buffer.concat(pieces), rows: JSON.stringify(rows), columns: sql.join(columns) }
}
