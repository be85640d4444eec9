/**
 * Payers: a workspace's wallet, locked, with all that decides what it pays: its tax, its discounts and its prices. Who
 * sells something locks the payer first, makes lines of a bill at its prices, and posts them (bills.ts, holds.ts).
 */
import { type QueryResult, type RawBuilder, type Selectable, sql } from 'kysely'
import { columnList } from '../platform/column-list.ts'
import { type Tx, together } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { InvoiceParty, Item, Period, PriceStep, WalletsTable } from './tables.ts'

export type Wallet = Selectable<WalletsTable>

export type Owner = { organizationId: string; workspaceId: string }

export type Payer = Owner & {
  /** As it is now in this transaction: what is posted through bills.ts and holds.ts has moved it. */
  wallet: Wallet
  taxRateBasisPoints: number
  customer: InvoiceParty
  /** Those that hold now, or held at some time since the moment that was asked for. */
  discounts: readonly Discount[]
  /** Also those that are known to hold later: what comes next is told at them. */
  prices: readonly PriceRow[]
  /** When it was locked. */
  now: Date
}

export type Discount = {
  percent_basis_points: number
  items: Item[] | null
  /** ISO 8601. */
  redeemed_at: string
  ends_at: string | null
}

export type PriceRow = {
  item: Item
  workspace_id: string | null
  plan_id: string | null
  service: string | null
  period: Period | null
  unit_amount: number
  steps: PriceStep[]
  /** ISO 8601. */
  valid_from: string
  valid_until: string | null
}

type PayerRow = Wallet & {
  tax_rate_basis_points: number | null
  customer: InvoiceParty | null
  discounts: Discount[] | null
  prices: PriceRow[] | null
}

/**
 * Locks the wallets of some workspaces until the transaction ends, always in one order; one that is not there is opened.
 * @param items what their prices are needed of. Prices of domains come with their quotes instead.
 * @param since the earliest moment that something is priced at, as of a renewal that runs late; default now.
 */
export async function lockPayers(
  platform: Platform,
  tx: Tx,
  owners: readonly Owner[],
  items: readonly Item[],
  since: Date = platform.clock.now(),
): Promise<Map<string, Payer>> {
  const ids = [...new Set(owners.map(({ workspaceId }) => workspaceId))]
  const now = platform.clock.now()
  let rows = await select(tx, ids, items, since)
  if (rows.length < ids.length) {
    await openWallets(platform, tx, owners)
    rows = await select(tx, ids, items, since)
  }
  return new Map(rows.map((row) => [row.workspace_id, toPayer(row, now)]))
}

/** The same of one workspace. */
export async function lockPayer(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  items: readonly Item[],
  since?: Date,
): Promise<Payer> {
  const payer = (await lockPayers(platform, tx, [owner], items, since)).get(owner.workspaceId)
  if (!payer) throw new Error('a wallet that was opened is not there')
  return payer
}

/** Statements that travel with those that lock a wallet. */
export type Beside = {
  before?: readonly RawBuilder<unknown>[]
  /** They see what was committed by whoever had the wallet before. */
  after?: readonly RawBuilder<unknown>[]
}

/** The same with statements before and after it, on one way to the database. @returns their results, too. */
export async function lockPayerBeside(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  items: readonly Item[],
  { before = [], after = [] }: Beside,
): Promise<{ payer: Payer; before: QueryResult<unknown>[]; after: QueryResult<unknown>[] }> {
  const now = platform.clock.now()
  const locking = lockStatements(tx, owner.workspaceId, items, now)
  const results = await together(tx, [...before, ...locking, ...after])
  const at = before.length + locking.length
  const [row] = (results[at - 1]?.rows ?? []) as PayerRow[] // together knows no types
  if (row) {
    return { payer: toPayer(row, now), before: results.slice(0, before.length), after: results.slice(at) }
  }
  // What was seen behind a lock that was none has to be looked at again.
  const payer = await lockPayer(platform, tx, owner, items)
  return { payer, before: results.slice(0, before.length), after: await together(tx, after) }
}

/** The same to look at and not to sell to: nobody waits for it, and what it has may be less the next moment. */
export async function readPayer(
  platform: Platform,
  tx: Tx,
  owner: Owner,
  items: readonly Item[],
): Promise<Payer> {
  const now = platform.clock.now()
  const { rows } = await sql<PayerRow>`
    ${payerRows(items, now)} where wallets.workspace_id = ${owner.workspaceId}::uuid`.execute(tx)
  const [row] = rows
  return row ? toPayer(row, now) : await lockPayer(platform, tx, owner, items) // which opens it
}

/** Opens wallets in the platform's currency; those that are there stay as they are. */
export async function openWallets(platform: Platform, tx: Tx, owners: readonly Owner[]): Promise<void> {
  const byId = new Map(owners.map((owner) => [owner.workspaceId, owner]))
  const sorted = [...byId.values()].sort((a, b) => (a.workspaceId < b.workspaceId ? -1 : 1))
  const now = platform.clock.now()
  await sql`insert into wallets (workspace_id, organization_id, currency, created_at, updated_at)
    select workspace_id, organization_id, (select currency from billing_settings), ${now}, ${now}
    from unnest(${uuidArray(sorted.map(({ workspaceId }) => workspaceId))},
      ${uuidArray(sorted.map(({ organizationId }) => organizationId))}) as new (workspace_id, organization_id)
    on conflict do nothing`.execute(tx)
}

async function select(
  tx: Tx,
  workspaceIds: readonly string[],
  items: readonly Item[],
  since: Date,
): Promise<PayerRow[]> {
  const [first, ...others] = workspaceIds
  if (first === undefined) return []
  if (others.length === 0) {
    const locked = await together(tx, lockStatements(tx, first, items, since))
    return (locked.at(-1)?.rows ?? []) as PayerRow[] // together knows no types
  }
  const { rows } = await sql<PayerRow>`/* prepared lock_payers */
    ${payerRows(items, since)} where wallets.workspace_id = any(${uuidArray(workspaceIds)})
    order by wallets.workspace_id for no key update of wallets`.execute(tx)
  remember(tx, workspaceIds)
  return rows
}

/** The wallets that a transaction has locked. */
const held = new WeakMap<Tx, Set<string>>()

function remember(tx: Tx, workspaceIds: readonly string[]): void {
  held.set(tx, new Set([...(held.get(tx) ?? []), ...workspaceIds]))
}

/**
 * Of many who wait for one row PostgreSQL wakes all whenever it is let go, and each reads it anew: so they stand in a
 * queue before it, which wakes the next alone. Who has the row does not: the next in the queue waits for it.
 */
function lockStatements(
  tx: Tx,
  workspaceId: string,
  items: readonly Item[],
  since: Date,
): RawBuilder<unknown>[] {
  const queue = sql`/* prepared queue_for_wallet */ select pg_advisory_xact_lock(hashtextextended(${workspaceId}::text, 0))`
  const row = sql<PayerRow>`/* prepared lock_payer */
    ${payerRows(items, since)} where wallets.workspace_id = ${workspaceId}::uuid
    for no key update of wallets`
  if (held.get(tx)?.has(workspaceId)) return [row]
  remember(tx, [workspaceId])
  return [queue, row]
}

const walletColumns = columnList<WalletsTable>(
  {
    workspace_id: true,
    organization_id: true,
    currency: true,
    balance: true,
    held: true,
    credit_limit: true,
    low_balance: true,
    auto_top_up_below: true,
    locked_at: true,
    lock_reason: true,
    created_at: true,
    updated_at: true,
  },
  'wallets',
)

// A list behind a query of its own is as good as unknown to the planner: where a plan for the list in hand looked better,
// it would plan anew each time, which takes longer than to run it.
function payerRows(items: readonly Item[], since: Date): RawBuilder<PayerRow> {
  return sql<PayerRow>`select ${walletColumns}, details.tax_rate_basis_points,
      case when details.workspace_id is null then null else json_strip_nulls(json_build_object(
        'name', details.name, 'company', details.company, 'email', details.email, 'tax_id', details.tax_id,
        'address_lines', details.address_lines, 'postal_code', details.postal_code, 'city', details.city,
        'region', details.region, 'country', details.country, 'tax_name', details.tax_name)) end as customer,
      (select json_agg(json_build_object('percent_basis_points', coupons.percent_basis_points, 'items', coupons.items,
          'redeemed_at', redemption.redeemed_at, 'ends_at', redemption.ends_at))
        from coupon_redemptions as redemption join coupons on coupons.id = redemption.coupon_id
        where redemption.workspace_id = wallets.workspace_id and coupons.kind = 'percent'
          and (redemption.ends_at is null or redemption.ends_at > ${since}::timestamptz)) as discounts,
      (select json_agg(json_build_object('item', item, 'workspace_id', workspace_id, 'plan_id', plan_id,
          'service', service, 'period', period, 'unit_amount', unit_amount, 'steps', steps, 'valid_from', valid_from,
          'valid_until', valid_until))
        from prices
        where item = any((select ${items}::text[])::text[]) and prices.currency = wallets.currency
          and (prices.workspace_id is null or prices.workspace_id = wallets.workspace_id)
          and (valid_until is null or valid_until > ${since}::timestamptz)) as prices
    from wallets left join billing_details as details on details.workspace_id = wallets.workspace_id`
}

function toPayer(row: PayerRow, now: Date): Payer {
  const { tax_rate_basis_points, customer, discounts, prices, ...wallet } = row
  return {
    organizationId: wallet.organization_id,
    workspaceId: wallet.workspace_id,
    wallet,
    taxRateBasisPoints: tax_rate_basis_points ?? 0,
    customer: customer ?? {},
    discounts: discounts ?? [],
    prices: prices ?? [],
    now,
  }
}
