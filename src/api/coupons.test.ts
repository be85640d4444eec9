import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { payBill } from '../billing/bills.ts'
import { lockPayer, type Owner } from '../billing/payers.ts'
import type { Item } from '../billing/tables.ts'
import { transaction } from '../platform/database.ts'
import {
  at,
  listAt,
  type Reply,
  refusal,
  startTestApi,
  type Tenant,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney } from '../testing/test-billing.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(async () => {
  await assertBooks(api.platform)
  await api[Symbol.asyncDispose]()
})

const post = (body: object): Promise<Reply> => api.call('POST', '/v1/coupons', { body })
const redeem = ({ key }: Tenant, code: string, more: object = {}): Promise<Reply> =>
  api.call('POST', '/v1/wallet/coupons', { key, body: { code, ...more } })
const inDays = (days: number): string =>
  new Date(api.platform.clock.now().getTime() + days * 86_400_000).toISOString()

async function made(body: object): Promise<string> {
  const reply = await post(body)
  assert.equal(reply.status, 201, reply.text)
  return textAt(reply.json, 'id')
}

/** What a thousand's worth of an item costs. */
async function billed(owner: Owner, item: Item): Promise<number> {
  const bill = await transaction(api.platform.db, async (tx) => {
    const payer = await lockPayer(api.platform, tx, owner, [])
    const line = {
      kind: 'once',
      item,
      subjectId: null,
      description: 'x',
      quantity: 1,
      unitAmount: 1000,
    } as const
    return await payBill(api.platform, tx, {
      payer,
      cause: 'invoice',
      causeId: null,
      description: 'x',
      lines: [line],
    })
  })
  return bill.total
}

test('an amount is in the wallet at once, and once', async () => {
  const tenant = await api.tenant()
  await made({ code: 'Welcome-500', amount: 500, currency: 'USD' })
  const shown = await redeem(tenant, 'welcome-500', { preview: true })
  assert.equal(shown.status, 200, shown.text)
  assert.deepEqual(at(shown.json, 'notes'), ['The balance would be 5.00 USD.'])
  assert.equal((await balanceOf(api.platform, tenant.workspaceId)).balance, 0)
  const reply = await redeem(tenant, 'welcome-500')
  assert.equal(reply.status, 201, reply.text)
  assert.equal(refusal(await redeem(tenant, 'WELCOME-500')), '409 coupon_redeemed')
  assert.equal((await balanceOf(api.platform, tenant.workspaceId)).balance, 500)
  const { json } = await api.call('GET', '/v1/wallet/entries', { key: tenant.key })
  const [entry] = listAt(json, 'data')
  assert.deepEqual(
    [at(entry, 'kind'), at(entry, 'amount'), at(entry, 'cause', 'type')],
    ['promotion', 500, 'coupon'],
  )
  const list = await api.call('GET', '/v1/wallet/coupons', { key: tenant.key })
  assert.deepEqual(
    listAt(list.json, 'data').map((one) => at(one, 'code')),
    ['WELCOME-500'],
  )
})

test('a share is off what it is for, the best one counts, until its months are over', async () => {
  const tenant = await api.tenant()
  await giveMoney(api.platform, tenant, 100_000)
  await made({ code: 'QUARTER', percent_basis_points: 2500, months: 2, items: ['mailbox', 'plan'] })
  await made({ code: 'TENTH', percent_basis_points: 1000 })
  const shown = await redeem(tenant, 'QUARTER', { preview: true })
  assert.match(textAt(shown.json, 'notes', 0), /^25 % off mailbox, plan, until /)
  assert.equal(await billed(tenant, 'mailbox'), 1000)
  const reply = await redeem(tenant, 'QUARTER')
  const [from, until] = [textAt(reply.json, 'redeemed_at'), textAt(reply.json, 'ends_at')]
  const months = (text: string): number => new Date(text).getUTCFullYear() * 12 + new Date(text).getUTCMonth()
  assert.equal(months(until) - months(from), 2)
  await redeem(tenant, 'TENTH')
  assert.deepEqual([await billed(tenant, 'mailbox'), await billed(tenant, 'domain_renew')], [750, 900])
  await api.call('POST', '/v1/test/clock', { body: { advance: 'P3M' } })
  assert.equal(await billed(tenant, 'mailbox'), 900)
})

test('many redeem it at once: never more than may, and each once', async () => {
  const tenants = await Promise.all(Array.from({ length: 8 }, () => api.tenant()))
  const id = await made({ code: 'FOR-FIVE', amount: 100, currency: 'USD', redemptions_max: 5 })
  const replies = await Promise.all([...tenants, ...tenants].map((tenant) => redeem(tenant, 'FOR-FIVE')))
  const counts = Map.groupBy(replies, (reply) =>
    reply.status === 201 ? 'redeemed' : textAt(reply.json, 'code'),
  )
  assert.equal(counts.get('redeemed')?.length, 5)
  assert.deepEqual([...counts.keys()].sort(), ['coupon_redeemed', 'coupon_used_up', 'redeemed'])
  const balances = await Promise.all(tenants.map(({ workspaceId }) => balanceOf(api.platform, workspaceId)))
  assert.equal(
    balances.reduce((sum, { balance }) => sum + balance, 0),
    500,
  )
  const { json } = await api.call('GET', `/v1/coupons/${id}`)
  assert.equal(at(json, 'redemptions'), 5)
  const lower = await api.call('PATCH', `/v1/coupons/${id}`, { body: { redemptions_max: 4 } })
  assert.equal(refusal(lower), '400 invalid_request')
  await api.call('PATCH', `/v1/coupons/${id}`, { body: { redemptions_max: 6 } })
  const late = await Promise.all(tenants.map((tenant) => redeem(tenant, 'FOR-FIVE')))
  assert.equal(late.filter(({ status }) => status === 201).length, 1)
})

test('what cannot be redeemed says why', async () => {
  const tenant = await api.tenant()
  await made({ code: 'TO-COME', amount: 1, currency: 'USD', valid_from: inDays(1) })
  await made({ code: 'IN-EUROS', amount: 1, currency: 'EUR' })
  const id = await made({ code: 'ENDED', amount: 1, currency: 'USD', valid_until: inDays(1) })
  const other = await api.tenant()
  assert.equal((await redeem(other, 'ENDED')).status, 201)
  assert.equal((await api.call('DELETE', `/v1/coupons/${id}`)).status, 204)
  assert.equal(refusal(await redeem(tenant, 'NOT-THERE')), '404 coupon_not_found')
  assert.equal(refusal(await redeem(tenant, 'TO-COME')), '404 coupon_not_found')
  assert.equal(refusal(await redeem(tenant, 'IN-EUROS')), '409 coupon_currency_differs')
  assert.equal(refusal(await redeem(tenant, 'ENDED')), '409 coupon_ended')
  const reader = await api.key({ access: 'read' }, tenant.organizationId)
  const read = await api.call('POST', '/v1/wallet/coupons', { key: reader, body: { code: 'ENDED' } })
  assert.equal(read.status, 403)
})

test('codes are not guessed', async () => {
  const tenant = await api.tenant()
  const code = textAt((await post({ amount: 1, currency: 'USD' })).json, 'code')
  assert.match(code, /^[A-Z2-9]{16}$/)
  // A guess more is given every few seconds: the right one comes behind far more than that, in the same moment.
  const guesses = Array.from({ length: 60 }, (_, number) => `GUESS-${number}`)
  const replies = await Promise.all([...guesses, code].map((guess) => redeem(tenant, guess)))
  const limited = replies.filter(({ status }) => status === 429)
  assert.ok(limited.length >= 20, `${limited.length} of 61`)
  assert.ok(Number(limited[0]?.headers.get('retry-after')) > 0)
  const last = replies.at(-1)
  assert.ok(last)
  assert.equal(refusal(last), '429 rate_limited')
  assert.equal((await redeem(await api.tenant(), code)).status, 201)
})

for (const [what, body] of [
  ['nothing', {}],
  ['a share and an amount', { percent_basis_points: 1, amount: 1, currency: 'USD' }],
  ['an amount without a currency', { amount: 1 }],
  ['a share with a currency', { percent_basis_points: 1, currency: 'USD' }],
  ['months of an amount', { amount: 1, currency: 'USD', months: 1 }],
  ['items of an amount', { amount: 1, currency: 'USD', items: ['plan'] }],
  ['more than everything', { percent_basis_points: 10_001 }],
  ['a short code', { code: 'abc', percent_basis_points: 1 }],
  ['an unknown item', { percent_basis_points: 1, items: ['fax'] }],
  ['an end before its beginning', { percent_basis_points: 1, valid_until: '2001-01-01T00:00:00Z' }],
] as const) {
  test(`a coupon of ${what} is refused`, async () =>
    assert.equal(refusal(await post(body)), '400 invalid_request'))
}

test('coupons are the operator’s', async () => {
  const { key } = await api.tenant()
  const id = await made({ code: 'MINE', percent_basis_points: 1 })
  assert.equal(refusal(await post({ code: 'mine', percent_basis_points: 1 })), '409 coupon_code_taken')
  for (const [method, path, body] of [
    ['GET', '/v1/coupons', undefined],
    ['POST', '/v1/coupons', { percent_basis_points: 1 }],
    ['GET', `/v1/coupons/${id}`, undefined],
    ['PATCH', `/v1/coupons/${id}`, {}],
    ['DELETE', `/v1/coupons/${id}`, undefined],
  ] as const) {
    assert.equal((await api.call(method, path, { key, body })).status, 403)
  }
  assert.equal((await api.call('DELETE', `/v1/coupons/${id}`)).status, 204)
  assert.equal(refusal(await api.call('GET', `/v1/coupons/${id}`)), '404 coupon_not_found')
})
