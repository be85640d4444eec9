/** Messages as a program reads them: one with its text, its attachments and its header, and many in short. */
import { sql } from 'kysely'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { type BodyReader, readRange } from './bodies-read.ts'
import { countPartBytes } from './content/attachment-bytes.ts'
import {
  type Attachment,
  attachmentsOf,
  contentOf,
  hasAttachments,
  type MessageContent,
  requireBody,
} from './content/read-content.ts'
import { type Reply, replyOf } from './content/reply-text.ts'
import { getMessage, type MessageDetails } from './find-message.ts'
import type { MessageRef } from './many-messages.ts'
import type { StoredEnvelope } from './message-fields.ts'
import { decodeHeaderText } from './mime/encoded-words.ts'
import { parseHeaderFields } from './mime/header-fields.ts'
import type { MimePart } from './mime/structure.ts'
import { firstPreview, readPreviews } from './previews.ts'
import type { SpecialUse } from './tables.ts'

/** A message as it stands in a list. */
export type MessageSummary = {
  id: string
  mailboxId: string
  folderId: string
  folderPath: string
  /** Of its folder. */
  specialUse: SpecialUse | null
  uid: number
  modseq: number
  flags: number
  keywords: string[]
  internalDate: Date
  /** Octets of the raw message. */
  sizeBytes: number
  bodyId: string
  threadId: string
  envelope: StoredEnvelope
  /** Files that are meant to be kept, not pictures that the text shows. */
  hasAttachments: boolean
  /** The beginning of its text, at most 200 characters (RFC 8970); empty for a message without text. */
  preview: string
}

/** `sizeBytes`: octets of the decoded file, exactly. */
export type SizedAttachment = Attachment & { sizeBytes: number }

/** A message with everything that can be read of it. */
export type FullMessage = Omit<MessageDetails, 'preview'> &
  Pick<MessageSummary, 'hasAttachments' | 'preview'> & {
    content: MessageContent
    /** What its author wrote new, without quotes and signature. */
    reply: Reply
    attachments: SizedAttachment[]
    header: MessageHeader
  }

export type MessageHeader = {
  /** In order, unfolded and decoded. */
  fields: { name: string; value: string }[]
  /** The header is longer than `headerBytesMax`, and what is longer is left out. */
  isTruncated: boolean
}

/** Octets of a header that are shown. */
export const headerBytesMax = 64 * 1024

/**
 * @param db the transaction, inside one.
 * @throws Refusal message_not_found, also for a text that is no id.
 */
export async function readMessage(
  platform: Platform,
  mailboxId: string,
  id: string,
  db: Db = platform.db,
): Promise<FullMessage> {
  return await readWhole(platform, await getMessage(db, mailboxId, id), db)
}

/** The same of one that is found already. @param db the transaction, inside one. */
export async function readWhole(
  { log }: Pick<Platform, 'log'>,
  message: MessageDetails,
  db: Db,
): Promise<FullMessage> {
  const { bodyId, structure } = message
  const body = await requireBody(db, bodyId)
  const attachments: SizedAttachment[] = []
  for (const attachment of attachmentsOf(structure)) {
    attachments.push({ ...attachment, sizeBytes: await countPartBytes(body, bodyId, attachment.part) })
  }
  const preview = message.preview ?? (await firstPreview({ db, log }, bodyId, body, structure))
  const content = await contentOf(body, structure)
  return {
    ...message,
    hasAttachments: hasAttachments(structure),
    preview,
    content,
    reply: replyOf(content),
    attachments,
    header: await readHeader(body, structure),
  }
}

/** The same of one that may have been expunged meanwhile: null. */
export async function readMessageIfThere(
  platform: Platform,
  mailboxId: string,
  id: string,
): Promise<FullMessage | null> {
  try {
    return await readMessage(platform, mailboxId, id)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'message_not_found') return null
    throw error
  }
}

async function readHeader(body: BodyReader, { bodyStart }: MimePart): Promise<MessageHeader> {
  const bytes = await readRange(body, { start: 0, end: Math.min(bodyStart, headerBytesMax, body.sizeBytes) })
  const fields = parseHeaderFields(bytes).filter(({ name }) => name !== '')
  return {
    fields: fields.map(({ name, value }) => ({ name, value: decodeHeaderText(value) })),
    isTruncated: bodyStart > headerBytesMax,
  }
}

/** `preview` is null until someone asks for it. */
type SummaryRow = Omit<MessageSummary, 'hasAttachments' | 'preview'> & {
  structure: MimePart
  preview: string | null
}

/** The messages of these ids that are (still) there, in the order of the ids. */
export async function readSummaries(
  platform: Platform,
  mailboxId: string,
  ids: readonly string[],
): Promise<MessageSummary[]> {
  const { rows } = await sql<SummaryRow>`/* prepared message_summaries */
    ${summariesFrom} where messages.mailbox_id = ${mailboxId}::uuid and messages.id = any(${uuidArray(ids)})`.execute(
    platform.db,
  )
  return await withPreviews(platform, rows, ids)
}

/** The same of messages of any mailboxes. */
export async function readSummariesOfMany(
  platform: Platform,
  wanted: readonly MessageRef[],
): Promise<MessageSummary[]> {
  if (wanted.length === 0) return []
  const ids = wanted.map(({ id }) => id)
  const { rows } = await sql<SummaryRow>`/* prepared summaries_of_many */
    ${summariesFrom} join unnest(${uuidArray(wanted.map(({ mailboxId }) => mailboxId))}, ${uuidArray(ids)})
      as wanted (mailbox_id, id) on wanted.mailbox_id = messages.mailbox_id and wanted.id = messages.id`.execute(
    platform.db,
  )
  return await withPreviews(platform, rows, ids)
}

const summariesFrom = sql`
  select messages.id, messages.mailbox_id as "mailboxId", folder_id as "folderId", path as "folderPath",
    special_use as "specialUse", uid, modseq, flags, keywords, internal_date as "internalDate", messages.size_bytes as "sizeBytes", body_id as "bodyId",
    thread_id as "threadId", envelope, structure, preview
  from messages
    join folders on folders.mailbox_id = messages.mailbox_id and folders.id = messages.folder_id
    join bodies on bodies.id = messages.body_id`

/** In the order of the ids. */
async function withPreviews(
  platform: Platform,
  all: readonly SummaryRow[],
  ids: readonly string[],
): Promise<MessageSummary[]> {
  const rows = new Map(all.map((row) => [row.id, row]))
  const found = ids.flatMap((id) => rows.get(id) ?? [])
  const wanting = found.filter(({ preview }) => preview === null)
  const made =
    wanting.length === 0
      ? new Map<string, string>()
      : await readPreviews(
          platform,
          wanting.map(({ bodyId, sizeBytes }) => ({ body_id: bodyId, size_bytes: sizeBytes })),
          { lazy: false },
        )
  return found.map(({ structure, preview, ...row }) => ({
    ...row,
    hasAttachments: hasAttachments(structure),
    preview: preview ?? made.get(row.bodyId) ?? '',
  }))
}
