/** The renewal of very many mailboxes, and of plans, over many workspaces: all due at the same time. */
import { sql } from 'kysely'
import type { Scope } from '../../src/accounts/principals.ts'
import { renewSubscriptions } from '../../src/billing/subscriptions/renew.ts'
import { endDuePeriods } from '../../src/mailboxes/period-ends.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { assertBooks, setPrice } from '../../src/testing/test-billing.ts'
import type { Row } from '../table.ts'
import { withBillingPlatform } from './platform.ts'

const mailboxesPerWorkspace = 100
const mailboxesMeant = 1_000_000

/** @param count mailboxes; and a plan for each workspace. */
export async function renewal(count: number): Promise<Row[]> {
  return await withBillingPlatform(async (platform, scope) => {
    const workspaces = Math.ceil(count / mailboxesPerWorkspace)
    await seed(platform, scope, workspaces, count)
    await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 300 })
    const { id: plan_id } = await platform.db.selectFrom('plans').select('id').executeTakeFirstOrThrow()
    await setPrice(platform, { item: 'plan', plan_id, period: 'monthly', unit_amount: 900 })
    const mailboxes = await perSecond(count, () => endDuePeriods(platform))
    const plans = await perSecond(workspaces, () => renewSubscriptions(platform))
    await checkRenewed(platform, count + workspaces)
    const minutes = mailboxesMeant / mailboxes / 60
    return [
      {
        what: `renewal of ${count} mailboxes over ${workspaces} workspaces`,
        value: count / mailboxes,
        unit: 's',
      },
      { what: 'mailboxes renewed', value: mailboxes, unit: '/s' },
      {
        what: `at that speed ${mailboxesMeant.toLocaleString('en-US')} take`,
        value: minutes,
        unit: 'min',
        goal: { atMost: 10 },
      },
      { what: `plans renewed, of ${workspaces}`, value: plans, unit: '/s' },
    ]
  })
}

async function perSecond(count: number, renewAll: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await renewAll()
  return (count / (performance.now() - startedAt)) * 1000
}

async function checkRenewed(platform: Platform, count: number): Promise<void> {
  const { rows } = await sql<{ lines: number }>`
    select count(*)::int as lines from invoice_lines where kind = 'period'`.execute(platform.db)
  if (rows[0]?.lines !== count) throw new Error(`${rows[0]?.lines} periods were paid, not ${count}`)
  await assertBooks(platform)
}

/** Rows alone: what a renewal reads. Each wallet has money for a year. */
async function seed(
  { db }: Platform,
  { organizationId }: Scope,
  workspaces: number,
  count: number,
): Promise<void> {
  await sql`insert into workspaces (id, organization_id, name, is_default, created_at)
    select gen_random_uuid(), ${organizationId}::uuid, 'bench ' || n, false, now() from generate_series(1, ${workspaces}::int) n`.execute(
    db,
  )
  await sql`insert into domains (id, organization_id, workspace_id, name, state, ownership_token, created_at, updated_at, state_changed_at)
    select gen_random_uuid(), organization_id, id, 'd' || substr(name, 7) || '.test', 'active', md5(name), now(), now(), now()
    from workspaces where name like 'bench %'`.execute(db)
  await sql`insert into mailboxes (id, organization_id, workspace_id, domain_id, address, state, service, tags, search_text,
      created_at, updated_at, state_changed_at, period, period_anchor_at, period_ends_at)
    select gen_random_uuid(), d.organization_id, d.workspace_id, d.id, 'box' || n || '@' || d.name, 'active', 'local', '{}',
      'box' || n || '@' || d.name, now(), now(), now(), 'monthly', now() - interval '2 months', now() - random() * interval '1 day'
    from generate_series(0, ${count - 1}::int) n
      join (select *, row_number() over (order by name) - 1 as place from domains where name ~ '^d\\d+\\.test$') d
        on d.place = n % ${workspaces}::int`.execute(db)
  await seedMoney(db)
  await sql`vacuum analyze mailboxes, workspaces, domains, wallets, subscriptions, ledger_transfers, ledger_entries, prices`.execute(
    db,
  )
}

const moneyPerWorkspace = 10_000_000

async function seedMoney(db: Platform['db']): Promise<void> {
  await sql`insert into wallets (workspace_id, organization_id, currency, created_at, updated_at)
    select id, organization_id, 'USD', now(), now() from workspaces where name like 'bench %'`.execute(db)
  await sql`with made as (
      insert into ledger_transfers (id, organization_id, workspace_id, key, kind, cause, currency, forced, description, created_at)
      select gen_random_uuid(), organization_id, workspace_id, 'bench', 'top_up', 'top_up', currency, true, '', now() from wallets
      returning id, workspace_id
    )
    insert into ledger_entries (transfer_id, account, workspace_id, amount)
    select id, account, workspace_id, amount
    from made, (values ('wallet', ${moneyPerWorkspace}::bigint), ('payments', ${-moneyPerWorkspace}::bigint)) as entry (account, amount)`.execute(
    db,
  )
  await sql`insert into plans (id, code, name, slots, services, created_at, updated_at)
    values (gen_random_uuid(), 'bench', 'Bench', 0, '{local}', now(), now())`.execute(db)
  await sql`insert into subscriptions (id, organization_id, workspace_id, plan_id, extra_slots, state, period, period_anchor_at,
      period_started_at, period_ends_at, cancel_at_period_end, version, created_at, updated_at)
    select gen_random_uuid(), organization_id, workspace_id, (select id from plans), 0, 'active', 'monthly',
      now() - interval '2 months', now() - interval '1 month', now() - random() * interval '1 day', false, 1, now(), now()
    from wallets where workspace_id in (select id from workspaces where name like 'bench %')`.execute(db)
}
