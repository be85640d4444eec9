/** Addresses beside a mailbox's own: aliases of mailboxes, forwards and the catch-all of a domain. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { type Domain, getDomain, lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, parseAddress } from './address.ts'
import { tellEngines } from './engines.ts'
import { getMailbox, lockMailbox } from './mailboxes.ts'
import type { AddressesTable } from './tables.ts'
import { requireTargets } from './targets.ts'

export type ExtraAddress = Selectable<AddressesTable>

export const aliasesPerMailboxMax = 200
export const forwardsPerDomainMax = 5000
export const targetsMax = 50

/** The aliases of a mailbox, in order. @throws Refusal mailbox_not_found. */
export async function listAliases(platform: Platform, scope: Scope, ref: string): Promise<ExtraAddress[]> {
  const { id } = await getMailbox(platform, scope, ref)
  return await addressesOf(platform.db, 'alias').where('mailbox_id', '=', id).execute()
}

/**
 * Gives a mailbox another address, in any domain of the workspace.
 * @throws Refusal mailbox_not_found, address_invalid, address_taken, address_limit_reached, domain_not_found,
 * domain_not_usable, forbidden.
 */
export async function addAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
): Promise<ExtraAddress> {
  requireWorkspace(scope)
  const mailbox = await lockMailbox(platform, tx, scope, ref)
  const address = requireAddress(text)
  const domain = await lockDomain(tx, scope, address.domain)
  const existing = await addressesOf(tx, 'alias').where('mailbox_id', '=', mailbox.id).execute()
  if (existing.length >= aliasesPerMailboxMax) throw new Refusal('address_limit_reached')
  const mailboxId = mailbox.id
  const alias = { address: address.address, kind: 'alias' as const, mailboxId }
  const row = await insertAddress(platform, tx, domain, alias)
  await tellEngines(platform, tx, [mailbox], 'aliases')
  return row
}

/** Takes an alias away. @throws Refusal mailbox_not_found, address_not_found, forbidden. */
export async function removeAlias(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
): Promise<void> {
  requireWorkspace(scope)
  const mailbox = await lockMailbox(platform, tx, scope, ref)
  const parsed = parseAddress(text)
  const [row] = parsed.ok
    ? await tx
        .deleteFrom('addresses')
        .where('kind', '=', 'alias')
        .where('mailbox_id', '=', mailbox.id)
        .where('address', '=', parsed.value.address)
        .returningAll()
        .execute()
    : []
  if (!row) throw new Refusal('address_not_found')
  await announce(platform, tx, 'address.deleted', mailbox.organization_id, row)
  await tellEngines(platform, tx, [mailbox], 'aliases')
}

/** The forwards of a domain, in order, from behind `after` on. @throws Refusal domain_not_found. */
export async function listForwards(
  platform: Platform,
  scope: Scope,
  ref: string,
  page: { limit: number; after: string | null },
): Promise<ExtraAddress[]> {
  const { id } = await getDomain(platform, scope, ref)
  return await addressesOf(platform.db, 'forward')
    .where('domain_id', '=', id)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`address > ${page.after}`))
    .limit(page.limit)
    .execute()
}

/**
 * Makes an address without a mailbox, whose mail goes on to others.
 * @throws Refusal domain_not_found, domain_not_usable, address_invalid, address_taken, address_limit_reached,
 * forward_target_invalid, forbidden.
 */
export async function addForward(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
  targets: readonly string[],
): Promise<ExtraAddress> {
  const domain = await lockDomainOf(platform, tx, scope, ref)
  const { address, domain: name } = requireAddress(text)
  if (name !== domain.name) throw new Refusal('address_invalid', `"${text}" is not in ${domain.name}.`)
  const { count } = await tx
    .selectFrom('addresses')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('domain_id', '=', domain.id)
    .where('kind', '=', 'forward')
    .executeTakeFirstOrThrow()
  if (count >= forwardsPerDomainMax) throw new Refusal('address_limit_reached')
  const checked = await requireTargets(platform, tx, forwarding(domain, address), targets)
  return await insertAddress(platform, tx, domain, { address, kind: 'forward', targets: checked })
}

/** Removes a forward. @throws Refusal domain_not_found, address_not_found, forbidden. */
export async function removeForward(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  text: string,
): Promise<void> {
  const domain = await lockDomainOf(platform, tx, scope, ref)
  const parsed = parseAddress(text)
  await deleteOf(platform, tx, domain, 'forward', parsed.ok ? parsed.value.address : '')
}

/** @returns null when the domain has none. @throws Refusal domain_not_found. */
export async function getCatchAll(
  platform: Platform,
  scope: Scope,
  ref: string,
): Promise<ExtraAddress | null> {
  const domain = await getDomain(platform, scope, ref)
  const row = await addressesOf(platform.db, 'catch_all')
    .where('address', '=', catchAllOf(domain))
    .executeTakeFirst()
  return row ?? null
}

/** A catch-all goes to one mailbox, or to other addresses. */
export type CatchAllGoal = { mailbox: string } | { targets: readonly string[] }

/**
 * Sets where mail for addresses goes that a domain does not have, instead of what was set before.
 * @throws Refusal domain_not_found, domain_not_usable, mailbox_not_found, forward_target_invalid,
 * domain_alias_conflict, forbidden.
 */
export async function putCatchAll(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  goal: CatchAllGoal,
): Promise<ExtraAddress> {
  const domain = await lockDomainOf(platform, tx, scope, ref)
  const alias = await tx
    .selectFrom('domain_aliases')
    .select('domain_id')
    .where('domain_id', '=', domain.id)
    .executeTakeFirst()
  if (alias) throw new Refusal('domain_alias_conflict', `${domain.name} is an alias of another domain.`)
  const address = catchAllOf(domain)
  const wanted =
    'mailbox' in goal
      ? {
          address,
          kind: 'catch_all' as const,
          mailboxId: (await lockMailbox(platform, tx, scope, goal.mailbox)).id,
        }
      : {
          address,
          kind: 'catch_all' as const,
          targets: await requireTargets(platform, tx, forwarding(domain, address), goal.targets),
        }
  const before = await tx.deleteFrom('addresses').where('address', '=', address).executeTakeFirst()
  const type = before.numDeletedRows > 0n ? 'address.updated' : 'address.created'
  return await insertAddress(platform, tx, domain, wanted, type)
}

/** @throws Refusal domain_not_found, address_not_found, forbidden. */
export async function removeCatchAll(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<void> {
  const domain = await lockDomainOf(platform, tx, scope, ref)
  await deleteOf(platform, tx, domain, 'catch_all', catchAllOf(domain))
}

function catchAllOf(domain: Domain): string {
  return `@${domain.name}`
}

function forwarding(domain: Domain, address: string) {
  return { address, domain: domain.name, workspaceId: domain.workspace_id }
}

function requireAddress(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed.ok) throw new Refusal('address_invalid', `"${text}" ${parsed.problem}.`)
  return parsed.value
}

async function lockDomainOf(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  requireWrite(scope)
  requireWorkspace(scope)
  return await lockDomain(tx, scope, (await getDomain(platform, scope, ref, tx)).name)
}

async function lockDomain(tx: Tx, scope: Scope, name: string): Promise<Domain> {
  const [domain] = await lockDomainsByName(tx, scope, [name])
  if (!domain) throw new Refusal('domain_not_found', `${name} is not connected.`)
  if (mailboxesOn(domain.state) !== 'refused') return domain
  throw new Refusal('domain_not_usable', `${domain.name} is ${domain.state}.`)
}

function addressesOf(db: Db, kind: ExtraAddress['kind']) {
  return db.selectFrom('addresses').selectAll().where('kind', '=', kind).orderBy('address')
}

type NewAddress = Pick<ExtraAddress, 'address' | 'kind'> & {
  mailboxId?: string
  targets?: readonly string[]
}

async function insertAddress(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  { address, kind, mailboxId, targets = [] }: NewAddress,
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
      created_at: platform.clock.now(),
    })
    .onConflict((conflict) => conflict.doNothing())
    .returningAll()
    .executeTakeFirst()
  if (!row) throw new Refusal('address_taken', `${address} is already in use.`)
  await announce(platform, tx, type, domain.organization_id, row)
  return row
}

async function deleteOf(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  kind: ExtraAddress['kind'],
  address: string,
): Promise<void> {
  const [row] = await tx
    .deleteFrom('addresses')
    .where('domain_id', '=', domain.id)
    .where('kind', '=', kind)
    .where('address', '=', address)
    .returningAll()
    .execute()
  if (!row) throw new Refusal('address_not_found')
  await announce(platform, tx, 'address.deleted', domain.organization_id, row)
}

async function announce(
  platform: Platform,
  tx: Tx,
  type: 'address.created' | 'address.updated' | 'address.deleted',
  organizationId: string,
  row: ExtraAddress,
): Promise<void> {
  const { address, kind, domain_id, mailbox_id, targets } = row
  await appendEvents(platform, tx, [
    {
      type,
      organizationId,
      workspaceId: row.workspace_id,
      mailboxId: mailbox_id,
      data: { address, kind, domain_id, mailbox_id, targets },
    },
  ])
}
