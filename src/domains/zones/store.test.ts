import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { addRecords, serveDomain } from '../../testing/test-name-server.ts'
import { openSecondNode } from '../../testing/test-node.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { makeDkimKeys } from '../dkim-keys.ts'
import { connectDomain, deleteDomain, moveDomain } from '../domains.ts'
import { bringSerialsUpToDate } from './fingerprint.ts'
import type { FoundZone } from './found-zone.ts'
import { dkimTarget } from './own-names.ts'
import { startZoneStore, type ZoneStore } from './store.ts'
import type { WireRRset, ZoneAnswer } from './zone-answer.ts'

const stack = new AsyncDisposableStack()
const environment = {
  MAILWRIGHT_DNS_ZONE: 'mw.example',
  MAILWRIGHT_HOSTNAME: 'mx.mw.example',
  MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.1,2001:db8::1',
}
let t: TestPlatform
let store: ZoneStore

before(async () => {
  t = stack.use(await startTestPlatform(environment))
  await serveDomain(t.platform, t.scope, 'early.example')
  store = await startZoneStore(t.platform)
  stack.defer(() => store.stop())
})
after(() => stack.disposeAsync())

/** What `look` gives once it is not null: the store reads again what it hears of. */
async function eventually<T>(look: () => T | null | undefined | Promise<T | null | undefined>): Promise<T> {
  const deadline = performance.now() + 20_000
  while (performance.now() < deadline) {
    const found = await look()
    if (found !== null && found !== undefined) return found
    await new Promise((resolve) => setImmediate(resolve))
  }
  throw new Error('it did not happen')
}

async function nodeAt(
  name: string,
  of: ZoneStore = store,
): Promise<FoundZone['zone']['nodes'] extends ReadonlyMap<string, infer N> ? N | null : never> {
  const found = await of.find(name, dnsTypes.TXT)
  return found?.zone.nodes.get(name) ?? null
}

test('what was there before the start is served, what is not ours is not', async () => {
  assert.equal((await store.find('early.example', dnsTypes.MX))?.zone.name, 'early.example')
  assert.equal(store.find('late.example', dnsTypes.MX), null)
  assert.equal(store.find('demo.test', dnsTypes.MX), null, 'its DNS is elsewhere')
})

test('a domain is served once it is there, follows its records and keys, and goes when it is deleted', async () => {
  const domain = await serveDomain(t.platform, t.scope, 'changing.example')
  const first = await eventually(() => store.find('changing.example', dnsTypes.MX))
  await addRecords(t.platform, domain, [{ name: 'new.changing.example', type: 'TXT', value: 'hello' }])
  await eventually(() => nodeAt('new.changing.example'))
  assert.equal(first.version.isCurrent, false)
  await makeDkimKeys(t.platform, domain.id)
  await eventually(() => nodeAt('mwr1._domainkey.changing.example'))
  const second = await eventually(() => store.find('changing.example', dnsTypes.MX))
  assert.ok(second.zone.serial > first.zone.serial)
  await transaction(t.platform.db, (tx) =>
    deleteDomain(t.platform, tx, t.scope, domain.id, () => Promise.resolve(true)),
  )
  await eventually(() => store.find('changing.example', dnsTypes.MX) === null || null)
  assert.equal(second.version.isCurrent, false)
})

test('a suspended domain keeps its zone: its mail waits elsewhere meanwhile', async () => {
  const domain = await serveDomain(t.platform, t.scope, 'suspended.example')
  const before = await eventually(() => store.find('suspended.example', dnsTypes.MX))
  await transaction(t.platform.db, (tx) => moveDomain(t.platform, tx, domain, 'suspended'))
  await eventually(() => (before.version.isCurrent ? null : true))
  assert.ok(store.find('suspended.example', dnsTypes.MX))
})

test('after a doubt everything that has changed is found', async () => {
  const domain = await serveDomain(t.platform, t.scope, 'doubted.example')
  await eventually(() => store.find('doubted.example', dnsTypes.MX))
  const { topology } = store
  // As another node would, with its event lost.
  await t.platform.db
    .updateTable('domains')
    .set({ zone_serial: domain.zone_serial + 100 })
    .where('id', '=', domain.id)
    .execute()
  await t.platform.db
    .updateTable('domains')
    .set({ dns_mode: 'manual' })
    .where('name', '=', 'early.example')
    .execute()
  t.platform.bus.doubt()
  await eventually(async () =>
    (await store.find('doubted.example', dnsTypes.MX))?.zone.serial === domain.zone_serial + 100
      ? true
      : null,
  )
  await eventually(() => (store.find('early.example', dnsTypes.MX) === null ? true : null))
  assert.ok(store.topology > topology)
})

test('the platform’s own zone has its name servers, its host, and the keys of every domain', async () => {
  const domain = await transaction(t.platform.db, (tx) =>
    connectDomain(t.platform, tx, t.scope, 'manual.example'),
  )
  const target = (selector: string): string => dkimTarget(t.config, domain.id, selector) ?? ''
  assert.equal(await nodeAt(target('mwr1')), null)
  await makeDkimKeys(t.platform, domain.id)
  const rdata = (await eventually(() => nodeAt(target('mwr1')))).get(dnsTypes.TXT)?.rdata[0]
  assert.match(rdata?.toString('latin1') ?? '', /v=DKIM1; k=rsa; p=/)
  assert.ok(await nodeAt(target('mwe1')))
  assert.equal(await nodeAt(target('other')), null)
  assert.ok(await nodeAt('dkim.mw.example'), 'an empty non-terminal')
  for (const host of ['mw.example', 'mx.mw.example', 'ns1.mw.example', 'ns2.mw.example', '*.ns.mw.example']) {
    const node = await nodeAt(host)
    assert.equal(node?.get(dnsTypes.A)?.rdata[0]?.toString('hex'), 'c0000201', host)
    assert.equal(node?.get(dnsTypes.AAAA)?.rdata.length, 1, host)
  }
  assert.equal(store.content('mw.example')?.rrsets[0]?.type, 'NS')
})

test('keys that change while they are read for an answer make it old at once', async () => {
  const name = dkimTarget(t.config, '00000000-0000-7000-8000-0000000000ff', 'mwr1') ?? ''
  const pending = store.find(name, dnsTypes.TXT)
  t.platform.bus.publish([
    {
      type: 'domain.dkim_keys_created',
      organizationId: t.scope.organizationId,
      workspaceId: t.scope.workspaceId,
      mailboxId: null,
      data: { domain_id: '00000000-0000-7000-8000-0000000000ff', name: 'read.example' },
    },
  ])
  assert.equal((await pending)?.version.isCurrent, false)
  assert.equal((await store.find(name, dnsTypes.TXT))?.version.isCurrent, true)
})

test('a name within it is nobody else’s', async () => {
  await serveDomain(t.platform, t.scope, 'stolen.mw.example')
  await serveDomain(t.platform, t.scope, 'after.example')
  await eventually(() => store.find('after.example', dnsTypes.MX))
  assert.equal((await store.find('stolen.mw.example', dnsTypes.MX))?.zone.name, 'mw.example')
})

test('another node hears of it', async () => {
  const other = await openSecondNode(stack, t, environment)
  const theirs = await startZoneStore(other)
  stack.defer(() => theirs.stop())
  const domain = await serveDomain(t.platform, t.scope, 'nodes.example')
  await eventually(() => theirs.find('nodes.example', dnsTypes.MX))
  await addRecords(t.platform, domain, [{ name: 'new.nodes.example', type: 'TXT', value: 'hello' }])
  await eventually(() => nodeAt('new.nodes.example', theirs))
})

test('a zone has the signer that is read with it', async () => {
  const signer = {
    sign: (answer: ZoneAnswer): ZoneAnswer => answer,
    signSet: (set: WireRRset): WireRRset => set,
    apexSets: [],
  }
  const domain = await serveDomain(t.platform, t.scope, 'signed.example')
  const signing = await startZoneStore(t.platform, {
    readSigners: async (ids) => new Map(ids.filter((id) => id === domain.id).map((id) => [id, signer])),
  })
  stack.defer(() => signing.stop())
  assert.equal((await signing.find('signed.example', dnsTypes.MX))?.signer, signer)
  assert.equal((await signing.find('after.example', dnsTypes.MX))?.signer, null)
})

test('when the configuration makes other records, every served zone gets a new serial, once', async () => {
  const serials = async (): Promise<Map<string, number>> => {
    const rows = await t.platform.db
      .selectFrom('domains')
      .select(['name', 'zone_serial', 'dns_mode'])
      .where('state', '<>', 'deleted')
      .execute()
    return new Map(rows.map((row) => [`${row.dns_mode} ${row.name}`, row.zone_serial]))
  }
  const before = await serials()
  const first = await bringSerialsUpToDate(t.platform)
  assert.deepEqual(await serials(), before)
  const moved = { ...t.platform, config: { ...t.config, hostname: 'mx2.mw.example' } }
  const second = await bringSerialsUpToDate(moved)
  assert.ok(second > first)
  const risen = await serials()
  for (const [name, serial] of before) {
    if (name.startsWith('served')) assert.ok((risen.get(name) ?? 0) > serial, name)
    else assert.equal(risen.get(name), serial, name)
  }
  assert.equal(await bringSerialsUpToDate(moved), second)
  assert.deepEqual(await serials(), risen)
})
