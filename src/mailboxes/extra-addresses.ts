/** Addresses of a domain that are no mailbox's own: forwards and the catch-all. aliases.ts has those of mailboxes. */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { type Domain, getDomain } from '../domains/domains.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { parseAddress } from './address.ts'
import {
  addressesOf,
  announceAddresses,
  type ExtraAddress,
  insertAddress,
  lockAddressDomain,
  requireAddress,
} from './address-rows.ts'
import { lockMailbox } from './mailboxes.ts'
import { requireTargets } from './targets.ts'

export const forwardsPerDomainMax = 5000
export const targetsMax = 50

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
  const isGone = await deleteOf(platform, tx, domain, 'forward', parsed.ok ? parsed.value.address : '')
  if (!isGone) throw new Refusal('address_not_found')
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

/** The goal that an address stands for: the workspace's own mailbox of that address, else the address. */
export async function catchAllGoalOf(db: Db, scope: Scope, address: string): Promise<CatchAllGoal> {
  const parsed = parseAddress(address)
  const mailbox = parsed.ok
    ? await db
        .selectFrom('mailboxes')
        .select('id')
        .where('workspace_id', '=', scope.workspaceId)
        .where('address', '=', parsed.value.address)
        .where('state', 'not in', ['deletion_scheduled', 'deleted'])
        .executeTakeFirst()
    : undefined
  return mailbox ? { mailbox: mailbox.id } : { targets: [address] }
}

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
          mailboxId: (await lockMailbox(tx, scope, goal.mailbox)).id,
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
  if (!(await dropCatchAll(platform, tx, scope, ref))) throw new Refusal('address_not_found')
}

/**
 * Sees to it that the domain has none. @returns whether it had one.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function dropCatchAll(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<boolean> {
  const domain = await lockDomainOf(platform, tx, scope, ref)
  return await deleteOf(platform, tx, domain, 'catch_all', catchAllOf(domain))
}

function catchAllOf(domain: Domain): string {
  return `@${domain.name}`
}

function forwarding(domain: Domain, address: string) {
  return { address, domain: domain.name, workspaceId: domain.workspace_id }
}

async function lockDomainOf(platform: Platform, tx: Tx, scope: Scope, ref: string): Promise<Domain> {
  requireWrite(scope)
  requireWorkspace(scope)
  return await lockAddressDomain(tx, scope, (await getDomain(platform, scope, ref, tx)).name)
}

/** @returns whether there was one. */
async function deleteOf(
  platform: Platform,
  tx: Tx,
  domain: Domain,
  kind: ExtraAddress['kind'],
  address: string,
): Promise<boolean> {
  const [row] = await tx
    .deleteFrom('addresses')
    .where('domain_id', '=', domain.id)
    .where('kind', '=', kind)
    .where('address', '=', address)
    .returningAll()
    .execute()
  if (!row) return false
  await announceAddresses(platform, tx, 'address.deleted', [{ organizationId: domain.organization_id, row }])
  return true
}
