/** The driver against a real PowerDNS. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startPowerDns } from '../../testing/powerdns.ts'
import { requireProgram } from '../../testing/programs.ts'
import type { RecordType, RRset } from '../zones/records.ts'
import { DnsHostError, type SetChange } from './driver.ts'
import { anyAddress } from './http.ts'
import { openPowerDns } from './powerdns.ts'

const settings = { serverId: 'localhost', nameservers: ['ns1.host.example', 'ns2.host.example'] }

const hex = '0a'.repeat(32)
const long = `v=DKIM1; k=rsa; p=${'Ab/+'.repeat(120)}`
/** Every type, with the values that are hard. */
const sets: RRset[] = [
  { name: 'demo.example', type: 'MX', ttl: 300, values: ['10 mx.ours.example', '0 .'] },
  { name: 'demo.example', type: 'TXT', ttl: 300, values: ['v=spf1 mx ~all', 'a "quoted" \\ text; größer'] },
  { name: 'demo.example', type: 'CAA', ttl: 300, values: ['0 issue "ca.example"', '0 issuewild ";"'] },
  { name: 'mwr1._domainkey.demo.example', type: 'TXT', ttl: 300, values: [long] },
  { name: '_imaps._tcp.demo.example', type: 'SRV', ttl: 300, values: ['0 5 993 imap.ours.example'] },
  { name: '_pop3._tcp.demo.example', type: 'SRV', ttl: 300, values: ['0 0 0 .'] },
  { name: '_443._tcp.demo.example', type: 'TLSA', ttl: 300, values: [`3 1 1 ${hex}`] },
  { name: 'a.demo.example', type: 'A', ttl: 60, values: ['192.0.2.1', '192.0.2.2'] },
  { name: 'a.demo.example', type: 'AAAA', ttl: 60, values: ['2001:db8::1'] },
  { name: '*.wild.demo.example', type: 'CNAME', ttl: 60, values: ['a.demo.example'] },
  { name: 'one.demo.example', type: 'CNAME', ttl: 60, values: ['localhost'] },
  { name: 'sub.demo.example', type: 'NS', ttl: 60, values: ['ns1.other.example'] },
  { name: 'ptr.demo.example', type: 'PTR', ttl: 60, values: ['host.example'] },
]

const adding = (set: RRset): SetChange => ({ ...set, add: set.values, remove: [] })
const textOf = (all: readonly RRset[]): string[] =>
  all.map(({ name, type, ttl, values }) => `${name} ${ttl} ${type} ${[...values].sort().join(' | ')}`).sort()

async function failureOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => 'none',
    (cause: unknown) => cause,
  )
  assert.ok(error instanceof DnsHostError, String(error))
  return `${error.kind}: ${error.message}`
}

test('zones and records of every type, in DNS as in the API', async (t) => {
  for (const program of ['pdns_server', 'sqlite3', 'dig']) if (!requireProgram(t, program)) return
  await using stack = new AsyncDisposableStack()
  const server = await startPowerDns(stack)
  const host = openPowerDns({ ...settings, url: server.url }, server.apiKey, anyAddress)
  await host.check()
  assert.equal(await host.findZone('demo.example'), null)
  const zone = await host.createZone('demo.example')
  assert.deepEqual([...zone.nameservers].sort(), settings.nameservers)
  assert.deepEqual(await host.createZone('demo.example'), zone, 'a zone that is there is returned')
  const ns = (await host.listRRsets(zone)).filter(({ type }) => type === 'NS')

  await host.apply(zone, sets.map(adding))
  assert.deepEqual(textOf(await host.listRRsets(zone)), textOf([...sets, ...ns]))
  assert.deepEqual(await server.dig('demo.example', 'MX'), ['0 .', '10 mx.ours.example.'])
  assert.deepEqual(await server.dig('x.wild.demo.example', 'A'), [
    '192.0.2.1',
    '192.0.2.2',
    'a.demo.example.',
  ])
  const [key = ''] = await server.dig('mwr1._domainkey.demo.example', 'TXT')
  assert.equal(key.replaceAll('" "', '').slice(1, -1).replaceAll('\\;', ';'), long)

  const serial = await server.dig('demo.example', 'SOA')
  await host.apply(zone, sets.map(adding))
  assert.deepEqual(await server.dig('demo.example', 'SOA'), serial, 'done again, it changes nothing')

  await host.apply(
    zone,
    sets.map((set) => ({ ...set, add: [], remove: set.values })),
  )
  assert.deepEqual(textOf(await host.listRRsets(zone)), textOf(ns))

  await t.test(
    'what others have in a set stays as it is, comments and switched off records too',
    async () => {
      const name = 'demo.example.'
      const records = [
        { content: '"cut " "in three" " pieces"', disabled: false },
        { content: '"off"', disabled: true },
        { content: '"\\195\\164"', disabled: false },
      ]
      const rrset = {
        name,
        type: 'TXT',
        ttl: 900,
        changetype: 'REPLACE',
        records,
        comments: [{ content: 'why', account: 'ann' }],
      }
      assert.equal((await server.call('PATCH', `/zones/${name}`, { rrsets: [rrset] })).status, 204)
      const before = JSON.stringify(await setAt(server, name, 'TXT'))
      const change: SetChange = {
        name: 'demo.example',
        type: 'TXT',
        ttl: 900,
        add: ['v=spf1 mx ~all'],
        remove: ['none'],
      }
      await host.apply(zone, [change])
      const during = await host.listRRsets(zone)
      assert.deepEqual([...(during.find(({ type }) => type === 'TXT')?.values ?? [])].sort(), [
        'cut in three pieces',
        'v=spf1 mx ~all',
        'ä',
      ])
      await host.apply(zone, [{ ...change, add: [], remove: ['v=spf1 mx ~all'] }])
      assert.equal(JSON.stringify(await setAt(server, name, 'TXT')), before)
    },
  )

  await t.test('a set that goes makes room for a CNAME, and the other way round', async () => {
    const name = 'swap.demo.example'
    const a: RRset = { name, type: 'A', ttl: 60, values: ['192.0.2.9'] }
    const cname: RRset = { name, type: 'CNAME', ttl: 60, values: ['a.example'] }
    await host.apply(zone, [adding(a)])
    assert.match(
      await failureOf(host.apply(zone, [adding(cname)])),
      /^conflict: PowerDNS answered 422: .*Conflicts/,
    )
    await host.apply(zone, [adding(cname), { ...a, add: [], remove: a.values }])
    await host.apply(zone, [adding(a), { ...cname, add: [], remove: cname.values }])
    assert.deepEqual(await server.dig(name, 'A'), ['192.0.2.9'])
  })

  await t.test('failures have their kind and the host’s words', async () => {
    const other = openPowerDns({ ...settings, url: server.url }, 'wrong', anyAddress)
    assert.match(await failureOf(other.check()), /^credentials: PowerDNS answered 401/)
    assert.match(await failureOf(other.listRRsets(zone)), /^credentials: /)
    const gone = { id: 'none.example.', name: 'none.example', nameservers: [] }
    assert.match(await failureOf(host.listRRsets(gone)), /^zone_missing: PowerDNS answered 404/)
    const outside: SetChange = {
      name: 'a.other.example',
      type: 'A' as RecordType,
      ttl: 60,
      add: ['192.0.2.1'],
      remove: [],
    }
    assert.match(await failureOf(host.apply(zone, [outside])), /^rejected: .*out of zone/)
    const elsewhere = openPowerDns(
      { ...settings, url: server.url, serverId: 'other' },
      server.apiKey,
      anyAddress,
    )
    assert.match(await failureOf(elsewhere.check()), /^zone_missing: /)
    await server.stop()
    assert.equal(await failureOf(host.check()), 'unreachable: No answer (ECONNREFUSED).')
  })
})

async function setAt(
  server: { call(method: string, path: string): Promise<{ json: unknown }> },
  name: string,
  type: string,
): Promise<unknown> {
  const { json } = await server.call('GET', `/zones/${name}`)
  const rrsets: unknown[] = Object(json).rrsets
  return rrsets.find((one) => Object(one).name === name && Object(one).type === type)
}
