/** DNS records in the dialect of InboxKit: listed, changed, looked for and put in order. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CloudflareStandIn, startCloudflare } from '../../testing/cloudflare-stand-in.ts'
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
let cloudflare: CloudflareStandIn
let u: TestVendor
let slow: TestVendor
const ids = { served: '', manual: '' }

before(async () => {
  tree = await startTestNameServers()
  own = await Promise.all(ours.map((name) => tree.start(name)))
  cloudflare = await startCloudflare()
  u = await startTestVendor('inboxkit', {
    environment: {
      ...tree.environment,
      MAILWRIGHT_HOSTNAME: 'mx.platform.example',
      MAILWRIGHT_NAMESERVERS: ours.join(','),
      MAILWRIGHT_CLOUDFLARE_API_URL: cloudflare.url,
      MAILWRIGHT_DNS_HOST_NETWORKS: '127.0.0.0/8',
    },
  })
  slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
  const make = async (name: string, dns_mode: string): Promise<string> => {
    const made = await u.call('POST', '/v1/domains', { body: { name, dns_mode } })
    assert.equal(made.status, 201, made.text)
    return textAt(made.json, 'id')
  }
  Object.assign(ids, {
    served: await make('served.example', 'served'),
    manual: await make('manual.example', 'manual'),
  })
  await make('sandbox.test', 'served')
  await runJobs(u.platform)
})
after(async () => {
  await Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]()))
  await cloudflare[Symbol.asyncDispose]()
  await tree[Symbol.asyncDispose]()
})

async function recordsOf(domain: string): Promise<Record<string, unknown>[]> {
  const { json, status, text } = await u.operate('getDnsRecords', { query: { domain } })
  assert.equal(status, 200, text)
  return listAt(json, 'dns_record', 'records').map(Object)
}

async function recordAt(
  domain: string,
  host: string,
  type: string,
): Promise<Record<string, unknown> | undefined> {
  return (await recordsOf(domain)).find((one) => one['host'] === host && one['type'] === type)
}

/** The registry names our servers, and these answer with the plan. */
async function publish(name: string): Promise<void> {
  const zone = tree.registry.zones['example'] ?? {}
  zone[name] = { NS: ours }
  for (const server of own) server.zones[name] = { [name]: { NS: ours } }
  const { json } = await u.call('GET', `/v1/domains/${name}/dns`)
  for (const row of listAt(json, 'records')) {
    const [type, owner, value] = ['type', 'name', 'value'].map((member) => textAt(row, member))
    for (const { zones } of own) {
      const records = zones[name] ?? {}
      const there = records[owner ?? ''] ?? {}
      if (type === 'TXT') records[owner ?? ''] = { ...there, TXT: [...(there.TXT ?? []), value ?? ''] }
      if (type === 'MX') records[owner ?? ''] = { ...there, MX: [[10, value?.slice(3) ?? '']] }
    }
  }
}

test('the platform’s records are listed with an id of their own, hosts relative to the zone', async () => {
  const records = await recordsOf('served.example')
  const mx = records.find(({ type }) => type === 'MX')
  const { _id, ...rest } = Object(mx)
  assert.match(_id, /^[0-9a-f]{24}$/)
  assert.deepEqual(rest, {
    host: '@',
    type: 'MX',
    value: 'mx.platform.example',
    ttl: 3600,
    status: 'pending',
    priority: 10,
    proxied: false,
  })
  assert.ok(records.some(({ host }) => host === '_dmarc'))
  assert.equal(new Set(records.map((one) => one['_id'])).size, records.length)
  const byId = await u.operate('getDnsRecords', { query: { uid: ids.served } })
  assert.deepEqual(at(byId.json, 'dns_record', 'records'), records)
  assert.equal(at(byId.json, 'dns_record', 'uid'), ids.served)
  const pasted = await recordsOf('manual.example')
  assert.ok(
    pasted.some(({ host }) => host === '_mailwright'),
    'what the owner is to set',
  )
  assert.ok((await recordsOf('sandbox.test')).every(({ status }) => status === 'propagated'))
})

test('records are added, replaced by their id, and deleted', async () => {
  const records = [
    { host: 'track', type: 'CNAME', value: 'track.northwind.example', ttl: 300 },
    { host: 'mail', type: 'mx', value: 'mx.northwind.example', priority: 5 },
    { host: 'mail', type: 'MX', value: '20 mx2.northwind.example' },
    { host: '@', type: 'TXT', value: 'site-verification=1', ttl: 1 },
  ]
  const added = await u.operate('addDnsRecords', { body: { uid: ids.served, records } })
  assert.equal(added.status, 200, added.text)
  const native = await u.call('GET', '/v1/domains/served.example/records?managed=false')
  assert.deepEqual(
    listAt(native.json, 'data').map((row) => ['name', 'type', 'value', 'ttl'].map((name) => at(row, name))),
    [
      ['track.served.example', 'CNAME', 'track.northwind.example', 300],
      ['mail.served.example', 'MX', '5 mx.northwind.example', 3600],
      ['mail.served.example', 'MX', '20 mx2.northwind.example', 3600],
      ['served.example', 'TXT', 'site-verification=1', 3600],
    ],
  )
  const track = await recordAt('served.example', 'track', 'CNAME')
  const mail = await recordAt('served.example', 'mail', 'MX')
  assert.deepEqual([mail?.['value'], mail?.['priority']], ['mx.northwind.example', 5])
  const body = {
    domain: 'served.example',
    records: [
      { record_id: track?.['_id'], host: 'track', type: 'CNAME', value: 't2.northwind.example' },
      { record_id: mail?.['_id'], host: 'post', type: 'MX', value: 'mx3.northwind.example' },
    ],
  }
  assert.equal((await u.operate('updateDnsRecords', { body })).status, 200)
  const changed = await recordAt('served.example', 'track', 'CNAME')
  assert.deepEqual(
    [changed?.['value'], changed?.['ttl'], changed?.['_id']],
    ['t2.northwind.example', 300, track?.['_id']],
  )
  const moved = await recordAt('served.example', 'post', 'MX')
  assert.deepEqual(
    [moved?.['value'], moved?.['priority']],
    ['mx3.northwind.example', 5],
    'the priority stays',
  )
  const other = { record_id: track?.['_id'], host: 'track', type: 'A', value: '192.0.2.1' }
  assert.equal(
    (await u.operate('updateDnsRecords', { body: { uid: ids.served, records: [other] } })).status,
    200,
  )
  assert.equal(await recordAt('served.example', 'track', 'CNAME'), undefined)
  const address = await recordAt('served.example', 'track', 'A')
  assert.deepEqual([address?.['value'], address?.['ttl']], ['192.0.2.1', 300])
  const gone = { uid: ids.served, record_ids: [address?.['_id'], moved?.['_id'], address?.['_id']] }
  assert.equal((await u.operate('deleteDnsRecords', { body: gone })).status, 200)
  assert.equal(await recordAt('served.example', 'track', 'A'), undefined)
  assert.equal((await u.operate('deleteDnsRecords', { body: gone })).status, 404, 'again')
})

test('the platform’s own records and those of a domain by hand stay as they are', async () => {
  const mx = await recordAt('served.example', '@', 'MX')
  const record = { record_id: mx?.['_id'], host: '@', type: 'MX', value: 'evil.example' }
  const body = { uid: ids.served, records: [record] }
  assert.equal((await u.operate('updateDnsRecords', { body })).status, 400)
  const doomed = { uid: ids.served, record_ids: [mx?.['_id']] }
  assert.equal((await u.operate('deleteDnsRecords', { body: doomed })).status, 400)
  const more = [{ host: 'www', type: 'A', value: '192.0.2.1' }]
  assert.equal((await u.operate('addDnsRecords', { body: { uid: ids.manual, records: more } })).status, 400)
})

test('verify tells what is missing, and that all is well', async () => {
  const before = await u.operate('verifyDns', { body: { domains: ['served.example'] } })
  assert.deepEqual(
    [at(before.json, 'results', '0', 'overall_health'), at(before.json, 'summary', 'needs_repair')],
    ['critical', 1],
    'the registry does not know it',
  )
  await publish('served.example')
  const healthy = await u.operate('verifyDns', { body: { domain: 'served.example' } })
  const [result] = listAt(healthy.json, 'results')
  assert.deepEqual(
    listAt(result, 'records').map((one) => `${textAt(one, 'label')} ${textAt(one, 'status')}`),
    ['MX ok', 'SPF ok', 'DKIM ok', 'DMARC ok'],
    healthy.text,
  )
  assert.deepEqual(
    [at(result, 'status'), at(result, 'overall_health'), at(result, 'platform')],
    ['verified', 'healthy', null],
  )
  for (const { zones } of own) {
    const apex = zones['served.example']?.['served.example']
    if (apex) apex.MX = [[10, 'mx.elsewhere.example']]
  }
  await u.call('PATCH', '/v1/domains/served.example', { body: { product: 'google' } })
  const both = { uids: [ids.served, ids.served, unknownId], domains: ['sandbox.test'] }
  const broken = await u.operate('verifyDns', { body: both })
  assert.deepEqual(at(broken.json, 'summary'), {
    total_requested: 3,
    total_verified: 2,
    total_failed: 1,
    healthy: 1,
    critical: 1,
    issues_found: 1,
    needs_repair: 1,
  })
  const [critical, missing, sandbox] = listAt(broken.json, 'results')
  assert.deepEqual(
    [at(critical, 'overall_health'), at(critical, 'needs_repair'), at(critical, 'platform')],
    ['critical', true, 'GOOGLE'],
  )
  assert.equal(at(missing, 'error_message'), 'Domain not found')
  assert.deepEqual(
    listAt(sandbox, 'records').map((one) => at(one, 'status')),
    Array(4).fill('not_applicable'),
  )
})

test('repair writes to a host that is driven, and says of others what their owner is to do', async () => {
  const zone = cloudflare.addZone('driven.example')
  const made = await u.call('POST', '/v1/domains', { body: { name: 'driven.example' } })
  assert.equal(made.status, 201)
  const host = await u.call('POST', '/v1/dns-hosts', {
    body: { name: 'cf', kind: 'cloudflare', secret: cloudflare.token },
  })
  const set = await u.call('PUT', '/v1/domains/driven.example/dns-host', {
    body: { dns_host_id: textAt(host.json, 'id') },
  })
  assert.equal(set.status, 202, set.text)
  await runJobs(u.platform)
  const written = zone.records.filter(({ type }) => type === 'MX')
  assert.equal(written.length, 1)
  zone.records.splice(0)
  const domains = ['driven.example', 'served.example', 'manual.example', 'none.example']
  const reply = await u.operate('repairDns', { body: { domains } })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(
    listAt(reply.json, 'results').map((one) => `${textAt(one, 'domain')} ${textAt(one, 'status')}`),
    ['driven.example repaired', 'served.example repaired', 'manual.example failed', 'none.example failed'],
  )
  assert.match(textAt(reply.json, 'results', '2', 'error_message'), /owner’s hands/)
  assert.deepEqual(at(reply.json, 'summary'), { total_requested: 4, total_repaired: 2, total_failed: 2 })
  assert.equal(zone.records.filter(({ type }) => type === 'MX').length, 1, 'it is there again')
  zone.records.splice(0, zone.records.length, {
    id: 'a'.repeat(32),
    type: 'MX',
    name: 'driven.example',
    content: 'mx.other.example',
    priority: 5,
    ttl: 300,
    proxied: false,
  })
  const blocked = await u.operate('repairDns', { body: { domain: 'driven.example' } })
  assert.match(textAt(blocked.json, 'results', '0', 'error_message'), /in the way: MX driven.example/)
  const waiting = await u.call('POST', '/v1/domains', { body: { name: 'alone.example', dns_mode: 'served' } })
  const alone = await u.operate('repairDns', { body: { uid: textAt(waiting.json, 'id') } })
  assert.match(textAt(alone.json, 'results', '0', 'error_message'), /set to ns1\.platform\.example/)
})

test('what is refused', async () => {
  const record = { host: 'x', type: 'A', value: '192.0.2.1' }
  const recordId = '0'.repeat(24)
  const good: Record<string, object> = {
    addDnsRecords: { records: [record] },
    updateDnsRecords: { records: [{ ...record, record_id: recordId }] },
    deleteDnsRecords: { record_ids: [recordId] },
  }
  const { key, workspaceId: workspace } = await u.tenant()
  const reader = await u.key({ access: 'read' })
  for (const [id, rest] of Object.entries(good)) {
    const body = { uid: ids.served, ...rest }
    assert.equal((await u.operate(id, { body, key: 'wrong' })).status, 401)
    assert.equal((await u.operate(id, { body, key, workspace })).status, 404)
    assert.equal((await u.operate(id, { body: { ...rest, uid: unknownId } })).status, 404)
    assert.equal((await u.operate(id, { body: rest })).status, 400, 'no domain')
    assert.equal(
      (await u.operate(id, { body: { ...body, domain: 'manual.example' } })).status,
      400,
      'two domains',
    )
    assert.equal((await u.operate(id, { body: { uid: ids.served } })).status, 400)
    assert.equal((await u.operate(id, { body: { ...body, more: 1 } })).status, 400)
    if (id === 'addDnsRecords') assert.equal((await u.unchecked(id, { body, key: reader })).status, 403)
  }
  const wrong = [
    { ...record, type: 'HINFO' },
    { ...record, value: 'no address' },
    { ...record, host: 'x.elsewhere.example.' },
    { ...record, ttl: 30 },
    { ...record, priority: -1 },
    { host: '@', type: 'TXT', value: 'v=spf1 -all' },
  ]
  for (const one of wrong) {
    const body = { uid: ids.served, records: [{ host: 'fine', type: 'A', value: '192.0.2.9' }, one] }
    assert.equal((await u.operate('addDnsRecords', { body })).status, 400, JSON.stringify(one))
  }
  assert.equal(await recordAt('served.example', 'fine', 'A'), undefined, 'all or none')
  const list = await u.operate('getDnsRecords', { query: { domain: 'none.example' } })
  assert.deepEqual([list.status, at(list.json, 'message')], [404, 'Domain or DNS records not found'])
  assert.equal((await u.operate('getDnsRecords')).status, 400)
  assert.equal((await u.operate('getDnsRecords', { query: { uid: ids.served }, key: 'wrong' })).status, 401)
  assert.equal((await u.operate('getDnsRecords', { query: { uid: ids.served }, key, workspace })).status, 404)
  for (const id of ['verifyDns', 'repairDns']) {
    const body = { domains: ['served.example'] }
    assert.equal((await u.operate(id, { body, key: 'wrong' })).status, 401)
    assert.equal((await u.operate(id, { body, key, workspace })).status, 404)
    assert.equal((await u.operate(id, { body: {} })).status, 400)
    assert.equal((await u.operate(id, { body: { ...body, more: 1 } })).status, 400)
    assert.equal((await u.unchecked(id, { body, key: reader })).status, 403)
  }
})

test('too many calls', async () => {
  for (const id of ['verifyDns', 'repairDns']) {
    await slow.unchecked(id, { body: { domain: 'x.example' } })
    const reply = await slow.operate(id, { body: { domain: 'x.example' } })
    assert.equal(reply.status, 429)
    u.contract.check(id, reply)
  }
  assert.deepEqual(cloudflare.complaints, [])
})

test('every documented status was seen', () => u.requireSeen(/^\/dns\//))
