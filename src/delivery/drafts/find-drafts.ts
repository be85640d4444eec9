/** Drafts: listed, and found by their ids. */
import { sql } from 'kysely'
import { getMessage, type MessageDetails } from '../../messages/find-message.ts'
import { flagBits } from '../../messages/flags.ts'
import type { Envelope } from '../../messages/mime/envelope.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Answer } from '../submission/mark-answered.ts'
import { findDraftsFolder } from './drafts-folder.ts'

/** What a draft is besides its message. */
export type DraftInfo = { id: string; sendAt: Date | null; answers: Answer | null }

export type Draft = DraftInfo & { message: MessageDetails }

/** A draft as a list shows it; `messageId` changes with every edit. */
export type DraftSummary = DraftInfo & {
  messageId: string
  threadId: string
  envelope: Envelope
  sizeBytes: number
  updatedAt: Date
}

type InfoRow = {
  draft_id: string | null
  send_at: Date | null
  answers_message_id: string | null
  answers_kind: Answer['kind'] | null
}

/** The drafts of a mailbox, the one that was written last first. Those that are marked \Deleted are left out. */
export async function listDrafts(
  platform: Platform,
  mailboxId: string,
  page: PageRequest,
): Promise<Page<DraftSummary>> {
  const folderId = await findDraftsFolder(platform.db, mailboxId)
  if (folderId === null) return { rows: [], nextCursor: null }
  const { rows } = await sql<ListRow>`
    select m.id as message_id, m.id, thread_id, envelope, m.size_bytes, internal_date, d.id as draft_id, send_at,
      answers_message_id, answers_kind
    from messages m join bodies on bodies.id = m.body_id
      left join drafts d on d.mailbox_id = m.mailbox_id and d.message_id = m.id
    where m.mailbox_id = ${mailboxId}::uuid and m.folder_id = ${folderId}::uuid
      and m.flags & ${sql.lit(flagBits.deleted)} = 0 and (${page.after}::uuid is null or m.id < ${page.after}::uuid)
    order by m.id desc limit ${page.limit + 1}`.execute(platform.db)
  const { rows: found, nextCursor } = toPage(rows, page)
  return { rows: found.map(summaryOf), nextCursor }
}

type ListRow = InfoRow & {
  id: string
  message_id: string
  thread_id: string
  envelope: Envelope
  size_bytes: number
  internal_date: Date
}

function summaryOf(row: ListRow): DraftSummary {
  return {
    ...infoOf(row, row.message_id),
    messageId: row.message_id,
    threadId: row.thread_id,
    envelope: row.envelope,
    sizeBytes: row.size_bytes,
    updatedAt: row.internal_date,
  }
}

/**
 * @param ref the draft's id, or the id of the message that it is now.
 * @throws Refusal draft_not_found, also when its message is no longer in the folder for drafts.
 */
export async function getDraft(db: Db, mailboxId: string, ref: string): Promise<Draft> {
  if (!isId(ref)) throw new Refusal('draft_not_found')
  const { rows } = await sql<InfoRow & { message_id: string }>`
    select id as draft_id, message_id, send_at, answers_message_id, answers_kind from drafts
    where mailbox_id = ${mailboxId}::uuid and (id = ${ref}::uuid or message_id = ${ref}::uuid)
    order by id = ${ref}::uuid desc limit 1`.execute(db)
  const [row] = rows
  const message = await getMessage(db, mailboxId, row?.message_id ?? ref).catch(asDraft)
  const isDraft = (message.flags & flagBits.deleted) === 0
  if (!isDraft || message.folderId !== (await findDraftsFolder(db, mailboxId))) {
    throw new Refusal('draft_not_found')
  }
  const none = { draft_id: null, send_at: null, answers_message_id: null, answers_kind: null }
  return { ...infoOf(row ?? none, message.id), message }
}

function asDraft(error: unknown): never {
  if (error instanceof Refusal && error.code === 'message_not_found') throw new Refusal('draft_not_found')
  throw error
}

function infoOf(
  { draft_id, send_at, answers_message_id, answers_kind }: InfoRow,
  messageId: string,
): DraftInfo {
  const isAnswer = answers_message_id !== null && answers_kind !== null
  return {
    id: draft_id ?? messageId,
    sendAt: send_at,
    answers: isAnswer ? { messageId: answers_message_id, kind: answers_kind } : null,
  }
}
