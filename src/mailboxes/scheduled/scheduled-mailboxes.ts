/**
 * Mailboxes that are made later, when the next period of the workspace's plan begins, and its slots with it. Until then
 * nothing is taken or paid: what stands in the way at that time is found out at that time, and kept.
 */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../../accounts/principals.ts'
import { holdWorkspace } from '../../accounts/workspaces.ts'
import { type Domain, lockDomainsByName } from '../../domains/domains.ts'
import type { Product } from '../../domains/products.ts'
import { type Db, type Tx, violatedConstraint } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { isId, newId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'
import { requireAddress } from '../address-rows.ts'
import { requireDomains } from '../mailbox-sets.ts'
import { domainRefusal } from '../provision.ts'
import { ItemRefusal } from '../provision-all.ts'
import type { WantedMailbox } from '../purchases.ts'
import { addressTaken } from '../room.ts'
import { type ScheduledMailbox, subjectOf } from './tables.ts'

/** Of a workspace, those that failed included. */
export const scheduledMax = 1000

/**
 * Has them made when the next period begins: all of a call, or none.
 * @returns them in the order of the items.
 * @throws ItemRefusal of the first that cannot be asked for: address_invalid, address_repeated, address_taken,
 *   domain_not_found, domain_not_usable, domain_product_differs; Refusal mailbox_limit_reached, forbidden.
 */
export async function scheduleMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly WantedMailbox[],
): Promise<ScheduledMailbox[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  await requireRoom(tx, scope, items.length)
  const names = [...new Set(items.map(({ domain }) => domain.toLowerCase()))].sort()
  const domains = new Map((await lockDomainsByName(tx, scope, names)).map((domain) => [domain.name, domain]))
  const taken = await takenAddresses(tx, items)
  const now = platform.clock.now()
  const due = await nextPeriod(tx, scope.workspaceId, now)
  const seen = new Set<string>()
  const rows = items.map((item, index): ScheduledMailbox => {
    const refusal = refusalOf(domains.get(item.domain.toLowerCase()), item, taken, seen)
    if (refusal instanceof Refusal) throw new ItemRefusal(refusal, index)
    return {
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      ...refusal,
      product: item.product,
      first_name: item.firstName || null,
      last_name: item.lastName || null,
      due_at: due,
      attempt_at: due,
      failure_code: null,
      failure_detail: null,
      failed_at: null,
      created_by: scope.actor,
      created_at: now,
    }
  })
  if (rows.length === 0) return []
  await tx.insertInto('scheduled_mailboxes').values(rows).execute().catch(refuseScheduled)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'scheduled_mailbox.created' as const,
      ...subjectOf(row),
      data: { scheduled_mailbox_id: row.id, address: row.address, due_at: row.due_at.toISOString() },
    })),
  )
  return rows
}

/** Where it will be, or what keeps it from being asked for now. */
function refusalOf(
  domain: Domain | undefined,
  { domain: name, localPart, product }: WantedMailbox,
  taken: ReadonlySet<string>,
  seen: Set<string>,
): Refusal | { domain_id: string; address: string } {
  const refusal = domainRefusal(domain, { domain: name, product })
  if (refusal !== null || !domain) return refusal ?? new Refusal('domain_not_found')
  const { address } = requireAddress(`${localPart}@${domain.name}`)
  if (seen.has(address)) return new Refusal('address_repeated', `${address} occurs twice.`)
  seen.add(address)
  return taken.has(address) ? addressTaken(address) : { domain_id: domain.id, address }
}

async function takenAddresses(tx: Tx, items: readonly WantedMailbox[]): Promise<Set<string>> {
  const wanted = items.map(({ localPart, domain }) => requireAddress(`${localPart}@${domain}`).address)
  const { rows } = await sql<{ address: string }>`
    select address from addresses where address = any(${wanted}::text[])`.execute(tx)
  return new Set(rows.map(({ address }) => address))
}

async function requireRoom(tx: Tx, { workspaceId }: Scope, more: number): Promise<void> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from scheduled_mailboxes
    where workspace_id = ${workspaceId}::uuid`.execute(tx)
  const used = rows[0]?.count ?? 0
  if (used + more <= scheduledMax) return
  throw new Refusal(
    'mailbox_limit_reached',
    `A workspace may have ${scheduledMax} scheduled mailboxes, and has ${used}.`,
    { quota: { max: scheduledMax, used, per: 'workspace' } },
  )
}

function refuseScheduled(error: unknown): never {
  if (violatedConstraint(error) !== 'scheduled_mailboxes_address') throw error
  throw new Refusal('address_taken', 'An address is scheduled already.', { cause: error })
}

/** When the period of the workspace's plan ends; without a plan the first of the next month, in UTC. */
async function nextPeriod(tx: Tx, workspaceId: string, now: Date): Promise<Date> {
  const { rows } = await sql<{ period_ends_at: Date }>`select period_ends_at from subscriptions
    where workspace_id = ${workspaceId}::uuid and state in ('active', 'past_due') and period_ends_at > ${now}
    order by id desc limit 1`.execute(tx)
  return rows[0]?.period_ends_at ?? new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1))
}

/** The workspace's, oldest first. @throws Refusal forbidden. */
export async function listScheduledMailboxes(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<ScheduledMailbox>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** All of these domains, oldest first. @throws Refusal forbidden. */
export async function scheduledInDomains(
  db: Db,
  scope: Scope,
  domainIds: readonly string[],
): Promise<ScheduledMailbox[]> {
  requireWorkspace(scope)
  return await own(db, scope)
    .where(sql<boolean>`domain_id = any(${uuidArray(domainIds)})`)
    .orderBy('id')
    .execute()
}

/** How many wait for their time, and were asked for as one of these products. @throws Refusal forbidden. */
export async function countScheduled(
  db: Db,
  scope: Scope,
  products: readonly (Product | null)[],
): Promise<number> {
  requireWorkspace(scope)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from scheduled_mailboxes
    where workspace_id = ${scope.workspaceId}::uuid and failed_at is null and product = any(${products}::text[])`.execute(
    db,
  )
  return rows[0]?.count ?? 0
}

/** Those with these ids; others are left out. @throws Refusal forbidden. */
export async function scheduledById(
  db: Db,
  scope: Scope,
  ids: readonly string[],
): Promise<ScheduledMailbox[]> {
  requireWorkspace(scope)
  return await own(db, scope)
    .where(sql<boolean>`id = any(${uuidArray(ids.filter(isId))})`)
    .execute()
}

/** It is not made. @throws Refusal scheduled_mailbox_not_found, forbidden. */
export async function cancelScheduledMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
): Promise<void> {
  requireWrite(scope)
  requireWorkspace(scope)
  const { rows } = isId(id)
    ? await sql<ScheduledMailbox>`delete from scheduled_mailboxes
        where id = ${id}::uuid and workspace_id = ${scope.workspaceId}::uuid returning *`.execute(tx)
    : { rows: [] }
  const [gone] = rows
  if (!gone) throw new Refusal('scheduled_mailbox_not_found')
  await appendEvents(platform, tx, [
    {
      type: 'scheduled_mailbox.canceled',
      ...subjectOf(gone),
      data: { scheduled_mailbox_id: gone.id, address: gone.address },
    },
  ])
}

/**
 * Those of these domains that failed are made as soon as may be.
 * @returns how many.
 * @throws Refusal domain_not_found, forbidden.
 */
export async function retryScheduledMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domainIds: readonly string[],
): Promise<number> {
  requireWrite(scope)
  requireWorkspace(scope)
  const ids = (await requireDomains(tx, scope, domainIds)).map(({ id }) => id)
  const now = platform.clock.now()
  const { rows } = await sql<ScheduledMailbox>`update scheduled_mailboxes
    set due_at = ${now}, attempt_at = ${now}, failure_code = null, failure_detail = null, failed_at = null
    where workspace_id = ${scope.workspaceId}::uuid and domain_id = any(${uuidArray(ids)})
      and failed_at is not null returning *`.execute(tx)
  await appendEvents(
    platform,
    tx,
    rows.map((row) => ({
      type: 'scheduled_mailbox.retried' as const,
      ...subjectOf(row),
      data: { scheduled_mailbox_id: row.id, address: row.address, due_at: now.toISOString() },
    })),
  )
  return rows.length
}

function own(db: Db, { workspaceId }: Scope) {
  return db.selectFrom('scheduled_mailboxes').selectAll().where('workspace_id', '=', workspaceId)
}
