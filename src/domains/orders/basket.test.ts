/** Names that are bought together: all or none, out of the wallet or by a payment. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { type StripeStandIn, startStripeStandIn } from '../../testing/stripe-stand-in.ts'
import { startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney } from '../../testing/test-billing.ts'
import { type BoughtBasket, buyBasket, type PayBy, priceBasket } from './basket.ts'

let stripe: StripeStandIn
let api: TestApi
before(async () => {
  stripe = await startStripeStandIn(() => Math.floor(Date.now() / 1000))
  api = await startTestApi({ environment: stripe.environment })
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await stripe[Symbol.asyncDispose]()
})

const contact = {
  first_name: 'Ada',
  last_name: 'Quill',
  organization: null,
  email: 'ada@northwind.example',
  phone: '+1.5550100',
  address1: '1 Dock Rd',
  address2: null,
  city: 'Springfield',
  state: 'IL',
  zip: '62701',
  country: 'US',
}
const byWallet: PayBy = { by: 'wallet' }

async function buy(wanted: Record<string, number>, pay: PayBy): Promise<BoughtBasket> {
  const { platform, scope } = api
  const asked = Object.entries(wanted).map(([name, years]) => ({ name, years }))
  const names = await priceBasket(platform, scope, asked)
  return await transaction(platform.db, (tx: Tx) => buyBasket(platform, tx, scope, { names, contact }, pay))
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (cause: unknown) => cause,
  )
  return error instanceof Refusal ? error.code : String(error)
}

const stateOf = async (name: string): Promise<string> =>
  textAt((await api.call('GET', `/v1/domains/${name}`)).json, 'state')

test('prices are for the term, and a name that cannot be had refuses all', async () => {
  const { platform, scope } = api
  const priced = await priceBasket(platform, scope, [
    { name: 'ONE.test', years: 1 },
    { name: 'two.test', years: 3 },
  ])
  assert.deepEqual(
    priced.map(({ name, price }) => [name, price.price.amount]),
    [
      ['one.test', 1000],
      ['two.test', 3000],
    ],
  )
  const refused = {
    domain_taken: ['taken-a.test'],
    domain_invalid: ['no name'],
    name_not_sold: ['one.example'],
    invalid_request: ['one.test', 'One.test'],
  }
  for (const [code, names] of Object.entries(refused)) {
    const wanted = names.map((name) => ({ name, years: 1 }))
    assert.equal(await codeOf(priceBasket(platform, scope, wanted)), code)
  }
})

test('a wallet that is short buys nothing; what it can pay is paid at once', async () => {
  const { platform, scope } = api
  await giveMoney(platform, scope, 1500)
  assert.equal(await codeOf(buy({ 'a.test': 1, 'b.test': 1 }, byWallet)), 'insufficient_funds')
  assert.equal((await api.call('GET', '/v1/domains/a.test')).status, 404)
  const { placed, total, topUp } = await buy({ 'a.test': 1 }, byWallet)
  assert.deepEqual(
    [placed.map(({ order }) => order.payment), total, topUp],
    [['held'], { amount: 1000, currency: 'USD' }, null],
  )
  assert.deepEqual(await balanceOf(platform, scope.workspaceId), { balance: 500, held: 1000 })
})

test('a payment is asked for all of it, or for what the wallet lacks; nothing is put aside before', async () => {
  const { platform, scope } = api
  const all = await buy({ 'c.test': 1 }, { by: 'payment', lessWallet: false, returnUrl: null })
  assert.equal(all.topUp?.amount, 1000)
  const rest = await buy({ 'd.test': 1, 'c.test': 1 }, { by: 'payment', lessWallet: true, returnUrl: null })
  assert.deepEqual([rest.topUp?.amount, rest.total.amount], [1500, 2000])
  assert.deepEqual(
    rest.placed.map(({ domain, order }) => [domain.name, order.payment]),
    [
      ['d.test', 'due'],
      ['c.test', 'due'],
    ],
    'the one that waits is not ordered twice',
  )
  assert.deepEqual(await balanceOf(platform, scope.workspaceId), { balance: 500, held: 1000 })
  assert.deepEqual([await stateOf('c.test'), await stateOf('d.test')], Array(2).fill('pending_payment'))
  const longer = buy({ 'c.test': 2 }, { by: 'payment', lessWallet: false, returnUrl: null })
  assert.equal(await codeOf(longer), 'order_open')
})

test('what waits is paid out of the wallet with the others, or not at all', async () => {
  const { platform, scope } = api
  assert.equal(await codeOf(buy({ 'c.test': 1, 'e.test': 1 }, byWallet)), 'insufficient_funds')
  assert.equal(await stateOf('c.test'), 'pending_payment')
  await giveMoney(platform, scope, 1500)
  const { placed } = await buy({ 'c.test': 1, 'e.test': 1 }, byWallet)
  assert.deepEqual(
    placed.map(({ domain }) => domain.state),
    ['registering', 'registering'],
  )
  assert.equal(await stateOf('c.test'), 'registering')
  const contacts = await platform.db.selectFrom('registrant_contacts').select('id').execute()
  assert.equal(contacts.length, 1, 'the same contact is kept once')
  await assertBooks(platform)
})

test('a wallet that is locked buys nothing by whichever way', async () => {
  const { platform, scope } = api
  await platform.db
    .updateTable('wallets')
    .set({ locked_at: platform.clock.now(), lock_reason: 'dispute' })
    .where('workspace_id', '=', scope.workspaceId)
    .execute()
  for (const pay of [byWallet, { by: 'payment', lessWallet: true, returnUrl: null }] as const) {
    assert.equal(await codeOf(buy({ 'f.test': 1 }, pay)), 'wallet_locked')
  }
})
