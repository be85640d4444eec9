/** Flags and keywords of messages in any folders of a mailbox, set to what the caller has reckoned for each. */
import { sql } from 'kysely'
import { afterCommit, type Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { int4Array, int8Array, uuidArray } from '../platform/sql-arrays.ts'
import { flagBits } from './flags.ts'
import { noteFlags } from './light-folders.ts'
import type { LockedMessage } from './locked-messages.ts'
import type { MailboxOwner } from './owner.ts'

export type NewFlagState = { message: LockedMessage; flags: number; keywords: readonly string[] }

/**
 * Writes the new states in one statement: each folder's MODSEQ rises once.
 * @param states of messages whose folders are locked, and which all change.
 * @param named the keywords that the change was about, for its events.
 */
export async function setFlagStates(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  states: readonly NewFlagState[],
  named: readonly string[],
): Promise<void> {
  if (states.length === 0) return
  const byFolder = Map.groupBy(states, ({ message }) => message.folderId)
  const counted = [...byFolder].map(([folderId, changed]) => ({ folderId, unseen: unseenChange(changed) }))
  const { rows } = await sql<{ id: string; modseq: number }>`
    with raised as (
      update folders set highest_modseq = highest_modseq + 1, unseen_count = unseen_count + changed.unseen
      from unnest(
        ${uuidArray(counted.map(({ folderId }) => folderId))}, ${int4Array(counted.map(({ unseen }) => unseen))}
      ) as changed (folder_id, unseen)
      where mailbox_id = ${owner.mailboxId}::uuid and id = changed.folder_id
      returning id, highest_modseq as modseq
    ), written as (
      update messages set flags = new.flags, keywords = string_to_array(new.keywords, ' '), modseq = raised.modseq
      from unnest(
        ${uuidArray(states.map(({ message }) => message.folderId))}, ${int8Array(states.map(({ message }) => message.uid))},
        ${int4Array(states.map(({ flags }) => flags))},
        ${states.map(({ keywords }) => keywords.join(' '))}::text[] -- a keyword is an atom and has no space
      ) as new (folder_id, uid, flags, keywords) join raised on raised.id = new.folder_id
      where messages.mailbox_id = ${owner.mailboxId}::uuid and messages.folder_id = new.folder_id
        and messages.uid = new.uid
    )
    select id, modseq from raised`.execute(tx)
  const modseqs = new Map(rows.map(({ id, modseq }) => [id, modseq]))
  const folders = [...byFolder].map(([folderId, changed]) => ({
    folderId,
    changed,
    modseq: modseqs.get(folderId) ?? 0,
  }))
  afterCommit(tx, () => {
    for (const { folderId, changed, modseq } of folders) {
      const flags = changed.map(({ message, ...state }) => ({
        uid: message.uid,
        flags: state.flags,
        keywords: [...state.keywords],
        modseq,
      }))
      noteFlags(platform, folderId, modseq, flags)
    }
  })
  const events = folders.map(({ folderId, changed, modseq }) => ({
    type: 'message.flags_changed' as const,
    ...owner,
    data: {
      folder_id: folderId,
      highest_modseq: modseq,
      count: changed.length,
      ...(named.length === 0 ? {} : { keywords: [...named] }),
    },
  }))
  await appendEvents(platform, tx, events)
}

function unseenChange(states: readonly NewFlagState[]): number {
  const isUnseen = (flags: number): number => ((flags & flagBits.seen) === 0 ? 1 : 0)
  return states.reduce((sum, { message, flags }) => sum + isUnseen(flags) - isUnseen(message.flags), 0)
}
