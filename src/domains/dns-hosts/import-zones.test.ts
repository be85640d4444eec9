/** Domains that are connected by the zones at a host. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { startDnsHostsApi } from '../../testing/test-dns-hosts.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { getDnsHost } from './connections.ts'
import { hostedDomains } from './hosted-domains.ts'
import { importZones, zonesAt } from './import-zones.ts'

test('each zone comes to what it can; done again, nothing changes', async () => {
  await using test = await startDnsHostsApi()
  const { api, cloudflare } = test
  const { platform, scope } = api
  const id = await test.connectCloudflare()
  for (const name of ['new.example', 'here.example', 'theirs.example']) cloudflare.addZone(name)
  const other = await api.tenant()
  await api.call('POST', '/v1/domains', { key: other.key, body: { name: 'theirs.example' } })
  await api.call('POST', '/v1/domains', { body: { name: 'here.example' } })
  const zones = await zonesAt(platform, await getDnsHost(platform, scope, id))
  const names = zones.map(({ name }) => name)
  assert.deepEqual(names, ['new.example', 'here.example', 'theirs.example'])
  const run = async (): Promise<string[]> => {
    const results = await transaction(platform.db, (tx) =>
      importZones(platform, tx, scope, id, [...names, 'com']),
    )
    return results.map(({ name, outcome }) => `${name} ${outcome}`)
  }
  const taken = ['theirs.example already_exists', 'com failed']
  assert.deepEqual(await run(), ['new.example connected', 'here.example reconnected', ...taken])
  assert.deepEqual(await run(), ['new.example already_connected', 'here.example already_connected', ...taken])
  await runJobs(platform)
  const hosted = await hostedDomains(platform.db, scope, 'cloudflare')
  const rows = [...hosted.values()]
  assert.deepEqual(new Set(rows.map(({ zone_id }) => zone_id)), new Set([zones[0]?.id, zones[1]?.id]))
  assert.ok(rows.every(({ dns_host_id, host_state }) => dns_host_id === id && host_state === 'working'))
  const [first = ''] = hosted.keys()
  assert.equal((await hostedDomains(platform.db, scope, 'cloudflare', [first])).size, 1)
  assert.equal((await hostedDomains(platform.db, scope, 'powerdns')).size, 0)
  const written = cloudflare.zones[0]?.records.filter(({ type }) => type === 'MX')
  assert.equal(written?.length, 1, 'the host has the records of the domain')
})
