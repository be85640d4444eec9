/**
 * Provisioning: one mailbox or ten thousand, by the same path. Rows are inserted as sets, a result comes
 * back for each item, and an item that cannot be made does not keep the others from being made.
 */

import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { isBilling } from '../billing/settings.ts'
import { type Domain, lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import type { Product } from '../domains/products.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { changedDetails, type Details, noDetails } from './details.ts'
import { unavailableServices } from './engines.ts'
import { type NewAddress, newAddress } from './new-address.ts'
import type { Candidate, Making, NewMailbox, ProvisionResult } from './new-mailbox.ts'
import { claim, type Fail, inStatements, insertClaimed, prepare } from './new-mailbox-writing.ts'
import { requireStrongPassword } from './passwords.ts'
import { makePaid } from './payment/paid-provision.ts'
import { withRoom } from './room.ts'
import type { Mailbox, Service } from './tables.ts'

export type { ProvisionResult } from './new-mailbox.ts'

const usualMaking: Making = { batchId: null, by: 'engine', waitsForPayment: false, sharedDomain: null }

/** How many mailboxes one call may ask for. */
export const batchItemsMax = 10_000

/**
 * Makes the mailboxes that can be made.
 * @returns a result for each item, in their order.
 * @throws Refusal forbidden.
 */
export async function provisionMailboxes(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  wanted: Partial<Making> = {},
): Promise<ProvisionResult[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  const making = { ...usualMaking, ...wanted }
  const results = new Map<number, ProvisionResult>()
  const fail = (index: number, refusal: Refusal): void => {
    const { code, detail, fields, quota } = refusal
    results.set(index, { status: 'failed', code, detail, fields, quota })
  }
  const usable = await checkItems(platform, tx, scope, items, making, fail)
  const candidates = await withRoom(platform, tx, scope, usable, fail)
  // All transactions take addresses in the same order, so that two batches cannot lock each other out.
  candidates.sort((a, b) => (a.address.address < b.address.address ? -1 : 1))
  if (isBilling(platform)) await makePaid(platform, tx, scope, candidates, making, fail, results)
  else await makeFree(platform, tx, scope, candidates, making, fail, results)
  return items.map((_, index) => {
    const result = results.get(index)
    if (!result) throw new Error('an item of the batch has no result')
    return result
  })
}

async function makeFree(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
  fail: Fail,
  results: Map<number, ProvisionResult>,
): Promise<void> {
  let writing: Promise<void> = Promise.resolve()
  for (const some of inStatements(candidates)) {
    const prepared = prepare(platform, scope, some, making)
    // The database writes those before while these are prepared, and both take about as long.
    const [winners] = await Promise.all([claim(tx, prepared, fail), writing])
    writing = insertClaimed(platform, tx, winners, making.by, results)
    writing.catch(() => undefined) // it is waited for in the next turn
  }
  await writing
}

/**
 * Makes one mailbox.
 * @throws Refusal of whatever keeps it from being made.
 */
export async function provisionMailbox(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  item: NewMailbox,
  making: Partial<Making> = {},
): Promise<Mailbox> {
  const [result] = await provisionMailboxes(platform, tx, scope, [item], making)
  if (!result) throw new Error('the item has no result')
  return requireMade(result)
}

/** @throws Refusal of an item that was not made. */
export function requireMade(result: ProvisionResult): Mailbox {
  if (result.status !== 'failed') return result.mailbox
  const { code, detail, fields = [], quota } = result
  throw new Refusal(code, detail, { fields, ...(quota ? { quota } : {}) })
}

/** The items that are right in themselves and whose domain takes mailboxes. */
async function checkItems(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  { by, sharedDomain }: Making,
  fail: Fail,
): Promise<Candidate[]> {
  const addressed: Omit<Candidate, 'domain'>[] = []
  const seen = new Set<string>()
  const services = items.map(({ service }) => service)
  // Whoever fulfils a request needs none of our engines.
  const unavailable =
    by === 'engine'
      ? await unavailableServices(platform, tx, scope.workspaceId, services)
      : new Set<Service>()
  const entries = [...items.entries()]
  const isNamed = ([, { address }]: [number, NewMailbox]): boolean => typeof address === 'string'
  // The random ones last: none may take what another item asks for.
  for (const [index, item] of [...entries.filter(isNamed), ...entries.filter((entry) => !isNamed(entry))]) {
    const checked = checkItem(item, seen, unavailable)
    if (checked instanceof Refusal) fail(index, checked)
    else addressed.push({ index, item, ...checked })
  }
  addressed.sort((a, b) => a.index - b.index) // the first in order get the room
  const names = [...new Set(addressed.map(({ address }) => address.domain))]
  const domains = new Map((await lockDomainsByName(tx, scope, names)).map((domain) => [domain.name, domain]))
  if (sharedDomain !== null) domains.set(sharedDomain.name, sharedDomain)
  return addressed.flatMap((candidate) => {
    const domain = domains.get(candidate.address.domain)
    const { item, address } = candidate
    const refusal = domainRefusal(domain, { domain: address.domain, product: item.product })
    if (domain && refusal === null) return [{ ...candidate, domain }]
    if (refusal !== null) fail(candidate.index, refusal)
    return []
  })
}

/** What keeps the domain of this name from having a mailbox, of that product if it is of any; null: nothing. */
export function domainRefusal(
  domain: Domain | undefined,
  wanted: { domain: string; product: Product | undefined },
): Refusal | null {
  if (!domain) return new Refusal('domain_not_found', `${wanted.domain} is not connected.`)
  const { name, state, product } = domain
  if (mailboxesOn(state) === 'refused') return new Refusal('domain_not_usable', `${name} is ${state}.`)
  if (product === null || wanted.product === undefined || wanted.product === product) return null
  return new Refusal('domain_product_differs', `${name} is for mailboxes of the product ${product}.`)
}

function checkItem(
  item: NewMailbox,
  seen: Set<string>,
  unavailable: ReadonlySet<Service>,
): (NewAddress & { details: Details }) | Refusal {
  const addressed = newAddress(item.address, seen)
  if (addressed instanceof Refusal) return addressed
  const { address } = addressed.address
  if (unavailable.has(item.service)) {
    return new Refusal(
      'service_unavailable',
      `The service "${item.service}" is not set up for this workspace.`,
    )
  }
  try {
    if (item.password !== null) {
      const names = [item.displayName, item.firstName, item.lastName]
      requireStrongPassword(item.password, address, names)
    }
    const details = item.details ? changedDetails(noDetails, item.details, addressed.address) : noDetails
    seen.add(address)
    return { ...addressed, details }
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
}
