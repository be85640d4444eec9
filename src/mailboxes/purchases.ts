/**
 * Mailboxes bought as products, in any number of domains: all of them or none. The service that the workspace has for a
 * product makes them; where the workspace has no connection to it, somebody does, who says of each request (requests.ts)
 * what became of it.
 */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Period } from '../billing/tables.ts'
import { type Domain, lockDomainsByName } from '../domains/domains.ts'
import type { Product } from '../domains/products.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { createBatch } from './batches.ts'
import { unavailableServices } from './engines.ts'
import { mailboxColumns } from './mailbox-columns.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { fullName } from './person-names.ts'
import { addPicturesFromUrls } from './pictures-from-urls.ts'
import { setUpAccess } from './product-access.ts'
import { ItemRefusal, requireNoneFailed } from './provision-all.ts'
import { createRequests } from './requests.ts'
import { serviceMappingOf } from './service-mapping.ts'
import type { Mailbox } from './tables.ts'

export type WantedMailbox = {
  product: Product
  /** Its name. */
  domain: string
  localPart: string
  firstName: string
  lastName: string
  /** Default: monthly. */
  period?: Period
  /** Where its picture lies, which is fetched afterwards (pictures-from-urls.ts). Default, and empty: it has none. */
  pictureUrl?: string
}

export type PurchaseTerms = {
  /** Whether a domain that is not active yet will do: its mailboxes wait for it. */
  waitsForDomain: boolean
  /** Whether a domain that is for no product is for the first one that is bought in it from then on. */
  bindsDomain: boolean
}

/**
 * Buys them, each set up with what its product has (product-access.ts).
 * @returns the mailboxes, in the order of the items.
 * @throws ItemRefusal of the first that cannot be had; Refusal picture_invalid, forbidden.
 */
export async function buyMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly WantedMailbox[],
  { waitsForDomain, bindsDomain }: PurchaseTerms,
): Promise<Mailbox[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  if (!waitsForDomain) await requireActive(tx, scope, items)
  if (bindsDomain) await bindDomains(platform, tx, scope, items)
  const { mailboxIds } = await askForMailboxes(platform, tx, scope, items)
  const mailboxes = await inOrder(tx, mailboxIds)
  await setUpAccess(platform, tx, mailboxes)
  const pictures = items.flatMap(({ pictureUrl: url = '' }, index) => {
    const mailboxId = mailboxIds[index]
    return url === '' || mailboxId === undefined ? [] : [{ mailboxId, url }]
  })
  await addPicturesFromUrls(tx, scope, pictures)
  return mailboxes
}

/**
 * Asks for them, all or none.
 * @returns the batches that they are in, and their ids in the order of the items.
 * @throws ItemRefusal of the first that cannot be had; Refusal forbidden.
 */
export async function askForMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly WantedMailbox[],
): Promise<{ batchIds: string[]; mailboxIds: string[] }> {
  const mapping = await serviceMappingOf(tx, scope.workspaceId)
  const wanted = items.map((item) => newMailbox(item, mapping[item.product]))
  const missing = await unavailableServices(
    platform,
    tx,
    scope.workspaceId,
    wanted.map(({ service }) => service),
  )
  const entries = wanted.map((item, index) => ({ item, index }))
  const made = entries.filter(({ item }) => !missing.has(item.service))
  const asked = entries.filter(({ item }) => missing.has(item.service))
  const batchIds: string[] = []
  const ids = new Map<number, string>()
  if (made.length > 0) {
    const { batch, results } = await createBatch(platform, tx, scope, made.map(itemOf))
    requireNone(results, made)
    batchIds.push(batch.id)
    for (const [at, result] of results.entries()) {
      if (result.status !== 'failed') ids.set(made[at]?.index ?? 0, result.mailbox.id)
    }
  }
  if (asked.length > 0) {
    const { batchId, results } = await createRequests(platform, tx, scope, asked.map(itemOf), null)
    requireNone(results, asked)
    batchIds.push(batchId)
    for (const [at, result] of results.entries()) {
      if (result.status !== 'failed') ids.set(asked[at]?.index ?? 0, result.request.mailbox_id)
    }
  }
  return { batchIds, mailboxIds: items.map((_, index) => ids.get(index) ?? '') }
}

type Entry = { item: NewMailbox; index: number }

function itemOf({ item }: Entry): NewMailbox {
  return item
}

/** @throws ItemRefusal of the first that failed, by its place in the whole call. */
function requireNone(results: Parameters<typeof requireNoneFailed>[0], entries: readonly Entry[]): void {
  try {
    requireNoneFailed(results)
  } catch (error) {
    if (error instanceof ItemRefusal) throw new ItemRefusal(error, entries[error.index]?.index ?? 0)
    throw error
  }
}

function newMailbox(item: WantedMailbox, service: Mailbox['service']): NewMailbox {
  const { product, domain, localPart, firstName, lastName, period = 'monthly' } = item
  return {
    address: `${localPart}@${domain}`,
    displayName: fullName(firstName, lastName),
    firstName: firstName || null,
    lastName: lastName || null,
    password: null,
    tags: [],
    service,
    product,
    period,
  }
}

async function requireActive(tx: Tx, scope: Scope, items: readonly WantedMailbox[]): Promise<void> {
  const domains = await lockDomainsByName(tx, scope, namesOf(items))
  const states = new Map(domains.map(({ name, state }) => [name, state]))
  for (const [index, { domain }] of items.entries()) {
    const state = states.get(domain.toLowerCase())
    if (state !== undefined && state !== 'active') {
      const text = `${domain} is ${state}, and must be active.`
      throw new ItemRefusal(new Refusal('domain_not_usable', text), index)
    }
  }
}

async function bindDomains(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly WantedMailbox[],
): Promise<void> {
  const first = new Map(items.toReversed().map(({ domain, product }) => [domain.toLowerCase(), product]))
  const names = namesOf(items)
  await lockDomainsByName(tx, scope, names)
  const { rows: bound } = await sql<Pick<Domain, 'id' | 'name' | 'organization_id' | 'workspace_id'>>`
    update domains set product = wanted.product, settings_version = settings_version + 1, updated_at = ${platform.clock.now()}
    from unnest(${names}::text[], ${names.map((name) => first.get(name) ?? null)}::text[]) as wanted (name, product)
    where domains.name = wanted.name and workspace_id = ${scope.workspaceId}::uuid and state <> 'deleted'
      and domains.product is null
    returning domains.id, domains.name, organization_id, workspace_id`.execute(tx)
  await appendEvents(
    platform,
    tx,
    bound.map(({ id, name, organization_id: organizationId, workspace_id: workspaceId }) => ({
      type: 'domain.settings_changed' as const,
      organizationId,
      workspaceId,
      data: { domain_id: id, name, changed: ['product'] },
    })),
  )
}

/** In the order in which all transactions lock them. */
function namesOf(items: readonly WantedMailbox[]): string[] {
  return [...new Set(items.map(({ domain }) => domain.toLowerCase()))].sort()
}

async function inOrder(tx: Tx, ids: readonly string[]): Promise<Mailbox[]> {
  const { rows } = await sql<Mailbox>`select ${mailboxColumns} from mailboxes
    where id = any(${uuidArray(ids)}) order by array_position(${uuidArray(ids)}, id)`.execute(tx)
  return rows
}
