import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const team = { code: 'team', name: 'Team', slots: 10, services: ['local', 'google'] }
const codesOf = async (query = '', key?: string): Promise<unknown[]> => {
  const { json } = await api.call('GET', `/v1/plans${query}`, key === undefined ? {} : { key })
  return listAt(json, 'data').map((plan) => at(plan, 'code'))
}

test('a plan is made, shown with its prices, edited, archived and brought back', async () => {
  const tenant = await api.tenant()
  const made = await api.call('POST', '/v1/plans', { body: team })
  assert.equal(made.status, 201, made.text)
  assert.equal(refusal(await api.call('POST', '/v1/plans', { body: team })), '409 plan_code_taken')
  const pricesFor = async (key: string) => {
    const shown = await api.call('GET', '/v1/plans/team', { key })
    assert.equal(shown.status, 200, shown.text)
    return at(shown.json, 'prices')
  }
  assert.deepEqual(await pricesFor(tenant.key), [])
  for (const price of [
    { item: 'plan', period: 'monthly', unit_amount: 2000 },
    { item: 'plan_slot', period: 'monthly', unit_amount: 250 },
    { item: 'plan', period: 'yearly', unit_amount: 20_000 },
    { item: 'plan', period: 'yearly', unit_amount: 15_000, workspace_id: tenant.workspaceId },
    { item: 'plan', period: 'yearly', unit_amount: 1, currency: 'EUR' },
  ]) {
    const reply = await api.call('POST', '/v1/prices', { body: { ...price, plan: 'team' } })
    assert.equal(reply.status, 201, reply.text)
  }
  const usd = (amount: number) => ({ amount, currency: 'USD' })
  const monthly = { period: 'monthly', price: usd(2000), slot_price: usd(250) }
  assert.deepEqual(await pricesFor(api.apiKey), [
    monthly,
    { period: 'yearly', price: usd(20_000), slot_price: null },
  ])
  assert.deepEqual(await pricesFor(tenant.key), [
    monthly,
    { period: 'yearly', price: usd(15_000), slot_price: null },
  ])

  const id = textAt(made.json, 'id')
  const edited = await api.call('PATCH', `/v1/plans/${id}`, { body: { slots: 12, services: ['local'] } })
  assert.deepEqual([at(edited.json, 'slots'), at(edited.json, 'services')], [12, ['local']])
  assert.equal((await api.call('DELETE', '/v1/plans/team')).status, 204)
  assert.deepEqual([await codesOf('', tenant.key), await codesOf('?archived=true')], [[], ['team']])
  assert.equal((await api.call('GET', '/v1/plans/team', { key: tenant.key })).status, 200)
  await api.call('PATCH', '/v1/plans/team', { body: { archived: false } })
  assert.deepEqual(await codesOf('', tenant.key), ['team'])
})

test('plans are the operator’s to make', async () => {
  const tenant = await api.tenant()
  const { mailboxId } = await api.createMailbox()
  const bound = await api.key({ workspaceId: api.scope.workspaceId, mailboxId })
  for (const [method, path, body] of [
    ['POST', '/v1/plans', { ...team, code: 'other' }],
    ['PATCH', '/v1/plans/team', { name: 'x' }],
    ['DELETE', '/v1/plans/team', undefined],
  ] as const) {
    assert.equal((await api.call(method, path, { key: tenant.key, body })).status, 403)
  }
  assert.equal((await api.call('GET', '/v1/plans', { key: bound })).status, 403)
  assert.equal(refusal(await api.call('GET', '/v1/plans/none')), '404 plan_not_found')
})

for (const [what, wrong] of [
  ['a code like an id', { code: '00000000-0000-7000-8000-000000000000' }],
  ['capital letters', { code: 'Team' }],
  ['no services', { services: [] }],
  ['an unknown service', { services: ['fax'] }],
  ['a service twice', { services: ['local', 'local'] }],
  ['negative slots', { slots: -1 }],
] as const) {
  test(`a plan with ${what} is refused`, async () => {
    const reply = await api.call('POST', '/v1/plans', { body: { ...team, code: 'wrong', ...wrong } })
    assert.equal(refusal(reply), '400 invalid_request')
  })
}
