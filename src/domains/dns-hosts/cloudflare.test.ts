/** The driver against a stand-in that holds each request against Cloudflare's contract. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CloudflareStandIn, startCloudflare } from '../../testing/cloudflare-stand-in.ts'
import type { RRset } from '../zones/records.ts'
import { openCloudflare } from './cloudflare.ts'
import { type DnsHost, DnsHostError, type HostZone } from './driver.ts'
import { anyAddress } from './http.ts'

function open(cloudflare: CloudflareStandIn, token = cloudflare.token, withAccount = true): DnsHost {
  const accountId = withAccount ? cloudflare.accountId : null
  return openCloudflare({ accountId }, token, { apiUrl: cloudflare.url, mayAsk: anyAddress })
}

async function zoneAt(host: DnsHost, name = 'demo.example'): Promise<HostZone> {
  const zone = await host.findZone(name)
  assert.ok(zone)
  return zone
}

async function failureOf(promise: Promise<unknown>): Promise<DnsHostError> {
  const error: unknown = await promise.then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof DnsHostError, String(error))
  return error
}

const long = `v=DKIM1; p=${'Ab/+'.repeat(120)}`
const sets: RRset[] = [
  { name: 'demo.example', type: 'MX', ttl: 300, values: ['10 mx.ours.example', '0 .'] },
  { name: 'demo.example', type: 'TXT', ttl: 300, values: ['v=spf1 mx ~all', 'a "quoted" \\ text; größer'] },
  { name: 'demo.example', type: 'CAA', ttl: 300, values: ['0 issue "ca.example; policy=ev"'] },
  { name: 'mwr1._domainkey.demo.example', type: 'TXT', ttl: 300, values: [long] },
  { name: '_imaps._tcp.demo.example', type: 'SRV', ttl: 300, values: ['0 5 993 imap.ours.example'] },
  { name: '_443._tcp.demo.example', type: 'TLSA', ttl: 300, values: [`3 1 1 ${'0a'.repeat(32)}`] },
  { name: 'a.demo.example', type: 'A', ttl: 60, values: ['192.0.2.1', '192.0.2.2'] },
  { name: 'a.demo.example', type: 'AAAA', ttl: 60, values: ['2001:db8::1'] },
  { name: '*.demo.example', type: 'CNAME', ttl: 60, values: ['a.demo.example'] },
  { name: 'sub.demo.example', type: 'NS', ttl: 86_400, values: ['ns1.other.example'] },
  { name: 'ptr.demo.example', type: 'PTR', ttl: 60, values: ['host.example'] },
]
const textOf = (all: readonly RRset[]): string[] =>
  all.map(({ name, type, ttl, values }) => `${name} ${ttl} ${type} ${[...values].sort().join(' | ')}`).sort()

test('records of every type come back; done again, nothing is sent; what is removed is gone', async () => {
  await using cloudflare = await startCloudflare()
  const host = open(cloudflare)
  await host.check()
  assert.equal(await host.findZone('demo.example'), null)
  const zone = await host.createZone('demo.example')
  assert.deepEqual(zone.nameservers, ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'])
  assert.deepEqual(await host.createZone('demo.example'), zone, 'error 1061: it is there')
  await host.apply(
    zone,
    sets.map((set) => ({ ...set, add: set.values, remove: [] })),
  )
  assert.deepEqual(textOf(await host.listRRsets(zone)), textOf(sets))
  const sent = cloudflare.requests.filter((one) => one.startsWith('POST')).length
  await host.apply(
    zone,
    sets.map((set) => ({ ...set, add: set.values, remove: ['not there'] })),
  )
  assert.equal(cloudflare.requests.filter((one) => one.startsWith('POST')).length, sent)
  await host.apply(
    zone,
    sets.map((set) => ({ ...set, add: [], remove: set.values })),
  )
  assert.deepEqual(cloudflare.zones[0]?.records, [])
  assert.deepEqual(cloudflare.complaints, [])
})

test('records of others keep their ids, forms and settings', async () => {
  await using cloudflare = await startCloudflare()
  const { records } = cloudflare.addZone('demo.example', [
    {
      type: 'TXT',
      name: 'demo.example',
      content: 'unquoted of old',
      ttl: 1,
      proxied: false,
      comment: 'mine',
    },
    { type: 'A', name: 'www.demo.example', content: '192.0.2.7', ttl: 1, proxied: true },
    { type: 'HTTPS', name: 'demo.example', content: '1 . alpn="h2"', ttl: 300, proxied: false },
    { type: 'MX', name: 'demo.example', content: 'old.example', priority: 5, ttl: 300, proxied: false },
  ])
  const before = structuredClone(records)
  const host = open(cloudflare)
  const zone = await zoneAt(host)
  assert.deepEqual(
    (await host.listRRsets(zone)).map(({ type, ttl, values }) => [type, ttl, values]),
    [
      ['TXT', 300, ['unquoted of old']],
      ['A', 300, ['192.0.2.7']],
      ['MX', 300, ['5 old.example']],
    ],
  )
  const txt = { name: 'demo.example', type: 'TXT' as const, ttl: 604_800 }
  await host.apply(zone, [{ ...txt, add: ['v=spf1 mx ~all'], remove: [] }])
  assert.deepEqual(records.slice(0, 4), before)
  assert.equal(records[4]?.ttl, 86_400, 'the longest TTL that it takes')
  await host.apply(zone, [
    { ...txt, add: [], remove: ['v=spf1 mx ~all'] },
    { name: 'demo.example', type: 'MX', ttl: 300, add: ['10 mx.ours.example'], remove: ['5 old.example'] },
  ])
  assert.deepEqual(
    records.map(({ type, content }) => `${type} ${content}`),
    ['TXT unquoted of old', 'A 192.0.2.7', 'HTTPS 1 . alpn="h2"', 'MX mx.ours.example'],
  )
  assert.deepEqual(cloudflare.complaints, [])
})

test('large zones are read page by page, and large changes go in several batches', async () => {
  await using cloudflare = await startCloudflare()
  const many = Array.from({ length: 250 }, (_, index) => `192.0.2.${index}`)
  cloudflare.addZone(
    'demo.example',
    many.map((content) => ({ type: 'A', name: 'many.demo.example', content, ttl: 60, proxied: false })),
  )
  const host = open(cloudflare)
  const zone = await zoneAt(host)
  const [set] = await host.listRRsets(zone)
  assert.equal(set?.values.length, 250)
  const added = many.map((value) => value.replace('192.0.2', '198.51.100'))
  await host.apply(zone, [{ name: 'many.demo.example', type: 'A', ttl: 60, add: added, remove: many }])
  assert.deepEqual([...((await host.listRRsets(zone))[0]?.values ?? [])].sort(), added.sort())
  assert.equal(cloudflare.requests.filter((one) => one.includes('/batch')).length, 3)
  assert.deepEqual(cloudflare.complaints, [])
})

test('a name in several accounts: the one that is active, or that of the account', async () => {
  await using cloudflare = await startCloudflare()
  const pending = cloudflare.addZone('demo.example')
  pending.status = 'pending'
  pending.accountId = '0'.repeat(32)
  const active = cloudflare.addZone('demo.example')
  assert.equal((await zoneAt(open(cloudflare, cloudflare.token, false))).id, active.id)
  assert.equal((await zoneAt(open(cloudflare))).id, active.id)
})

test('zones are listed over several pages, of the account alone, and so many at most', async () => {
  await using cloudflare = await startCloudflare()
  for (let number = 0; number < 120; number++) cloudflare.addZone(`zone-${number}.example`)
  const other = cloudflare.addZone('other.example')
  other.accountId = '0'.repeat(32)
  other.status = 'pending'
  const all = (await open(cloudflare, cloudflare.token, false).listZones?.(1000)) ?? []
  assert.equal(all.length, 121)
  assert.deepEqual(all.at(-1), {
    id: other.id,
    name: 'other.example',
    status: 'pending',
    nameservers: ['ada.ns.cloudflare.com', 'bob.ns.cloudflare.com'],
  })
  const own = (await open(cloudflare).listZones?.(1000)) ?? []
  assert.deepEqual([own.length, own.some(({ id }) => id === other.id)], [120, false])
  const before = cloudflare.requests.length
  assert.equal((await open(cloudflare).listZones?.(30))?.length, 30)
  assert.equal(cloudflare.requests.length, before + 1, 'no page is asked for that is not needed')
  assert.deepEqual(cloudflare.complaints, [])
})

test('failures have their kind and Cloudflare’s words', async () => {
  await using cloudflare = await startCloudflare()
  cloudflare.addZone('demo.example', [
    { type: 'CNAME', name: 'c.demo.example', content: 'a.example', ttl: 60, proxied: false },
  ])
  const host = open(cloudflare)
  const zone = await zoneAt(host)
  const wrong = await failureOf(open(cloudflare, 'wrong').check())
  assert.equal(
    `${wrong.kind}: ${wrong.message}`,
    'credentials: Cloudflare answered 403: Authentication error (10000)',
  )
  const gone = { ...zone, id: 'f'.repeat(32) }
  assert.equal((await failureOf(host.listRRsets(gone))).kind, 'zone_missing')
  assert.equal((await failureOf(host.listRRsets({ ...zone, id: 'nonsense' }))).kind, 'zone_missing')
  const beside = { name: 'c.demo.example', type: 'A' as const, ttl: 60, add: ['192.0.2.1'], remove: [] }
  const conflict = await failureOf(host.apply(zone, [beside]))
  assert.match(`${conflict.kind}: ${conflict.message}`, /^conflict: .*\(81054\)$/)
  assert.equal((await failureOf(host.createZone('sub.demo.example'))).kind, 'rejected')
  const unknown = await failureOf(open(cloudflare, cloudflare.token, false).createZone('new.example'))
  assert.match(unknown.message, /account_id/)
  cloudflare.answerNext({
    status: 429,
    headers: { 'retry-after': '17' },
    body: '{"success":false,"errors":[]}',
  })
  const limited = await failureOf(host.check())
  assert.deepEqual([limited.kind, limited.retryAfterMs], ['rate_limited', 17_000])
  const says = [
    ['200', '{"success":false,"errors":[{"code":1004,"message":"DNS Validation Error"}]}', 'rejected'],
    ['200', '<html>not theirs</html>', 'unreachable'],
    ['200', '[]', 'unreachable'],
    ['403', '{}', 'credentials'],
  ] as const
  for (const [status, body, kind] of says) {
    cloudflare.answerNext({ status: Number(status), body })
    assert.equal((await failureOf(host.check())).kind, kind, body)
  }
  for (let attempt = 0; attempt < 2; attempt++) cloudflare.answerNext({ status: 502, body: 'bad gateway' })
  assert.equal((await failureOf(host.check())).kind, 'unreachable')
  cloudflare.answerNext({ status: 200, body: '{"success":true,"result":[{"name":"demo.example"}]}' })
  assert.equal((await failureOf(Promise.resolve(host.findZone('demo.example')))).kind, 'unreachable')
  assert.deepEqual(cloudflare.complaints, [])
})
