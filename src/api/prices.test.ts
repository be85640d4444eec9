import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { spanAt } from '../billing/catalogue/timeline.ts'
import { lockPayer } from '../billing/payers.ts'
import { unitPrice } from '../billing/unit-prices.ts'
import { transaction } from '../platform/database.ts'
import { at, listAt, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const mailbox = { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 300 }
const post = (body: object, key?: string): Promise<Reply> =>
  api.call('POST', '/v1/prices', { body, ...(key === undefined ? {} : { key }) })
const get = (path: string, key?: string): Promise<Reply> =>
  api.call('GET', path, key === undefined ? {} : { key })
const inDays = (days: number): string =>
  new Date(api.platform.clock.now().getTime() + days * 86_400_000).toISOString()

async function made(body: object): Promise<string> {
  const reply = await post(body)
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'id')
}

/** Of one service, so that tests are in nobody's way. */
async function rowsOf(service: string, period: 'monthly' | 'yearly') {
  const rows = await api.platform.db
    .selectFrom('prices')
    .selectAll()
    .where('service', '=', service)
    .where('period', '=', period)
    .where('workspace_id', 'is', null)
    .orderBy('valid_from')
    .execute()
  return rows.map(({ id, unit_amount, valid_from, valid_until }) => {
    return { id, unit_amount, from: valid_from.getTime(), until: valid_until?.getTime() ?? null }
  })
}

const refused: [what: string, body: object, refusal: string][] = [
  ['no service', { item: 'mailbox', period: 'monthly', unit_amount: 1 }, '400 invalid_request'],
  ['no period', { item: 'mailbox', service: 'local', unit_amount: 1 }, '400 invalid_request'],
  ['a suffix', { ...mailbox, tld: 'com' }, '400 invalid_request'],
  ['a domain without a suffix', { item: 'domain_register', unit_amount: 1 }, '400 invalid_request'],
  ['no suffix', { item: 'domain_register', tld: 'a b', unit_amount: 1 }, '400 invalid_request'],
  [
    'an unknown plan',
    { item: 'plan', plan: 'none', period: 'monthly', unit_amount: 1 },
    '404 plan_not_found',
  ],
  ['below zero', { ...mailbox, unit_amount: -1 }, '400 invalid_request'],
  ['a fraction', { ...mailbox, unit_amount: 1.5 }, '400 invalid_request'],
  ['no currency', { ...mailbox, currency: 'dollars' }, '400 invalid_request'],
  ['a step at 1', { ...mailbox, steps: [{ from: 1, unit_amount: 1 }] }, '400 invalid_request'],
  [
    'steps that fall',
    {
      ...mailbox,
      steps: [
        { from: 5, unit_amount: 1 },
        { from: 3, unit_amount: 1 },
      ],
    },
    '400 invalid_request',
  ],
  [
    'a step twice',
    {
      ...mailbox,
      steps: [
        { from: 5, unit_amount: 1 },
        { from: 5, unit_amount: 2 },
      ],
    },
    '400 invalid_request',
  ],
  [
    'too many steps',
    { ...mailbox, steps: Array.from({ length: 51 }, (_, at) => ({ from: at + 2, unit_amount: 1 })) },
    '400 invalid_request',
  ],
  [
    'steps of a domain',
    { item: 'domain_renew', tld: 'com', unit_amount: 1, steps: [{ from: 2, unit_amount: 1 }] },
    '400 invalid_request',
  ],
  ['a beginning that is over', { ...mailbox, valid_from: '2001-01-01T00:00:00Z' }, '400 invalid_request'],
  [
    'an end before its beginning',
    { ...mailbox, valid_from: '2200-01-02T00:00:00Z', valid_until: '2200-01-01T00:00:00Z' },
    '400 invalid_request',
  ],
  [
    'an unknown workspace',
    { ...mailbox, workspace_id: '00000000-0000-7000-8000-000000000000' },
    '404 workspace_not_found',
  ],
]
for (const [what, body, expected] of refused) {
  test(`a price with ${what} is refused`, async () => assert.equal(refusal(await post(body)), expected))
}

test('prices are the operator’s to set', async () => {
  const tenant = await api.tenant()
  const id = await made({ ...mailbox, service: 'microsoft', period: 'yearly' })
  const readOnly = await api.key({ access: 'read' })
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  for (const key of [tenant.key, bound]) {
    assert.equal((await get(`/v1/prices/${id}`, key)).status, 403)
    assert.equal((await get(`/v1/prices?at=${inDays(1)}`, key)).status, 403)
    assert.equal((await get(`/v1/prices?workspace_id=${api.scope.workspaceId}`, key)).status, 403)
  }
  for (const key of [tenant.key, bound, readOnly]) {
    assert.equal((await post(mailbox, key)).status, 403)
    assert.equal((await api.call('PATCH', `/v1/prices/${id}`, { key, body: {} })).status, 403)
    assert.equal((await api.call('DELETE', `/v1/prices/${id}`, { key })).status, 403)
  }
})

test('a price ends the one before, is changed and taken back until it holds, and then only ended', async () => {
  const first = await made({ ...mailbox, service: 'google' })
  const second = await made({ ...mailbox, service: 'google', unit_amount: 400, valid_from: inDays(10) })
  const [one, two] = await rowsOf('google', 'monthly')
  assert.ok(one && two)
  assert.equal(one.until, two.from)
  assert.equal(
    refusal(await post({ ...mailbox, service: 'google', valid_from: inDays(5), valid_until: inDays(15) })),
    '409 price_overlap',
  )

  const patch = (id: string, body: object) => api.call('PATCH', `/v1/prices/${id}`, { body })
  const moved = await patch(second, { valid_from: inDays(20), unit_amount: 450 })
  assert.equal(moved.status, 200, moved.text)
  assert.equal(at(moved.json, 'unit_amount'), 450)
  const [still, later] = await rowsOf('google', 'monthly')
  assert.equal(still?.until, later?.from)

  assert.equal(refusal(await patch(first, { unit_amount: 1 })), '409 price_state_conflict')
  assert.equal(refusal(await patch(first, { valid_until: inDays(21) })), '409 price_overlap')
  assert.equal(refusal(await patch(first, { valid_until: '2001-01-01T00:00:00Z' })), '400 invalid_request')
  assert.equal(refusal(await api.call('DELETE', `/v1/prices/${first}`)), '409 price_state_conflict')
  assert.equal((await api.call('DELETE', `/v1/prices/${second}`)).status, 204)
  assert.deepEqual(await rowsOf('google', 'monthly'), [{ ...one, until: null }])
  assert.equal(refusal(await get(`/v1/prices/${second}`)), '404 price_not_found')

  const ended = await patch(first, { valid_until: inDays(3) })
  assert.equal(ended.status, 200, ended.text)
  assert.deepEqual((await rowsOf('google', 'monthly')).length, 1)
})

test('after a price with an end what it interrupted goes on', async () => {
  await made({ ...mailbox, service: 'google', period: 'yearly', unit_amount: 3000 })
  await made({
    ...mailbox,
    service: 'google',
    period: 'yearly',
    unit_amount: 1000,
    valid_from: inDays(1),
    valid_until: inDays(8),
  })
  const rows = await rowsOf('google', 'yearly')
  const amountIn = (days: number) => {
    const span = spanAt(rows, Date.parse(inDays(days)))
    return rows.find(({ id }) => id === span?.id)?.unit_amount
  }
  assert.deepEqual([0.5, 2, 7.9, 9, 1000].map(amountIn), [3000, 1000, 1000, 3000, 3000])
})

test('of many changes at once, at every moment one price holds', async () => {
  const replies = await Promise.all(
    Array.from({ length: 24 }, (_, number) => {
      const from = number % 3 === 0 ? {} : { valid_from: inDays(1 + (number % 5) + number / 1000) }
      return post({ ...mailbox, service: 'microsoft', unit_amount: number, ...from })
    }),
  )
  // Of two that begin in the same millisecond the second is refused.
  const count = replies.filter(({ status }) => status === 201).length
  assert.equal(replies.filter(({ status }) => status === 409).length, 24 - count)
  const rows = await rowsOf('microsoft', 'monthly')
  assert.equal(rows.length, count)
  assert.ok(count > 0)
  for (const [number, row] of rows.entries()) assert.equal(row.until, rows[number + 1]?.from ?? null)
})

test('a tenant sees what holds for it, its own prices first, and nobody else’s', async () => {
  const [one, two] = [await api.tenant(), await api.tenant()]
  await made(mailbox)
  await made({ ...mailbox, unit_amount: 200, workspace_id: one.workspaceId })
  await made({ ...mailbox, unit_amount: 999, valid_from: inDays(1) })
  const amountsOf = async (key: string) =>
    listAt((await get('/v1/prices?item=mailbox', key)).json, 'data')
      .filter((row) => at(row, 'service') === 'local')
      .map((row) => [at(row, 'unit_amount'), at(row, 'workspace_id')])
  assert.deepEqual(await amountsOf(one.key), [[200, one.workspaceId]])
  assert.deepEqual(await amountsOf(two.key), [[300, null]])
  const special = await get(`/v1/prices?workspace_id=${one.workspaceId}`)
  assert.equal(listAt(special.json, 'data').length, 1)
  const later = await get(`/v1/prices?item=mailbox&at=${inDays(2)}`)
  const local = listAt(later.json, 'data').filter((row) => at(row, 'service') === 'local')
  assert.deepEqual(local.map((row) => at(row, 'unit_amount')).sort(), [200, 999])
  // What is sold at is what is shown.
  for (const [tenant, amount] of [
    [one, 200],
    [two, 300],
  ] as const) {
    const payer = await transaction(api.platform.db, (tx) => lockPayer(api.platform, tx, tenant, ['mailbox']))
    assert.equal(unitPrice(payer, { item: 'mailbox', service: 'local', period: 'monthly' }, 1), amount)
  }
})

test('lists come in pages', async () => {
  const seen: string[] = []
  for (let cursor: unknown = ''; cursor !== null; ) {
    const page: Reply = await get(`/v1/prices?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`)
    seen.push(...listAt(page.json, 'data').map((row) => textAt(row, 'id')))
    cursor = at(page.json, 'next_cursor')
  }
  const all = await api.platform.db.selectFrom('prices').select('id').orderBy('id').execute()
  assert.deepEqual(
    seen,
    all.map(({ id }) => id),
  )
})
