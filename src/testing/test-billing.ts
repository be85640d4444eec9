/** Wallets, prices and books of tests. */
import assert from 'node:assert/strict'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { credit } from '../billing/credits.ts'
import { lockPayer, type Owner } from '../billing/payers.ts'
import type { Item, PriceStep, PricesTable } from '../billing/tables.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'

/** Puts money into a workspace's wallet, in minor units. */
export async function giveMoney(platform: Platform, owner: Owner | Scope, amount: number): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, owner, [])
    await credit(platform, tx, {
      payer,
      kind: 'top_up',
      amount,
      from: 'payments',
      key: `test:${newId()}`,
      cause: 'top_up',
      causeId: null,
      description: 'Money of a test',
    })
  })
}

export type TestPrice = { item: Item; unit_amount: number; steps?: PriceStep[] } & Partial<
  Omit<PricesTable, 'id' | 'item' | 'unit_amount' | 'steps' | 'created_at'>
>

/** Sets a price, in USD and from long ago on unless it says otherwise. */
export async function setPrice(platform: Platform, price: TestPrice): Promise<void> {
  const row: PricesTable = {
    id: newId(),
    workspace_id: null,
    plan_id: null,
    service: null,
    period: null,
    tld: null,
    currency: 'USD',
    valid_from: new Date('2000-01-01T00:00:00Z'),
    valid_until: null,
    created_at: platform.clock.now(),
    ...price,
    steps: price.steps ?? [],
  }
  await platform.db
    .insertInto('prices')
    .values({ ...row, steps: sql`${JSON.stringify(row.steps)}::jsonb` })
    .execute()
}

/** What a wallet has. */
export async function balanceOf(
  platform: Platform,
  workspaceId: string,
): Promise<{ balance: number; held: number }> {
  const row = await platform.db
    .selectFrom('wallets')
    .select(['balance', 'held'])
    .where('workspace_id', '=', workspaceId)
    .executeTakeFirst()
  return row ?? { balance: 0, held: 0 }
}

/**
 * The books add up: every transfer sums to zero, wallets have what their entries say, and keep their limits unless a
 * forced transfer broke them; invoices are what was charged, and their lines are what they say; open holds are what is
 * held; the numbers of invoices have no gap.
 * @param haveLimitsFallen whether credit limits were lowered: what was spent on them before stays spent.
 */
export async function assertBooks(
  { db }: Pick<Platform, 'db'>,
  { haveLimitsFallen = false } = {},
): Promise<void> {
  const wrong = async (what: string, query: ReturnType<typeof sql>): Promise<void> => {
    const { rows } = await query.execute(db)
    assert.deepEqual(rows, [], what)
  }
  await wrong(
    'transfers sum to zero',
    sql`select transfer_id from ledger_entries group by transfer_id having sum(amount) <> 0`,
  )
  await wrong(
    'balances are the sums of their entries',
    sql`select workspace_id, balance, held from wallets left join (
        select workspace_id, sum(amount) filter (where account = 'wallet') as own,
          sum(amount) filter (where account = 'held') as held_for
        from ledger_entries group by workspace_id) as sums using (workspace_id)
      where balance <> coalesce(own, 0) or held <> coalesce(held_for, 0)`,
  )
  await wrong(
    'no wallet is below its limit',
    sql`select workspace_id, balance from wallets
      where not ${haveLimitsFallen}::boolean and balance < -credit_limit and not exists (
      select 1 from ledger_transfers as transfer where transfer.workspace_id = wallets.workspace_id and forced
        and kind in ('dispute', 'correction', 'refund_failed', 'refund'))`,
  )
  await wrong(
    'open holds are what is held',
    sql`select workspace_id, held from wallets left join (
        select workspace_id, sum(total) as open from wallet_holds where state = 'held' group by workspace_id) as holds
      using (workspace_id) where held <> coalesce(open, 0)`,
  )
  await wrong(
    'an invoice is the sum of its lines',
    sql`select invoices.id from invoices left join invoice_lines as line on line.invoice_id = invoices.id
      group by invoices.id having coalesce(sum(line.amount), 0) <> subtotal
        or coalesce(sum(line.discount), 0) <> invoices.discount or coalesce(sum(line.tax), 0) <> invoices.tax`,
  )
  await wrong(
    'invoices are what was charged',
    sql`select invoices.id, invoices.total from invoices left join (
        select transfer.invoice_id as id, -sum(amount) as charged from ledger_entries as entry
          join ledger_transfers as transfer on transfer.id = entry.transfer_id
        where account in ('wallet', 'held') group by transfer.invoice_id) as transfers using (id)
      where total <> 0 and total is distinct from charged`,
  )
  await wrong(
    'what was charged has an invoice',
    sql`select id from ledger_transfers where kind in ('charge', 'capture', 'credit') and not exists (
      select 1 from invoices where invoices.id = ledger_transfers.invoice_id)`,
  )
  await wrong(
    'numbers have no gap',
    sql`select kind from invoices where sequence is not null group by kind
      having min(sequence) <> 1 or max(sequence) <> count(*)`,
  )
}

/**
 * No period is billed twice, and none is skipped: each begins where the one before it ends, sooner only where the rest of
 * that was credited, and later only after a suspension; and what a plan's subscription says is paid is what was billed.
 * For plans and mailboxes that cost something all the time.
 */
export async function assertPeriods({ db }: Platform): Promise<void> {
  const { rows } = await sql<{ subject_id: string; ends_at: Date; next_at: Date }>`
    with spans as (
      select subject_id, period_started_at as starts_at, period_ends_at as ends_at,
        lead(period_started_at) over (partition by subject_id order by period_started_at) as next_at
      from invoice_lines where kind = 'period'
    )
    select subject_id, ends_at, next_at from spans
    where next_at < ends_at and not exists (
        select 1 from invoice_lines as line where line.subject_id = spans.subject_id and line.kind = 'proration'
          and line.amount <= 0 and line.period_started_at = next_at and line.period_ends_at = ends_at)
      or next_at > ends_at and not exists (
        -- Of a period that began in the same millisecond as the one before, the line is a proration.
        select 1 from invoice_lines as line where line.subject_id = spans.subject_id and line.kind = 'proration'
          and line.amount > 0 and line.period_started_at = starts_at and line.period_ends_at >= next_at)
      and not exists (
        select 1 from events where created_at >= ends_at and created_at <= next_at + interval '1 minute'
          and (type = 'billing.subscription_suspended' and data->>'subscription_id' = subject_id::text
            or type = 'mailbox.state_changed' and data->>'mailbox_id' = subject_id::text and data->>'from' = 'active'))`.execute(
    db,
  )
  assert.deepEqual(rows, [], 'periods are contiguous')
  const { rows: unbilled } = await sql<{ id: string }>`
    select id, state, period_ends_at, billed.ends_at from subscriptions join lateral (
      select max(period_ends_at) as ends_at from invoice_lines
      where subject_id = subscriptions.id and kind in ('period', 'once', 'proration') and amount > 0
    ) as billed on true
    where billed.ends_at <> subscriptions.period_ends_at
      or unpaid_since is not null and unpaid_since <> subscriptions.period_ends_at`.execute(db)
  assert.deepEqual(unbilled, [], 'what is said to be paid was billed')
}
