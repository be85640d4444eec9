/** The filters of a mailbox: Sieve scripts by name, of which one is active. Each is checked before it is stored. */

import type { Selectable } from 'kysely'
import type { Scope } from '../../accounts/principals.ts'
import { getMailbox, lockMailbox, subject } from '../../mailboxes/mailboxes.ts'
import { requireClaimed } from '../../mailboxes/signups/unclaimed.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { compileSieve } from '../sieve/compile.ts'
import type { SieveScriptsTable } from './tables.ts'

export type Filter = Selectable<SieveScriptsTable>

export const filtersPerMailboxMax = 20
export const filterNameLengthMax = 100

/** By name. @throws Refusal mailbox_not_found. */
export async function listFilters(platform: Platform, scope: Scope, ref: string): Promise<Filter[]> {
  const { id } = await getMailbox(platform, scope, ref)
  const rows = platform.db.selectFrom('sieve_scripts').selectAll().where('mailbox_id', '=', id)
  return await rows.orderBy('name').execute()
}

/** @throws Refusal mailbox_not_found, filter_not_found. */
export async function getFilter(
  platform: Platform,
  scope: Scope,
  ref: string,
  name: string,
): Promise<Filter> {
  const { id } = await getMailbox(platform, scope, ref)
  const filter = await platform.db
    .selectFrom('sieve_scripts')
    .selectAll()
    .where('mailbox_id', '=', id)
    .where('name', '=', name)
    .executeTakeFirst()
  if (!filter) throw new Refusal('filter_not_found')
  return filter
}

/**
 * Stores a filter, or replaces the one of that name.
 * @param active true makes it the active one; null leaves that as it is.
 * @throws Refusal mailbox_not_found, filter_invalid, filter_limit_reached, agent_unclaimed, forbidden.
 */
export async function putFilter(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  { name, script, active }: { name: string; script: string; active: boolean | null },
): Promise<{ filter: Filter; isNew: boolean }> {
  requireName(name)
  requireScript(script)
  const mailbox = await lockMailbox(tx, scope, ref)
  await requireClaimed(platform, { mailboxId: mailbox.id }, tx) // it may send on
  const existing = await tx
    .selectFrom('sieve_scripts')
    .selectAll()
    .where('mailbox_id', '=', mailbox.id)
    .execute()
  const before = existing.find((one) => one.name === name)
  if (!before && existing.length >= filtersPerMailboxMax) throw new Refusal('filter_limit_reached')
  const isActive = active ?? before?.is_active ?? false
  if (isActive) await deactivateAll(tx, mailbox)
  const now = platform.clock.now()
  const filter = await tx
    .insertInto('sieve_scripts')
    .values({ mailbox_id: mailbox.id, name, script, is_active: isActive, created_at: now, updated_at: now })
    .onConflict((conflict) =>
      conflict.columns(['mailbox_id', 'name']).doUpdateSet({ script, is_active: isActive, updated_at: now }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
  await announce(platform, tx, mailbox, filter)
  return { filter, isNew: !before }
}

/** Makes a filter the active one, or turns it off. @throws Refusal mailbox_not_found, filter_not_found, forbidden. */
export async function activateFilter(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  name: string,
  isActive: boolean,
): Promise<Filter> {
  const mailbox = await lockMailbox(tx, scope, ref)
  if (isActive) await deactivateAll(tx, mailbox)
  const filter = await tx
    .updateTable('sieve_scripts')
    .set({ is_active: isActive, updated_at: platform.clock.now() })
    .where('mailbox_id', '=', mailbox.id)
    .where('name', '=', name)
    .returningAll()
    .executeTakeFirst()
  if (!filter) throw new Refusal('filter_not_found')
  await announce(platform, tx, mailbox, filter)
  return filter
}

/** @throws Refusal mailbox_not_found, filter_not_found, forbidden. */
export async function deleteFilter(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  name: string,
): Promise<void> {
  const mailbox = await lockMailbox(tx, scope, ref)
  const { numDeletedRows } = await tx
    .deleteFrom('sieve_scripts')
    .where('mailbox_id', '=', mailbox.id)
    .where('name', '=', name)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw new Refusal('filter_not_found')
  const data = { mailbox_id: mailbox.id, name }
  await appendEvents(platform, tx, [{ type: 'filter.deleted', ...subject(mailbox), data }])
}

function requireName(name: string): void {
  if (name.length <= filterNameLengthMax && /^[^\p{Cc}\p{Cs}\u2028\u2029]+$/u.test(name)) return
  throw new Refusal(
    'filter_invalid',
    'The name of a filter has 1 to 100 characters, and no control characters.',
  )
}

function requireScript(script: string): void {
  const compiled = compileSieve(script)
  if (compiled.ok) return
  const fields = compiled.problems.map(({ line, column, detail }) => ({
    pointer: '/script',
    detail: `Line ${line}, column ${column}: ${detail}`,
  }))
  throw new Refusal('filter_invalid', fields[0]?.detail, { fields })
}

async function deactivateAll(tx: Tx, mailbox: Mailbox): Promise<void> {
  await tx
    .updateTable('sieve_scripts')
    .set({ is_active: false })
    .where('mailbox_id', '=', mailbox.id)
    .where('is_active', '=', true)
    .execute()
}

async function announce(platform: Platform, tx: Tx, mailbox: Mailbox, filter: Filter): Promise<void> {
  const data = { mailbox_id: mailbox.id, name: filter.name, is_active: filter.is_active }
  await appendEvents(platform, tx, [{ type: 'filter.updated', ...subject(mailbox), data }])
}
