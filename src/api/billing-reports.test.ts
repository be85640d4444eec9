/** Reports of revenue and costs, and the books of a month as CSV. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { sql } from 'kysely'
import { exportMonth } from '../billing/reports/exports.ts'
import { at, listAt, refusal, startTestApi } from '../testing/test-api.ts'
import { assertBooks } from '../testing/test-billing.ts'
import { writeInvoice } from '../testing/test-invoices.ts'

const api = await startTestApi()
after(() => api[Symbol.asyncDispose]())
const { platform, scope, call } = api
const other = await api.tenant()

/** Moves an invoice to another moment. */
async function dated(id: string, moment: string): Promise<string> {
  await sql`update invoices set created_at = ${moment}::timestamptz where id = ${id}::uuid`.execute(
    platform.db,
  )
  return id
}

await platform.db
  .insertInto('billing_details')
  .values({
    workspace_id: scope.workspaceId,
    company: '=1+1',
    tax_rate_basis_points: 1000,
    updated_at: new Date(),
  })
  .execute()
const sold = await writeInvoice(platform, scope, [
  { unitAmount: 1000, discount: 100, cost: 300 },
  { item: 'domain_register', unitAmount: 500, cost: 200 },
])
await dated(sold, '2026-01-31T23:59:59.999Z')
await dated(await writeInvoice(platform, scope, [{ unitAmount: 70 }]), '2026-02-01T00:00:00Z')
await dated(await writeInvoice(platform, other, [{ unitAmount: 40, cost: 50 }]), '2026-02-10T00:00:00Z')
const note = await call('POST', `/v1/invoices/${sold}/credit-notes`, { body: { amount: 110, reason: 'x' } })
await dated(String(at(note.json, 'id')), '2026-02-20T00:00:00Z')

const revenue = async (query: string, key = api.apiKey): Promise<unknown[]> =>
  listAt((await call('GET', `/v1/billing-reports/revenue?${query}`, { key })).json, 'data')

test('months of UTC, with what was credited in the month of the credit note', async () => {
  assert.deepEqual(await revenue('from=2026-01&until=2026-03&of=platform'), [
    {
      key: '2026-01',
      currency: 'USD',
      invoices: 1,
      credit_notes: 0,
      gross: 1500,
      discount: 100,
      credited: 0,
      revenue: 1400,
      tax: 140,
      cost: 500,
      margin: 900,
    },
    {
      key: '2026-02',
      currency: 'USD',
      invoices: 2,
      credit_notes: 1,
      gross: 110,
      discount: 0,
      credited: 100,
      revenue: 10,
      tax: -3,
      cost: 50,
      margin: -40,
    },
  ])
  await assertBooks(platform)
})

test('by workspace and by item; a workspace sees its own, and no costs', async () => {
  const own = await revenue('from=2026-01&until=2026-02&group=item')
  assert.deepEqual(
    own.map((row) => [
      at(row, 'key'),
      at(row, 'gross'),
      at(row, 'credited'),
      at(row, 'cost'),
      at(row, 'margin'),
    ]),
    [
      ['domain_register', 500, 0, undefined, undefined],
      ['mailbox', 1070, 100, undefined, undefined],
    ],
  )
  const all = await revenue('from=2026-01&until=2026-02&group=workspace&of=platform')
  assert.deepEqual(
    new Map(all.map((row) => [at(row, 'key'), at(row, 'revenue')])),
    new Map([
      [scope.workspaceId, 1370],
      [other.workspaceId, 40],
    ]),
  )
  const theirs = await revenue('from=2026-02&group=workspace', other.key)
  assert.deepEqual(
    theirs.map((row) => at(row, 'key')),
    [other.workspaceId],
  )
  const query = '/v1/billing-reports/revenue?from=2026-02&of=platform'
  assert.equal(refusal(await call('GET', query, { key: other.key })), '403 forbidden')
})

test('as CSV, asked for by either way', async () => {
  const path = '/v1/billing-reports/revenue?from=2026-01&of=platform'
  for (const reply of [
    await call('GET', `${path}&format=csv`),
    await call('GET', path, { headers: { accept: 'text/csv' } }),
  ]) {
    assert.match(reply.headers.get('content-type') ?? '', /^text\/csv/)
    const rows: unknown[] = parse(reply.text, { columns: true })
    assert.deepEqual([rows.length, at(rows, 0, 'key'), at(rows, 0, 'margin')], [1, '2026-01', '900'])
  }
})

test('months that are none, or too many', async () => {
  for (const query of [
    'from=2026-13',
    'from=2026-02&until=2026-01',
    'from=2020-01&until=2026-01',
    'from=x',
  ]) {
    const reply = await call('GET', `/v1/billing-reports/revenue?${query}`)
    assert.equal(refusal(reply), '400 invalid_request', query)
  }
})

test('the invoices and the ledger of a month', async () => {
  await call('GET', '/v1/invoices?of=platform') // they get their numbers
  const csvOf = async (path: string, key = api.apiKey): Promise<unknown[]> =>
    parse((await call('GET', `/v1/billing-reports/${path}`, { key })).text, { columns: true })
  const invoices = await csvOf('invoices?month=2026-02&of=platform')
  assert.deepEqual(
    invoices.map((row) => [at(row, 'kind'), at(row, 'total'), at(row, 'customer')]),
    [
      ['invoice', '77', "'=1+1"],
      ['invoice', '40', ''],
      ['credit_note', '-110', "'=1+1"],
    ],
  )
  assert.deepEqual((await csvOf('invoices?month=2026-02', other.key)).length, 1)
  const month = platform.clock.now().toISOString().slice(0, 7)
  const ledger = await csvOf(`ledger?month=${month}&of=platform`)
  const sums = ledger.map((row) => Number(at(row, 'amount')))
  assert.ok(sums.length > 10)
  assert.equal(
    sums.reduce((sum, amount) => sum + amount, 0),
    0,
  )
  const theirs = await csvOf(`ledger?month=${month}`, other.key)
  assert.deepEqual([...new Set(theirs.map((row) => at(row, 'workspace_id')))], [other.workspaceId])
  assert.equal((await csvOf('ledger?month=2020-01')).length, 0)
})

test('an export goes on where a page ends', async () => {
  await sql`insert into ledger_transfers (id, organization_id, workspace_id, key, kind, cause, currency, forced, description,
      created_at)
    select gen_random_uuid(), ${scope.organizationId}::uuid, ${scope.workspaceId}::uuid, 'bulk ' || number, 'correction',
      'correction', 'USD', false, '', '2031-05-05' from generate_series(1, 2500) as number`.execute(
    platform.db,
  )
  await sql`insert into ledger_entries (transfer_id, account, workspace_id, amount)
    select id, account, workspace_id, amount from ledger_transfers,
      (values ('wallet', 1), ('corrections', -1)) as entry (account, amount) where key like 'bulk %'`.execute(
    platform.db,
  )
  const range = { since: new Date('2031-05-01T00:00:00Z'), until: new Date('2031-06-01T00:00:00Z') }
  const pieces: string[] = []
  for await (const piece of exportMonth(platform, 'ledger', 'platform', range)) pieces.push(piece)
  assert.equal(pieces.length, 4)
  const rows: unknown[] = parse(pieces.join(''), { columns: true })
  assert.equal(new Set(rows.map((row) => at(row, 'transfer_id'))).size, 2500)
  assert.equal(rows.length, 5000)
})
