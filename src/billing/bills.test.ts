import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { transaction, violatedConstraint } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../testing/test-billing.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import type { BillLine } from './amounts.ts'
import { payBill, payBills } from './bills.ts'
import { captureHolds, putAside, releaseHolds } from './holds.ts'
import { lockPayer } from './payers.ts'
import { unitPrice } from './unit-prices.ts'

const line = (unitAmount: number, more: Partial<BillLine> = {}): BillLine => ({
  kind: 'once',
  item: 'mailbox',
  subjectId: null,
  description: 'A mailbox',
  quantity: 1,
  unitAmount,
  ...more,
})

test('a bill takes its money, with tax and discount, and is an invoice', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  const { workspaceId } = scope
  await giveMoney(platform, scope, 10_000)
  await platform.db
    .insertInto('billing_details')
    .values({
      workspace_id: workspaceId,
      company: 'Acme',
      tax_rate_basis_points: 1900,
      updated_at: new Date(),
    })
    .execute()
  const bill = await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, scope, ['mailbox'])
    return await payBill(platform, tx, {
      payer,
      cause: 'mailbox',
      causeId: null,
      description: 'Mailboxes',
      lines: [line(333), line(100, { quantity: 2, discount: 50 })],
    })
  })
  // 333 + 63.27 tax, 200 - 50 + 28.50 tax, each rounded by itself.
  assert.equal(bill.total, 333 + 63 + 150 + 29)
  assert.deepEqual(await balanceOf(platform, workspaceId), { balance: 10_000 - 575, held: 0 })
  const invoice = await platform.db.selectFrom('invoices').selectAll().executeTakeFirstOrThrow()
  const { id, subtotal, discount, tax, total, customer } = invoice
  assert.deepEqual(
    { id, subtotal, discount, tax, total, company: customer.company },
    { id: bill.invoiceId, subtotal: 533, discount: 50, tax: 92, total: 575, company: 'Acme' },
  )
  await assertBooks(platform)
})

test('a bill that is more than the wallet has is refused whole, or paid line by line', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  await giveMoney(platform, scope, 1000)
  const pay = (take: 'all' | 'each') =>
    transaction(platform.db, async (tx) => {
      const payer = await lockPayer(platform, tx, scope, [])
      const bill = {
        payer,
        cause: 'renewal',
        causeId: null,
        description: 'x',
        lines: [line(600), line(600), line(300)],
      }
      if (take === 'all') return [await payBill(platform, tx, { ...bill, cause: 'renewal' })]
      return await payBills(platform, tx, [{ ...bill, cause: 'renewal', take }])
    })
  await assert.rejects(pay('all'), { code: 'insufficient_funds' })
  assert.equal((await balanceOf(platform, scope.workspaceId)).balance, 1000)
  const [billed] = await pay('each')
  assert.deepEqual(billed?.paid, [true, false, true])
  assert.deepEqual([billed?.total, billed?.shortfall], [900, 500])
  assert.equal((await balanceOf(platform, scope.workspaceId)).balance, 100)
  await assertBooks(platform)
})

test('what is put aside is captured or released', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  const { workspaceId } = scope
  await giveMoney(platform, scope, 1000)
  const [one, two, three] = [newId(), newId(), newId()]
  const shortfalls = await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, scope, [])
    const hold = (causeId: string) =>
      ({
        payer,
        cause: 'mailbox',
        causeId,
        description: 'x',
        lines: [line(400, { kind: 'period', subjectId: causeId })],
      }) as const
    return await putAside(platform, tx, [hold(one), hold(two), hold(three)])
  })
  assert.deepEqual(shortfalls, [0, 0, 200])
  assert.deepEqual(await balanceOf(platform, workspaceId), { balance: 200, held: 800 })
  await assertBooks(platform)
  const period = { startsAt: new Date('2030-01-31T00:00:00Z'), endsAt: new Date('2030-02-28T00:00:00Z') }
  await transaction(platform.db, (tx) =>
    captureHolds(platform, tx, 'mailbox', [{ causeId: one, period }], 'Mailboxes'),
  )
  await transaction(platform.db, (tx) => releaseHolds(platform, tx, 'mailbox', [two, three]))
  await transaction(platform.db, (tx) => releaseHolds(platform, tx, 'mailbox', [two]))
  assert.deepEqual(await balanceOf(platform, workspaceId), { balance: 600, held: 0 })
  const lines = await platform.db.selectFrom('invoice_lines').selectAll().execute()
  assert.deepEqual(
    lines.map(({ subject_id, period_ends_at }) => [subject_id, period_ends_at]),
    [[one, period.endsAt]],
  )
  await assertBooks(platform)
})

test('what the ledger promises is kept by the database', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  await giveMoney(platform, scope, 1000)
  const breaks = async (query: ReturnType<typeof sql>, constraint: string) =>
    await assert.rejects(query.execute(platform.db), (error) => violatedConstraint(error) === constraint)
  await breaks(sql`update ledger_entries set amount = amount + 1`, 'ledger_append_only')
  await breaks(sql`delete from ledger_transfers`, 'ledger_append_only')
  await breaks(sql`truncate ledger_entries`, 'ledger_append_only')
  const transfer = sql`insert into ledger_transfers (id, organization_id, workspace_id, key, kind, cause, currency, forced,
      description, created_at)
    values (${newId()}, ${scope.organizationId}, ${scope.workspaceId}, ${newId()}, 'correction', 'correction', 'USD', false, '',
      now()) returning id, workspace_id`
  const entries = (amounts: ReturnType<typeof sql>) => sql`with made as (${transfer})
    insert into ledger_entries (transfer_id, account, workspace_id, amount)
    select id, account, workspace_id, amount from made, (values ${amounts}) as entry (account, amount)`
  await breaks(entries(sql`('wallet', -5), ('revenue', 4)`), 'ledger_entries_sum')
  await breaks(entries(sql`('wallet', -1001), ('revenue', 1001)`), 'wallets_balance')
  await entries(sql`('wallet', -1000), ('revenue', 1000)`).execute(platform.db)
  assert.equal((await balanceOf(platform, scope.workspaceId)).balance, 0)
  await assertBooks(platform)
})

test('many spend from one wallet at once, and it never goes below its limit', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  await giveMoney(platform, scope, 1000)
  const results = await Promise.allSettled(
    Array.from({ length: 40 }, () =>
      transaction(platform.db, async (tx) => {
        const payer = await lockPayer(platform, tx, scope, [])
        return await payBill(platform, tx, {
          payer,
          cause: 'mailbox',
          causeId: null,
          description: 'x',
          lines: [line(70)],
        })
      }),
    ),
  )
  const bought = results.filter(({ status }) => status === 'fulfilled').length
  assert.equal(bought, 14)
  assert.equal((await balanceOf(platform, scope.workspaceId)).balance, 20)
  await assertBooks(platform)
})

test('prices: its own before everybody’s, the newest that holds, by the step of the count', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  const mailbox = { item: 'mailbox', service: 'local', period: 'monthly' } as const
  const set = (unit_amount: number, more: object = {}) =>
    setPrice(platform, { ...mailbox, unit_amount, ...more })
  const price = async (count = 1) =>
    await transaction(platform.db, async (tx) =>
      unitPrice(await lockPayer(platform, tx, scope, ['mailbox']), mailbox, count),
    )
  assert.equal(await price(), null)
  await set(500)
  await set(450, { valid_from: new Date('2020-01-01T00:00:00Z') })
  await set(100, {
    valid_from: new Date('2020-01-01T00:00:00Z'),
    valid_until: new Date('2021-01-01T00:00:00Z'),
  })
  await set(1, { valid_from: new Date('2100-01-01T00:00:00Z') })
  await set(2, { currency: 'EUR' })
  await set(3, { service: 'google' })
  await set(4, { period: 'yearly' })
  assert.equal(await price(), 450)
  const steps = [
    { from: 10, unit_amount: 300 },
    { from: 100, unit_amount: 200 },
  ]
  await set(400, { workspace_id: scope.workspaceId, steps })
  assert.deepEqual([await price(9), await price(10), await price(99), await price(100)], [400, 300, 300, 200])
})
