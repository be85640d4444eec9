/** Aliases: further addresses of a mailbox, each with what it is for and whether its mail is taken. */

import { sql } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import {
  addressesOf,
  announceAddresses,
  type ExtraAddress,
  insertAddress,
  lockAddressDomain,
  type NewAddress,
  requireAddress,
} from './address-rows.ts'
import { tellEngines } from './engines.ts'
import { getMailbox, lockMailbox } from './mailboxes.ts'
import { requireRecoveryElsewhere } from './recovery.ts'
import type { Mailbox, Service } from './tables.ts'

declare module '../platform/jobs.ts' {
  interface JobTypes {
    'mailbox.expire_aliases': Record<string, never>
  }
}

export const aliasesPerMailboxMax = 200

/** The aliases of a mailbox, in order. @throws Refusal mailbox_not_found. */
export async function listAliases(platform: Platform, scope: Scope, ref: string): Promise<ExtraAddress[]> {
  const { id } = await getMailbox(platform, scope, ref)
  return await addressesOf(platform.db, 'alias').where('mailbox_id', '=', id).execute()
}

/**
 * Gives a mailbox another address, in any domain of the workspace.
 * @throws Refusal mailbox_not_found, address_invalid, address_taken, address_limit_reached, domain_not_found,
 * domain_not_usable, mailbox_details_invalid (it is where its owner is reached without it), forbidden.
 */
export async function addAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
  description: string | null = null,
): Promise<ExtraAddress> {
  return await insertAlias(platform, tx, scope, ref, { address: text, description })
}

async function insertAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  wanted: Omit<NewAddress, 'kind' | 'mailboxId' | 'targets'>,
): Promise<ExtraAddress> {
  requireWorkspace(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const address = requireAddress(wanted.address)
  const domain = await lockAddressDomain(tx, scope, address.domain)
  await requireRoomForAlias(tx, mailbox.id)
  const alias = { ...wanted, address: address.address, kind: 'alias' as const, mailboxId: mailbox.id }
  const row = await insertAddress(platform, tx, domain, alias)
  await requireRecoveryElsewhere(tx, mailbox)
  await tellEngines(platform, tx, [mailbox], 'aliases')
  return row
}

/** Makes a deleted alias again, as it was. @throws Refusal undo_impossible for one whose time is over, and as addAlias. */
export async function restoreAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  deleted: Pick<ExtraAddress, 'address' | 'description' | 'enabled' | 'expires_at'>,
): Promise<ExtraAddress> {
  const { address, description, enabled, expires_at } = deleted
  if (expires_at !== null && expires_at <= platform.clock.now()) {
    throw new Refusal('undo_impossible', `${address} would have ended by now.`)
  }
  return await insertAlias(platform, tx, scope, ref, { address, description, enabled, expires_at })
}

/** Asked with the mailbox locked. @throws Refusal address_limit_reached. */
export async function requireRoomForAlias(tx: Tx, mailboxId: string): Promise<void> {
  const { count } = await tx
    .selectFrom('addresses')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('kind', '=', 'alias')
    .where('mailbox_id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  if (count >= aliasesPerMailboxMax) {
    throw new Refusal('address_limit_reached', undefined, {
      quota: { max: aliasesPerMailboxMax, used: count },
    })
  }
}

export type AliasChanges = { description?: string | null; enabled?: boolean }

/**
 * Changes what is said of an alias, or whether it takes mail and may be sent with.
 * @throws Refusal mailbox_not_found, address_not_found, forbidden.
 */
export async function updateAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
  changes: AliasChanges,
): Promise<ExtraAddress> {
  requireWorkspace(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const row = await tx
    .updateTable('addresses')
    .set(({ ref: column }) => ({
      description: changes.description === undefined ? column('description') : changes.description,
      enabled: changes.enabled ?? column('enabled'),
      alias_updated_at: platform.clock.now(),
    }))
    .where(isAliasOf(mailbox, text))
    .returningAll()
    .executeTakeFirst()
  if (!row) throw new Refusal('address_not_found')
  await announceAddresses(platform, tx, 'address.updated', [{ organizationId: mailbox.organization_id, row }])
  await tellEngines(platform, tx, [mailbox], 'aliases')
  return row
}

/**
 * Takes an alias away.
 * @returns what it was.
 * @throws Refusal mailbox_not_found, address_not_found, forbidden.
 */
export async function removeAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
): Promise<ExtraAddress> {
  requireWorkspace(scope)
  const mailbox = await lockMailbox(tx, scope, ref)
  const [row] = await tx.deleteFrom('addresses').where(isAliasOf(mailbox, text)).returningAll().execute()
  if (!row) throw new Refusal('address_not_found')
  await announceAddresses(platform, tx, 'address.deleted', [{ organizationId: mailbox.organization_id, row }])
  await tellEngines(platform, tx, [mailbox], 'aliases')
  return row
}

function isAliasOf({ id }: Mailbox, text: string) {
  const parsed = parseAddress(text)
  return sql<boolean>`kind = 'alias' and mailbox_id = ${id}::uuid
    and address = ${parsed.ok ? parsed.value.address : ''}`
}

const aliasesPerTransaction = 1000

/** Removes a batch of the aliases that a rename left and whose days are over. @returns how many. */
export async function expireAliases(platform: Platform): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<ExtraAddress & { organization_id: string; service: Service }>`
      with due as (
        select address from addresses where expires_at <= ${platform.clock.now()}
        order by expires_at limit ${aliasesPerTransaction} for update skip locked
      )
      delete from addresses using due, mailboxes
      where addresses.address = due.address and mailboxes.id = addresses.mailbox_id
      returning addresses.*, organization_id, service`.execute(tx)
    await announceAddresses(
      platform,
      tx,
      'address.deleted',
      rows.map((row) => ({ organizationId: row.organization_id, row })),
    )
    const told = new Map(
      rows.flatMap(({ mailbox_id: id, service }) => (id === null ? [] : [[id, { id, service }]])),
    )
    await tellEngines(platform, tx, [...told.values()], 'aliases')
    return rows.length
  })
}
