/**
 * Copies a mailbox from another server over IMAP. How far each folder has come stands in a row that is written with the
 * messages themselves, so that a copy that broke off goes on where it was, and none comes twice. What came to the other
 * server in the meantime is fetched by running it again.
 */
import { type FetchMessageObject, ImapFlow, type ListResponse } from 'imapflow'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { appendMessages } from '../append.ts'
import { createBodyWriter, type StagedBody } from '../bodies.ts'
import { flagBits, requireKeywords, uniqueKeywords } from '../flags.ts'
import { createFolder, findFolder } from '../folders.ts'
import type { MailboxOwner } from '../owner.ts'
import type { SpecialUse } from '../tables.ts'
import { crlfOf } from './lines.ts'
import { newSummary, noteSkipped, type OnProgress, type TransferSummary } from './transfer-item.ts'

export type ImapSource = {
  host: string
  port: number
  /** TLS from the first byte; else STARTTLS where the server offers it. */
  isImplicitTls: boolean
  username: string
  password: string
  /** For servers with a certificate that nobody signed. */
  acceptsAnyCertificate: boolean
}

/** UIDs that are asked for at once: a window of them, since most of them may be gone. */
const windowUids = 200
/** Messages whose bodies wait together for their transaction. */
const batchBytesMax = 8 * 1024 * 1024

/** @throws Error when the other server refuses; Refusal quota_exceeded. What was copied stays, and the next run goes on. */
export async function copyFromImap(
  platform: Platform,
  owner: MailboxOwner,
  source: ImapSource,
  onProgress?: OnProgress,
): Promise<TransferSummary> {
  const summary = newSummary()
  const client = new ImapFlow({
    host: source.host,
    port: source.port,
    secure: source.isImplicitTls,
    auth: { user: source.username, pass: source.password },
    tls: { rejectUnauthorized: !source.acceptsAnyCertificate },
    logger: false,
  })
  client.on('error', () => undefined) // the command in hand fails with it
  await client.connect()
  try {
    const name = `${source.username}@${source.host}:${source.port}`
    for (const folder of await client.list()) {
      if (isCopied(folder))
        await copyFolder({ platform, owner, client, source: name, summary, onProgress }, folder)
    }
  } finally {
    await client.logout().catch(() => client.close())
  }
  return summary
}

type Copy = {
  platform: Platform
  owner: MailboxOwner
  client: ImapFlow
  source: string
  summary: TransferSummary
  onProgress: OnProgress | undefined
}

/** Views of all messages (RFC 6154 \All, \Flagged; Gmail's \Important) would bring each of them again. */
const views = new Set(['\\All', '\\Flagged', '\\Important'])

function isCopied({ flags, specialUse }: ListResponse): boolean {
  return !(flags.has('\\Noselect') || flags.has('\\NonExistent') || views.has(specialUse ?? ''))
}

const uses = new Map<string, SpecialUse>([
  ['\\Archive', 'archive'],
  ['\\Drafts', 'drafts'],
  ['\\Junk', 'junk'],
  ['\\Sent', 'sent'],
  ['\\Trash', 'trash'],
])

async function copyFolder(copy: Copy, folder: ListResponse): Promise<void> {
  const { client } = copy
  const lock = await client.getMailboxLock(folder.path, { readOnly: true })
  try {
    const selected = client.mailbox
    if (selected === false) return
    const folderId = await targetOf(copy, folder)
    const uidvalidity = Number(selected.uidValidity)
    const done = await progressOf(copy, folder.path)
    if (done !== null && done.uidvalidity !== uidvalidity) {
      // RFC 9051 §2.3.1.1: the UIDs of before mean nothing now. Again from the start would bring all twice.
      noteSkipped(
        copy.summary,
        folder.path,
        'the other server has numbered its messages anew since the last run',
      )
      return
    }
    for (let from = (done?.lastUid ?? 0) + 1; from < selected.uidNext; from += windowUids) {
      const to = Math.min(from + windowUids, selected.uidNext) - 1
      await copyWindow(copy, { folderId, path: folder.path, uidvalidity }, from, to)
    }
  } finally {
    lock.release()
  }
}

/** The folder of the same use, where the other server says it; else of the same name. */
async function targetOf({ platform, owner, summary }: Copy, folder: ListResponse): Promise<string> {
  const use = uses.get(folder.specialUse ?? '')
  if (use !== undefined) {
    const ours = await platform.db
      .selectFrom('folders')
      .select('id')
      .where('mailbox_id', '=', owner.mailboxId)
      .where('special_use', '=', use)
      .executeTakeFirst()
    if (ours !== undefined) return ours.id
  }
  const path = folder.delimiter ? folder.path.split(folder.delimiter).join('/') : folder.path
  const existing = await findFolder(platform, owner.mailboxId, path)
  if (existing !== null) return existing.id
  const made = await transaction(platform.db, (tx) => createFolder(platform, tx, owner, path, use ?? null))
  summary.folders += 1
  return made.id
}

async function progressOf(
  { platform, owner, source }: Copy,
  path: string,
): Promise<{ uidvalidity: number; lastUid: number } | null> {
  const row = await platform.db
    .selectFrom('imap_copies')
    .select(['uidvalidity', 'last_uid'])
    .where('mailbox_id', '=', owner.mailboxId)
    .where('source', '=', source)
    .where('path', '=', path)
    .executeTakeFirst()
  return row === undefined ? null : { uidvalidity: row.uidvalidity, lastUid: row.last_uid }
}

type Target = { folderId: string; path: string; uidvalidity: number }
type Fetched = { body: StagedBody; flags: number; keywords: string[]; internalDate: Date }

/** Sizes first, so that only as much is fetched at once as memory shall hold. */
async function copyWindow(copy: Copy, target: Target, from: number, to: number): Promise<void> {
  const listed: { uid: number; sizeBytes: number }[] = []
  for await (const { uid, size } of copy.client.fetch(
    `${from}:${to}`,
    { uid: true, size: true },
    { uid: true },
  )) {
    listed.push({ uid, sizeBytes: size ?? 0 })
  }
  for (const chunk of chunksOf(listed.sort((a, b) => a.uid - b.uid))) await copyChunk(copy, target, chunk)
  await placeBatch(copy, target, [], to)
}

/** UIDs in order, in pieces whose messages are held together. */
function* chunksOf(listed: readonly { uid: number; sizeBytes: number }[]): Generator<number[], void> {
  let chunk: number[] = []
  let heldBytes = 0
  for (const { uid, sizeBytes } of listed) {
    if (chunk.length > 0 && heldBytes + sizeBytes > batchBytesMax) {
      yield chunk
      chunk = []
      heldBytes = 0
    }
    chunk.push(uid)
    heldBytes += sizeBytes
  }
  if (chunk.length > 0) yield chunk
}

async function copyChunk(copy: Copy, target: Target, uids: readonly number[]): Promise<void> {
  const { client, platform, summary } = copy
  const wanted = { uid: true, flags: true, internalDate: true, source: true } as const
  const batch: (Fetched & { uid: number })[] = []
  for await (const message of client.fetch(uids.join(','), wanted, { uid: true })) {
    const { uid } = message
    const fetched = await stage(platform, message)
    if (typeof fetched === 'string') noteSkipped(summary, `${target.path}, UID ${uid}`, fetched)
    else batch.push({ uid, ...fetched })
  }
  batch.sort((a, b) => a.uid - b.uid) // a server may answer in any order
  await placeBatch(copy, target, batch, uids.at(-1) ?? 0)
  summary.messages += batch.length
  summary.sizeBytes += batch.reduce((sum, { body }) => sum + body.sizeBytes, 0)
  copy.onProgress?.(summary)
}

/** @returns why a message cannot be taken, or what it becomes. */
async function stage(platform: Platform, message: FetchMessageObject): Promise<Fetched | string> {
  const { source, internalDate } = message
  if (source === undefined || source.length === 0) return 'the other server did not give it'
  const bytes = crlfOf(source)
  if (bytes.includes(0)) return 'it has NUL octets'
  if (bytes.length > platform.config.messageBytesMax) {
    return `it is larger than ${platform.config.messageBytesMax} bytes`
  }
  const { flags, keywords } = marksOf(message.flags ?? new Set())
  requireKeywords(keywords)
  const writer = createBodyWriter(platform)
  await writer.write(bytes)
  const at = internalDate === undefined ? platform.clock.now() : new Date(internalDate)
  return { body: await writer.finish(), flags, keywords, internalDate: at }
}

const systemFlags = new Map<string, number>([
  ['\\seen', flagBits.seen],
  ['\\answered', flagBits.answered],
  ['\\flagged', flagBits.flagged],
  ['\\deleted', flagBits.deleted],
  ['\\draft', flagBits.draft],
])

function marksOf(names: ReadonlySet<string>): { flags: number; keywords: string[] } {
  let flags = 0
  const keywords: string[] = []
  for (const name of names) {
    if (!name.startsWith('\\')) keywords.push(name)
    else flags |= systemFlags.get(name.toLowerCase()) ?? 0 // \Recent is nobody's
  }
  return { flags, keywords: uniqueKeywords(keywords) }
}

async function placeBatch(
  copy: Copy,
  target: Target,
  batch: readonly Fetched[],
  lastUid: number,
): Promise<void> {
  const { platform, owner, source } = copy
  await transaction(platform.db, async (tx) => {
    if (batch.length > 0) await appendMessages(platform, tx, owner, target.folderId, batch)
    const { path, uidvalidity } = target
    await tx
      .insertInto('imap_copies')
      .values({ mailbox_id: owner.mailboxId, source, path, uidvalidity, last_uid: lastUid })
      .onConflict((conflict) =>
        conflict.columns(['mailbox_id', 'source', 'path']).doUpdateSet({ uidvalidity, last_uid: lastUid }),
      )
      .execute()
  })
}
