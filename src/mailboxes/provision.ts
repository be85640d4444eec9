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
import { engineOf } from './engines.ts'
import type { MailboxState } from './lifecycle.ts'
import { generatePassword, requireStrongPassword, storePassword } from './passwords.ts'
import { mailboxRoom } from './room.ts'
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
    results.set(index, { status: 'failed', code: refusal.code, detail: refusal.detail })
  }
  const usable = await checkItems(platform, tx, scope, items, by, fail)
  const candidates = await withRoom(platform, tx, scope, usable, fail)
  // All transactions take addresses in the same order, so that two batches cannot lock each other out.
  candidates.sort((a, b) => (a.address.address < b.address.address ? -1 : 1))
  for (let at = 0; at < candidates.length; at += rowsPerStatement) {
    await insertCandidates(
      platform,
      tx,
      scope,
      candidates.slice(at, at + rowsPerStatement),
      { batchId, by },
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
  by: Fulfilment,
  fail: Fail,
): Promise<Candidate[]> {
  const addressed: Omit<Candidate, 'domain'>[] = []
  const seen = new Set<string>()
  for (const [index, item] of items.entries()) {
    const checked = checkItem(platform, item, by, seen)
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
  platform: Platform,
  item: NewMailbox,
  by: Fulfilment,
  seen: Set<string>,
): Address | Refusal {
  const address = parseAddress(item.address)
  if (!address.ok) return new Refusal('address_invalid', `"${item.address}" ${address.problem}.`)
  if (seen.has(address.value.address)) {
    return new Refusal('address_repeated', `${address.value.address} occurs twice.`)
  }
  if (by === 'engine' && !engineOf(platform, item.service)) {
    return new Refusal('service_unavailable', `The service "${item.service}" is not set up on this platform.`)
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

/** Those that no limit stands against. Where one does, what is taken already uses no room of it. */
async function withRoom(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  fail: Fail,
): Promise<Candidate[]> {
  const domainIds = [...new Set(candidates.map(({ domain }) => domain.id))]
  const room = await mailboxRoom(platform, tx, scope, domainIds)
  if (room === null) return [...candidates]
  const addresses = candidates.map(({ address }) => address.address)
  const { rows } = await sql<{ address: string }>`
    select address from addresses where address = any(${addresses}::text[])`.execute(tx)
  const taken = new Set(rows.map((row) => row.address))
  return candidates.filter(({ index, item, address, domain }) => {
    const refusal = taken.has(address.address)
      ? addressTaken(address.address)
      : room.take(domain, item.service)
    if (refusal) fail(index, refusal)
    return refusal === null
  })
}

function addressTaken(address: string): Refusal {
  return new Refusal('address_taken', `${address} is already in use.`)
}

type Making = { batchId: string | null; by: Fulfilment }

async function insertCandidates(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  candidates: readonly Candidate[],
  making: Making,
  results: Map<number, ProvisionResult>,
  fail: Fail,
): Promise<void> {
  const made = candidates.map((candidate) => ({
    candidate,
    row: mailboxRow(platform, scope, candidate, making),
  }))
  const won = await claimAddresses(
    tx,
    made.map(({ row }) => row),
  )
  const winners = made.filter(({ candidate, row }) => {
    if (won.has(row.address)) return true
    fail(candidate.index, addressTaken(row.address))
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
  await provisionEngines(platform, tx, rows, making.by)
  for (const { candidate, row } of winners) {
    results.set(candidate.index, { status: row.state === 'active' ? 'created' : 'pending', mailbox: row })
  }
}

function mailboxRow(platform: Platform, scope: Scope, candidate: Candidate, making: Making): Mailbox {
  const { item, address, domain } = candidate
  const now = platform.clock.now()
  const people = { display_name: item.displayName, first_name: item.firstName, last_name: item.lastName }
  return {
    id: newId(),
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    domain_id: domain.id,
    address: address.address,
    state: making.by === 'request' ? 'provisioning' : firstState(platform, domain, item.service),
    service: item.service,
    ...people,
    tags: [...new Set(item.tags)],
    search_text: searchTextOf({ address: address.address, ...people }),
    batch_id: making.batchId,
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
