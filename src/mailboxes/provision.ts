/**
 * Provisioning: one mailbox or ten thousand, by the same path. Rows are inserted as sets, a result comes
 * back for each item, and an item that cannot be made does not keep the others from being made.
 */
import { type RawBuilder, type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import type { Domain } from '../domains/domains.ts'
import { lockDomainsByName } from '../domains/domains.ts'
import { mailboxesOn } from '../domains/lifecycle.ts'
import { type Tx, together } from '../platform/database.ts'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { eventsStatement } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { type Address, parseAddress } from './address.ts'
import { engineOf, unavailableServices } from './engines.ts'
import type { MailboxState } from './lifecycle.ts'
import { generatePassword, requireStrongPassword, storePassword } from './passwords.ts'
import { searchTextOf } from './search-text.ts'
import type { MailboxesTable, Service } from './tables.ts'

export type Mailbox = Selectable<MailboxesTable>

export type NewMailbox = {
  address: string
  displayName: string | null
  firstName: string | null
  lastName: string | null
  /** Null: a strong one is generated. */
  password: string | null
  tags: readonly string[]
  service: Service
}

export type ProvisionResult =
  | { status: 'created' | 'pending'; mailbox: Mailbox }
  | { status: 'failed'; code: ErrorCode; detail: string }

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
): Promise<ProvisionResult[]> {
  requireWrite(scope)
  requireWorkspace(scope)
  const results = new Map<number, ProvisionResult>()
  const fail = (index: number, refusal: Refusal): void => {
    results.set(index, { status: 'failed', code: refusal.code, detail: refusal.detail })
  }
  const candidates = await checkItems(platform, tx, scope, items, fail)
  // All transactions take addresses in the same order, so that two batches cannot lock each other out.
  candidates.sort((a, b) => (a.address.address < b.address.address ? -1 : 1))
  for (let at = 0; at < candidates.length; at += rowsPerStatement) {
    await insertCandidates(
      platform,
      tx,
      scope,
      candidates.slice(at, at + rowsPerStatement),
      batchId,
      results,
      fail,
    )
  }
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
  if (!result || result.status === 'failed') throw new Refusal(result?.code ?? 'internal', result?.detail)
  return result.mailbox
}

type Candidate = { index: number; item: NewMailbox; address: Address; domain: Domain }
type Fail = (index: number, refusal: Refusal) => void

/** The items that are right in themselves and whose domain takes mailboxes. */
async function checkItems(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
  fail: Fail,
): Promise<Candidate[]> {
  const addressed: Omit<Candidate, 'domain'>[] = []
  const seen = new Set<string>()
  const services = items.map(({ service }) => service)
  const unavailable = await unavailableServices(platform, tx, scope.workspaceId, services)
  for (const [index, item] of items.entries()) {
    const checked = checkItem(item, seen, unavailable)
    if (checked instanceof Refusal) fail(index, checked)
    else addressed.push({ index, item, address: checked })
  }
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
): Address | Refusal {
  const address = parseAddress(item.address)
  if (!address.ok) return new Refusal('address_invalid', `"${item.address}" ${address.problem}.`)
  if (seen.has(address.value.address)) {
    return new Refusal('address_repeated', `${address.value.address} occurs twice.`)
  }
  if (unavailable.has(item.service)) {
    return new Refusal(
      'service_unavailable',
      `The service "${item.service}" is not set up for this workspace.`,
    )
  }
  if (item.password !== null) {
    try {
      requireStrongPassword(item.password, address.value.address)
    } catch (error) {
      if (error instanceof Refusal) return error
      throw error
    }
  }
  seen.add(address.value.address)
  return address.value
}

async function insertCandidates(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  batchId: string | null,
  results: Map<number, ProvisionResult>,
  fail: Fail,
): Promise<void> {
  const made = candidates.map((candidate) => ({
    candidate,
    row: mailboxRow(platform, scope, candidate, batchId),
  }))
  const won = await claimAddresses(
    tx,
    made.map(({ row }) => row),
  )
  const winners = made.filter(({ candidate, row }) => {
    if (won.has(row.address)) return true
    fail(candidate.index, new Refusal('address_taken', `${row.address} is already in use.`))
    return false
  })
  const rows = winners.map(({ row }) => row)
  if (rows.length === 0) return
  await together(tx, [
    mailboxesStatement(rows),
    passwordsStatement(
      platform,
      winners.map(({ candidate, row }) => ({ row, password: candidate.item.password ?? generatePassword() })),
    ),
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
  await provisionEngines(platform, tx, rows)
  for (const { candidate, row } of winners) {
    results.set(candidate.index, { status: row.state === 'active' ? 'created' : 'pending', mailbox: row })
  }
}

function mailboxRow(platform: Platform, scope: Scope, candidate: Candidate, batchId: string | null): Mailbox {
  const { item, address, domain } = candidate
  const now = platform.clock.now()
  const people = { display_name: item.displayName, first_name: item.firstName, last_name: item.lastName }
  return {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    domain_id: domain.id,
    address: address.address,
    state: firstState(platform, domain, item.service),
    service: item.service,
    ...people,
    tags: [...new Set(item.tags)],
    search_text: searchTextOf({ address: address.address, ...people }),
    batch_id: batchId,
    version: 1,
    created_at: now,
    updated_at: now,
    state_changed_at: now,
    state_before_deletion: null,
    purge_at: null,
    deleted_with_domain: false,
    notes: null,
    signature_text: null,
    signature_html: null,
    custom_fields: {},
    recovery_email: null,
    recovery_phone: null,
    period: 'monthly',
    next_period: null,
    period_ends_at: null,
    cancel_at_period_end: false,
  }
}

function firstState(platform: Platform, domain: Domain, service: Service): MailboxState {
  if (mailboxesOn(domain.state) !== 'served') return 'waiting_domain'
  return engineOf(platform, service)?.isImmediate === true ? 'active' : 'provisioning'
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
  // As JSON, because tags is an array of its own in each row. Times are the same in all rows of a call.
  const columns = rows.map(({ created_at, updated_at, state_changed_at, ...row }) => row)
  const at = rows[0]?.created_at
  return sql`/* prepared insert_mailboxes */
    insert into mailboxes (id, organization_id, workspace_id, domain_id, address, state, service, display_name,
      first_name, last_name, tags, search_text, batch_id, version, created_at, updated_at, state_changed_at)
    select id, organization_id, workspace_id, domain_id, address, state, service, display_name,
      first_name, last_name, tags, search_text, batch_id, version, ${at}, ${at}, ${at}
    from json_to_recordset(${JSON.stringify(columns)}::json) as new (id uuid, organization_id uuid,
      workspace_id uuid, domain_id uuid, address text, state text, service text, display_name text,
      first_name text, last_name text, tags text[], search_text text, batch_id uuid, version integer)`
}

function passwordsStatement(
  platform: Platform,
  entries: readonly { row: Mailbox; password: string }[],
): RawBuilder<unknown> {
  const stored = entries.map(({ row, password }) => storePassword(platform.vault, row.id, password))
  return sql`/* prepared insert_mailbox_passwords */
    insert into mailbox_passwords (mailbox_id, name, scheme, verifier, key_id, sealed_password, created_at)
    select mailbox_id, 'primary', 'hmac-sha256', verifier, key_id, sealed_password, ${platform.clock.now()}
    from unnest(
      ${entries.map(({ row }) => row.id)}::uuid[], ${stored.map((one) => one.verifier)}::bytea[],
      ${stored.map((one) => one.key_id)}::text[], ${stored.map((one) => one.sealed_password)}::bytea[]
    ) as new (mailbox_id, verifier, key_id, sealed_password)`
}

async function provisionEngines(platform: Platform, tx: Tx, rows: readonly Mailbox[]): Promise<void> {
  for (const service of new Set(rows.map((row) => row.service))) {
    const ids = rows.filter((row) => row.service === service).map((row) => row.id)
    await engineOf(platform, service)?.provision(platform, tx, ids)
  }
}
