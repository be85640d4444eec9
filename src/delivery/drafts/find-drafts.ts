/** Drafts: listed, and found by their ids. */
import { sql } from 'kysely'
import { attachmentsOf } from '../../messages/content/read-content.ts'
import {
  type MessageDetails,
  messageDetailsColumns,
  messageDetailsTables,
} from '../../messages/find-message.ts'
import { flagBits } from '../../messages/flags.ts'
import type { Envelope } from '../../messages/mime/envelope.ts'
import type { MimePart } from '../../messages/mime/structure.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Answer } from '../submission/mark-answered.ts'
import { findDraftsFolder } from './drafts-folder.ts'
import type { DraftForward } from './tables.ts'

/** What a draft is besides its message. */
export type DraftInfo = {
  id: string
  sendAt: Date | null
  answers: Answer | null
  /** Rises with every edit by a program. */
  version: number
  /** Whether opening it is counted, once it is sent. */
  trackOpens: boolean
  /** Of one that passes a message on and is to be able to say that otherwise. */
  forward: DraftForward | null
}

export type Draft = DraftInfo & { message: MessageDetails }

/** A draft as a list shows it; `messageId` changes with every edit. */
export type DraftSummary = DraftInfo & {
  messageId: string
  threadId: string
  envelope: Envelope
  sizeBytes: number
  attachmentCount: number
  updatedAt: Date
}

type InfoRow = {
  draft_id: string | null
  send_at: Date | null
  answers_message_id: string | null
  answers_kind: Answer['kind'] | null
  version: number | null
  track_opens: boolean | null
  forward: DraftForward | null
}

const infoColumns = sql.raw('send_at, answers_message_id, answers_kind, version, track_opens, forward')

/** The drafts of a mailbox, the one that was written last first. Those that are marked \Deleted are left out. */
export async function listDrafts(
  platform: Platform,
  mailboxId: string,
  page: PageRequest,
): Promise<Page<DraftSummary>> {
  const folderId = await findDraftsFolder(platform.db, mailboxId)
  if (folderId === null) return { rows: [], nextCursor: null }
  const { rows } = await sql<ListRow>`
    select m.id as message_id, m.id, thread_id, envelope, structure, m.size_bytes, internal_date, d.id as draft_id, ${infoColumns}
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
  structure: MimePart
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
    attachmentCount: attachmentsOf(row.structure).length,
    updatedAt: row.internal_date,
  }
}

/**
 * @param ref the draft's id, or the id of the message that it is now.
 * @throws Refusal draft_not_found, also when its message is no longer in the folder for drafts.
 */
export async function getDraft(db: Db, mailboxId: string, ref: string): Promise<Draft> {
  if (!isId(ref)) throw new Refusal('draft_not_found')
  // One statement: of a draft that is edited between two, the message that it was is gone when it is looked for.
  const { rows } = await sql<InfoRow & MessageDetails>`
    with info as (
      select drafts.id as draft_id, message_id, ${infoColumns} from drafts
      where mailbox_id = ${mailboxId}::uuid and (drafts.id = ${ref}::uuid or message_id = ${ref}::uuid)
      order by drafts.id = ${ref}::uuid desc limit 1
    )
    select draft_id, ${infoColumns}, ${messageDetailsColumns}
    from ${messageDetailsTables} left join info on true
    where messages.mailbox_id = ${mailboxId}::uuid
      and messages.id = coalesce((select message_id from info), ${ref}::uuid)`.execute(db)
  const [row] = rows
  if (row === undefined || (row.flags & flagBits.deleted) !== 0) throw new Refusal('draft_not_found')
  if (row.folderId !== (await findDraftsFolder(db, mailboxId))) throw new Refusal('draft_not_found')
  const { draft_id, send_at, answers_message_id, answers_kind, version, track_opens, forward, ...message } =
    row
  const info = { draft_id, send_at, answers_message_id, answers_kind, version, track_opens, forward }
  return { ...infoOf(info, message.id), message }
}

function infoOf(row: InfoRow, messageId: string): DraftInfo {
  const { answers_message_id: answered, answers_kind: kind } = row
  return {
    id: row.draft_id ?? messageId,
    sendAt: row.send_at,
    answers: answered !== null && kind !== null ? { messageId: answered, kind } : null,
    version: row.version ?? 1,
    trackOpens: row.track_opens ?? false,
    forward: row.forward,
  }
}
