/**
 * Changes of messages in a folder: flags set, messages expunged. Each change rises the folder's MODSEQ once, and goes to
 * the database in one piece: the lock, and behind it a statement that does everything.
 */
import { type RawBuilder, sql } from 'kysely'
import { afterCommit, type Tx, together } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { flagBits, requireKeywords, uniqueKeywords } from './flags.ts'
import { type CountedChange, countedEvent, publishCounted } from './folder-events.ts'
import { type LockedFolder, lockStatement } from './folder-locks.ts'
import { noteFlags, noteGone } from './light-folders.ts'
import type { MailboxOwner } from './owner.ts'
import { packedUids, unpackUids } from './packed-uids.ts'
import { policyOf } from './policies.ts'
import { addTombstones, keepRemoved, takeMessages, totalsOf } from './removal.ts'
import { planPruning } from './tombstones.ts'
import { rangesOfUids, type UidRange } from './uid-ranges.ts'
import { besides, selectFolder, selectUids } from './uid-selection.ts'

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
  const [locked, judged] = await together(tx, [
    lockStatement(owner.mailboxId, [folderId]),
    changeStatement(platform, owner, folderId, ranges, change),
  ])
  const [folder] = (locked?.rows ?? []) as LockedFolder[] // as the statement returns
  if (!folder) throw new Refusal('folder_not_found')
  const rows = (judged?.rows ?? []) as JudgedRow[] // likewise
  const changed = rows.filter((row) => row.outcome === 'changed')
  for (const row of changed) requireKeywords(row.keywords)
  const highestModseq = folder.highest_modseq + (changed.length > 0 ? 1 : 0)
  const done = { modseq: highestModseq, count: changed.length }
  if (changed.length > 0) afterCommit(tx, () => noteFlags(platform, folderId, highestModseq, changed))
  publishCounted(platform, tx, owner, flagsEvent(folderId, change), done)
  return {
    messages: rows.flatMap(({ outcome, ...message }) => (outcome === 'modified' ? [] : [message])),
    modified: rows.flatMap(({ outcome, uid }) => (outcome === 'modified' ? [uid] : [])),
    changed: changed.length,
    highestModseq,
  }
}

type JudgedRow = FlagState & { outcome: 'changed' | 'same' | 'modified' }

/** Everything of a change, for a folder that the statement before it has locked. */
function changeStatement(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[],
  change: FlagChange,
): RawBuilder<unknown> {
  const { mailboxId } = owner
  const selection = selectUids(mailboxId, folderId, ranges)
  const flags = flagsAfter(change)
  const keywords = keywordsAfter(change)
  const event = flagsEvent(folderId, change)
  return sql`${selection.prepared(`change_flags_${keywords.form}`)}
    with folder as materialized (
      select highest_modseq + 1 as modseq from folders
      where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid
    ), found as materialized (
      select uid, flags as old_flags, keywords as old_keywords, modseq as old_modseq, ${flags} as flags,
        ${keywords.value} as keywords
      from messages${besides(selection)} where ${selection.where}
    ), judged as materialized (
      select *, case when old_modseq > ${change.unchangedSince ?? null}::bigint then 'modified'
        when flags = old_flags and keywords = old_keywords then 'same' else 'changed' end as outcome
      from found
    ), written as (
      update messages set flags = ${flags}, keywords = ${keywords.value}, modseq = folder.modseq
      from folder${besides(selection)} where ${selection.where}
        and (messages.modseq > ${change.unchangedSince ?? null}::bigint) is not true
        and (messages.flags <> ${flags} or messages.keywords <> ${keywords.value})
    ), totals as (
      select count(*)::int as count, coalesce(sum(${isUnseen('flags')} - ${isUnseen('old_flags')}), 0)::int as unseen
      from judged where outcome = 'changed'
    ), raised as (
      update folders set highest_modseq = highest_modseq + 1, unseen_count = unseen_count + totals.unseen
      from totals where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid and totals.count > 0
    ), event as (
      ${countedEvent(platform, owner, event, sql`folder, totals`)}
    )
    select uid, case when outcome = 'modified' then old_flags else flags end as flags,
      case when outcome = 'modified' then old_keywords else keywords end as keywords,
      case when outcome = 'changed' then folder.modseq else old_modseq end as modseq, outcome
    from judged, folder order by uid`
}

function flagsEvent(folderId: string, { keywords }: FlagChange): CountedChange {
  return { type: 'message.flags_changed', folderId, keywords }
}

function isUnseen(column: string): RawBuilder<unknown> {
  return sql`(${sql.ref(column)} & ${sql.lit(flagBits.seen)} = 0)::int`
}

/** The flags of a message after a change, from its column. */
function flagsAfter({ mode, flags }: FlagChange): RawBuilder<unknown> {
  const kept = mode === 'add' ? -1 : mode === 'remove' ? ~flags : 0
  const added = mode === 'remove' ? 0 : flags
  return sql`(messages.flags & ${kept}::int | ${added}::int)`
}

/**
 * The same for its keywords, which are compared without case (RFC 9051 §2.3.2). The spelling that a message has stays,
 * and so does the order.
 */
function keywordsAfter({ mode, keywords }: FlagChange): { form: string; value: RawBuilder<unknown> } {
  if (keywords.length === 0) {
    return mode === 'replace'
      ? { form: 'clear', value: sql`'{}'::text[]` }
      : { form: 'keep', value: sql`messages.keywords` }
  }
  const named = sql`${[...keywords]}::text[]`
  const isNamed = sql`${folded('have.keyword')} = any(${allFolded(named)})`
  const kept = mode === 'add' ? sql`true` : mode === 'remove' ? sql`not ${isNamed}` : isNamed
  const old = sql`
    select have.keyword from unnest(messages.keywords) with ordinality as have (keyword, place) where ${kept}
    order by have.place`
  if (mode === 'remove') return { form: mode, value: sql`array(${old})` }
  const added = sql`
    select new.keyword from unnest(${named}) with ordinality as new (keyword, place)
    where ${folded('new.keyword')} <> all(${allFolded(sql`messages.keywords`)}) order by new.place`
  return { form: mode, value: sql`(array(${old}) || array(${added}))` }
}

// A keyword is an atom of ASCII (RFC 9051 §9, flag-keyword): its case is the same in every language.
function folded(column: string): RawBuilder<unknown> {
  return sql`lower(${sql.ref(column)} collate "C")`
}

function allFolded(keywords: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`array(select ${folded('each.keyword')} from unnest(${keywords}) as each (keyword))`
}

export type ExpungeResult = { uids: number[]; highestModseq: number }

/**
 * Removes messages from their folder: those with \Deleted among the ranges, or in the whole folder when ranges is null.
 * They can be restored for as long as the policy says.
 * @throws Refusal folder_not_found.
 */
export async function expungeDeleted(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  ranges: readonly UidRange[] | null,
): Promise<ExpungeResult> {
  const { mailboxId } = owner
  const whole = ranges === null
  const selection = whole ? selectFolder(mailboxId, folderId) : selectUids(mailboxId, folderId, ranges)
  // Written out, so that the index of what is marked fits: messages_deleted.
  const marked = sql`flags & ${sql.lit(flagBits.deleted)} <> 0`
  const prepared = (form: string) => selection.prepared(`expunge_${whole ? 'folder' : 'marked'}_${form}`)
  return await remove(platform, tx, owner, folderId, { prepared, gone: takeMessages(selection, marked) })
}

/**
 * Removes messages from their folder, whatever their flags. Those that are gone already do not matter.
 * @returns the UIDs of those that were there.
 * @throws Refusal folder_not_found.
 */
export async function expungeMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  uids: Iterable<number>,
): Promise<ExpungeResult> {
  const selection = selectUids(owner.mailboxId, folderId, rangesOfUids([...uids].sort((a, b) => a - b)))
  const prepared = (form: string) => selection.prepared(`expunge_uids_${form}`)
  return await remove(platform, tx, owner, folderId, { prepared, gone: takeMessages(selection) })
}

type Removal = {
  /** The comment that has the statement prepared under a name for its form, or nothing. */
  prepared(form: string): RawBuilder<unknown>
  /** The part that takes the messages. */
  gone: RawBuilder<unknown>
}

type RemovedRow = { uids: Buffer | null; count: number; modseq: number; removedEver: number }

async function remove(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  folderId: string,
  removal: Removal,
): Promise<ExpungeResult> {
  const { restoreDays } = await policyOf(platform, owner, tx)
  const [, removed] = await together(tx, [
    lockStatement(owner.mailboxId, [folderId]),
    removeStatement(platform, owner, folderId, removal, restoreDays),
  ])
  const [row] = (removed?.rows ?? []) as RemovedRow[] // as the statement returns
  if (!row) throw new Refusal('folder_not_found')
  const { removedEver, count, modseq } = row
  await planPruning(platform, tx, owner.mailboxId, folderId, { removedEver, removed: count })
  const uids = [...unpackUids(row.uids)]
  if (count > 0) afterCommit(tx, () => noteGone(platform, folderId, modseq, uids))
  publishCounted(platform, tx, owner, { type: 'message.expunged', folderId }, row)
  return { uids, highestModseq: modseq }
}

/** Everything of a removal, for a folder that the statement before it has locked. */
function removeStatement(
  platform: Platform,
  owner: MailboxOwner,
  folderId: string,
  { prepared, gone }: Removal,
  restoreDays: number,
): RawBuilder<unknown> {
  const { mailboxId } = owner
  const event: CountedChange = { type: 'message.expunged', folderId }
  return sql`${prepared(restoreDays === 0 ? 'swept' : 'kept')}
    with gone as (
      ${gone}
    ), totals as (
      ${totalsOf('gone')}
    ), folder as (
      update folders set highest_modseq = highest_modseq + 1, message_count = message_count - totals.count,
        unseen_count = unseen_count - totals.unseen, size_bytes = folders.size_bytes - totals.bytes
      from totals where mailbox_id = ${mailboxId}::uuid and id = ${folderId}::uuid and totals.count > 0
      returning highest_modseq as modseq, path
    ), tombstones as (
      ${addTombstones(platform, mailboxId, folderId, sql`gone, folder`)}
    ), kept as (
      ${keepRemoved(platform, mailboxId, folderId, restoreDays, sql`gone, folder`)}
    ), event as (
      ${countedEvent(platform, owner, event, sql`folder, totals`)}
    )
    select (select ${packedUids} from gone) as uids, totals.count,
      before.highest_modseq + (totals.count > 0)::int as modseq,
      before.uidnext - 1 - before.message_count + totals.count as "removedEver"
    from folders as before, totals
    where before.mailbox_id = ${mailboxId}::uuid and before.id = ${folderId}::uuid`
}
