/** How a domain is bought at the sandbox registrar, by the API, with the program's own jobs and a clock that is moved. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { at, refusal, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'
import { startTestRegistrations, usd } from '../testing/test-registrations.ts'

const api = await startTestRegistrations()
after(() => api[Symbol.asyncDispose]())
const { platform, post, get, quote, register, report, pass, purchases, setPrice } = api
const handlers = handlersWith({})

test('a search shows what can be had, and for how much', async () => {
  const names = [
    'new.test',
    'taken-a.test',
    'premium-a.test',
    'demo.test',
    'a.b.test',
    'no name',
    'free.example',
  ]
  const { status, json } = await post('/v1/domains/search', { names })
  assert.equal(status, 200)
  const rows = names.map((_, index) => [
    at(json, 'data', index, 'availability'),
    at(json, 'data', index, 'price', 'amount') ?? null,
    at(json, 'data', index, 'premium'),
    at(json, 'data', index, 'quote_id') === null,
  ])
  assert.deepEqual(rows, [
    ['available', 1000, false, false],
    ['taken', null, false, true],
    ['available', 250_000, true, false],
    ['available', 1000, false, false],
    ['unsupported', null, false, true],
    ['unsupported', null, false, true],
    ['unknown', null, false, true],
  ])
  const many = await post('/v1/domains/search', { query: 'new', tlds: ['test', '.example'], years: 3 })
  assert.equal(at(many.json, 'data', 0, 'price', 'amount'), 3000)
  assert.equal(at(many.json, 'data', 1, 'name'), 'new.example')
})

const badSearches: object[] = [
  {},
  { query: 'new' },
  { names: ['a.test'], query: 'new', tlds: ['test'] },
  { names: Array.from({ length: 51 }, (_, index) => `n${index}.test`) },
  { names: ['a.test'], years: 11 },
]
for (const body of badSearches) {
  test(`a search for ${JSON.stringify(body).slice(0, 60)} is refused`, async () => {
    assert.equal(refusal(await post('/v1/domains/search', body)), '400 invalid_request')
  })
}

test('registered at the price that was shown, active, delegated, and served', async () => {
  const { json } = await register('first.test')
  assert.equal(textAt(json, 'domain', 'state'), 'registering')
  assert.deepEqual([textAt(json, 'order', 'state'), textAt(json, 'order', 'payment')], ['intent', 'unbilled'])
  const found = await report('first.test')
  assert.deepEqual([found.state, found.order], ['active', 'done'])
  assert.equal(at(found.json, 'orders', 0, 'price', 'amount'), 1000)
  assert.equal(at(found.json, 'renew_price', 'amount'), 1200)
  assert.equal(at(found.json, 'transfer_locked'), true)
  const nameservers = at(found.json, 'nameservers')
  assert.ok(Array.isArray(nameservers) && nameservers.length === 2)
  const { rows } = await sql<{ nameservers: string[] }>`
    select nameservers from sandbox_registrations where name = 'first.test'`.execute(platform.db)
  assert.deepEqual(rows[0]?.nameservers, nameservers)
  const mailbox = await post('/v1/mailboxes', { address: 'ann@first.test' })
  assert.equal(textAt(mailbox.json, 'state'), 'active')
})

test('mailboxes that were made while it was registered are served with it', async () => {
  const name = 'pending-a.test'
  await register(name)
  assert.deepEqual([(await report(name)).state, (await report(name)).order], ['registering', 'pending'])
  const mailbox = await post('/v1/mailboxes', { address: `ann@${name}` })
  assert.equal(textAt(mailbox.json, 'state'), 'waiting_domain')
  await pass('PT1M')
  assert.equal((await report(name)).order, 'pending')
  await pass('PT5M')
  assert.deepEqual([(await report(name)).state, (await report(name)).order], ['active', 'done'])
  assert.equal(textAt((await get(`/v1/mailboxes/ann@${name}`)).json, 'state'), 'active')
})

test('a preview shows the charge and orders nothing', async () => {
  const { status, json } = await post('/v1/domains/register', { name: 'look.test', years: 2, preview: true })
  assert.equal(status, 200)
  assert.deepEqual(at(json, 'charge'), { amount: 2000, currency: 'USD' })
  assert.deepEqual(at(json, 'objects'), [
    { type: 'domain', action: 'create', id: null, name: 'look.test', state: 'registering' },
  ])
  assert.equal(refusal(await get('/v1/domains/look.test')), '404 domain_not_found')
})

const badOrders: [what: string, body: object, expected: string][] = [
  ['without a price', { name: 'bad.test' }, '400 invalid_request'],
  [
    'a quote that is none',
    { name: 'bad.test', quote_id: '00000000-0000-7000-8000-000000000000' },
    '404 quote_not_found',
  ],
  ['not a name', { name: 'a.b.test', expected_price: usd(1000) }, '422 domain_invalid'],
  ['not sold here', { name: 'bad.example', expected_price: usd(1000) }, '422 name_not_sold'],
  ['connected', { name: 'demo.test', expected_price: usd(1000) }, '409 domain_taken'],
  [
    'an unknown contact',
    { name: 'bad.test', expected_price: usd(1000), contact_id: '00000000-0000-7000-8000-000000000000' },
    '404 contact_not_found',
  ],
]
for (const [what, body, expected] of badOrders) {
  test(`an order: ${what}`, async () => {
    assert.equal(refusal(await post('/v1/domains/register', body)), expected)
  })
}

test('a quote is for one name, for its years, for half an hour, and for its workspace', async () => {
  const id = await quote('mine.test')
  const other = await api.tenant()
  const order = (body: object, key = api.apiKey) =>
    post('/v1/domains/register', { quote_id: id, ...body }, { key })
  assert.equal(refusal(await order({ name: 'other.test' })), '404 quote_not_found')
  assert.equal(refusal(await order({ name: 'mine.test', years: 2 })), '404 quote_not_found')
  assert.equal(refusal(await order({ name: 'mine.test' }, other.key)), '404 quote_not_found')
  platform.clock.advance?.('PT31M')
  assert.equal(refusal(await order({ name: 'mine.test' })), '409 quote_expired')
})

test('nothing is bought at another price than was shown', async () => {
  const quoteId = await quote('dear.test')
  await setPrice('register', 1100)
  await post('/v1/domains/register', { name: 'dear.test', quote_id: quoteId })
  await post('/v1/domains/register', { name: 'dearer.test', expected_price: usd(1000) })
  await runJobs(platform)
  for (const name of ['dear.test', 'dearer.test']) {
    const { state, order, failure, json } = await report(name)
    assert.deepEqual([state, order, failure], ['failed', 'failed', 'price_changed'])
    assert.deepEqual(at(json, 'orders', 0, 'new_price'), usd(1100))
    assert.equal(await purchases(name), 0)
  }
  // At the new price the same name can be ordered again.
  assert.equal(
    (await post('/v1/domains/register', { name: 'dear.test', expected_price: usd(1100) })).status,
    201,
  )
  await setPrice('register', 1000)
  await runJobs(platform)
  assert.equal((await report('dear.test')).failure, 'price_changed')
  assert.equal(
    (await post('/v1/domains/register', { name: 'dear.test', expected_price: usd(1000) })).status,
    201,
  )
  await runJobs(platform)
  assert.equal((await report('dear.test')).state, 'active')
})

test('an order whose answer is lost is read back, and bought once', async () => {
  await register('timeout-a.test')
  assert.deepEqual(
    [(await report('timeout-a.test')).state, (await report('timeout-a.test')).order],
    ['registering', 'sent'],
  )
  await pass('PT2M')
  assert.deepEqual(
    [(await report('timeout-a.test')).state, (await report('timeout-a.test')).order],
    ['active', 'done'],
  )
  assert.equal(await purchases('timeout-a.test'), 1)
})

test('an order that did not arrive goes out again, but not at once', async () => {
  await register('silent-a.test')
  await pass('PT2M')
  assert.equal((await report('silent-a.test')).order, 'sent')
  assert.equal(await purchases('silent-a.test'), 0)
  await pass('PT11M')
  assert.equal((await report('silent-a.test')).state, 'active')
  assert.equal(await purchases('silent-a.test'), 1)
})

test('a node that died between the call and its end has bought it, and nobody buys it again', async () => {
  await register('timeout-crash.test')
  // As the dead node left it: sent, and leased for some minutes more.
  await sql`update domain_orders set lease_token = gen_random_uuid(), leased_until = now() + interval '5 minutes'
    where name = 'timeout-crash.test'`.execute(platform.db)
  await pass('PT20M')
  assert.equal((await report('timeout-crash.test')).order, 'sent', 'somebody may still have it')
  await sql`update domain_orders set leased_until = now() - interval '1 second' where name = 'timeout-crash.test'`.execute(
    platform.db,
  )
  await pass('PT1M')
  assert.equal((await report('timeout-crash.test')).order, 'done')
  assert.equal(await purchases('timeout-crash.test'), 1)
})

test('two jobs at once send one order', async () => {
  const reply = await post('/v1/domains/register', { name: 'race.test', quote_id: await quote('race.test') })
  const payload = { order_id: textAt(reply.json, 'order', 'id') }
  await Promise.all(Array.from({ length: 5 }, () => handlers['orders.advance'](platform, payload)))
  await runJobs(platform)
  assert.equal((await report('race.test')).state, 'active')
  const { rows } = await sql<{
    sends: number
  }>`select sends from domain_orders where name = 'race.test'`.execute(platform.db)
  assert.deepEqual([rows[0]?.sends, await purchases('race.test')], [1, 1])
})

test('asked for twice, it is ordered once', async () => {
  const body = { name: 'twice.test', quote_id: await quote('twice.test') }
  const replies = await Promise.all([post('/v1/domains/register', body), post('/v1/domains/register', body)])
  assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409])
  const headers = { 'idempotency-key': 'register-again' }
  const again = { name: 'again.test', quote_id: await quote('again.test') }
  const first = await post('/v1/domains/register', again, { headers })
  const second = await post('/v1/domains/register', again, { headers })
  assert.equal(second.headers.get('idempotency-replayed'), 'true')
  assert.deepEqual(second.json, first.json)
  await runJobs(platform)
  assert.deepEqual([await purchases('twice.test'), await purchases('again.test')], [1, 1])
})

test('a refusal ends the order, and a name that is taken meanwhile too', async () => {
  await register('refused-a.test')
  assert.equal((await report('refused-a.test')).failure, 'registrar_refused')
  await sql`insert into sandbox_registrations (name, registered_at, ready_at, expires_at)
    values ('late.test', now(), now(), now() + interval '1 year')`.execute(platform.db)
  await post('/v1/domains/register', { name: 'late.test', expected_price: usd(1000) })
  await runJobs(platform)
  const { state, failure } = await report('late.test')
  assert.deepEqual([state, failure], ['failed', 'domain_unavailable'])
  assert.equal((await api.call('DELETE', '/v1/domains/late.test')).status, 204)
})

test('a markup is in the price, and is the operator’s to set', async () => {
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const body = { currency: 'USD', percent_basis_points: 1000, fixed_amount: 55, rounding_amount: 10 }
  assert.equal(
    refusal(await api.call('PUT', '/v1/domain-markups/test', { body, key: bound })),
    '403 forbidden',
  )
  const { key } = await api.tenant()
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const path = method === 'GET' ? '/v1/domain-markups' : '/v1/domain-markups/test'
    const options = method === 'PUT' ? { body, key } : { key }
    assert.equal(refusal(await api.call(method, path, options)), '403 forbidden')
  }
  assert.equal((await api.call('PUT', '/v1/domain-markups/test', { body })).status, 200)
  const { json } = await post('/v1/domains/search', { names: ['marked.test'] })
  assert.equal(at(json, 'data', 0, 'price', 'amount'), 1160)
  // Out before the markup goes: a quote keeps its price.
  const reply = await post('/v1/domains/register', {
    name: 'marked.test',
    quote_id: textAt(json, 'data', 0, 'quote_id'),
  })
  assert.equal((await api.call('DELETE', '/v1/domain-markups/test')).status, 204)
  await runJobs(platform)
  assert.equal(at(reply.json, 'order', 'price', 'amount'), 1160)
  assert.equal((await report('marked.test')).state, 'active')
  await api.call('PUT', '/v1/domain-markups/test', { body: { currency: 'EUR' } })
  const other = await post('/v1/domains/search', { names: ['euro.test'] })
  assert.equal(at(other.json, 'data', 0, 'availability'), 'unsupported')
  const list = await get('/v1/domain-markups')
  assert.equal(at(list.json, 'data', 0, 'currency'), 'EUR')
  await api.call('DELETE', '/v1/domain-markups/test')
  assert.equal(refusal(await api.call('DELETE', '/v1/domain-markups/test')), '404 markup_not_found')
})

test('an order in review is ended by a person, and by nobody else', async () => {
  await register('silent-review.test')
  const { json } = await get('/v1/domain-orders?domain=silent-review.test')
  const id = textAt(json, 'data', 0, 'id')
  assert.equal(refusal(await post(`/v1/domain-orders/${id}/abandon`)), '409 order_state_conflict')
  await sql`update domain_orders set state = 'review' where id = ${id}::uuid`.execute(platform.db)
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  assert.equal(refusal(await post(`/v1/domain-orders/${id}/abandon`, {}, { key: bound })), '403 forbidden')
  const ended = await post(`/v1/domain-orders/${id}/abandon`)
  assert.deepEqual([textAt(ended.json, 'state'), textAt(ended.json, 'failure_code')], ['failed', 'abandoned'])
  assert.equal(textAt((await get('/v1/domains/silent-review.test')).json, 'state'), 'failed')
})

test('contacts: kept, shown, deleted, and in no event', async () => {
  const body = {
    first_name: 'Ann',
    last_name: 'Confidential',
    email: 'ann@example.org',
    phone: '+49.301234567',
    address1: 'Street 1',
    city: 'Berlin',
    zip: '10115',
    country: 'DE',
  }
  const made = await post('/v1/contacts', body)
  assert.equal(made.status, 201)
  const id = textAt(made.json, 'id')
  assert.equal(textAt((await get(`/v1/contacts/${id}`)).json, 'last_name'), 'Confidential')
  for (const bad of [{ phone: '030 1234' }, { country: 'Germany' }, { email: 'ann' }, { city: 'a\nb' }]) {
    assert.equal(refusal(await post('/v1/contacts', { ...body, ...bad })), '400 invalid_request')
  }
  await post('/v1/domains/register', { name: 'person.test', expected_price: usd(1000), contact_id: id })
  assert.equal(refusal(await api.call('DELETE', `/v1/contacts/${id}`)), '409 contact_in_use')
  await runJobs(platform)
  assert.equal((await api.call('DELETE', `/v1/contacts/${id}`)).status, 204)
  const { rows } = await sql`select 1 from events where data::text like '%Confidential%'`.execute(platform.db)
  assert.equal(rows.length, 0)
})
