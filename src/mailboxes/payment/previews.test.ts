/** What a call would cost, before it is made, is what it costs then: over random calls, taxes, coupons and steps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../../platform/ids.ts'
import { at, listAt, startTestApi, type TestApi } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'

const oneMailbox = fc.record({
  domain: fc.constantFrom('demo.test', 'later.example'),
  period: fc.constantFrom('monthly', 'yearly'),
})

const oneCall = fc.oneof(
  fc.record({
    kind: fc.constant('one' as const),
    mailboxes: fc.array(oneMailbox, { minLength: 1, maxLength: 1 }),
  }),
  fc.record({
    kind: fc.constantFrom('many' as const, 'requests' as const, 'csv' as const),
    mailboxes: fc.array(oneMailbox, { minLength: 1, maxLength: 6 }),
  }),
)

async function openShop(): Promise<TestApi> {
  const api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  const { platform, scope } = api
  const { workspaceId } = scope
  const steps = [
    { from: 4, unit_amount: 333 },
    { from: 9, unit_amount: 217 },
  ]
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 499, steps })
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'yearly', unit_amount: 4999 })
  const now = platform.clock.now()
  await platform.db
    .insertInto('billing_details')
    .values({ workspace_id: workspaceId, tax_rate_basis_points: 1925, updated_at: now })
    .execute()
  const coupon = { id: newId(), code: 'TENTH', kind: 'percent' as const, percent_basis_points: 1050 }
  await platform.db
    .insertInto('coupons')
    .values({
      ...coupon,
      amount: null,
      currency: null,
      items: ['mailbox'],
      months: null,
      redemptions_max: null,
      valid_from: now,
      valid_until: null,
      created_at: now,
    })
    .execute()
  await platform.db
    .insertInto('coupon_redemptions')
    .values({ workspace_id: workspaceId, coupon_id: coupon.id, redeemed_at: now, ends_at: null })
    .execute()
  await giveMoney(platform, scope, 100_000_000)
  assert.equal((await api.call('POST', '/v1/domains', { body: { name: 'later.example' } })).status, 201)
  return api
}

test('the charge of a preview is the invoice, or the hold, of the call', async () => {
  await using api = await openShop()
  const { platform, scope } = api
  let named = 0
  const send = (
    kind: 'one' | 'many' | 'requests' | 'csv',
    items: { address: string; period: string }[],
    preview: boolean,
  ) => {
    if (kind === 'csv') {
      const lines = items.map(({ address }) => address).join('\n')
      const query = preview ? '?preview=true' : ''
      const headers = { 'content-type': 'text/csv' }
      return api.call('POST', `/v1/mailboxes/import${query}`, { body: `address\n${lines}\n`, headers })
    }
    const body = kind === 'one' ? { ...items[0], preview } : { mailboxes: items, preview }
    return api.call('POST', kind === 'requests' ? '/v1/mailbox-requests' : '/v1/mailboxes', { body })
  }
  await fc.assert(
    fc.asyncProperty(oneCall, async ({ kind, mailboxes }) => {
      const items = mailboxes.map(({ domain, period }) => ({ address: `m${++named}@${domain}`, period }))
      const before = await balanceOf(platform, scope.workspaceId)
      const tried = await send(kind, items, true)
      assert.equal(tried.status, 200, tried.text)
      assert.deepEqual(await balanceOf(platform, scope.workspaceId), before)
      const made = await send(kind, items, false)
      assert.ok(made.status < 300, made.text)
      if (kind !== 'one') assert.equal(listAt(made.json, 'data').length, items.length)
      const after = await balanceOf(platform, scope.workspaceId)
      assert.ok(before.balance > after.balance)
      assert.equal(at(tried.json, 'charge', 'amount'), before.balance - after.balance)
    }),
    { numRuns: 25 },
  )
  await assertBooks(platform)
})
