/** Whom a mailbox hears and whom it writes to: everyone that no list blocks, or those alone that a list allows. */
import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import type { SenderListMode } from './tables.ts'

export type ListModes = {
  /** For those who write to the mailbox. */
  inbound: SenderListMode
  /** For those whom it writes to. */
  outbound: SenderListMode
}

const open: ListModes = { inbound: 'open', outbound: 'open' }

type ModesRow = { mailbox_id: string; mode: SenderListMode; outbound_mode: SenderListMode }

/** The modes of each of the mailboxes, read in one go. @param db the transaction, inside one. */
export async function listModesOf(
  db: Db,
  mailboxIds: readonly string[],
): Promise<ReadonlyMap<string, ListModes>> {
  if (mailboxIds.length === 0) return new Map()
  const { rows } = await sql<ModesRow>`/* prepared list_modes */
    select mailbox_id, mode, outbound_mode from sender_list_modes
    where mailbox_id = any(${uuidArray(mailboxIds)})`.execute(db)
  const set = new Map(rows.map((row) => [row.mailbox_id, { inbound: row.mode, outbound: row.outbound_mode }]))
  return new Map(mailboxIds.map((id) => [id, set.get(id) ?? open]))
}

export async function listModesOfOne(db: Db, mailboxId: string): Promise<ListModes> {
  return (await listModesOf(db, [mailboxId])).get(mailboxId) ?? open
}

/**
 * A key that is bound to the mailbox may not: the list may be what guards its owner.
 * @param ref the mailbox's id or address.
 * @param change a mode that is left out stays.
 * @returns the modes before and after.
 * @throws Refusal mailbox_not_found, forbidden.
 */
export async function setListModes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  change: Partial<ListModes>,
): Promise<{ before: ListModes; after: ListModes }> {
  requireWorkspace(scope)
  const owner = subject(await lockMailbox(tx, scope, ref))
  const before = await listModesOfOne(tx, owner.mailboxId)
  const after = { ...before, ...change }
  const modes = { mode: after.inbound, outbound_mode: after.outbound }
  await tx
    .insertInto('sender_list_modes')
    .values({ mailbox_id: owner.mailboxId, workspace_id: owner.workspaceId, ...modes })
    .onConflict((conflict) => conflict.column('mailbox_id').doUpdateSet(modes))
    .execute()
  await appendEvents(platform, tx, [{ type: 'sender_list.mode_changed', ...owner, data: modes }])
  return { before, after }
}
