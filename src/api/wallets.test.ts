import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { putAside } from '../billing/holds.ts'
import { lockPayer } from '../billing/payers.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney } from '../testing/test-billing.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(async () => {
  await assertBooks(api.platform)
  await api[Symbol.asyncDispose]()
})

const usd = (amount: number) => ({ amount, currency: 'USD' })
const empty = {
  enabled: false,
  balance: usd(0),
  held: usd(0),
  credit_limit: usd(0),
  low_balance: null,
  locked_at: null,
  lock_reason: null,
}
const credit = (workspaceId: string, body: object, headers: Record<string, string> = {}): Promise<Reply> =>
  api.call('POST', `/v1/wallets/${workspaceId}/credits`, { body, headers })
const control = (workspaceId: string, body: object): Promise<Reply> =>
  api.call('PATCH', `/v1/wallets/${workspaceId}`, { body })

async function settleJobs(workspaceId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from graphile_worker.jobs
    where key = ${`billing.settle:${workspaceId}`}`.execute(api.platform.db)
  return rows[0]?.count ?? 0
}

test('a wallet is there before it is opened, and with billing off', async () => {
  const { key, workspaceId } = await api.tenant()
  assert.deepEqual((await api.call('GET', '/v1/wallet', { key })).json, empty)
  const patched = await api.call('PATCH', '/v1/wallet', { key, body: { low_balance: 500 } })
  assert.deepEqual(patched.json, { ...empty, low_balance: 500 })
  const wrong = await api.call('PATCH', '/v1/wallet', { key, body: { low_balance: -1 } })
  assert.equal(refusal(wrong), '400 invalid_request')
  const tenant = await api.call('GET', `/v1/wallets/${workspaceId}`)
  assert.equal(at(tenant.json, 'low_balance'), 500)
})

test('with billing on it says so', async () => {
  await using other = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  assert.deepEqual((await other.call('GET', '/v1/wallet')).json, { ...empty, enabled: true })
})

test('the operator credits a wallet, once for a key, after a preview', async () => {
  const { key, workspaceId } = await api.tenant()
  const topUp = { kind: 'top_up', amount: 2500, description: 'Bank transfer 17' }
  const shown = await credit(workspaceId, { ...topUp, preview: true })
  assert.deepEqual(at(shown.json, 'notes'), ['The balance would be 25.00 USD.'])
  assert.equal((await balanceOf(api.platform, workspaceId)).balance, 0)
  for (const replayed of [null, 'true']) {
    const reply = await credit(workspaceId, topUp, { 'idempotency-key': 'transfer-17' })
    assert.equal(reply.status, 201, reply.text)
    assert.equal(reply.headers.get('idempotency-replayed'), replayed)
  }
  assert.equal(await settleJobs(workspaceId), 1)
  await credit(workspaceId, { kind: 'promotion', amount: 100, description: 'Thanks' })
  const taken = await credit(workspaceId, { kind: 'correction', amount: -3000, description: 'Twice' })
  assert.deepEqual(at(taken.json, 'balance'), usd(-400))
  const shownAgain = await credit(workspaceId, { kind: 'top_up', amount: 1, description: 'x', preview: true })
  assert.deepEqual(at(shownAgain.json, 'notes'), ['The balance would be -3.99 USD.'])

  const { json } = await api.call('GET', '/v1/wallet/entries', { key })
  assert.deepEqual(
    listAt(json, 'data').map((one) => [at(one, 'kind'), at(one, 'amount'), at(one, 'description')]),
    [
      ['correction', -3000, 'Twice'],
      ['promotion', 100, 'Thanks'],
      ['top_up', 2500, 'Bank transfer 17'],
    ],
  )
  const negative = await api.call('GET', '/v1/wallets?negative=true')
  assert.deepEqual(
    listAt(negative.json, 'data').map((one) => at(one, 'workspace_id')),
    [workspaceId],
  )
})

for (const [what, body] of [
  ['nothing', { kind: 'correction', amount: 0 }],
  ['less than nothing', { kind: 'top_up', amount: -1 }],
  ['a present that takes', { kind: 'promotion', amount: -1 }],
  ['another currency', { kind: 'top_up', amount: 1, currency: 'EUR' }],
  ['a fraction', { kind: 'top_up', amount: 0.5 }],
  ['an unknown kind', { kind: 'refund', amount: 1 }],
] as const) {
  test(`a credit of ${what} is refused`, async () => {
    const reply = await credit(api.scope.workspaceId, { description: 'x', ...body })
    assert.equal(refusal(reply), '400 invalid_request')
  })
}

test('a limit and a lock are set; who can pay again is settled', async () => {
  const { key, workspaceId, organizationId } = await api.tenant()
  assert.equal(refusal(await control(workspaceId, { locked: true })), '400 invalid_request')
  assert.equal(refusal(await control(workspaceId, { lock_reason: 'x' })), '400 invalid_request')
  const locked = await control(workspaceId, { locked: true, lock_reason: 'A dispute', credit_limit: 100 })
  assert.equal(locked.status, 200, locked.text)
  assert.equal(await settleJobs(workspaceId), 1)
  await sql`select graphile_worker.remove_job(${`billing.settle:${workspaceId}`})`.execute(api.platform.db)
  const list = await api.call('GET', '/v1/wallets?locked=true')
  assert.deepEqual(
    listAt(list.json, 'data').map((one) => at(one, 'workspace_id')),
    [workspaceId],
  )
  const own = await api.call('GET', '/v1/wallet', { key })
  assert.deepEqual([at(own.json, 'lock_reason'), at(own.json, 'credit_limit')], ['A dispute', usd(100)])
  const unlocked = await control(workspaceId, { locked: false, credit_limit: 50 })
  assert.deepEqual([at(unlocked.json, 'locked_at'), at(unlocked.json, 'credit_limit')], [null, usd(50)])
  assert.equal(await settleJobs(workspaceId), 1)
  const events = await api.platform.db
    .selectFrom('events')
    .select('type')
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`type like 'billing.wallet%'`)
    .orderBy('id')
    .execute()
  assert.deepEqual(
    events.map(({ type }) => type),
    ['billing.wallet_changed', 'billing.wallet_locked', 'billing.wallet_changed', 'billing.wallet_unlocked'],
  )
})

test('entries are filtered and come in pages, the newest first; open holds are shown', async () => {
  const tenant = await api.tenant()
  const { key } = tenant
  for (let times = 0; times < 5; times++) await giveMoney(api.platform, tenant, 100)
  const causeId = newId()
  await transaction(api.platform.db, async (tx) => {
    const payer = await lockPayer(api.platform, tx, tenant, [])
    const line = {
      kind: 'once',
      item: 'domain_register',
      subjectId: null,
      description: 'x',
      quantity: 1,
      unitAmount: 120,
    } as const
    await putAside(api.platform, tx, [{ payer, cause: 'order', causeId, description: 'x', lines: [line] }])
  })
  const get = async (query: string) => (await api.call('GET', `/v1/wallet/entries${query}`, { key })).json
  const kinds: unknown[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const page: unknown = await get(`?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`)
    kinds.push(...listAt(page, 'data').map((one) => at(one, 'kind')))
    cursor = at(page, 'next_cursor')
  }
  assert.deepEqual(kinds, ['hold', ...Array.from({ length: 5 }, () => 'top_up')])
  const [hold] = listAt(await get('?kind=hold'), 'data')
  assert.deepEqual([at(hold, 'amount'), at(hold, 'held')], [-120, 120])
  assert.deepEqual(listAt(await get('?until=2001-01-01T00:00:00Z'), 'data'), [])
  assert.equal(listAt(await get('?since=2001-01-01T00:00:00Z'), 'data').length, 6)
  const holds = await api.call('GET', '/v1/wallet/holds', { key })
  const [open] = listAt(holds.json, 'data')
  assert.deepEqual([at(open, 'amount'), at(open, 'cause')], [usd(120), { type: 'order', id: causeId }])
  const { json } = await api.call('GET', '/v1/wallet', { key })
  assert.deepEqual([at(json, 'balance'), at(json, 'held')], [usd(380), usd(120)])
})

test('wallets of others are the operator’s alone', async () => {
  const [one, two] = [await api.tenant(), await api.tenant()]
  const path = `/v1/wallets/${two.workspaceId}`
  for (const [method, url, body] of [
    ['GET', '/v1/wallets', undefined],
    ['GET', path, undefined],
    ['POST', `${path}/credits`, { kind: 'top_up', amount: 1, description: 'x' }],
    ['PATCH', path, { credit_limit: 1 }],
    ['PUT', `${path}/tax`, { rate_basis_points: 1 }],
  ] as const) {
    for (const { key } of [one, two]) {
      assert.equal((await api.call(method, url, { key, body })).status, 403)
    }
  }
  const nobody = '/v1/wallets/00000000-0000-7000-8000-000000000000'
  assert.equal(refusal(await api.call('GET', nobody)), '404 workspace_not_found')
})

const party = {
  name: 'Ann Lee',
  company: 'Acme',
  email: 'bills@acme.example',
  tax_id: 'DE123456789',
  address_lines: ['Street 1'],
  postal_code: '10115',
  city: 'Berlin',
  region: null,
  country: 'DE',
}

test('a workspace says whom its invoices are for, and the operator its tax', async () => {
  const { key, workspaceId } = await api.tenant()
  const put = (body: object) => api.call('PUT', '/v1/billing-details', { key, body })
  const blank = await api.call('GET', '/v1/billing-details', { key })
  assert.deepEqual([at(blank.json, 'name'), at(blank.json, 'updated_at')], [null, null])
  const tax = { rate_basis_points: 1900, name: 'VAT' }
  const taxed = await api.call('PUT', `/v1/wallets/${workspaceId}/tax`, { body: tax })
  assert.deepEqual(taxed.json, { workspace_id: workspaceId, ...tax })
  const reply = await put(party)
  const { updated_at: _, ...shown } = Object(reply.json)
  assert.deepEqual(shown, { ...party, tax_rate_basis_points: 1900, tax_name: 'VAT' })
  const payer = await transaction(api.platform.db, (tx) =>
    lockPayer(api.platform, tx, { organizationId: newId(), workspaceId }, []),
  )
  assert.deepEqual([payer.taxRateBasisPoints, payer.customer.company], [1900, 'Acme'])
  assert.equal(at((await put({ company: 'Other' })).json, 'name'), null)
  for (const wrong of [
    { country: 'Germany' },
    { email: 'nobody' },
    { name: 'a\nb' },
    { tax_rate_basis_points: 0 },
    { address_lines: ['1', '2', '3', '4', '5'] },
  ]) {
    assert.equal(refusal(await put(wrong)), '400 invalid_request', JSON.stringify(wrong))
  }
  const log = await api.call('GET', '/v1/audit-log?action=billing.details_changed', { key })
  assert.ok(!textAt(log, 'text').includes('Ann Lee'))
})
