/** Domains of elsewhere in the dialect of InboxKit: connected, their name servers told, and looked for. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import {
  startTestNameServers,
  type TestNameServer,
  type TestNameServers,
} from '../../testing/test-name-servers.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

const ours = ['ns1.platform.example', 'ns2.platform.example']
const unknownId = '00000000-0000-4000-8000-000000000000'
let tree: TestNameServers & { registry: TestNameServer }
let own: TestNameServer[]
let u: TestVendor
/** Without name servers. */
let bare: TestVendor

before(async () => {
  tree = await startTestNameServers()
  own = await Promise.all(ours.map((name) => tree.start(name)))
  u = await startTestVendor('inboxkit', {
    environment: { ...tree.environment, MAILWRIGHT_NAMESERVERS: ours.join(',') },
  })
  bare = await startTestVendor('inboxkit', { environment: tree.environment })
})
after(async () => {
  await Promise.all([u, bare].map((one) => one[Symbol.asyncDispose]()))
  await tree[Symbol.asyncDispose]()
})

/** The registry names these servers, which answer for it. */
function delegate(name: string, servers: readonly TestNameServer[]): void {
  const names = servers.map((server) => server.name)
  const zone = tree.registry.zones['example'] ?? {}
  zone[name] = { NS: names }
  for (const server of servers) server.zones[name] = { [name]: { NS: names } }
}

async function rowOf(name: string): Promise<Record<string, unknown>> {
  const { json } = await u.operate('listDomains', { body: { keyword: name } })
  return Object(at(json, 'domains', '0'))
}

test('a domain is connected, waits for its name servers, and is active when they are seen', async () => {
  const body = { domains: ['Mail-one.example', 'mail-two.example'] }
  const made = await u.operate('getNameserversForConnection', { body })
  assert.equal(made.status, 200, made.text)
  assert.deepEqual(
    listAt(made.json, 'result').map((row) => [at(row, 'domain'), at(row, 'nameservers')]),
    [
      ['mail-one.example', ours],
      ['mail-two.example', ours],
    ],
  )
  await runJobs(u.platform)
  const check = { body: { domains: ['mail-one.example'] } }
  const pending = await u.operate('checkNameserversPropagation', check)
  assert.deepEqual(
    [at(pending.json, 'result', '0', 'propagated'), at(pending.json, 'result', '0', 'status')],
    [false, 'waiting_for_dns_propagation'],
  )
  const elsewhere = await tree.start('ns.elsewhere.example')
  delegate('mail-one.example', [elsewhere])
  await u.operate('checkNameserversPropagation', check)
  const other = await rowOf('mail-one.example')
  assert.deepEqual(
    [other['nameserver_match_status'], other['actual_nameservers'], other['nameservers']],
    ['pending', ['ns.elsewhere.example'], ours],
  )
  delegate('mail-one.example', own)
  const seen = await u.operate('checkNameserversPropagation', check)
  const [result] = listAt(seen.json, 'result')
  assert.deepEqual([at(result, 'propagated'), at(result, 'status')], [true, 'active'], seen.text)
  assert.equal(at(result, 'uid'), at(made.json, 'result', '0', 'uid'))
  const row = await rowOf('mail-one.example')
  assert.deepEqual(
    [row['status'], row['nameserver_match_status'], row['actual_nameservers'], row['connection_type']],
    ['active', 'matched', ours, 'connected'],
  )
  assert.notEqual(row['last_nameserver_check'], null)
  const short = await u.at('POST', '/domains/nameservers/check', check)
  assert.equal(at(short.json, 'result', '0', 'propagated'), true)
})

test('asked again, the reply is the same, with 409', async () => {
  const example = u.exampleOf('getNameserversForConnection')
  const first = await u.operate('getNameserversForConnection', { body: example })
  assert.equal(first.status, 200, first.text)
  const again = await u.operate('getNameserversForConnection', { body: example })
  assert.deepEqual([again.status, at(again.json, 'error')], [409, false])
  assert.deepEqual(at(again.json, 'result'), at(first.json, 'result'))
  assert.equal(at(again.json, 'message'), 'Domain(s) already connected to your workspace: northwindmail.net')
  const mixed = await u.operate('getNameserversForConnection', {
    body: { domains: ['northwindmail.net', 'mail-three.example'], mask_forwarding: false },
  })
  assert.deepEqual([mixed.status, listAt(mixed.json, 'result').length], [200, 2])
})

test('all or none are connected', async () => {
  const bad = { domains: ['mail-four.example', 'no name'] }
  assert.equal((await u.operate('getNameserversForConnection', { body: bad })).status, 400)
  const { key, workspaceId: workspace } = await u.tenant()
  const theirs = { domains: ['mail-four.example', 'mail-one.example'] }
  const taken = await u.operate('getNameserversForConnection', { key, workspace, body: theirs })
  assert.equal(taken.status, 400, taken.text)
  assert.equal((await u.call('GET', '/v1/domains/mail-four.example')).status, 404)
})

test('one that was bought here is not found there', async () => {
  const search = await u.call('POST', '/v1/domains/search', { body: { names: ['bought.test'] } })
  const quote_id = textAt(search.json, 'data', '0', 'quote_id')
  const bought = await u.call('POST', '/v1/domains/register', { body: { name: 'bought.test', quote_id } })
  assert.equal(bought.status, 201, bought.text)
  const reply = await u.operate('getNameserversForConnection', { body: { domains: ['bought.test'] } })
  assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Domain not found'])
})

test('nameservers told anew are those of before', async () => {
  const uid = textAt((await u.call('GET', '/v1/domains/mail-two.example')).json, 'id')
  delegate('mail-two.example', own)
  const reply = await u.operate('regenerateDomainNameservers', { body: { domain_ids: [uid] } })
  assert.deepEqual(at(reply.json, 'result'), [{ domain: 'mail-two.example', nameservers: ours, uid }])
  assert.equal((await rowOf('mail-two.example'))['status'], 'active', 'it was looked at')
  for (const body of [{ uids: [uid] }, { domains: ['mail-two.example'] }]) {
    const same = await u.at('POST', '/domains/nameservers/regenerate', { body })
    assert.deepEqual(at(same.json, 'result'), at(reply.json, 'result'))
  }
})

test('without name servers here, those of the domain stay as they are', async () => {
  tree.resolver.zone['mail-five.example'] = { NS: ['ns.far.example', 'ns.near.example'] }
  const real = await bare.operate('getNameserversForConnection', { body: { domains: ['mail-five.example'] } })
  assert.equal(real.status, 200, real.text)
  assert.deepEqual(at(real.json, 'result', '0', 'nameservers'), ['ns.far.example', 'ns.near.example'])
  assert.match(textAt(real.json, 'message'), /leave theirs as they are/)
  const native = await bare.call('GET', '/v1/domains/mail-five.example')
  assert.deepEqual([at(native.json, 'dns_mode'), at(native.json, 'state')], ['manual', 'pending_records'])
  const dark = await bare.operate('getNameserversForConnection', { body: { domains: ['mail-nine.example'] } })
  assert.deepEqual(at(dark.json, 'result', '0', 'nameservers'), ['localhost', 'localhost'])
  const sandbox = await bare.operate('getNameserversForConnection', { body: { domains: ['try.test'] } })
  assert.deepEqual(at(sandbox.json, 'result', '0', 'nameservers'), ['localhost', 'localhost'])
  const checked = await bare.operate('checkNameserversPropagation', { body: { domains: ['try.test'] } })
  assert.equal(at(checked.json, 'result', '0', 'propagated'), true)
})

test('what is refused', async () => {
  const masked = { domains: ['mail-six.example'], mask_forwarding: true }
  assert.equal((await u.operate('getNameserversForConnection', { body: masked })).status, 400)
  for (const id of ['getNameserversForConnection', 'checkNameserversPropagation']) {
    for (const body of [{}, { domains: [] }, { domains: ['x.test'], more: 1 }]) {
      assert.equal((await u.operate(id, { body })).status, 400)
    }
  }
  assert.equal((await u.operate('regenerateDomainNameservers', { body: {} })).status, 400)
  const none = {
    checkNameserversPropagation: { domains: ['none.example'] },
    regenerateDomainNameservers: { uids: [unknownId] },
  }
  for (const [id, body] of Object.entries(none)) assert.equal((await u.operate(id, { body })).status, 404)
  const { key, workspaceId: workspace } = await u.tenant()
  const theirs = { key, workspace, body: { domains: ['mail-one.example'] } }
  assert.equal((await u.operate('checkNameserversPropagation', theirs)).status, 404)
  assert.equal((await u.operate('regenerateDomainNameservers', theirs)).status, 404)
  const reader = await u.key({ access: 'read' })
  for (const id of ['getNameserversForConnection', ...Object.keys(none)]) {
    const body = { domains: ['mail-one.example'] }
    assert.equal((await u.operate(id, { key: 'wrong', body })).status, 401)
    assert.equal((await u.unchecked(id, { key: reader, body })).status, 403)
  }
  const removed = await u.call('DELETE', '/v1/domains/mail-two.example')
  assert.ok(removed.status < 300)
  const leaving = await u.operate('getNameserversForConnection', { body: { domains: ['mail-two.example'] } })
  assert.match(`${leaving.status} ${textAt(leaving.json, 'message')}`, /^400 .*scheduled for deletion/)
})

test('every documented status was seen', () =>
  u.requireSeen(/^\/domains\/(nameservers|regenerate-nameservers)/))
