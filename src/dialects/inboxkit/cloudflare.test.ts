/** Domains whose zones stay at Cloudflare, in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CloudflareStandIn, startCloudflare } from '../../testing/cloudflare-stand-in.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

const unknownId = '00000000-0000-4000-8000-000000000000'
let dns: TestDns
let cloudflare: CloudflareStandIn
let u: TestVendor
let slow: TestVendor

before(async () => {
  dns = await startTestDns()
  cloudflare = await startCloudflare()
  u = await startTestVendor('inboxkit', {
    environment: {
      MAILWRIGHT_RESOLVER: dns.resolver,
      MAILWRIGHT_HOSTNAME: 'mx.ours.example',
      MAILWRIGHT_CLOUDFLARE_API_URL: cloudflare.url,
      MAILWRIGHT_NAMESERVERS: 'ns1.ours.example,ns2.ours.example',
    },
  })
  slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
  for (const name of ['one.example', 'two.example', 'mine.example', 'served.example', 'theirs.example']) {
    cloudflare.addZone(name)
  }
  for (const [name, dns_mode] of [
    ['mine.example', 'manual'],
    ['served.example', 'served'],
  ]) {
    assert.equal((await u.call('POST', '/v1/domains', { body: { name, dns_mode } })).status, 201)
  }
  const other = await u.tenant()
  const theirs = await u.call('POST', '/v1/domains', { key: other.key, body: { name: 'theirs.example' } })
  assert.equal(theirs.status, 201)
  await u.platform.db
    .updateTable('domains')
    .set({ state: 'active' })
    .where('name', '=', 'served.example')
    .execute()
})
after(async () => {
  await Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]()))
  await cloudflare[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

async function idOf(name: string): Promise<string> {
  return textAt((await u.call('GET', `/v1/domains/${name}`)).json, 'id')
}

const counts = (json: unknown): unknown[] =>
  ['connected', 'reconnected', 'failed', 'skipped'].map((name) => at(json, `${name}_count`))

test('a token alone is tried and kept; before, there are no zones to list', async () => {
  const none = await u.operate('listCloudflareZones')
  assert.deepEqual([none.status, at(none.json, 'message')], [404, 'No Cloudflare credentials found'])
  const wrong = await u.operate('connectCloudflareDomains', { body: { api_token: 'wrong' } })
  assert.equal(wrong.status, 400, wrong.text)
  const unkept = await u.operate('connectCloudflareDomains', { body: { domains: ['one.example'] } })
  assert.equal(unkept.status, 400)
  const body = { auth_type: 'api_token', api_token: cloudflare.token, label: 'main' }
  for (const repeated of [false, true]) {
    const kept = await u.operate('connectCloudflareDomains', { body })
    assert.deepEqual([kept.status, counts(kept.json)], [200, [0, 0, 0, 0]], String(repeated))
  }
  const hosts = await u.call('GET', '/v1/dns-hosts')
  assert.deepEqual(
    listAt(hosts.json, 'data').map((host) => [at(host, 'kind'), at(host, 'name')]),
    [['cloudflare', 'main']],
  )
  const other = { api_token: `${cloudflare.token}x`, label: 'main' }
  const conflict = await u.operate('connectCloudflareDomains', { body: other })
  assert.deepEqual([conflict.status, at(conflict.json, 'code')], [409, 'CREDENTIAL_CONFLICT'])
})

test('zones are connected, each with what became of it', async () => {
  cloudflare.zones[0]?.records.push({
    id: 'a'.repeat(32),
    type: 'MX',
    name: 'one.example',
    content: 'mx.other.example',
    priority: 1,
    ttl: 300,
    proxied: false,
  })
  const domains = ['ONE.example', 'mine.example', 'served.example', 'theirs.example', 'none.example']
  const reply = await u.operate('connectCloudflareDomains', { body: { domains, validateDNS: true } })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(counts(reply.json), [1, 1, 2, 1])
  assert.deepEqual(
    listAt(reply.json, 'domains').map((row) => [at(row, 'name'), at(row, 'reconnected')]),
    [
      ['one.example', false],
      ['mine.example', true],
    ],
  )
  const results = listAt(reply.json, 'results')
  assert.deepEqual(
    results.map((row) => [at(row, 'zone_name'), at(row, 'success')]),
    [
      ['one.example', true],
      ['mine.example', true],
      ['served.example', false],
      ['none.example', false],
    ],
  )
  assert.deepEqual(at(results[0], 'dns_conflict'), {
    has_conflict: true,
    records: [{ type: 'MX', host: '@' }],
    labels: ['MX'],
    message: 'The zone has records of its own: MX.',
  })
  assert.equal(at(results[1], 'dns_conflict', 'has_conflict'), false)
  assert.deepEqual(at(reply.json, 'skipped'), [
    { name: 'theirs.example', reason: 'already_exists', domain_uid: null },
  ])
  await runJobs(u.platform)
  const { records } = cloudflare.zones.find(({ name }) => name === 'mine.example') ?? { records: [] }
  assert.ok(records.some(({ type, content }) => type === 'MX' && content === 'mx.ours.example'))
  const left = cloudflare.zones[0]?.records.filter(({ type }) => type === 'MX').map(({ content }) => content)
  assert.deepEqual(left, ['mx.other.example'], 'what others have stays')
})

test('all of them: those that are there are passed over', async () => {
  const reply = await u.operate('connectCloudflareDomains', {
    body: { api_token: cloudflare.token, connect_all: true },
  })
  assert.deepEqual(counts(reply.json), [1, 0, 1, 3], reply.text)
  assert.deepEqual(
    listAt(reply.json, 'skipped').map((row) => `${textAt(row, 'name')} ${textAt(row, 'reason')}`),
    ['mine.example already_connected', 'one.example already_connected', 'theirs.example already_exists'],
  )
  assert.equal(at(reply.json, 'domains', '0', 'name'), 'two.example')
})

test('they are listed and shown', async () => {
  await runJobs(u.platform)
  const page = await u.operate('listCloudflareDomains', { query: { limit: '2', page: '1' } })
  assert.deepEqual(
    ['total', 'pages', 'current_page', 'limit'].map((name) => at(page.json, name)),
    [3, 2, 1, 2],
  )
  const found = await u.operate('listCloudflareDomains', { query: { keyword: 'one' } })
  assert.deepEqual(at(found.json, 'domains'), [
    {
      uid: await idOf('one.example'),
      name: 'one.example',
      status: 'waiting_for_dns_propagation',
      connection_mode: 'cloudflare',
      credential_status: 'valid',
      assigned_mailboxes: 0,
      available_mailboxes: 10_000,
      nameservers: [],
    },
  ])
  const uid = await idOf('one.example')
  const shown = await u.operate('getCloudflareDomain', { query: { uid } })
  assert.deepEqual(at(shown.json, 'domain'), at(found.json, 'domains', '0'))
  const byName = await u.at('GET', '/cloudflare-domains/one.example')
  assert.deepEqual(byName.json, shown.json)
  const listed = await u.operate('listDomains', { body: { keyword: 'one.example' } })
  assert.equal(at(listed.json, 'domains', '0', 'cf_zone_id'), cloudflare.zones[0]?.id)
})

test('zones, and what can be done with each', async () => {
  for (let number = 0; number < 60; number++) cloudflare.addZone(`zone-${number}.example`)
  const { json } = await u.operate('listCloudflareZones')
  const zones = listAt(json, 'zones')
  assert.equal(zones.length, 65, 'of all pages')
  const zoneOf = (name: string) => Object(zones.find((zone) => at(zone, 'name') === name))
  const { domain_uid, ...one } = zoneOf('one.example')
  assert.deepEqual(one, {
    name: 'one.example',
    zone_id: cloudflare.zones[0]?.id,
    status: 'active',
    already_connected: true,
    reconnectable: false,
  })
  assert.equal(domain_uid, await idOf('one.example'))
  assert.equal(zoneOf('zone-59.example').domain_uid, null)
  assert.deepEqual(
    [zoneOf('theirs.example').domain_uid, zoneOf('theirs.example').already_connected],
    [null, false],
  )
})

test('what is left there is only what was not ours, and the zone can be taken back', async () => {
  const uid = await idOf('mine.example')
  const gone = await u.operate('disconnectCloudflareDomains', { body: { domain: 'mine.example' } })
  assert.equal(gone.status, 200, gone.text)
  await runJobs(u.platform)
  const zone = cloudflare.zones.find(({ name }) => name === 'mine.example')
  assert.deepEqual(zone?.records, [])
  assert.equal((await u.operate('getCloudflareDomain', { query: { uid } })).status, 404)
  assert.equal(at((await u.call('GET', '/v1/domains/mine.example')).json, 'dns_mode'), 'manual')
  const { json } = await u.operate('listCloudflareZones')
  const row = listAt(json, 'zones').find((one) => at(one, 'name') === 'mine.example')
  assert.deepEqual([at(row, 'already_connected'), at(row, 'reconnectable')], [false, true])
  assert.equal((await u.operate('disconnectCloudflareDomains', { body: { uid } })).status, 404, 'again')
  const back = await u.operate('connectCloudflareDomains', { body: { domains: ['mine.example'] } })
  assert.deepEqual(counts(back.json), [0, 1, 0, 0])
  assert.deepEqual(cloudflare.complaints, [])
})

test('what is refused', async () => {
  const bad = [
    { auth_type: 'global_api_key', api_token: 'x', email: 'a@b.example' },
    { domains: ['one.example'], connect_all: true },
    { api_token: 'with space' },
    { more: 1 },
    { domains: 'one.example' },
    { label: 'unknown', connect_all: true },
  ]
  for (const body of bad) {
    assert.equal((await u.operate('connectCloudflareDomains', { body })).status, 400, JSON.stringify(body))
  }
  for (const id of ['listCloudflareDomains', 'getCloudflareDomain']) {
    assert.equal((await u.operate(id, { query: { page: 'x' } })).status, 400)
  }
  for (const body of [{}, { uids: [] }, { more: 1 }]) {
    assert.equal((await u.operate('disconnectCloudflareDomains', { body })).status, 400)
  }
  const uid = await idOf('one.example')
  const { key, workspaceId: workspace } = await u.tenant()
  assert.equal((await u.operate('getCloudflareDomain', { query: { uid }, key, workspace })).status, 404)
  assert.equal(
    (await u.operate('disconnectCloudflareDomains', { body: { uid }, key, workspace })).status,
    404,
  )
  assert.equal((await u.operate('listCloudflareZones', { key, workspace })).status, 404)
  const elsewhere = await u.operate('listCloudflareDomains', { key, workspace })
  assert.deepEqual(at(elsewhere.json, 'domains'), [])
  const reader = await u.key({ access: 'read' })
  const ids = [
    'connectCloudflareDomains',
    'listCloudflareDomains',
    'getCloudflareDomain',
    'disconnectCloudflareDomains',
    'listCloudflareZones',
  ]
  for (const id of ids) {
    assert.equal((await u.operate(id, { key: 'wrong', query: { uid }, body: { uid } })).status, 401)
  }
  for (const id of ['connectCloudflareDomains', 'listCloudflareDomains']) {
    assert.equal((await u.operate(id, { workspace: unknownId, body: {} })).status, 404)
  }
  assert.equal((await u.unchecked('connectCloudflareDomains', { key: reader, body: {} })).status, 403)
  assert.equal((await u.unchecked('disconnectCloudflareDomains', { key: reader, body: { uid } })).status, 403)
  cloudflare.answerNext({ status: 403, body: '{"success":false,"errors":[{"code":10000,"message":"no"}]}' })
  assert.equal(
    (await u.operate('listCloudflareZones')).status,
    400,
    'Cloudflare does not take the token any more',
  )
})

test('too many calls', async () => {
  await slow.unchecked('connectCloudflareDomains', { body: {} })
  const reply = await slow.operate('connectCloudflareDomains', { body: {} })
  assert.equal(reply.status, 429)
  u.contract.check('connectCloudflareDomains', reply)
})

test('every documented status was seen', () => u.requireSeen(/^\/cloudflare-domains\//))
