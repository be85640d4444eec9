/** Top-ups over the API, with the real SDK of Stripe talking to a local one: pages, webhooks, what is lost, and refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startStripeStandIn } from '../testing/stripe-stand-in.ts'
import { at, listAt, refusal, startTestApi, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'
import { startTestPayments, type TestPayments } from '../testing/test-payments.ts'

let payments: TestPayments
before(async () => {
  payments = await startTestPayments()
})
after(() => payments[Symbol.asyncDispose]())

const get = async (path: string): Promise<unknown> => (await payments.api.call('GET', path)).json

/** What was told of a top-up that is paid. */
async function toppedUp(id: string): Promise<unknown[]> {
  const rows = await payments.api.platform.db
    .selectFrom('events')
    .select('data')
    .where('type', '=', 'billing.topped_up')
    .execute()
  return rows.map(({ data }) => data).filter((data) => textAt(data, 'top_up_id') === id)
}

test('a customer pays on the page, and the wallet has it once, with the card', async () => {
  const { stripe, api } = payments
  const before = await payments.balance()
  const { id, sessionId } = await payments.checkout(5000)
  assert.equal(await payments.state(id), 'pending')
  const session = stripe.state.sessions.get(sessionId)
  assert.equal(session?.amount_total, 5000)
  assert.equal(session?.client_reference_id, id)
  assert.match(
    session?.success_url ?? '',
    new RegExp(`^https://shop.example/wallet\\?top_up=${id}&result=paid$`),
  )
  stripe.pay(sessionId)
  assert.equal(await payments.balance(), before, 'nobody has been told yet')
  await payments.settle()
  assert.equal(await payments.state(id), 'paid')
  assert.equal(await payments.balance(), before + 5000)
  const cards = listAt(await get('/v1/wallet/payment-methods'), 'data')
  assert.equal(cards.length, 1)
  assert.equal(at(cards, 0, 'is_default'), true)
  const view = await get(`/v1/wallet/top-ups/${id}`)
  assert.deepEqual([at(view, 'state'), at(view, 'received_amount'), at(view, 'url')], ['paid', 5000, null])
  const list = await get('/v1/wallet/top-ups?state=paid&limit=1')
  assert.equal(textAt(list, 'data', 0, 'id'), id)
  assert.deepEqual(
    (await toppedUp(id)).map((data) => at(data, 'amount')),
    [5000],
  )
  assert.equal(
    (await api.call('GET', `/v1/wallet/top-ups/${id}`, { key: (await api.tenant()).key })).status,
    404,
  )
})

test('the same event fifty times at once credits once, and so do return, webhook and reconciler together', async () => {
  const { stripe, api } = payments
  const before = await payments.balance()
  const { id, sessionId } = await payments.checkout(700)
  stripe.pay(sessionId)
  await payments.advance('PT6M')
  await Promise.all([
    stripe.webhooks.deliver(payments.webhookUrl, { copies: 50 }),
    ...Array.from({ length: 10 }, () => api.call('GET', `/v1/wallet/top-ups/${id}`)),
    runJobs(api.platform),
  ])
  await runJobs(api.platform)
  assert.equal(await payments.balance(), before + 700)
  assert.equal((await toppedUp(id)).length, 1)
})

test('the way back asks Stripe, and proves nothing by itself', async () => {
  const before = await payments.balance()
  const { id, sessionId } = await payments.checkout(800)
  assert.equal(at(await get(`/v1/wallet/top-ups/${id}`), 'state'), 'pending')
  payments.stripe.pay(sessionId)
  assert.equal(at(await get(`/v1/wallet/top-ups/${id}`), 'state'), 'paid')
  assert.equal(await payments.balance(), before + 800)
  await payments.settle()
  assert.equal(await payments.balance(), before + 800)
})

test('a webhook that comes before the call has returned finds the row', async () => {
  const { stripe, api } = payments
  const before = await payments.balance()
  stripe.onCarriedOut = async ({ path }) => {
    if (path !== '/v1/checkout/sessions') return
    stripe.onCarriedOut = null
    stripe.pay([...stripe.state.sessions.keys()].at(-1) ?? '')
    await stripe.webhooks.deliver(payments.webhookUrl)
  }
  const { id } = await payments.checkout(900).catch(async () => {
    const list = await get('/v1/wallet/top-ups?limit=1')
    return { id: textAt(list, 'data', 0, 'id') }
  })
  await runJobs(api.platform)
  assert.equal(await payments.state(id), 'paid')
  assert.equal(await payments.balance(), before + 900)
})

test('an answer that is lost is asked for again with its key: one page, one payment', async () => {
  const { stripe, api } = payments
  const count = stripe.state.sessions.size
  for (let times = 0; times < 4; times++)
    stripe.faults.push({ path: /^\/v1\/checkout\/sessions$/, fault: 'lost' })
  const call = () =>
    api.call('POST', '/v1/wallet/top-ups', {
      body: { amount: 5000, method: 'checkout' },
      headers: { 'idempotency-key': 'lost-answer' },
    })
  assert.equal(refusal(await call()), '502 payment_provider_failed')
  stripe.faults.length = 0
  const again = await call()
  assert.equal(again.status, 201, again.text)
  assert.equal(stripe.state.sessions.size, count + 1)
  const keys = stripe.requests.filter(({ path }) => path === '/v1/checkout/sessions').map(({ key }) => key)
  assert.equal(new Set(keys.slice(-4)).size, 1)
  const cancelled = await api.call('POST', `/v1/wallet/top-ups/${textAt(again.json, 'id')}/cancel`)
  assert.equal(at(cancelled.json, 'state'), 'expired')
})

test('a cancelled top-up cannot be paid in an old tab; one that is paid cannot be cancelled', async () => {
  const { stripe, api } = payments
  const one = await payments.checkout()
  const reply = await api.call('POST', `/v1/wallet/top-ups/${one.id}/cancel`)
  assert.equal(at(reply.json, 'state'), 'expired')
  assert.throws(() => stripe.pay(one.sessionId))
  assert.equal(
    refusal(await api.call('POST', `/v1/wallet/top-ups/${one.id}/cancel`)),
    '409 top_up_state_conflict',
  )
  const other = await payments.checkout(600)
  stripe.pay(other.sessionId)
  assert.equal(
    refusal(await api.call('POST', `/v1/wallet/top-ups/${other.id}/cancel`)),
    '409 top_up_state_conflict',
  )
  assert.equal(await payments.state(other.id), 'paid')
  await payments.settle()
})

test('a page that nobody pays expires, also when nobody tells us', async () => {
  const { stripe, api } = payments
  const told = await payments.checkout()
  stripe.expire(told.sessionId)
  await payments.settle()
  assert.equal(await payments.state(told.id), 'expired')
  const untold = await payments.checkout()
  stripe.expire(untold.sessionId)
  for (const event of stripe.state.events) event.delivered = true
  payments.advance('PT10M')
  await handlersWith({})['payments.reconcile'](api.platform, {})
  assert.equal(await payments.state(untold.id), 'expired')
})

test('banks that take their time: processing, and then paid or failed', async () => {
  const { stripe } = payments
  const before = await payments.balance()
  const [good, bad] = [await payments.checkout(1100), await payments.checkout(1200)]
  const ids = [stripe.payLater(good.sessionId), stripe.payLater(bad.sessionId)]
  await payments.settle()
  assert.deepEqual(
    [await payments.state(good.id), await payments.state(bad.id)],
    ['processing', 'processing'],
  )
  assert.equal(await payments.balance(), before)
  stripe.settleLater(ids[0] ?? '', true)
  stripe.settleLater(ids[1] ?? '', false)
  await payments.settle()
  assert.deepEqual([await payments.state(good.id), await payments.state(bad.id)], ['paid', 'failed'])
  assert.equal(await payments.balance(), before + 1100)
})

test('events that Stripe could not tell are fetched', async () => {
  const { stripe, api } = payments
  const before = await payments.balance()
  const { id, sessionId } = await payments.checkout(1300)
  stripe.pay(sessionId)
  await handlersWith({})['payments.missed_events'](api.platform, {})
  await runJobs(api.platform)
  assert.equal(await payments.state(id), 'paid')
  assert.equal(await payments.balance(), before + 1300)
  await payments.settle()
})

test('a customer who was deleted at Stripe gets another one', async () => {
  const { stripe, api } = payments
  const { customer_id } = await api.platform.db
    .selectFrom('payment_customers')
    .select('customer_id')
    .executeTakeFirstOrThrow()
  stripe.deleteCustomer(customer_id)
  const { id, sessionId } = await payments.checkout(1400)
  stripe.pay(sessionId)
  await payments.settle()
  assert.equal(await payments.state(id), 'paid')
})

test('the portal is opened for who may write, and a card is removed', async () => {
  const { stripe, api } = payments
  const portal = await api.call('POST', '/v1/wallet/portal', { body: { return_url: 'https://x.example/' } })
  assert.match(textAt(portal.json, 'url'), /^https:\/\/billing\.stripe\.test\//)
  assert.equal(portal.headers.get('cache-control'), 'no-store')
  const reader = await api.key({ access: 'read' })
  assert.equal((await api.call('POST', '/v1/wallet/portal', { key: reader })).status, 403)
  const [card] = listAt(await get('/v1/wallet/payment-methods'), 'data')
  const path = `/v1/wallet/payment-methods/${textAt(card, 'id')}`
  assert.equal((await api.call('DELETE', path)).status, 204)
  assert.equal(refusal(await api.call('DELETE', path)), '404 payment_method_not_found')
  await payments.settle()
  assert.deepEqual(listAt(await get('/v1/wallet/payment-methods'), 'data'), [])
  assert.equal([...stripe.state.methods.values()].filter(({ customer }) => customer !== null).length, 0)
})

test('what cannot be asked for', async () => {
  const { api } = payments
  const rows: [body: object, want: string][] = [
    [{ amount: 0, method: 'checkout' }, '400 invalid_request'],
    [{ amount: 10.5, method: 'checkout' }, '400 invalid_request'],
    [{ amount: 5000, method: 'cash' }, '400 invalid_request'],
    [{ amount: 5000, method: 'checkout', currency: 'EUR' }, '422 top_up_invalid'],
    [{ amount: 1e9, method: 'checkout' }, '422 top_up_invalid'],
    [{ amount: 5000, method: 'checkout', return_url: 'javascript:alert(1)' }, '422 top_up_invalid'],
    [{ amount: 20, method: 'checkout' }, '422 payment_refused'],
    [{ amount: 5000, method: 'saved' }, '409 payment_method_missing'],
  ]
  for (const [body, want] of rows) {
    assert.equal(refusal(await api.call('POST', '/v1/wallet/top-ups', { body })), want, JSON.stringify(body))
  }
})

test('what is not proved to be from Stripe changes nothing', async () => {
  const { stripe, webhookUrl } = payments
  const { sessionId } = await payments.checkout(1500)
  stripe.pay(sessionId)
  const event = stripe.state.events.at(-1)
  assert.ok(event)
  assert.equal(await stripe.webhooks.send(webhookUrl, event, { ageSeconds: 400 }), 400, 'too old')
  const other = event.payload.replace('"livemode": false', '"livemode": true')
  assert.equal(await stripe.webhooks.send(webhookUrl, { payload: other }), 400, 'of the other mode')
  const [own = ''] = stripe.webhooks.secrets
  stripe.webhooks.secrets.splice(0, 1, 'whsec_somebody_elses')
  assert.equal(await stripe.webhooks.send(webhookUrl, event), 400, 'signed by another')
  stripe.webhooks.secrets.push(own)
  assert.equal(await stripe.webhooks.send(webhookUrl, event), 200, 'one of two secrets is enough')
  stripe.webhooks.secrets.splice(0, 2, own)
  for (const headers of [{}, { 'stripe-signature': 't=1,v1=00' }, { 'stripe-signature': '' }]) {
    const response = await fetch(webhookUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: event.payload,
    })
    assert.equal(response.status, 400)
  }
  await payments.settle()
})

test('without Stripe an operator credits by hand', async () => {
  await using api = await startTestApi()
  const body = { amount: 5000, method: 'checkout' }
  assert.equal(refusal(await api.call('POST', '/v1/wallet/top-ups', { body })), '409 payments_manual')
  assert.equal(refusal(await api.call('POST', '/v1/wallet/portal')), '409 payments_manual')
  const posted = await api.call('POST', '/v1/payments/stripe/webhook', {
    body: '{}',
    headers: { 'stripe-signature': 'x' },
  })
  assert.equal(refusal(posted), '409 payments_manual')
  assert.equal(at((await api.call('GET', '/v1/wallet/auto-top-up')).json, 'enabled'), false)
})

test('the stand-in holds to the contract: version, key, unknown parameters, idempotency', async () => {
  await using stripe = await startStripeStandIn()
  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const all = {
      authorization: `Bearer ${stripe.secretKey}`,
      'stripe-version': '2026-10-28.endive',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    }
    const response = await fetch(stripe.url + path, { method: 'POST', headers: all, body })
    return { status: response.status, headers: response.headers, json: await response.json() }
  }
  assert.equal((await post('/v1/customers', '', { authorization: 'Bearer sk_test_x' })).status, 401)
  assert.equal((await post('/v1/customers', '', { 'stripe-version': '2020-01-01' })).status, 400)
  const unknown = await post('/v1/customers', 'colour=red')
  assert.equal(textAt(unknown.json, 'error', 'code'), 'parameter_unknown')
  const old = await post('/v1/payment_intents', 'payment_method_types[0]=card')
  assert.equal(textAt(old.json, 'error', 'code'), 'payment_method_types_no_longer_supported')
  const first = await post('/v1/customers', 'metadata[a]=1', { 'idempotency-key': 'k' })
  const again = await post('/v1/customers', 'metadata[a]=1', { 'idempotency-key': 'k' })
  assert.deepEqual(again.json, first.json)
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  const other = await post('/v1/customers', 'metadata[a]=2', { 'idempotency-key': 'k' })
  assert.equal(textAt(other.json, 'error', 'type'), 'idempotency_error')
})
