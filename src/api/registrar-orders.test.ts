/** Orders at Porkbun and Name.com, which stand-ins stand in for, with RDAP before them. */
import assert from 'node:assert/strict'
import { after, beforeEach, mock, test } from 'node:test'
import { sql } from 'kysely'
import { placeRenewal } from '../domains/orders/place.ts'
import { transaction } from '../platform/database.ts'
import { startNamecomStandIn } from '../testing/namecom-stand-in.ts'
import { startPorkbunStandIn } from '../testing/porkbun-stand-in.ts'
import { startRdapStandIn } from '../testing/rdap-stand-in.ts'
import { endOfTerm, namecomText, porkbunText } from '../testing/registration-terms.ts'
import { at, refusal, startTestApi, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'
import { openSecondNode } from '../testing/test-node.ts'

await using stack = new AsyncDisposableStack()
const porkbun = stack.use(await startPorkbunStandIn())
const namecom = stack.use(await startNamecomStandIn())
const registry = stack.use(await startRdapStandIn(['example', 'org', 'elsewhere']))
const environment = {
  MAILWRIGHT_REGISTRARS: 'porkbun,namecom:org',
  MAILWRIGHT_PORKBUN_API_KEY: porkbun.keys.api,
  MAILWRIGHT_PORKBUN_SECRET_KEY: porkbun.keys.secret,
  MAILWRIGHT_PORKBUN_API_URL: porkbun.url,
  MAILWRIGHT_NAMECOM_USERNAME: namecom.username,
  MAILWRIGHT_NAMECOM_TOKEN: namecom.token,
  MAILWRIGHT_NAMECOM_API_URL: namecom.url,
  MAILWRIGHT_RDAP_BOOTSTRAP_URL: registry.bootstrapUrl,
  MAILWRIGHT_NAMESERVERS: 'ns1.mw.example,ns2.mw.example',
}
const api = stack.use(await startTestApi({ environment }))
const running = stack.move()
after(() => running.disposeAsync())
const { platform } = api
const handlers = handlersWith({})

// Time that passes gives the vendors' rates their tokens back, too; what a rate holds back is tested beside it.
const now = performance.now.bind(performance)
let passedMs = 0
mock.method(performance, 'now', () => now() + passedMs)

beforeEach(() => {
  passedMs += 60_000
  porkbun.prices.register = '11.08'
  namecom.prices.register = 12.99
})

const usd = (amount: number) => ({ amount, currency: 'USD' })
const post = (path: string, body: object = {}) => api.call('POST', path, { body })

async function pass(duration: string): Promise<void> {
  passedMs += 60_000
  platform.clock.advance?.(duration)
  await handlers['orders.resume'](platform, {})
  await runJobs(platform)
}

async function order(name: string, amount: number, more: object = {}): Promise<void> {
  const reply = await post('/v1/domains/register', { name, expected_price: usd(amount), ...more })
  assert.equal(reply.status, 201, reply.text)
  await runJobs(platform)
}

async function outcome(name: string): Promise<unknown[]> {
  const { json } = await api.call('GET', `/v1/domains/${name}/registration`)
  return [
    textAt(json, 'domain', 'state'),
    at(json, 'orders', 0, 'state'),
    at(json, 'orders', 0, 'failure_code'),
  ]
}

const charged = (name: string): number => porkbun.charges.filter((one) => one.name === name).length
const purchased = (name: string): number => namecom.purchases.filter((one) => one.name === name).length

test('a search asks the registry, and then the registrar of the suffix', async () => {
  registry.registered.add('known.example')
  const names = ['known.example', 'new.example', 'new.org', 'new.elsewhere']
  const { json } = await post('/v1/domains/search', { names })
  const rows = names.map((_, index) => [
    at(json, 'data', index, 'availability'),
    at(json, 'data', index, 'price', 'amount') ?? null,
  ])
  assert.deepEqual(rows, [
    ['taken', null],
    ['available', 1108],
    ['available', 1299],
    ['available', 1108],
  ])
  assert.equal(
    porkbun.requests.some(({ path }) => path.includes('known.example')),
    false,
  )
})

test('what one name is refused for is not the others’ trouble; a registrar that is busy is everybody’s', async () => {
  const search = async (): Promise<unknown[]> => {
    const { json } = await post('/v1/domains/search', { names: ['odd.example', 'even.example'] })
    return [0, 1].map((index) => at(json, 'data', index, 'availability'))
  }
  const reply = { status: 400, body: { status: 'ERROR', code: 'NAME_ODD' } }
  porkbun.next.set('checkDomain', { when: 'instead', reply })
  assert.deepEqual(await search(), ['unknown', 'available'])
  porkbun.next.set('checkDomain', { when: 'instead', reply: { status: 429 } })
  assert.deepEqual(await search(), ['unknown', 'unknown'])
})

test('at Porkbun: bought once, delegated to us, waiting for its name servers', async () => {
  await order('shop.example', 1108)
  assert.deepEqual(await outcome('shop.example'), ['pending_nameservers', 'done', null])
  assert.deepEqual(porkbun.owned.get('shop.example')?.ns, ['ns1.mw.example', 'ns2.mw.example'])
  const { json } = await api.call('GET', '/v1/domains/shop.example/registration')
  assert.equal(textAt(json, 'expires_at'), endOfTerm(1).toISOString())
  assert.ok(at(json, 'nameservers_set_at'))
  assert.equal(charged('shop.example'), 1)
})

test('at Name.com: with its contact, without our name servers when nobody wants them', async () => {
  const contact = await post('/v1/contacts', {
    first_name: 'Ann',
    last_name: 'Lee',
    email: 'ann@example.net',
    phone: '+49.301234567',
    address1: 'Street 1',
    city: 'Berlin',
    zip: '10115',
    country: 'DE',
  })
  await order('shop.org', 1299, { contact_id: textAt(contact.json, 'id'), dns_mode: 'manual' })
  assert.deepEqual(await outcome('shop.org'), ['pending_records', 'done', null])
  assert.deepEqual(namecom.owned.get('shop.org')?.nameservers, ['ns1.vendor.example'])
  assert.equal(Reflect.get(Object(namecom.owned.get('shop.org')?.registrant), 'lastName'), 'Lee')
})

test('the price rises between the check and the order: nothing is bought', async () => {
  porkbun.prices.register = '11.09'
  await order('rise.example', 1108)
  assert.deepEqual(await outcome('rise.example'), ['failed', 'failed', 'price_changed'])
  porkbun.prices.register = '11.08'
  porkbun.next.set('create', {
    when: 'instead',
    reply: { status: 400, body: { status: 'ERROR', code: 'COST_MISMATCH', message: 'Expected 1109.' } },
  })
  await order('late-rise.example', 1108)
  assert.deepEqual(await outcome('late-rise.example'), ['failed', 'failed', 'price_changed'])
  assert.deepEqual([charged('rise.example'), charged('late-rise.example')], [0, 0])
})

for (const [name, reply] of [
  ['lost', 'lost'],
  ['gateway', { status: 504 }],
] as const) {
  test(`an answer that does not come (${name}) after the purchase: read back, not bought again`, async () => {
    porkbun.next.set('create', { when: 'then', reply })
    namecom.next.set('create', { when: 'then', reply })
    await order(`${name}.example`, 1108)
    await order(`${name}.org`, 1299)
    for (const suffix of ['example', 'org']) {
      assert.deepEqual(await outcome(`${name}.${suffix}`), ['registering', 'sent', null])
    }
    await pass('PT2M')
    for (const suffix of ['example', 'org']) {
      assert.deepEqual(await outcome(`${name}.${suffix}`), ['pending_nameservers', 'done', null])
    }
    assert.deepEqual([charged(`${name}.example`), purchased(`${name}.org`)], [1, 1])
  })
}

test('an answer that does not come, and no purchase: sent again with the same key, later', async () => {
  porkbun.next.set('create', { when: 'instead', reply: { status: 502 } })
  await order('again.example', 1108)
  await pass('PT2M')
  assert.equal(charged('again.example'), 0)
  await pass('PT10M')
  assert.deepEqual(await outcome('again.example'), ['pending_nameservers', 'done', null])
  const sent = porkbun.requests.filter(({ path }) => path === '/domain/create/again.example')
  assert.equal(sent.length, 2)
  assert.equal(new Set(sent.map(({ headers }) => headers['idempotency-key'])).size, 1)
})

test('no money in the account: the order waits, and goes out when there is some', async () => {
  namecom.next.set('create', {
    when: 'instead',
    reply: { status: 402, body: { message: 'Insufficient credit' } },
  })
  await order('poor.org', 1299)
  assert.deepEqual(await outcome('poor.org'), ['registering', 'intent', null])
  await pass('PT3M')
  assert.deepEqual(await outcome('poor.org'), ['pending_nameservers', 'done', null])
})

test('it waits for a day, and no longer', async () => {
  const reply = { status: 402, body: { message: 'Insufficient credit' } }
  namecom.next.set('create', { when: 'instead', reply })
  await order('poorer.org', 1299)
  namecom.next.set('create', { when: 'instead', reply })
  await pass('P1DT1H')
  assert.deepEqual(await outcome('poorer.org'), ['failed', 'failed', 'registrar_unavailable'])
})

test('sent three times and seen by nobody: a person has to look; when it turns up after all, it is done', async () => {
  for (const wait of ['PT0S', 'PT11M', 'PT11M']) {
    porkbun.next.set('create', { when: 'instead', reply: { status: 502 } })
    if (wait === 'PT0S') await order('nowhere.example', 1108)
    else await pass(wait)
  }
  await pass('PT11M')
  assert.deepEqual(await outcome('nowhere.example'), ['registering', 'review', null])
  assert.equal(refusal(await api.call('DELETE', '/v1/domains/nowhere.example')), '409 domain_state_conflict')
  porkbun.owned.set('nowhere.example', { expireDate: porkbunText(endOfTerm(1)), ns: [] })
  await pass('P1DT1M')
  assert.deepEqual(await outcome('nowhere.example'), ['pending_nameservers', 'done', null])
  assert.equal(charged('nowhere.example'), 0)
})

test('a registry that takes its time', async () => {
  await order('slow.org', 1299)
  assert.deepEqual(await outcome('slow.org'), ['registering', 'pending', null])
  const owned = namecom.owned.get('slow.org')
  assert.ok(owned)
  owned.expireDate = namecomText(endOfTerm(1))
  await pass('PT5M')
  assert.deepEqual(await outcome('slow.org'), ['pending_nameservers', 'done', null])
})

test('a renewal without an idempotency key whose answer is lost is bought once', async () => {
  await order('renewed.org', 1299)
  namecom.next.set('renew', { when: 'then', reply: 'lost' })
  assert.equal((await post('/v1/domains/renewed.org/renew', { expected_price: usd(1549) })).status, 201)
  await runJobs(platform)
  await pass('PT2M')
  const { json } = await api.call('GET', '/v1/domains/renewed.org/registration')
  assert.deepEqual(
    [at(json, 'orders', 0, 'state'), textAt(json, 'expires_at')],
    ['done', endOfTerm(2).toISOString()],
  )
  assert.equal(
    namecom.purchases.filter(({ call, name }) => call === 'renew' && name === 'renewed.org').length,
    1,
  )
})

test('renewed where it is, also when its suffix is not sold here any more', async () => {
  await order('kept.org', 1299)
  await using nodes = new AsyncDisposableStack()
  const other = await openSecondNode(nodes, api, { ...environment, MAILWRIGHT_REGISTRARS: 'porkbun:com' })
  const renewal = { years: 1, shown: { expected: usd(1549) }, whenShort: 'refuse' as const }
  await transaction(other.db, (tx) => placeRenewal(other, tx, api.scope, 'kept.org', renewal))
  await runJobs(platform)
  const { json } = await api.call('GET', '/v1/domains/kept.org/registration')
  assert.equal(textAt(json, 'expires_at'), endOfTerm(2).toISOString())
})

test('what was renewed in the account by hand is not bought once more', async () => {
  await order('byhand.org', 1299)
  const owned = namecom.owned.get('byhand.org')
  assert.ok(owned)
  owned.expireDate = namecomText(endOfTerm(2))
  await post('/v1/domains/byhand.org/renew', { expected_price: usd(1549) })
  await runJobs(platform)
  const { json } = await api.call('GET', '/v1/domains/byhand.org/registration')
  assert.equal(at(json, 'orders', 0, 'failure_code'), 'already_renewed')
  assert.equal(textAt(json, 'expires_at'), endOfTerm(2).toISOString())
})

test('two nodes and one order: one sends it', async () => {
  await using nodes = new AsyncDisposableStack()
  const other = await openSecondNode(nodes, api, environment)
  const reply = await post('/v1/domains/register', { name: 'nodes.example', expected_price: usd(1108) })
  const payload = { order_id: textAt(reply.json, 'order', 'id') }
  await Promise.all([platform, other].map((node) => handlers['orders.advance'](node, payload)))
  await runJobs(platform)
  assert.deepEqual(await outcome('nodes.example'), ['pending_nameservers', 'done', null])
  assert.equal(porkbun.requests.filter(({ path }) => path === '/domain/create/nodes.example').length, 1)
})

test('sent again, and refused: what was sent before may be the reason, so that a person looks', async () => {
  porkbun.next.set('create', { when: 'instead', reply: { status: 502 } })
  await order('unclear.example', 1108)
  await pass('PT2M')
  const reply = { status: 400, body: { status: 'ERROR', code: 'DOMAIN_NOT_AVAILABLE', message: 'Taken.' } }
  porkbun.next.set('create', { when: 'instead', reply })
  await pass('PT11M')
  assert.deepEqual(await outcome('unclear.example'), ['registering', 'review', null])
})

test('name servers that the registrar does not take are tried again, and the trouble is shown', async () => {
  porkbun.next.set('updateNs', {
    when: 'instead',
    reply: { status: 400, body: { status: 'ERROR', code: 'NS_NOT_READY', message: 'They do not answer.' } },
  })
  await order('ns.example', 1108)
  const { json } = await api.call('GET', '/v1/domains/ns.example/registration')
  assert.deepEqual(
    [at(json, 'nameservers_set_at'), at(json, 'problem')],
    [null, 'NS_NOT_READY: They do not answer.'],
  )
  await sql`update graphile_worker._private_jobs set run_at = now() where attempts > 0`.execute(platform.db)
  await runJobs(platform)
  assert.deepEqual(porkbun.owned.get('ns.example')?.ns, ['ns1.mw.example', 'ns2.mw.example'])
})
