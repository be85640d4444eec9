/** Keys change without a gap: made, published, found, used, retired, removed; by us, through aliases, and pasted. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { lookAtDueDomains } from '../testing/test-looks.ts'
import {
  startTestNameServers,
  type TestNameServer,
  type TestNameServers,
} from '../testing/test-name-servers.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { desiredRecords } from './desired-records.ts'
import { dkimKeysOf, dkimSignersOf } from './dkim-keys.ts'
import { datedKeysOf, requestRotation, rotateDueKeys, rotationPolicy } from './dkim-rotation.ts'
import { connectDomain, type Domain } from './domains.ts'
import type { DnsMode } from './tables.ts'
import { nameserversOf } from './zones/own-names.ts'

let tree: TestNameServers & { registry: TestNameServer }
let host: TestNameServer
let ourServers: TestNameServer[]
/** A platform with a zone of its own, and one without. */
let zoned: TestPlatform
let plain: TestPlatform
before(async () => {
  tree = await startTestNameServers()
  host = await tree.start('ns.host.example')
  const environment = { ...tree.environment, MAILWRIGHT_HOSTNAME: 'mx.platform.example' }
  zoned = await startTestPlatform({ ...environment, MAILWRIGHT_DNS_ZONE: 'mw.example' })
  plain = await startTestPlatform(environment)
  ourServers = await Promise.all(
    nameserversOf(zoned.config, zoned.scope.workspaceId).map((name) => tree.start(name)),
  )
})
after(async () => {
  await zoned[Symbol.asyncDispose]()
  await plain[Symbol.asyncDispose]()
  await tree[Symbol.asyncDispose]()
})

async function connect(t: TestPlatform, name: string, dnsMode: DnsMode = 'manual'): Promise<Domain> {
  const domain = await transaction(t.platform.db, (tx) =>
    connectDomain(t.platform, tx, t.scope, name, { dnsMode }),
  )
  await runJobs(t.platform)
  const servers = dnsMode === 'served' ? ourServers : [host]
  const zone = tree.registry.zones['example'] ?? {}
  zone[name] = { NS: servers.map((server) => server.name) }
  for (const server of servers) server.zones[name] = { [name]: { NS: servers.map((one) => one.name) } }
  await publish(t, domain, dnsMode === 'served' ? ourServers : [host])
  await look(t)
  return domain
}

/** Writes what the plan has now, as an owner would. */
async function publish(
  t: TestPlatform,
  domain: Domain,
  servers: readonly TestNameServer[] = [host],
): Promise<void> {
  const keys = await dkimKeysOf(t.platform.db, domain.id)
  for (const server of servers) {
    const zone = server.zones[domain.name] ?? {}
    for (const { purpose, type, name, value } of desiredRecords(t.platform.config, domain, keys)) {
      if (purpose === 'dkim') zone[name] = type === 'CNAME' ? { CNAME: [value] } : { TXT: [value] }
      if (purpose === 'mx') zone[name] = { ...zone[name], MX: [[10, value.slice(3)]] }
      if (purpose === 'ownership') zone[name] = { TXT: [value] }
    }
  }
}

async function look(t: TestPlatform, after = 'PT3H'): Promise<void> {
  t.platform.clock.advance?.(after)
  await lookAtDueDomains(t.platform)
  await runJobs(t.platform)
}

async function keysOf(t: TestPlatform, { id }: Domain): Promise<string[]> {
  return (await datedKeysOf(t.platform.db, id))
    .map(({ selector, state }) => `${selector} ${state}`)
    .toSorted()
}

async function signersOf(t: TestPlatform, { name }: Domain): Promise<string[]> {
  return (await dkimSignersOf(t.platform, name)).map(({ selector }) => selector).toSorted()
}

async function serialOf(t: TestPlatform, { id }: Domain): Promise<number> {
  const row = await t.platform.db
    .selectFrom('domains')
    .select('zone_serial')
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return row.zone_serial
}

const first = ['mwe1 active', 'mwr1 active']
const pending = ['mwe1 active', 'mwe2 pending', 'mwr1 active', 'mwr2 pending']
const overlapping = ['mwe1 retired', 'mwe2 active', 'mwr1 retired', 'mwr2 active']
const second = ['mwe2 active', 'mwr2 active']

for (const dnsMode of ['served', 'manual'] as const) {
  test(`by itself, ${dnsMode === 'served' ? 'in a zone of ours' : 'through the owner’s aliases'}`, async () => {
    const domain = await connect(zoned, `${dnsMode}.example`, dnsMode)
    await rotateDueKeys(zoned.platform)
    await runJobs(zoned.platform)
    assert.deepEqual(await keysOf(zoned, domain), first)
    assert.deepEqual(await signersOf(zoned, domain), ['mwe1', 'mwr1'])

    await look(zoned, 'P181D')
    const serials = [await serialOf(zoned, domain)]
    await rotateDueKeys(zoned.platform)
    await runJobs(zoned.platform)
    assert.deepEqual(await keysOf(zoned, domain), pending)
    serials.push(await serialOf(zoned, domain))
    // In DNS for a while before it signs.
    await lookAtDueDomains(zoned.platform)
    assert.deepEqual(await keysOf(zoned, domain), pending)
    assert.deepEqual(await signersOf(zoned, domain), ['mwe1', 'mwr1'])
    // Once more has no effect while keys are being changed.
    await rotateDueKeys(zoned.platform)
    await look(zoned)
    assert.deepEqual(await keysOf(zoned, domain), overlapping)
    assert.deepEqual(await signersOf(zoned, domain), ['mwe2', 'mwr2'])
    serials.push(await serialOf(zoned, domain))

    zoned.platform.clock.advance?.('P6D')
    await rotateDueKeys(zoned.platform)
    assert.deepEqual(await keysOf(zoned, domain), overlapping)
    zoned.platform.clock.advance?.('P2D')
    await rotateDueKeys(zoned.platform)
    assert.deepEqual(await keysOf(zoned, domain), second)
    serials.push(await serialOf(zoned, domain))
    assert.equal(new Set(serials).size, serials.length, 'every step changes the zone')
    const events = await zoned.platform.db
      .selectFrom('events')
      .select(['type', 'data'])
      .where('type', 'like', 'domain.dkim%')
      .orderBy('xid')
      .execute()
    assert.deepEqual(
      events.filter(({ data }) => textAt(data, 'domain_id') === domain.id).map(({ type }) => type),
      [
        'domain.dkim_keys_created',
        'domain.dkim_rotation_started',
        'domain.dkim_keys_activated',
        'domain.dkim_keys_removed',
      ],
    )
  })
}

test('a pasted key is not changed by itself; it is when its owner asks, and signs when it is found', async () => {
  const domain = await connect(plain, 'pasted.example')
  await look(plain, 'P200D')
  await rotateDueKeys(plain.platform)
  await runJobs(plain.platform)
  assert.deepEqual(await keysOf(plain, domain), first)
  const rotate = () =>
    transaction(plain.platform.db, (tx) => requestRotation(plain.platform, tx, plain.scope, domain.name))
  await rotate()
  await runJobs(plain.platform)
  assert.deepEqual(await keysOf(plain, domain), pending)
  await assert.rejects(rotate(), { code: 'domain_state_conflict' })
  await look(plain, 'P10D')
  assert.deepEqual(await keysOf(plain, domain), pending)
  assert.deepEqual(await signersOf(plain, domain), ['mwe1', 'mwr1'])
  await publish(plain, domain)
  await look(plain)
  assert.deepEqual(await keysOf(plain, domain), overlapping)
  assert.deepEqual(await signersOf(plain, domain), ['mwe2', 'mwr2'])
  await assert.rejects(rotate(), { code: 'domain_state_conflict' })
  plain.platform.clock.advance?.('P8D')
  await rotateDueKeys(plain.platform)
  assert.deepEqual(await keysOf(plain, domain), second)
})

test('where aliases are wanted and keys were pasted, nothing changes by itself', async () => {
  const domain = await connect(zoned, 'texts.example')
  const keys = await dkimKeysOf(zoned.platform.db, domain.id)
  const zone = host.zones[domain.name] ?? {}
  for (const selector of ['mwr1', 'mwr2', 'mwe1', 'mwe2'])
    delete zone[`${selector}._domainkey.${domain.name}`]
  for (const { type, name, value } of desiredRecords({ ...zoned.config, dnsZone: null }, domain, keys)) {
    if (name.includes('_domainkey') && type === 'TXT') zone[name] = { TXT: [value] }
  }
  for (let looks = 0; looks < 6; looks++) await look(zoned, 'P40D')
  await rotateDueKeys(zoned.platform)
  await runJobs(zoned.platform)
  assert.deepEqual(await keysOf(zoned, domain), first)
})

test('a sandbox keeps its keys, and two requests at once make one pair', async () => {
  await assert.rejects(
    transaction(zoned.platform.db, (tx) => requestRotation(zoned.platform, tx, zoned.scope, 'demo.test')),
    { code: 'domain_state_conflict' },
  )
  const domain = await connect(plain, 'twice.example')
  const rotate = () =>
    transaction(plain.platform.db, (tx) => requestRotation(plain.platform, tx, plain.scope, domain.name))
  await Promise.all([rotate(), rotate()])
  await runJobs(plain.platform)
  assert.deepEqual(await keysOf(plain, domain), pending)
  assert.ok(rotationPolicy.overlapMs > 5 * 86_400_000, 'senders retry for five days')
})
