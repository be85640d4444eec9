import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { type PrimaryProgram, startPrimary } from '../../testing/dns-primaries.ts'
import type { SecondaryKey } from '../../testing/dns-secondaries.ts'
import { freePorts } from '../../testing/free-ports.ts'
import { requireProgram } from '../../testing/programs.ts'
import type { RecordType, RRset } from '../zones/records.ts'
import { DnsHostError, type SetChange } from './driver.ts'
import { openRfc2136 } from './rfc2136.ts'
import { createSignedClient } from './rfc2136-client.ts'
import { parseServer } from './rfc2136-settings.ts'

const zone = 'updated.example'
const newKey = (name: string): SecondaryKey => ({
  name,
  algorithm: 'hmac-sha256',
  secret: randomBytes(32).toString('base64'),
})
const key = newKey('update.key')
const otherKey = newKey('other.key')
const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())

const running = new Map<PrimaryProgram, ReturnType<typeof startPrimary>>()

/** The driver against a primary that each program runs once. */
async function host(program: PrimaryProgram, used: SecondaryKey = key, clockOffset = 0) {
  const records = ['www A 192.0.2.1', 'www A 192.0.2.2', 'old TXT "one" "two"', '@ MX 10 mail']
  const started = running.get(program) ?? startPrimary(stack, program, { zone, records, key, otherKey })
  running.set(program, started)
  const tsig = {
    name: used.name,
    algorithm: 'hmac-sha256' as const,
    secret: Buffer.from(used.secret, 'base64'),
  }
  const now = () => Math.floor(Date.now() / 1000) + clockOffset
  return openRfc2136({ server: await started, key: tsig }, () => true, now)
}

const change = (
  name: string,
  type: RecordType,
  add: string[],
  remove: string[] = [],
  ttl = 300,
): SetChange => ({
  name: name === '@' ? zone : `${name}.${zone}`,
  type,
  ttl,
  add,
  remove,
})

const find = (sets: readonly RRset[], name: string, type: RecordType) =>
  sets.find((set) => set.type === type && set.name === (name === '@' ? zone : `${name}.${zone}`))

const valuesOf = (sets: readonly RRset[], name: string, type: RecordType) =>
  [...(find(sets, name, type)?.values ?? [])].sort()

const failing = (kind: string, words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DnsHostError, String(error))
  assert.equal(error.kind, kind, error.message)
  assert.match(error.message, words)
  assert.ok(!error.message.includes(key.secret.slice(0, 8)))
  return true
}

const values: [type: RecordType, values: string[]][] = [
  ['A', ['192.0.2.7', '192.0.2.8']],
  ['AAAA', ['2001:db8::7']],
  ['CAA', ['0 issue "ca.example; policy=x"']],
  ['CNAME', ['www.updated.example']],
  ['MX', ['10 mx1.host.example', '20 mx2.host.example']],
  ['NS', ['ns1.child.example']],
  ['PTR', ['host.example']],
  ['SRV', ['0 5 993 imap.host.example']],
  ['TLSA', [`3 1 1 ${'ab'.repeat(32)}`]],
  ['TXT', [`v=DKIM1; k=rsa; p=${'A'.repeat(600)}`, 'with "quotes" and ümlaut']],
]

for (const program of ['named', 'knotd'] as const) {
  test(`${program}: a zone is found, read and changed`, async (t) => {
    if (!requireProgram(t, program)) return
    const driver = await host(program)
    await driver.check()
    const found = await driver.findZone(zone)
    assert.deepEqual(found, { id: zone, name: zone, nameservers: [`ns1.${zone}`] })
    assert.equal(await driver.findZone(`www.${zone}`), null)
    assert.equal(await driver.findZone('elsewhere.example'), null)
    const sets = await driver.listRRsets(found)
    assert.deepEqual(valuesOf(sets, 'www', 'A'), ['192.0.2.1', '192.0.2.2'])
    assert.deepEqual(valuesOf(sets, 'old', 'TXT'), ['onetwo'])
    assert.deepEqual(valuesOf(sets, '@', 'MX'), [`10 mail.${zone}`])

    // Value by value: what someone else has put there stays.
    await driver.apply(found, [
      change('www', 'A', ['192.0.2.3'], ['192.0.2.1']),
      change('old', 'TXT', [], ['onetwo', 'not there']),
    ])
    const changed = await driver.listRRsets(found)
    assert.deepEqual(valuesOf(changed, 'www', 'A'), ['192.0.2.2', '192.0.2.3'])
    assert.equal(find(changed, 'old', 'TXT'), undefined)
  })

  test(`${program}: records of every type come back as they were written`, async (t) => {
    if (!requireProgram(t, program)) return
    const driver = await host(program)
    const found = { id: zone, name: zone, nameservers: [] }
    const changes = values.map(([type, add]) => change(`t-${type.toLowerCase()}`, type, add))
    await driver.apply(found, changes)
    const sets = await driver.listRRsets(found)
    for (const [type, added] of values) {
      assert.deepEqual(valuesOf(sets, `t-${type.toLowerCase()}`, type), added.toSorted(), type)
    }
    await driver.apply(found, changes) // again: nothing to do
    await driver.apply(
      found,
      values.map(([type, add]) => change(`t-${type.toLowerCase()}`, type, [], add)),
    )
    const after = await driver.listRRsets(found)
    for (const [type] of values) assert.equal(find(after, `t-${type.toLowerCase()}`, type), undefined, type)
  })

  test(`${program}: a new TTL holds for the whole set, and a CNAME takes the place of what goes`, async (t) => {
    if (!requireProgram(t, program)) return
    const driver = await host(program)
    const found = { id: zone, name: zone, nameservers: [] }
    await driver.apply(found, [change('ttl', 'A', ['192.0.2.1'], [], 300)])
    await driver.apply(found, [change('ttl', 'A', ['192.0.2.1', '192.0.2.2'], [], 900)])
    const set = find(await driver.listRRsets(found), 'ttl', 'A')
    assert.deepEqual([set?.ttl, set?.values.length], [900, 2])
    await driver.apply(found, [
      change('ttl', 'CNAME', ['host.example']),
      change('ttl', 'A', [], ['192.0.2.1', '192.0.2.2']),
    ])
    assert.deepEqual(valuesOf(await driver.listRRsets(found), 'ttl', 'CNAME'), ['host.example'])
  })

  test(`${program}: what it will not do is said`, async (t) => {
    if (!requireProgram(t, program)) return
    const found = { id: zone, name: zone, nameservers: [] }
    const driver = await host(program)
    await assert.rejects(
      driver.createZone('new.example'),
      failing('rejected', /make new\.example at the name server/),
    )
    assert.equal((await driver.createZone(zone)).name, zone)
    await assert.rejects(
      driver.apply(found, [change('www', 'CNAME', ['host.example'])]),
      failing('conflict', /CNAME of www|YXRRSET/),
    )
    // Knot says nothing of keys in answers about zones that it does not have.
    const wrongSecret = await host(program, newKey('update.key'))
    await assert.rejects(wrongSecret.findZone(zone), failing('credentials', /BADSIG/))
    const unknown = await host(program, newKey('nobody.key'))
    await assert.rejects(unknown.findZone(zone), failing('credentials', /BADKEY/))
    const late = await host(program, key, -3600)
    await assert.rejects(late.findZone(zone), failing('credentials', /clock/))
    if (program === 'named') await assert.rejects(unknown.check(), failing('credentials', /BADKEY/))
    const reader = await host(program, otherKey)
    const [kind, words] =
      program === 'named' ? (['rejected', /REFUSED/] as const) : (['credentials', /BADKEY/] as const)
    await assert.rejects(reader.apply(found, [change('x', 'A', ['192.0.2.1'])]), failing(kind, words))
    const missing = { id: 'gone.example', name: 'gone.example', nameservers: [] }
    await assert.rejects(driver.listRRsets(missing), (error: unknown) => error instanceof DnsHostError)
  })
}

test('nobody is there, or it is an address that may not be asked', async () => {
  const [port = 1] = await freePorts(1)
  const server = { address: '127.0.0.1', port }
  const tsig = { name: key.name, algorithm: 'hmac-sha256' as const, secret: Buffer.alloc(32) }
  const now = () => Math.floor(Date.now() / 1000)
  const silent = openRfc2136({ server, key: tsig }, () => true, now)
  await assert.rejects(silent.check(), failing('unreachable', /connection failed/))
  const forbidden = openRfc2136({ server, key: tsig }, () => false, now)
  await assert.rejects(forbidden.check(), failing('rejected', /address of this network/))
})

test('a server that sends a byte now and then does not hold us', async () => {
  const dripping = createServer((socket) => {
    const timer = setInterval(() => socket.write('\u0001'), 50)
    socket.on('error', () => undefined).once('close', () => clearInterval(timer))
  })
  dripping.listen(0, '127.0.0.1')
  await once(dripping, 'listening')
  const address = dripping.address()
  const server = { address: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 }
  const tsig = { name: key.name, algorithm: 'hmac-sha256' as const, secret: Buffer.alloc(32) }
  const bounds = { requestMsMax: 300, replyBytesMax: 200 }
  const client = createSignedClient(server, tsig, () => 0, bounds)
  const failed = failing('unreachable', /no answer in time/)
  await assert.rejects(client.transfer(zone), failed).finally(() => dripping.close())
})

const servers: [text: string, want: string | null][] = [
  ['192.0.2.53', '192.0.2.53 53'],
  ['192.0.2.53:5353', '192.0.2.53 5353'],
  ['2001:db8::53', '2001:db8::53 53'],
  ['[2001:db8::53]:5353', '2001:db8::53 5353'],
  ['192.0.2.53:0', null],
  ['192.0.2.53:70000', null],
  ['ns.example:53', null],
  ['', null],
]
for (const [text, want] of servers) {
  test(`the server "${text}"`, () => {
    const parsed = parseServer(text)
    assert.equal(parsed && `${parsed.address} ${parsed.port}`, want)
  })
}
