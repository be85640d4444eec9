/**
 * Messages changed by their ids, whatever folders they lie in: flags, labels, where they are, whether they are. IMAP clients
 * see each as if another client had done it.
 */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { expungeMessages } from './changes.ts'
import { moveMessages } from './copies.ts'
import { type NewFlagState, setFlagStates } from './flag-states.ts'
import { createFolder } from './folders.ts'
import { type LabelChange, labelsAfter, requireLabelCount } from './labels.ts'
import type { LockedMessage } from './locked-messages.ts'
import type { MailboxOwner } from './owner.ts'
import { policyOf } from './policies.ts'
import { dayMs } from './removal.ts'
import { rangesOfUids } from './uid-ranges.ts'

/** Messages that one call changes, at most. */
export const editedMax = 1000

export type MessageEdit = {
  /** Bits that are set and bits that are taken away. */
  flags: { set: number; clear: number }
  labels: LabelChange | null
  /** The folder's id; null: they stay. */
  moveTo: string | null
}

export type EditOutcome = 'unchanged' | 'changed' | 'moved'

/**
 * @param messages with the folders that they lie in, and `moveTo`, locked. What is as wanted already is not touched: its MODSEQ stays.
 * @returns what became of each, in their order.
 * @throws Refusal folder_not_found, keyword_limit_reached.
 */
export async function editMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  messages: readonly LockedMessage[],
  { flags, labels, moveTo }: MessageEdit,
): Promise<Map<string, EditOutcome>> {
  const outcomes = new Map<string, EditOutcome>(messages.map(({ id }) => [id, 'unchanged']))
  const states = messages
    .map((message) => ({
      message,
      flags: (message.flags & ~flags.clear) | flags.set,
      keywords: labels === null ? message.keywords : labelsAfter(message.keywords, labels),
    }))
    .filter(isChange)
  for (const { message, keywords } of states) {
    requireLabelCount(keywords)
    outcomes.set(message.id, 'changed')
  }
  await setFlagStates(platform, tx, owner, states, labels === null ? [] : namesOf(labels))
  if (moveTo === null) return outcomes
  const moving = messages.filter(({ folderId }) => folderId !== moveTo)
  await moveAll(platform, tx, owner, moving, moveTo)
  for (const { id } of moving) outcomes.set(id, 'moved')
  return outcomes
}

function isChange({ message, flags, keywords }: NewFlagState): boolean {
  const before = message.keywords
  const isSame = keywords.length === before.length && keywords.every((one, at) => one === before[at])
  return flags !== message.flags || !isSame
}

function namesOf(change: LabelChange): readonly string[] {
  return change.kind === 'replace' ? change.labels : [...change.add, ...change.remove]
}

async function moveAll(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  messages: readonly LockedMessage[],
  toFolderId: string,
): Promise<void> {
  for (const [folderId, uids] of uidsByFolder(messages)) {
    await moveMessages(platform, tx, owner, folderId, rangesOfUids(uids), toFolderId)
  }
}

function uidsByFolder(messages: readonly LockedMessage[]): Map<string, number[]> {
  const byFolder = Map.groupBy(messages, ({ folderId }) => folderId)
  return new Map([...byFolder].map(([id, inIt]) => [id, inIt.map(({ uid }) => uid).sort((a, b) => a - b)]))
}

export type DeleteOutcome = 'moved_to_trash' | 'removed'

export type Deleted = {
  outcomes: Map<string, DeleteOutcome>
  /** Until when what was removed can be restored; null: it is gone for good. */
  restoreUntil: Date | null
}

/**
 * Deletes as mail programs do: into the trash, and from there, or from the junk folder, for good but for what the policy keeps.
 * @param messages with the folders that they lie in, and the trash, locked.
 * @param trashId null: they are removed wherever they lie.
 */
export async function deleteMessages(
  platform: Platform,
  tx: Tx,
  owner: MailboxOwner,
  messages: readonly LockedMessage[],
  trashId: string | null,
): Promise<Deleted> {
  const isRemoved = ({ folderId, specialUse }: LockedMessage): boolean =>
    trashId === null || folderId === trashId || specialUse === 'trash' || specialUse === 'junk'
  for (const [folderId, uids] of uidsByFolder(messages.filter(isRemoved))) {
    await expungeMessages(platform, tx, owner, folderId, uids)
  }
  if (trashId !== null) {
    const moving = messages.filter((message) => !isRemoved(message))
    await moveAll(platform, tx, owner, moving, trashId)
  }
  const { restoreDays } = await policyOf(platform, owner, tx)
  const restoreUntil =
    restoreDays === 0 ? null : new Date(platform.clock.now().getTime() + restoreDays * dayMs)
  const outcomeOf = (message: LockedMessage): DeleteOutcome =>
    isRemoved(message) ? 'removed' : 'moved_to_trash'
  return { outcomes: new Map(messages.map((message) => [message.id, outcomeOf(message)])), restoreUntil }
}

/** The trash of a mailbox, made where there is none. Call it before messages are locked. */
export async function requireTrash(platform: Platform, tx: Tx, owner: MailboxOwner): Promise<string> {
  const { rows } = await sql<{ id: string }>`/* prepared find_trash */
    select id from folders where mailbox_id = ${owner.mailboxId}::uuid and (special_use = 'trash' or path = 'Trash')
    order by special_use = 'trash' desc nulls last limit 1`.execute(tx)
  return rows[0]?.id ?? (await createFolder(platform, tx, owner, 'Trash', 'trash')).id
}
