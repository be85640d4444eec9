/** A domain kept at a DNS host, through the whole API: written, drift repaired, moved, left as it was. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { addReconcileJobs } from '../domains/dns-hosts/jobs.ts'
import { dnsHostPolicy } from '../domains/dns-hosts/policy.ts'
import { reconcileHost } from '../domains/dns-hosts/reconcile.ts'
import { transaction } from '../platform/database.ts'
import type { CloudflareStandIn } from '../testing/cloudflare-stand-in.ts'
import { type PowerDns, startPowerDns } from '../testing/powerdns.ts'
import { requireProgram } from '../testing/programs.ts'
import { at, refusal, type TestApi, textAt } from '../testing/test-api.ts'
import { type DnsHostsApi, startDnsHostsApi } from '../testing/test-dns-hosts.ts'
import { runJobs } from '../testing/test-jobs.ts'

let hosts: DnsHostsApi
let api: TestApi
let cloudflare: CloudflareStandIn
before(async () => {
  hosts = await startDnsHostsApi()
  ;({ api, cloudflare } = hosts)
})
after(() => hosts[Symbol.asyncDispose]())

async function connectDomain(name: string): Promise<string> {
  const made = await api.call('POST', '/v1/domains', { body: { name } })
  assert.equal(made.status, 201, made.text)
  await runJobs(api.platform)
  return textAt(made.json, 'id')
}

const stateOf = async (domain: string) => (await api.call('GET', `/v1/domains/${domain}/dns-host`)).json

/** The zone as PowerDNS has it, without what changes with every write. */
async function pdnsZone(server: PowerDns, name: string): Promise<string[]> {
  const { json } = await server.call('GET', `/zones/${name}.`)
  const rrsets: unknown[] = Object(json).rrsets
  return rrsets
    .filter((set) => textAt(set, 'type') !== 'SOA')
    .map((set) =>
      JSON.stringify([
        at(set, 'name'),
        at(set, 'type'),
        at(set, 'ttl'),
        at(set, 'records'),
        at(set, 'comments'),
      ]),
    )
    .sort()
}

const foreign = [
  ['www.pdns.example.', 'A', ['192.0.2.80']],
  ['pdns.example.', 'TXT', ['"v=spf1 include:_spf.other.example -all"', '"verify=" "abc"']],
  ['pdns.example.', 'MX', ['1 mx.other.example.']],
  ['_dmarc.pdns.example.', 'TXT', ['"v=DMARC1; p=reject"']],
  ['pdns.example.', 'CAA', ['0 issue "ca.example"']],
] as const

test('a domain at PowerDNS: preview, written, answered in DNS, drift repaired, left as it was', async (t) => {
  for (const program of ['pdns_server', 'sqlite3', 'dig']) if (!requireProgram(t, program)) return
  await using stack = new AsyncDisposableStack()
  const server = await startPowerDns(stack)
  await server.call('POST', '/zones', {
    name: 'pdns.example.',
    kind: 'Native',
    nameservers: ['ns1.host.example.'],
  })
  const rrsets = foreign.map(([name, type, contents]) => ({
    name,
    type,
    ttl: 900,
    changetype: 'REPLACE',
    records: contents.map((content) => ({ content, disabled: false })),
    comments: [{ content: 'do not touch', account: 'ann' }],
  }))
  assert.equal((await server.call('PATCH', '/zones/pdns.example.', { rrsets })).status, 204)
  const untouched = await pdnsZone(server, 'pdns.example')

  const hostId = await hosts.connectPowerDns(server)
  const domainId = await connectDomain('pdns.example')
  const path = '/v1/domains/pdns.example/dns-host'
  assert.equal(refusal(await api.call('GET', path)), '409 domain_dns_not_driven')

  const preview = await api.call('PUT', path, {
    body: { dns_host_id: hostId, take_over: true, preview: true },
  })
  assert.equal(preview.status, 200, preview.text)
  assert.equal(at(preview.json, 'preview'), true)
  const changes = Object(preview.json).dns_changes.map(
    (one: unknown) => `${at(one, 'action')} ${at(one, 'type')} ${at(one, 'value')}`,
  )
  assert.ok(changes.includes('remove MX 1 mx.other.example'))
  assert.ok(changes.includes('add MX 10 mx.ours.example'))
  assert.ok(changes.includes('add TXT v=spf1 mx include:_spf.other.example -all'))
  assert.ok(!changes.some((one: string) => one.includes('DMARC1')))
  assert.deepEqual(await pdnsZone(server, 'pdns.example'), untouched)
  assert.equal(refusal(await api.call('GET', path)), '409 domain_dns_not_driven')

  const set = await api.call('PUT', path, { body: { dns_host_id: hostId } })
  assert.equal(set.status, 202, set.text)
  await runJobs(api.platform)
  const careful = await stateOf('pdns.example')
  assert.deepEqual([at(careful, 'state'), at(careful, 'zone')], ['conflict', 'pdns.example'])
  assert.deepEqual(at(careful, 'conflicts', 0, 'seen'), ['MX 1 mx.other.example'])
  assert.deepEqual(await server.dig('pdns.example', 'MX'), ['1 mx.other.example.'])

  assert.equal((await api.call('PUT', path, { body: { dns_host_id: hostId, take_over: true } })).status, 202)
  await runJobs(api.platform)
  assert.equal(textAt(await stateOf('pdns.example'), 'state'), 'in_sync')
  assert.deepEqual(await server.dig('pdns.example', 'MX'), ['10 mx.ours.example.'])
  assert.deepEqual(await server.dig('pdns.example', 'TXT'), [
    '"v=spf1 mx include:_spf.other.example -all"',
    '"verify=" "abc"',
  ])
  assert.deepEqual(await server.dig('_dmarc.pdns.example', 'TXT'), ['"v=DMARC1; p=reject"'])
  assert.equal((await server.dig('mwr1._domainkey.pdns.example', 'TXT')).length, 1)

  await t.test('a record that the owner adds by API is written, changed and removed there', async () => {
    const records = '/v1/domains/pdns.example/records'
    const made = await api.call('POST', records, { body: { name: 'www', type: 'A', value: '192.0.2.81' } })
    assert.equal(made.status, 201, made.text)
    await runJobs(api.platform)
    assert.deepEqual(await server.dig('www.pdns.example', 'A'), ['192.0.2.80', '192.0.2.81'])
    const one = `${records}/${textAt(made.json, 'id')}`
    assert.equal((await api.call('PATCH', one, { body: { value: '192.0.2.82' } })).status, 200)
    await runJobs(api.platform)
    assert.deepEqual(await server.dig('www.pdns.example', 'A'), ['192.0.2.80', '192.0.2.82'])
    assert.equal((await api.call('DELETE', one)).status, 204)
    await runJobs(api.platform)
    assert.deepEqual(await server.dig('www.pdns.example', 'A'), ['192.0.2.80'])
  })

  await t.test('drift is found and repaired', async () => {
    const name = 'mwr1._domainkey.pdns.example'
    const key = await server.dig(name, 'TXT')
    const gone = [{ name: `${name}.`, type: 'TXT', changetype: 'DELETE' }]
    await server.call('PATCH', '/zones/pdns.example.', { rrsets: gone })
    const dry = await api.call('POST', '/v1/domains/pdns.example/dns/apply', { body: { preview: true } })
    assert.equal(at(dry.json, 'dns_changes', 0, 'name'), name)
    assert.deepEqual(await server.dig(name, 'TXT'), [])
    await transaction(api.platform.db, (tx) => addReconcileJobs(tx, [domainId]))
    await runJobs(api.platform)
    assert.deepEqual(await server.dig(name, 'TXT'), key)
    const again = await api.call('POST', '/v1/domains/pdns.example/dns/apply')
    assert.deepEqual([again.status, at(again.json, 'dns_changes')], [200, []])
  })

  await t.test('the connection cannot go while the domain is there', async () => {
    assert.equal(refusal(await api.call('DELETE', `/v1/dns-hosts/${hostId}`)), '409 dns_host_in_use')
  })

  const leaving = await api.call('DELETE', `${path}?preview=true`)
  assert.ok(
    leaving.text.includes('"action":"add","name":"pdns.example","type":"MX","value":"1 mx.other.example"'),
  )
  assert.equal((await api.call('DELETE', path)).status, 204)
  assert.equal(refusal(await api.call('GET', path)), '409 domain_dns_not_driven')
  assert.equal(
    refusal(await api.call('DELETE', `/v1/dns-hosts/${hostId}`)),
    '409 dns_host_in_use',
    'as long as records are to be removed there',
  )
  await runJobs(api.platform)
  assert.deepEqual(await pdnsZone(server, 'pdns.example'), untouched)
  assert.equal((await api.call('DELETE', `/v1/dns-hosts/${hostId}`)).status, 204)
})

test('a zone that is missing is made when it is asked for; a domain below a zone goes into it; deletion cleans up', async (t) => {
  for (const program of ['pdns_server', 'sqlite3', 'dig']) if (!requireProgram(t, program)) return
  await using stack = new AsyncDisposableStack()
  const server = await startPowerDns(stack)
  const hostId = await hosts.connectPowerDns(server)
  await connectDomain('fresh.example')
  await connectDomain('mail.fresh.example')
  const put = (name: string, body: object) =>
    api.call('PUT', `/v1/domains/${name}/dns-host`, { body: { dns_host_id: hostId, ...body } })
  assert.equal(refusal(await put('fresh.example', {})), '409 dns_zone_not_found')
  assert.equal(refusal(await put('fresh.example', { preview: true })), '409 dns_zone_not_found')
  const preview = await put('fresh.example', { preview: true, create_zone: true })
  assert.deepEqual([preview.status, at(preview.json, 'zone')], [200, null])
  assert.equal((await put('fresh.example', { create_zone: true })).status, 202)
  await runJobs(api.platform)
  assert.deepEqual(await server.dig('fresh.example', 'MX'), ['10 mx.ours.example.'])
  assert.equal((await put('mail.fresh.example', {})).status, 202)
  await runJobs(api.platform)
  assert.equal(textAt(await stateOf('mail.fresh.example'), 'zone'), 'fresh.example')
  assert.deepEqual(await server.dig('mail.fresh.example', 'MX'), ['10 mx.ours.example.'])
  assert.equal((await api.call('DELETE', '/v1/domains/mail.fresh.example')).status, 204)
  await runJobs(api.platform)
  assert.deepEqual(await server.dig('mail.fresh.example', 'MX'), [])
  assert.deepEqual(await server.dig('fresh.example', 'MX'), ['10 mx.ours.example.'])

  await t.test('a host that is down: the domain says so, and gets well by itself', async () => {
    await server.stop()
    const record = { name: 'late', type: 'A', value: '192.0.2.5' }
    assert.equal((await api.call('POST', '/v1/domains/fresh.example/records', { body: record })).status, 201)
    await runJobs(api.platform)
    const state = await stateOf('fresh.example')
    assert.deepEqual(
      [at(state, 'state'), at(state, 'error', 'kind'), at(state, 'error', 'detail')],
      ['failing', 'unreachable', 'No answer (ECONNREFUSED).'],
    )
    assert.ok(Date.parse(textAt(state, 'retry_at')) > Date.now())
    const host = await api.call('GET', `/v1/dns-hosts/${hostId}`)
    assert.equal(textAt(host.json, 'state'), 'failing')
    const now = await api.call('POST', '/v1/domains/fresh.example/dns/apply')
    assert.equal(refusal(now), '502 dns_host_failed')
    const failed = await api.platform.db
      .selectFrom('events')
      .select('data')
      .where('type', '=', 'domain.dns_host_failed')
      .execute()
    assert.equal(failed.length, 1, 'one event for the failure, whatever is tried after it')
    const { rows } = await api.platform.pool.query(
      `select run_at > now() as later from graphile_worker.jobs where key like 'dns_hosts.reconcile:%'`,
    )
    assert.deepEqual(rows, [{ later: true }])
  })

  await t.test('what a host that is gone still has can be given up', async () => {
    assert.equal((await api.call('DELETE', '/v1/domains/fresh.example/dns-host')).status, 204)
    assert.equal(refusal(await api.call('DELETE', `/v1/dns-hosts/${hostId}`)), '409 dns_host_in_use')
    assert.equal((await api.call('DELETE', `/v1/dns-hosts/${hostId}?abandon=true`)).status, 204)
  })
})

test('a domain at Cloudflare, beside what others have there; two runs at once', async () => {
  const zone = cloudflare.addZone('cf.example', [
    { type: 'A', name: 'cf.example', content: '192.0.2.1', ttl: 1, proxied: true, comment: 'site' },
    { type: 'TXT', name: 'cf.example', content: '"v=spf1 include:a.example ~all"', ttl: 1, proxied: false },
    { type: 'MX', name: 'cf.example', content: 'mx.other.example', priority: 1, ttl: 1, proxied: false },
  ])
  const untouched = structuredClone(zone.records)
  const hostId = await hosts.connectCloudflare()
  const domainId = await connectDomain('cf.example')
  const body = { dns_host_id: hostId, take_over: true }
  assert.equal((await api.call('PUT', '/v1/domains/cf.example/dns-host', { body })).status, 202)
  const two = await Promise.all([
    reconcileHost(api.platform, domainId),
    reconcileHost(api.platform, domainId),
  ])
  assert.equal(two.filter(({ retryAt }) => retryAt !== null).length, 1, 'one of two waits')
  await runJobs(api.platform)
  assert.equal(textAt(await stateOf('cf.example'), 'state'), 'in_sync')
  const text = zone.records.map(({ type, name, content }) => `${type} ${name} ${content}`)
  assert.ok(text.includes('MX cf.example mx.ours.example'))
  assert.ok(text.includes('TXT cf.example "v=spf1 mx include:a.example ~all"'))
  assert.deepEqual(zone.records[0], untouched[0])

  cloudflare.answerNext({ status: 429, headers: { 'retry-after': '120' }, body: '{}' })
  const limited = await reconcileHost(api.platform, domainId)
  assert.equal(limited.error?.kind, 'rate_limited')
  const asked = cloudflare.requests.length
  const waiting = await reconcileHost(api.platform, domainId)
  assert.equal(cloudflare.requests.length, asked, 'a host that wants to be left alone is')
  assert.ok((waiting.retryAt?.getTime() ?? 0) > Date.now() + 100_000)

  const rotated = await api.call('PATCH', `/v1/dns-hosts/${hostId}`, { body: { secret: 'wrong' } })
  assert.equal(refusal(rotated), '422 dns_host_credentials_refused')
  const good = await api.call('PATCH', `/v1/dns-hosts/${hostId}`, {
    body: { secret: cloudflare.token, name: 'new' },
  })
  assert.deepEqual(
    [good.status, textAt(good.json, 'state'), textAt(good.json, 'name')],
    [200, 'working', 'new'],
  )
  await runJobs(api.platform)

  assert.equal((await api.call('DELETE', '/v1/domains/cf.example/dns-host?put_back=false')).status, 204)
  await runJobs(api.platform)
  assert.deepEqual(
    zone.records.map(({ type, content }) => `${type} ${content}`).sort(),
    ['A 192.0.2.1', 'TXT "v=spf1 include:a.example ~all"'],
    'the MX stays out, the SPF record is whole again',
  )
  assert.deepEqual(cloudflare.complaints, [])
  assert.equal((await api.call('DELETE', `/v1/dns-hosts/${hostId}`)).status, 204)
})

test('from one host to another: the first is left clean', async () => {
  const [one, other] = [await hosts.connectCloudflare(), await hosts.connectCloudflare()]
  const zone = cloudflare.addZone('move.example')
  await connectDomain('move.example')
  for (const id of [one, other]) {
    const body = { dns_host_id: id }
    assert.equal((await api.call('PUT', '/v1/domains/move.example/dns-host', { body })).status, 202)
    await runJobs(api.platform)
  }
  assert.equal(textAt(await stateOf('move.example'), 'dns_host_id'), other)
  assert.ok(zone.records.some(({ type, content }) => type === 'MX' && content === 'mx.ours.example'))
  assert.equal((await api.call('DELETE', `/v1/dns-hosts/${one}`)).status, 204)
  assert.equal(refusal(await api.call('DELETE', `/v1/dns-hosts/${other}`)), '409 dns_host_in_use')
})

/** A domain whose zone is at Cloudflare and whose host is set; nothing is written yet. */
async function setAtCloudflare(name: string, hostId: string): Promise<string> {
  cloudflare.addZone(name)
  const domainId = await connectDomain(name)
  const body = { dns_host_id: hostId }
  assert.equal((await api.call('PUT', `/v1/domains/${name}/dns-host`, { body })).status, 202)
  return domainId
}

const apply = (name: string) => api.call('POST', `/v1/domains/${name}/dns/apply`)
const rejection = { status: 400, body: '{"success":false,"errors":[{"code":1004,"message":"no"}]}' }

test('a run that a caller waits for and that fails comes back by itself', async () => {
  const domainId = await setAtCloudflare('again.example', await hosts.connectCloudflare())
  await runJobs(api.platform)
  cloudflare.answerNext(rejection)
  assert.equal(refusal(await apply('again.example')), '502 dns_host_failed')
  const { rows } = await api.platform.pool.query(
    'select run_at > now() as later from graphile_worker.jobs where key = $1',
    [`dns_hosts.reconcile:${domainId}`],
  )
  assert.deepEqual(rows, [{ later: true }])
})

test('a host that is left and refuses is no failure of the one that the domain is at', async () => {
  const domainId = await setAtCloudflare('left.example', await hosts.connectCloudflare())
  await runJobs(api.platform)
  const body = { dns_host_id: await hosts.connectCloudflare() }
  assert.equal((await api.call('PUT', '/v1/domains/left.example/dns-host', { body })).status, 202)
  cloudflare.answerNext(rejection)
  const applied = await apply('left.example')
  assert.equal(applied.status, 200, applied.text)
  const { rows } = await api.platform.pool.query(
    'select run_at > now() as later from graphile_worker.jobs where key = $1',
    [`dns_hosts.reconcile:${domainId}`],
  )
  assert.deepEqual(rows, [{ later: true }], 'what is left there is taken away later')
})

test('callers wait for so many runs at once, because each holds a connection to the database', async () => {
  const hostId = await hosts.connectCloudflare()
  const names = Array.from({ length: dnsHostPolicy.awaitedRunsMax }, (_, index) => `many${index}.example`)
  for (const name of [...names, 'more.example']) await setAtCloudflare(name, hostId)
  const late = { status: 200, body: '{"success":true,"result":[]}', delayMs: 1000 }
  for (const _ of names) cloudflare.answerNext(late)
  const asked = cloudflare.requests.length
  const runs = names.map(apply)
  while (cloudflare.requests.length < asked + names.length) await setTimeout(5)
  assert.equal(refusal(await apply('more.example')), '429 rate_limited')
  for (const run of runs) assert.equal((await run).status, 200)
  assert.equal((await apply('more.example')).status, 200)
})
