/** For tests of the mail store: messages, folders and what their counters must come to. */
import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { type AppendedMessage, appendMessages } from '../messages/append.ts'
import { createBodyWriter, type StagedBody } from '../messages/bodies.ts'
import { readFolderNews } from '../messages/folder-news.ts'
import { findFolder } from '../messages/folders.ts'
import type { MailboxOwner } from '../messages/owner.ts'
import type { StoredMessage } from '../messages/store.ts'
import { type Tx, transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'

/** Runs work in a transaction, as its only statement. */
export function inTransaction<T>(platform: Platform, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transaction(platform.db, work)
}

export type TestMail = { id?: string; inReplyTo?: string; references?: string[]; text?: string }

export function mail({ id, inReplyTo, references, text = 'hello' }: TestMail = {}): Buffer {
  const fields = [
    id === undefined ? [] : [`Message-ID: <${id}>`],
    inReplyTo === undefined ? [] : [`In-Reply-To: <${inReplyTo}>`],
    references === undefined ? [] : [`References: ${references.map((one) => `<${one}>`).join('\r\n ')}`],
  ]
  return Buffer.from([...fields.flat(), 'Subject: test', '', text, ''].join('\r\n'))
}

export async function stage(platform: Platform, raw: Buffer): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  await writer.write(raw)
  return await writer.finish()
}

/** Appends messages of these contents to a folder, in one transaction. */
export async function append(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  raws: readonly Buffer[],
  more: Partial<AppendedMessage> = {},
): Promise<StoredMessage[]> {
  const messages: AppendedMessage[] = []
  for (const raw of raws) {
    messages.push({
      body: await stage(platform, raw),
      flags: 0,
      keywords: [],
      internalDate: new Date(),
      ...more,
    })
  }
  return await inTransaction(platform, (tx) => appendMessages(platform, tx, owner, folderId, messages))
}

export async function folderIdOf(platform: Platform, mailboxId: string, path: string): Promise<string> {
  const folder = await findFolder(platform, mailboxId, path)
  assert.ok(folder, `there is no folder ${path}`)
  return folder.id
}

export type MessageState = {
  uid: number
  id: string
  modseq: number
  flags: number
  keywords: string[]
  thread_id: string
  body_id: string
  internal_date: Date
}

/** The messages of a folder in UID order, straight from the table. */
export async function messagesIn(
  platform: Platform,
  mailboxId: string,
  folderId: string,
): Promise<MessageState[]> {
  return await platform.db
    .selectFrom('messages')
    .select(['uid', 'id', 'modseq', 'flags', 'keywords', 'thread_id', 'body_id', 'internal_date'])
    .where('mailbox_id', '=', mailboxId)
    .where('folder_id', '=', folderId)
    .orderBy('uid')
    .execute()
}

/** Every folder's counters equal a recount, its UIDs lie below UIDNEXT and its MODSEQs at or below the highest. */
export async function assertCounters(platform: Platform, mailboxId: string): Promise<void> {
  const { rows } = await sql<{
    path: string
    kept: string
    counted: string
    uids: boolean
    modseqs: boolean
  }>`
    select path, concat_ws(' ', message_count, unseen_count, folders.size_bytes) as kept,
      concat_ws(' ', count(uid), count(uid) filter (where flags & 1 = 0), coalesce(sum(messages.size_bytes), 0))
        as counted,
      coalesce(max(uid) < uidnext, true) as uids, coalesce(max(modseq) <= highest_modseq, true) as modseqs
    from folders left join messages on messages.mailbox_id = folders.mailbox_id and messages.folder_id = folders.id
    where folders.mailbox_id = ${mailboxId}::uuid
    group by folders.mailbox_id, folders.id`.execute(platform.db)
  for (const row of rows) {
    assert.equal(row.kept, row.counted, `counters of ${row.path}`)
    assert.ok(row.uids && row.modseqs, `UIDNEXT and HIGHESTMODSEQ of ${row.path}`)
  }
}

export async function eventsOf(
  platform: Platform,
  mailboxId: string,
): Promise<{ type: string; data: unknown }[]> {
  return await sql<{ type: string; data: unknown }>`
    select type, data from events where mailbox_id = ${mailboxId}::uuid order by id`
    .execute(platform.db)
    .then(({ rows }) => rows)
}

/** UIDs that are new and gone in a folder after a MODSEQ. */
export async function newsSince(
  platform: Platform,
  folder: { mailboxId: string; folderId: string },
  modseq: number,
  uidnext: number,
): Promise<{ added: number[]; expunged: number[]; changed: number[]; highestModseq: number }> {
  const news = await readFolderNews(platform, { ...folder, modseq, uidnext })
  assert.ok(news?.changed, 'there is no such folder, or much changed in it')
  return {
    added: [...news.added],
    expunged: [...news.expunged],
    changed: news.changed.map(({ uid }) => uid),
    highestModseq: news.highestModseq,
  }
}
