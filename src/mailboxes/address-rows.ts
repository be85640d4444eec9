/** Rows of the one namespace of addresses: what aliases, forwards, catch-alls and renames share in writing them. */
import type { Selectable } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { type Domain, lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, parseAddress } from './address.ts'
import type { AddressEvent, AddressesTable } from './tables.ts'

export type ExtraAddress = Selectable<AddressesTable>

export function addressesOf(db: Db, kind: ExtraAddress['kind']) {
  return db.selectFrom('addresses').selectAll().where('kind', '=', kind).orderBy('address')
}

/** @throws Refusal address_invalid. */
export function requireAddress(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Refusal('address_invalid', `"${text}" ${parsed.problem}.`)
  return parsed.value
}

/** A domain of the workspace that addresses can be made in, kept so. @throws Refusal domain_not_found, domain_not_usable. */
export async function lockAddressDomain(tx: Tx, scope: Scope, name: string): Promise<Domain> {
  const [domain] = await lockDomainsByName(tx, scope, [name])
  if (!domain) throw new Refusal('domain_not_found', `${name} is not connected.`)
  if (mailboxesOn(domain.state) !== 'refused') return domain
  throw new Refusal('domain_not_usable', `${domain.name} is ${domain.state}.`)
}

export type NewAddress = Pick<ExtraAddress, 'address' | 'kind'> & {
  mailboxId?: string
  targets?: readonly string[]
  description?: string | null
  enabled?: boolean
  expires_at?: Date | null
}

/** @throws Refusal address_taken. */
export async function insertAddress(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  {
    address,
    kind,
    mailboxId,
    targets = [],
    description = null,
    enabled = true,
    expires_at = null,
  }: NewAddress,
  type: 'address.created' | 'address.updated' = 'address.created',
): Promise<ExtraAddress> {
  const row = await tx
    .insertInto('addresses')
    .values({
      address,
      kind,
      workspace_id: domain.workspace_id,
      domain_id: domain.id,
      mailbox_id: mailboxId ?? null,
      targets: [...targets],
      description,
      enabled,
      expires_at,
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!row) throw new Refusal('address_taken', `${address} is already in use.`)
  await announceAddresses(platform, tx, type, [{ organizationId: domain.organization_id, row }])
  return row
}

/** Lets go of all that leads to a mailbox: its own address, its aliases, catch-alls. */
export async function freeAddresses(
  platform: Platform,
  tx: Tx,
  { id, organization_id: organizationId }: { id: string; organization_id: string },
): Promise<void> {
  const gone = await tx.deleteFrom('addresses').where('mailbox_id', '=', id).returningAll().execute()
  // Its own address goes with it, and its event says so.
  const others = gone.filter(({ kind }) => kind !== 'mailbox')
  await announceAddresses(
    platform,
    tx,
    'address.deleted',
    others.map((row) => ({ organizationId, row })),
  )
}

/** Writes an event for each row. It has all that is needed to make a deleted address again. */
export async function announceAddresses(
  platform: Platform,
  tx: Tx,
  type: 'address.created' | 'address.updated' | 'address.deleted',
  rows: readonly { organizationId: string; row: ExtraAddress }[],
): Promise<void> {
  await appendEvents(
    platform,
    tx,
    rows.map(({ organizationId, row }) => ({
      type,
      organizationId,
      workspaceId: row.workspace_id,
      mailboxId: row.mailbox_id,
      data: addressEvent(row),
    })),
  )
}

export function addressEvent(row: ExtraAddress): AddressEvent {
  const { address, kind, domain_id, mailbox_id, targets, description, enabled, expires_at } = row
  return {
    address,
    kind,
    domain_id,
    mailbox_id,
    targets,
    description,
    enabled,
    expires_at: expires_at?.toISOString() ?? null,
  }
}
