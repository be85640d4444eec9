/**
 * Provisioning: one mailbox or ten thousand, by the same path. Rows are inserted as sets, a result comes
 * back for each item, and an item that cannot be made does not keep the others from being made.
 */

import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { isBilling } from '../billing/settings.ts'
import { lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import { type Tx, together } from '../platform/database.ts'
import { type ErrorCode, type FieldProblem, Refusal } from '../platform/errors.ts'
import { eventsStatement } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { Address } from './address.ts'
import { changedDetails, type Details, noDetails } from './details.ts'
import { engineOf, unavailableServices } from './engines.ts'
import { drawsMax, type NewAddress, newAddress } from './new-address.ts'
import type { Candidate, Fulfilment, Making, NewMailbox } from './new-mailbox.ts'
import { claimAddresses, mailboxesStatement, mailboxRow, passwordsStatement } from './new-mailbox-rows.ts'
import { generatePassword, requireStrongPassword, type StoredPassword, storePassword } from './passwords.ts'
import { payFirst } from './payment/purchase.ts'
import { addressTaken, withRoom } from './room.ts'
import { searchTextOf } from './search-text.ts'
import type { Mailbox, Service } from './tables.ts'

export type ProvisionResult =
  | { status: 'created' | 'pending'; mailbox: Mailbox }
  | { status: 'failed'; code: ErrorCode; detail: string; fields?: readonly FieldProblem[] }

const usualMaking: Making = { batchId: null, by: 'engine', waitsForPayment: false, sharedDomain: null }

/** How many mailboxes one call may ask for. */
export const batchItemsMax = 10_000

// A statement of this many rows is large enough for speed and lets the next be prepared while it runs.
const rowsPerStatement = 1000

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
    const { code, detail, fields } = refusal
    results.set(index, { status: 'failed', code, detail, fields })
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

/** All addresses first, then one payment, and then those that are paid: the wallet is locked for as short as can be. */
async function makePaid(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
  fail: Fail,
  results: Map<number, ProvisionResult>,
): Promise<void> {
  const claimed: Prepared[] = []
  for (const some of inStatements(candidates))
    claimed.push(...(await claim(tx, prepare(platform, scope, some, making), fail)))
  const paid = await payPrepared(platform, tx, scope, claimed, making, fail)
  for (const some of inStatements(paid)) await insertClaimed(platform, tx, some, making.by, results)
}

/** The money goes to the first in the order of the call. @returns those that are paid, or wait for it. */
async function payPrepared(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  claimed: readonly Prepared[],
  { waitsForPayment }: Making,
  fail: Fail,
): Promise<Prepared[]> {
  if (claimed.length === 0) return []
  const ordered = [...claimed].sort((a, b) => a.candidate.index - b.candidate.index)
  const payments = await payFirst(
    platform,
    tx,
    scope,
    ordered.map(({ row }) => {
      const { period_anchor_at: startsAt, period_ends_at: endsAt } = row
      return { ...row, times: startsAt !== null && endsAt !== null ? { startsAt, endsAt } : null }
    }),
  )
  const lost: string[] = []
  const made = ordered.flatMap((one, at): Prepared[] => {
    const { inSlot = false, refusal = null } = payments[at] ?? {}
    if (refusal === null) return [{ ...one, row: { ...one.row, in_slot: inSlot } }]
    if (waitsForPayment && refusal.code !== 'item_not_priced') return [{ ...one, row: waiting(one.row) }]
    fail(one.candidate.index, refusal)
    lost.push(one.row.id)
    return []
  })
  if (lost.length > 0) await sql`delete from addresses where mailbox_id = any(${uuidArray(lost)})`.execute(tx)
  return made
}

function waiting(row: Mailbox): Mailbox {
  return { ...row, state: 'waiting_payment', period_anchor_at: null, period_ends_at: null }
}

function* inStatements<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += rowsPerStatement) yield all.slice(at, at + rowsPerStatement)
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
  if (result.status === 'failed')
    throw new Refusal(result.code, result.detail, { fields: result.fields ?? [] })
  return result.mailbox
}

type Fail = (index: number, refusal: Refusal) => void

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
    if (domain && mailboxesOn(domain.state) !== 'refused') return [{ ...candidate, domain }]
    fail(
      candidate.index,
      domain
        ? new Refusal('domain_not_usable', `${domain.name} is ${domain.state}.`)
        : new Refusal('domain_not_found', `${candidate.address.domain} is not connected.`),
    )
    return []
  })
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

/** A mailbox that is ready to be written, but for its address. */
type Prepared = { candidate: Candidate; row: Mailbox; password: StoredPassword }

function prepare(
  platform: Platform,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
): Prepared[] {
  const now = platform.clock.now()
  return candidates.map((candidate) => {
    const row = mailboxRow(platform, scope, candidate, making, now)
    const password = candidate.item.password ?? generatePassword()
    return { candidate, row, password: storePassword(platform.vault, row.id, password) }
  })
}

async function insertClaimed(
  platform: Platform,
  tx: Tx,
  winners: readonly Prepared[],
  by: Fulfilment,
  results: Map<number, ProvisionResult>,
): Promise<void> {
  const rows = winners.map(({ row }) => row)
  if (rows.length === 0) return
  await together(tx, [
    mailboxesStatement(rows),
    passwordsStatement(platform, winners),
    eventsStatement(
      platform,
      tx,
      rows.map((row) => ({
        type: 'mailbox.created' as const,
        organizationId: row.organization_id,
        workspaceId: row.workspace_id,
        mailboxId: row.id,
        data: { mailbox_id: row.id, address: row.address, state: row.state },
      })),
    ),
  ])
  await provisionEngines(platform, tx, rows, by)
  for (const { candidate, row } of winners) {
    results.set(candidate.index, { status: row.state === 'active' ? 'created' : 'pending', mailbox: row })
  }
}

/** Takes the address of each, and draws a random one that is taken again. @returns those that have theirs. */
async function claim(tx: Tx, prepared: readonly Prepared[], fail: Fail): Promise<Prepared[]> {
  const winners: Prepared[] = []
  let open = prepared
  for (let draws = 1; open.length > 0; draws++) {
    const won = await claimAddresses(
      tx,
      open.map(({ row }) => row),
    )
    winners.push(...open.filter(({ row }) => won.has(row.address)))
    open = open.flatMap((one) => {
      if (won.has(one.row.address)) return []
      const address = draws < drawsMax ? (one.candidate.redraw?.() ?? null) : null
      if (address !== null) return [withAddress(one, address)]
      fail(one.candidate.index, addressTaken(one.row.address))
      return []
    })
  }
  return winners
}

function withAddress({ candidate, row, password }: Prepared, { address }: Address): Prepared {
  const search_text = searchTextOf({ ...row, address })
  return { candidate, row: { ...row, address, search_text }, password }
}

async function provisionEngines(
  platform: Platform,
  tx: Tx,
  rows: readonly Mailbox[],
  by: Fulfilment,
): Promise<void> {
  for (const service of new Set(rows.map((row) => row.service))) {
    if (by === 'request' && service !== 'local') continue // what is elsewhere is made by whoever fulfils it
    const ids = rows.filter((row) => row.service === service).map((row) => row.id)
    await engineOf(platform, service)?.provision(platform, tx, ids)
  }
}
