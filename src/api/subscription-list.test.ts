/** The list of what a workspace pays for by periods: its plan and its mailboxes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addDuration } from '../platform/clock.ts'
import { at, listAt, refusal, startTestApi, textAt } from '../testing/test-api.ts'
import { assertBooks, giveMoney, setPrice } from '../testing/test-billing.ts'
import { makePlan } from '../testing/test-subscriptions.ts'

test('a mailbox is listed with its own period, page by page, and slots count those in use', async () => {
  await using api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  const { scope, platform } = api
  await makePlan(platform, { code: 'small', monthly: 1000, slot: 100 })
  await makePlan(platform, { code: 'bare', slots: 1, monthly: 100 })
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 300 })
  await giveMoney(platform, scope, 100_000)
  const call = (method: string, path: string, body?: object) => api.call(method, path, { body })
  const ids: string[] = []
  for (const name of ['ann', 'bob', 'cid'])
    ids.push(textAt((await call('POST', '/v1/mailboxes', { address: `${name}@demo.test` })).json, 'id'))
  const plan = await call('POST', '/v1/subscriptions', { plan: 'bare', period: 'monthly' })
  ids.push(textAt(plan.json, 'id'))
  const seen: unknown[] = []
  for (let cursor = ''; ; ) {
    const { json } = await call('GET', `/v1/subscriptions?limit=2${cursor}`)
    seen.push(...listAt(json, 'data'))
    if (at(json, 'next_cursor') === null) break
    cursor = `&cursor=${textAt(json, 'next_cursor')}`
  }
  assert.deepEqual(
    seen.map((one) => textAt(one, 'id')),
    ids,
  )
  const [first] = seen
  const { kind, state, mailbox, period, slots, period_started_at, period_ends_at, next_charge } =
    Object(first)
  assert.deepEqual(
    {
      kind,
      state,
      address: mailbox.address,
      period,
      slots,
      months: [addDuration(new Date(period_started_at), 'P1M').toISOString()],
    },
    {
      kind: 'mailbox',
      state: 'active',
      address: 'ann@demo.test',
      period: 'monthly',
      slots: null,
      months: [period_ends_at],
    },
  )
  // The one slot is for the one that renews first.
  assert.deepEqual(
    seen.slice(0, 3).map((one) => at(one, 'next_charge', 'amount')),
    [0, 300, 300],
  )
  assert.equal(next_charge.at, period_ends_at)
  assert.deepEqual((await call('GET', `/v1/subscriptions/${ids[1]}`)).json, seen[1])
  await platform.db
    .updateTable('mailboxes')
    .set({ in_slot: true })
    .where('id', '=', ids[0] ?? '')
    .execute()
  assert.deepEqual(at((await call('GET', `/v1/subscriptions/${ids[3]}`)).json, 'slots'), {
    allocated: 1,
    used: 1,
    remaining: 0,
  })
  await platform.db.updateTable('plans').set({ slots: 0 }).where('code', '=', 'small').execute()
  assert.equal(
    refusal(await call('PATCH', `/v1/subscriptions/${ids[3]}`, { plan: 'small' })),
    '409 slots_in_use',
  )
  assert.equal(
    (await call('PATCH', `/v1/subscriptions/${ids[3]}`, { plan: 'small', extra_slots: 1 })).status,
    200,
  )
  await assertBooks(platform)
})

test('without billing there is nothing to subscribe to', async () => {
  await using free = await startTestApi()
  const body = { plan: 'small', period: 'monthly' }
  assert.equal(refusal(await free.call('POST', '/v1/subscriptions', { body })), '409 billing_off')
  await free.call('POST', '/v1/mailboxes', { body: { address: 'ann@demo.test' } })
  const { json } = await free.call('GET', '/v1/subscriptions')
  assert.deepEqual([at(json, 'data', 0, 'kind'), at(json, 'data', 0, 'next_charge')], ['mailbox', null])
})
