import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { dnskeyRdata, keyTagOf } from '../domains/zones/dnssec/key-records.ts'
import { dnssecKeyOf, openZoneKey } from '../domains/zones/dnssec/keys.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { startTestDns, type TestDns } from '../testing/test-dns.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { masterKeyOf } from '../testing/test-node.ts'

let dns: TestDns
let api: TestApi
let id: string
const name = 'signed.example'
const path = `/v1/domains/${name}/dnssec`

before(async () => {
  dns = await startTestDns({ [name]: {} })
  api = await startTestApi({ environment: { MAILWRIGHT_RESOLVER: dns.resolver } })
  id = (await api.connectActiveDomain(name)).id
})
after(async () => {
  await api[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

const put = (enabled: boolean) => api.call('PUT', path, { body: { enabled } })
const setMode = (mode: 'served' | 'manual') =>
  api.platform.db.updateTable('domains').set({ dns_mode: mode }).where('id', '=', id).execute()

test('only a zone that the platform serves is signed', async () => {
  assert.equal(refusal(await put(true)), '409 dnssec_not_served')
  assert.deepEqual((await api.call('GET', path)).json, {
    enabled: false,
    state: 'off',
    ds: null,
    parent: null,
  })
})

test('a job makes the key; then there is a DS record, which the parent has not yet', async () => {
  await setMode('served')
  const asked = await put(true)
  assert.deepEqual([asked.status, at(asked.json, 'state'), at(asked.json, 'ds')], [200, 'pending', null])
  await runJobs(api.platform)
  const { json, text } = await api.call('GET', path)
  assert.equal(textAt(json, 'state'), 'active')
  assert.equal(textAt(json, 'parent'), 'missing')
  const point = Buffer.from(textAt(json, 'ds', 'public_key'), 'base64')
  assert.equal(point.length, 64)
  assert.equal(at(json, 'ds', 'key_tag'), keyTagOf(dnskeyRdata(point)))
  assert.match(textAt(json, 'ds', 'record'), /^signed\.example\. IN DS \d+ 13 2 [0-9A-F]{64}$/)
  assert.doesNotMatch(text, /sealed|private/)
  const again = await put(true)
  assert.equal(textAt(again.json, 'ds', 'record'), textAt(json, 'ds', 'record'))
})

test('it is not turned off while the parent has a DS record, or does not answer', async () => {
  dns.zone[name] = { DS: [{ keyTag: 1, algorithm: 13, digestType: 2, digest: Buffer.alloc(32) }] }
  assert.equal(textAt((await api.call('GET', path)).json, 'parent'), 'wrong')
  assert.equal(refusal(await put(false)), '409 dnssec_parent_has_ds')
  dns.zone[name] = { fails: 'SERVFAIL' }
  assert.equal(textAt((await api.call('GET', path)).json, 'parent'), 'unanswered')
  assert.equal(refusal(await put(false)), '409 dnssec_parent_unanswered')
  const key = await dnssecKeyOf(api.platform.db, id)
  assert.ok(key?.public_key)
  const { ds } = Object((await api.call('GET', path)).json)
  const digest = Buffer.from(ds.digest, 'hex')
  dns.zone[name] = { DS: [{ keyTag: ds.key_tag, algorithm: 13, digestType: 2, digest }] }
  assert.equal(textAt((await api.call('GET', path)).json, 'parent'), 'valid')
})

test('the key survives a change of the master key', async () => {
  const vault = createVault(`${newMasterKey()},${await masterKeyOf(api)}`)
  const rotated = { ...api.platform, vault }
  await resealPrivateKeys(rotated)
  const row = await dnssecKeyOf(api.platform.db, id)
  assert.ok(row?.sealed_private_key && row.key_tag !== null)
  assert.equal(row.key_id, vault.keyId)
  openZoneKey(rotated, name, { id: row.id, keyTag: row.key_tag, sealed: row.sealed_private_key })
})

test('without a DS record it is turned off, and the key is gone', async () => {
  dns.zone[name] = {}
  const off = await put(false)
  assert.deepEqual([off.status, at(off.json, 'enabled')], [200, false])
  assert.equal(await dnssecKeyOf(api.platform.db, id), null)
  const events = await api.platform.db
    .selectFrom('events')
    .select('type')
    .where('type', 'like', 'domain.%')
    .execute()
  const types = new Set(events.map(({ type }) => type))
  for (const type of [
    'domain.dnssec_enabled',
    'domain.dnssec_key_created',
    'domain.dnssec_disabled',
    'domain.zone_changed',
  ]) {
    assert.ok(types.has(type), type)
  }
})

test('a key of another workspace, or one that only reads, changes nothing', async () => {
  const reading = await api.key({ access: 'read' })
  assert.equal(
    refusal(await api.call('PUT', path, { key: reading, body: { enabled: true } })),
    '403 forbidden',
  )
  const tenant = await api.tenant()
  assert.equal(refusal(await api.call('GET', path, { key: tenant.key })), '404 domain_not_found')
  assert.equal(
    refusal(await api.call('PUT', path, { key: tenant.key, body: { enabled: true } })),
    '404 domain_not_found',
  )
})
