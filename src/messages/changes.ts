/** Changes of messages in a folder: flags set, messages expunged. Each change rises the folder's MODSEQ once. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { int4Array, int8Array } from '../platform/sql-arrays.ts'
import { flagBits, requireKeywords, uniqueKeywords } from './flags.ts'
import type { MailboxOwner } from './owner.ts'
import { addSweepCandidates } from './sweep.ts'
import { rangesTable, type UidRange } from './uid-ranges.ts'

export type FlagChange = {
  mode: 'add' | 'remove' | 'replace'
  flags: number
  keywords: readonly string[]
  /** RFC 7162 §3.1.3: messages with a higher MODSEQ are left alone and reported. */
  unchangedSince?: number
}

export type FlagState = { uid: number; flags: number; keywords: string[]; modseq: number }

export type FlagResult = {
  /** The state after the change of every message that exists and was not left alone, in UID order. */
  messages: FlagState[]
  /** UIDs that unchangedSince kept from being changed. */
  modified: number[]
  /** How many of `messages` this call changed: when not 0, they are those whose MODSEQ is highestModseq. */
  changed: number
  highestModseq: number
}

/**
 * Changes flags. Messages that already are as wanted are not touched, so that their MODSEQ stays.
 * @throws Refusal folder_not_found, keyword_limit_reached.
 */
export async function changeFlags(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[],
  wanted: FlagChange,
): Promise<FlagResult> {
  const change = { ...wanted, keywords: uniqueKeywords(wanted.keywords) }
  const folder = await lockFolder(tx, owner.mailboxId, folderId)
  const before = await readFlags(tx, owner.mailboxId, folderId, ranges)
  const modseq = folder.highest_modseq + 1
  const modified: number[] = []
  const messages: FlagState[] = []
  const changed: FlagState[] = []
  let unseenDelta = 0
  for (const message of before) {
    if (change.unchangedSince !== undefined && message.modseq > change.unchangedSince) {
      modified.push(message.uid)
      continue
    }
    const after = applyChange(message, change)
    if (after === null) {
      messages.push(message)
      continue
    }
    requireKeywords(after.keywords)
    unseenDelta += Number((message.flags & flagBits.seen) !== 0) - Number((after.flags & flagBits.seen) !== 0)
    const state = { uid: message.uid, ...after, modseq }
    changed.push(state)
    messages.push(state)
  }
  if (changed.length === 0) {
    return { messages, modified, changed: 0, highestModseq: folder.highest_modseq }
  }
  await writeFlags(tx, owner.mailboxId, folderId, modseq, changed)
  await tx
    .updateTable('folders')
    .set((eb) => ({ highest_modseq: modseq, unseen_count: eb('unseen_count', '+', unseenDelta) }))
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', folderId)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'message.flags_changed',
      ...owner,
      data: { folder_id: folderId, highest_modseq: modseq, count: changed.length },
    },
  ])
  return { messages, modified, changed: changed.length, highestModseq: modseq }
}

/** @returns null when nothing changes. */
function applyChange(message: FlagState, change: FlagChange): { flags: number; keywords: string[] } | null {
  const named = new Set(change.keywords.map((keyword) => keyword.toLowerCase()))
  const have = new Set(message.keywords.map((keyword) => keyword.toLowerCase()))
  const added = change.keywords.filter((keyword) => !have.has(keyword.toLowerCase()))
  const kept =
    change.mode === 'add'
      ? message.keywords
      : message.keywords.filter((keyword) => named.has(keyword.toLowerCase()) === (change.mode === 'replace'))
  const keywords = change.mode === 'remove' ? kept : [...kept, ...added]
  const flags =
    change.mode === 'add'
      ? message.flags | change.flags
      : change.mode === 'remove'
        ? message.flags & ~change.flags
        : change.flags
  const keywordsStay = added.length === (change.mode === 'remove' ? added.length : 0)
  const same = flags === message.flags && keywordsStay && kept.length === message.keywords.length
  return same ? null : { flags, keywords }
}

async function writeFlags(
  tx: Tx,
  mailboxId: string,
  folderId: string,
  modseq: number,
  changed: readonly FlagState[],
): Promise<void> {
  await sql`
    update messages set flags = new.flags, keywords = string_to_array(new.keywords, ' '), modseq = ${modseq}
    from unnest(
      ${int8Array(changed.map((one) => one.uid))}, ${int4Array(changed.map((one) => one.flags))},
      ${changed.map((one) => one.keywords.join(' '))}::text[]
    ) as new (uid, flags, keywords)
    where messages.mailbox_id = ${mailboxId}::uuid and messages.folder_id = ${folderId}::uuid
      and messages.uid = new.uid`.execute(tx)
}

export type ExpungeResult = { uids: number[]; highestModseq: number }

/**
 * Removes messages for good: those with \Deleted among the ranges, or in the whole folder when ranges is null.
 * @throws Refusal folder_not_found.
 */
export async function expungeDeleted(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[] | null,
): Promise<ExpungeResult> {
  const folder = await lockFolder(tx, owner.mailboxId, folderId)
  const wanted = ranges ?? [{ first: 1, last: folder.uidnext }]
  const { rows } = await sql<{ uid: number }>`
    select uid from messages join ${rangesTable(wanted)} on uid between ranges.first and ranges.last
    where mailbox_id = ${owner.mailboxId}::uuid and folder_id = ${folderId}::uuid
      and flags & ${flagBits.deleted} <> 0`.execute(tx)
  const uids = rows.map((row) => row.uid).sort((a, b) => a - b)
  if (uids.length === 0) return { uids: [], highestModseq: folder.highest_modseq }
  const highestModseq = await removeMessages(platform, tx, owner, folderId, uids)
  await appendEvents(platform, tx, [
    {
      type: 'message.expunged',
      ...owner,
      data: { folder_id: folderId, highest_modseq: highestModseq, count: uids.length },
    },
  ])
  return { uids, highestModseq }
}

/**
 * Removes messages from a locked folder: rows away, tombstones in, counters down. The caller writes the event.
 * @returns the folder's MODSEQ after it.
 */
export async function removeMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  uids: readonly number[],
  options: { bodiesStay?: boolean } = {},
): Promise<number> {
  const { rows } = await sql<{ body_id: string; flags: number; size_bytes: number }>`
    delete from messages where mailbox_id = ${owner.mailboxId}::uuid and folder_id = ${folderId}::uuid
      and uid = any(${int8Array(uids)})
    returning body_id, flags, size_bytes`.execute(tx)
  const unseen = rows.filter((row) => (row.flags & flagBits.seen) === 0).length
  const bytes = rows.reduce((sum, row) => sum + row.size_bytes, 0)
  const { highest_modseq } = await tx
    .updateTable('folders')
    .set((eb) => ({
      highest_modseq: eb('highest_modseq', '+', 1),
      message_count: eb('message_count', '-', rows.length),
      unseen_count: eb('unseen_count', '-', unseen),
      size_bytes: eb('size_bytes', '-', bytes),
    }))
    .where('mailbox_id', '=', owner.mailboxId)
    .where('id', '=', folderId)
    .returning('highest_modseq')
    .executeTakeFirstOrThrow()
  await sql`
    insert into expunged_messages (mailbox_id, folder_id, modseq, uid)
    select ${owner.mailboxId}::uuid, ${folderId}::uuid, ${highest_modseq}::bigint, uid
    from unnest(${int8Array(uids)}) as gone (uid)`.execute(tx)
  if (!options.bodiesStay)
    await addSweepCandidates(
      platform,
      tx,
      rows.map((row) => row.body_id),
    )
  return highest_modseq
}

/** The folder's row, locked until the transaction ends. @throws Refusal folder_not_found. */
export async function lockFolder(
  tx: Tx,
  mailboxId: string,
  folderId: string,
): Promise<{ highest_modseq: number; uidnext: number; uidvalidity: number }> {
  const folder = await tx
    .selectFrom('folders')
    .select(['highest_modseq', 'uidnext', 'uidvalidity'])
    .where('mailbox_id', '=', mailboxId)
    .where('id', '=', folderId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!folder) throw new Refusal('folder_not_found')
  return folder
}

async function readFlags(
  tx: Tx,
  mailboxId: string,
  folderId: string,
  ranges: readonly UidRange[],
): Promise<FlagState[]> {
  const { rows } = await sql<FlagState>`
    select uid, flags, keywords, modseq from messages
      join ${rangesTable(ranges)} on uid between ranges.first and ranges.last
    where mailbox_id = ${mailboxId}::uuid and folder_id = ${folderId}::uuid order by uid`.execute(tx)
  return rows
}
