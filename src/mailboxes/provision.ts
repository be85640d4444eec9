/**
 * Provisioning: one mailbox or ten thousand, by the same path. Rows are inserted as sets, a result comes
 * back for each item, and an item that cannot be made does not keep the others from being made.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { periodAfter } from '../billing/periods.ts'
import type { Period } from '../billing/tables.ts'
import type { Domain } from '../domains/domains.ts'
import { lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import { type Tx, together } from '../platform/database.ts'
import { type ErrorCode, type FieldProblem, Refusal } from '../platform/errors.ts'
import { eventsStatement } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import type { Address } from './address.ts'
import { changedDetails, type DetailChanges, type Details, noDetails } from './details.ts'
import { engineOf, unavailableServices } from './engines.ts'
import type { MailboxState } from './lifecycle.ts'
import { drawsMax, type NewAddress, newAddress, type RandomAddress } from './new-address.ts'
import { generatePassword, requireStrongPassword, type StoredPassword, storePassword } from './passwords.ts'
import { addressTaken, withRoom } from './room.ts'
import { searchTextOf } from './search-text.ts'
import type { MailboxesTable, Service } from './tables.ts'

export type Mailbox = Selectable<MailboxesTable>

export type NewMailbox = {
  /** Or in which domain it gets a random local part. */
  address: string | RandomAddress
  displayName: string | null
  firstName: string | null
  lastName: string | null
  /** Null: a strong one is generated. */
  password: string | null
  tags: readonly string[]
  service: Service
  details?: DetailChanges
  /** Default: monthly. */
  period?: Period
}

export type ProvisionResult =
  | { status: 'created' | 'pending'; mailbox: Mailbox }
  | { status: 'failed'; code: ErrorCode; detail: string; fields?: readonly FieldProblem[] }

/** Who makes a mailbox usable: its engine, or whoever fulfils a request; until then it is `provisioning`. */
export type Fulfilment = 'engine' | 'request'

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
  batchId: string | null = null,
  by: Fulfilment = 'engine',
): Promise<ProvisionResult[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  const results = new Map<number, ProvisionResult>()
  const fail = (index: number, refusal: Refusal): void => {
    const { code, detail, fields } = refusal
    results.set(index, { status: 'failed', code, detail, fields })
  }
  const usable = await checkItems(platform, tx, scope, items, by, fail)
  const candidates = await withRoom(platform, tx, scope, usable, fail)
  // All transactions take addresses in the same order, so that two batches cannot lock each other out.
  candidates.sort((a, b) => (a.address.address < b.address.address ? -1 : 1))
  let writing: Promise<void> = Promise.resolve()
  for (let at = 0; at < candidates.length; at += rowsPerStatement) {
    const some = prepare(platform, scope, candidates.slice(at, at + rowsPerStatement), { batchId, by })
    // The database writes those before while these are prepared, and both take about as long.
    const [winners] = await Promise.all([claim(tx, some, fail), writing])
    writing = insertClaimed(platform, tx, winners, by, results)
    writing.catch(() => undefined) // it is waited for in the next turn
  }
  await writing
  return items.map((_, index) => {
    const result = results.get(index)
    if (!result) throw new Error('an item of the batch has no result')
    return result
  })
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
): Promise<Mailbox> {
  const [result] = await provisionMailboxes(platform, tx, scope, [item])
  if (!result) throw new Error('the item has no result')
  if (result.status === 'failed')
    throw new Refusal(result.code, result.detail, { fields: result.fields ?? [] })
  return result.mailbox
}

type Candidate = NewAddress & { index: number; item: NewMailbox; details: Details; domain: Domain }
type Fail = (index: number, refusal: Refusal) => void

/** The items that are right in themselves and whose domain takes mailboxes. */
async function checkItems(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  by: Fulfilment,
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

type Making = { batchId: string | null; by: Fulfilment }

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

function mailboxRow(
  platform: Platform,
  scope: Scope,
  candidate: Candidate,
  { batchId, by }: Making,
  now: Date,
): Mailbox {
  const { item, address, details, domain } = candidate
  const people = { display_name: item.displayName, first_name: item.firstName, last_name: item.lastName }
  const state = by === 'request' ? 'provisioning' : firstState(platform, domain, item.service)
  const period = item.period ?? 'monthly'
  return {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    domain_id: domain.id,
    address: address.address,
    state,
    service: item.service,
    ...people,
    tags: [...new Set(item.tags)],
    search_text: searchTextOf({ address: address.address, ...people, ...details }),
    batch_id: batchId,
    version: 1,
    created_at: now,
    updated_at: now,
    state_changed_at: now,
    state_before_deletion: null,
    purge_at: null,
    deleted_with_domain: false,
    ...details,
    period,
    next_period: null,
    period_anchor_at: state === 'active' ? now : null,
    period_ends_at: state === 'active' ? periodAfter(now, period, now) : null,
    cancel_at_period_end: false,
    picture_sha256: null,
    picture_updated_at: null,
  }
}

function firstState(platform: Platform, domain: Domain, service: Service): MailboxState {
  if (mailboxesOn(domain.state) !== 'served') return 'waiting_domain'
  return engineOf(platform, service)?.isImmediate === true ? 'active' : 'provisioning'
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

/** Takes the addresses that are free. @returns those that are ours now. */
async function claimAddresses(tx: Tx, rows: readonly Mailbox[]): Promise<Set<string>> {
  const { rows: claimed } = await sql<{ address: string }>`
    insert into addresses (address, kind, workspace_id, domain_id, mailbox_id, created_at)
    select address, 'mailbox', workspace_id, domain_id, mailbox_id, created_at from unnest(
      ${rows.map((row) => row.address)}::text[], ${rows.map((row) => row.workspace_id)}::uuid[],
      ${rows.map((row) => row.domain_id)}::uuid[], ${rows.map((row) => row.id)}::uuid[],
      ${rows.map((row) => row.created_at)}::timestamptz[]
    ) as wanted (address, workspace_id, domain_id, mailbox_id, created_at)
    on conflict do nothing returning address`.execute(tx)
  return new Set(claimed.map((row) => row.address))
}

function mailboxesStatement(rows: readonly Mailbox[]): RawBuilder<unknown> {
  // As JSON, because tags is an array of its own in each row. Times are the same in all rows of a call. What no new
  // mailbox has is left out, and so are details where there are none, which is the rule.
  const columns = rows.map((row) => ({
    id: row.id,
    organization_id: row.organization_id,
    workspace_id: row.workspace_id,
    domain_id: row.domain_id,
    address: row.address,
    state: row.state,
    service: row.service,
    display_name: row.display_name,
    first_name: row.first_name,
    last_name: row.last_name,
    tags: row.tags,
    search_text: row.search_text,
    batch_id: row.batch_id,
    version: row.version,
    period: row.period,
    period_anchor_at: row.period_anchor_at,
    period_ends_at: row.period_ends_at,
    notes: row.notes ?? undefined,
    signature_text: row.signature_text ?? undefined,
    signature_html: row.signature_html ?? undefined,
    custom_fields: row.custom_fields,
    recovery_email: row.recovery_email ?? undefined,
    recovery_phone: row.recovery_phone ?? undefined,
  }))
  const at = rows[0]?.created_at
  return sql`/* prepared insert_mailboxes */
    insert into mailboxes (id, organization_id, workspace_id, domain_id, address, state, service, display_name,
      first_name, last_name, tags, search_text, batch_id, version, created_at, updated_at, state_changed_at,
      period, period_anchor_at, period_ends_at, notes, signature_text, signature_html, custom_fields, recovery_email,
      recovery_phone)
    select id, organization_id, workspace_id, domain_id, address, state, service, display_name,
      first_name, last_name, tags, search_text, batch_id, version, ${at}, ${at}, ${at},
      period, period_anchor_at, period_ends_at, notes, signature_text, signature_html, custom_fields, recovery_email,
      recovery_phone
    from json_to_recordset(${JSON.stringify(columns)}::json) as new (id uuid, organization_id uuid,
      workspace_id uuid, domain_id uuid, address text, state text, service text, display_name text,
      first_name text, last_name text, tags text[], search_text text, batch_id uuid, version integer,
      period text, period_anchor_at timestamptz, period_ends_at timestamptz, notes text, signature_text text,
      signature_html text, custom_fields jsonb, recovery_email text, recovery_phone text)`
}

function passwordsStatement(platform: Platform, entries: readonly Prepared[]): RawBuilder<unknown> {
  const stored = entries.map(({ password }) => password)
  return sql`/* prepared insert_mailbox_passwords */
    insert into mailbox_passwords (mailbox_id, name, scheme, verifier, key_id, sealed_password, created_at)
    select mailbox_id, 'primary', 'hmac-sha256', verifier, key_id, sealed_password, ${platform.clock.now()}
    from unnest(
      ${entries.map(({ row }) => row.id)}::uuid[], ${stored.map((one) => one.verifier)}::bytea[],
      ${stored.map((one) => one.key_id)}::text[], ${stored.map((one) => one.sealed_password)}::bytea[]
    ) as new (mailbox_id, verifier, key_id, sealed_password)`
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
