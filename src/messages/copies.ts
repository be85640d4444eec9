/** COPY and MOVE between folders of one mailbox (RFC 9051 §6.4.7, §6.4.8). Bodies are shared, not copied. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { int4Array, int8Array, timeArray, uuidArray } from '../platform/sql-arrays.ts'
import { removeMessages } from './changes.ts'
import { flagBits } from './flags.ts'
import type { MailboxOwner } from './owner.ts'
import { rangesTable, type UidRange } from './uid-ranges.ts'

export type CopyResult = {
  /** UIDVALIDITY of the destination. */
  uidvalidity: number
  /** In the same order: what was copied, and what it became. */
  sourceUids: number[]
  destinationUids: number[]
  /** The source's MODSEQ after it (MOVE only). */
  sourceModseq: number | null
}

/**
 * Copies messages with their flags, keywords, dates and threads. A copy is a new message with an id of its own.
 * @throws Refusal folder_not_found.
 */
export async function copyMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromFolderId: string,
  ranges: readonly UidRange[],
  toFolderId: string,
): Promise<CopyResult> {
  await lockFolders(tx, owner.mailboxId, [fromFolderId, toFolderId])
  const source = await readMessages(tx, owner.mailboxId, fromFolderId, ranges)
  const ids = source.map(() => newId())
  const { result, modseq } = await place(platform, tx, owner.mailboxId, toFolderId, source, ids)
  if (source.length > 0) {
    await appendEvents(platform, tx, [
      {
        type: 'message.copied',
        ...owner,
        data: { folder_id: toFolderId, highest_modseq: modseq, count: source.length },
      },
    ])
  }
  return result
}

/**
 * Moves messages: they keep their ids and threads, and get new UIDs. Moving within one folder gives new UIDs too.
 * @throws Refusal folder_not_found.
 */
export async function moveMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  fromFolderId: string,
  ranges: readonly UidRange[],
  toFolderId: string,
): Promise<CopyResult> {
  await lockFolders(tx, owner.mailboxId, [fromFolderId, toFolderId])
  const source = await readMessages(tx, owner.mailboxId, fromFolderId, ranges)
  if (source.length === 0) {
    return (await place(platform, tx, owner.mailboxId, toFolderId, source, [])).result
  }
  const uids = source.map((row) => row.uid)
  // The rows go first: ids are unique in the mailbox.
  const sourceModseq = await removeMessages(platform, tx, owner, fromFolderId, uids, { bodiesStay: true })
  const ids = source.map((row) => row.id)
  const { result, modseq } = await place(platform, tx, owner.mailboxId, toFolderId, source, ids)
  await appendEvents(platform, tx, [
    {
      type: 'message.moved',
      ...owner,
      data: {
        folder_id: toFolderId,
        highest_modseq: modseq,
        count: source.length,
        from_folder_id: fromFolderId,
      },
    },
  ])
  return { ...result, sourceModseq }
}

type SourceMessage = {
  uid: number
  id: string
  flags: number
  keywords: string[]
  internal_date: Date
  size_bytes: number
  body_id: string
  thread_id: string
}

async function lockFolders(tx: Tx, mailboxId: string, folderIds: readonly string[]): Promise<void> {
  const wanted = [...new Set(folderIds)]
  const locked = await tx
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('id', 'in', wanted)
    .orderBy('mailbox_id')
    .orderBy('id')
    .forNoKeyUpdate()
    .execute()
  if (locked.length !== wanted.length) throw new Refusal('folder_not_found')
}

async function readMessages(
  tx: Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
): Promise<SourceMessage[]> {
  const { rows } = await sql<SourceMessage>`
    select uid, id, flags, keywords, internal_date, size_bytes, body_id, thread_id
    from messages join ${rangesTable(ranges)} on uid between ranges.first and ranges.last
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid order by uid`.execute(tx)
  return rows
}

/** Writes messages into the destination, in UID order. */
async function place(
  platform: Platform,
  tx: Tx,
  mailboxId: string,
  toFolderId: string,
  source: readonly SourceMessage[],
  ids: readonly string[],
): Promise<{ result: CopyResult; modseq: number }> {
  const unseen = source.filter((row) => (row.flags & flagBits.seen) === 0).length
  const folder = await tx
    .updateTable('folders')
    .set((eb) => ({
      uidnext: eb('uidnext', '+', source.length),
      highest_modseq: eb('highest_modseq', '+', source.length > 0 ? 1 : 0),
      message_count: eb('message_count', '+', source.length),
      unseen_count: eb('unseen_count', '+', unseen),
      size_bytes: eb(
        'size_bytes',
        '+',
        source.reduce((sum, row) => sum + row.size_bytes, 0),
      ),
    }))
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', toFolderId)
    .returning(['uidnext', 'uidvalidity', 'highest_modseq'])
    .executeTakeFirstOrThrow()
  const firstUid = folder.uidnext - source.length
  const destinationUids = source.map((_, index) => firstUid + index)
  if (source.length > 0) {
    await sql`
      insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes,
        body_id, thread_id, saved_at)
      select ${mailboxId}::uuid, ${toFolderId}::uuid, uid, id, ${folder.highest_modseq}::bigint, flags,
        string_to_array(keywords, ' '), internal_date, size_bytes, body_id, thread_id, ${platform.clock.now()}
      from unnest(
        ${int8Array(destinationUids)}, ${uuidArray(ids)}, ${int4Array(source.map((row) => row.flags))},
        ${source.map((row) => row.keywords.join(' '))}::text[],
        ${timeArray(source.map((row) => row.internal_date))},
        ${int8Array(source.map((row) => row.size_bytes))}, ${uuidArray(source.map((row) => row.body_id))},
        ${uuidArray(source.map((row) => row.thread_id))}
      ) as new (uid, id, flags, keywords, internal_date, size_bytes, body_id, thread_id)`.execute(tx)
  }
  const result = {
    uidvalidity: folder.uidvalidity,
    sourceUids: source.map((row) => row.uid),
    destinationUids,
    sourceModseq: null,
  }
  return { result, modseq: folder.highest_modseq }
}
