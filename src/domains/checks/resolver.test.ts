/** Where nothing gets out to name servers, the resolver is asked, and the result says so. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { allHooks } from '../../testing/test-looks.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { connectDomain, type Domain, getDomain } from '../domains.ts'
import type { DnsMode } from '../tables.ts'
import { verifyDomain } from '../verification.ts'

const ours = ['ns1.platform.example', 'ns2.platform.example']
let dns: TestDns
let t: TestPlatform
before(async () => {
  dns = await startTestDns()
  t = await startTestPlatform({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_NAMESERVERS: ours.join(','),
    MAILWRIGHT_HOSTNAME: 'mx.platform.example',
  })
})
after(async () => {
  await t[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

async function connect(name: string, dnsMode: DnsMode): Promise<Domain> {
  return await transaction(t.platform.db, (tx) => connectDomain(t.platform, tx, t.scope, name, { dnsMode }))
}

async function verify(domain: Domain) {
  const { stored } = await verifyDomain(t.platform, t.scope, domain.name, allHooks)
  const { state } = await getDomain(t.platform, t.scope, domain.id)
  return [state, stored?.asked, stored?.delegation?.state]
}

test('records by the resolver, aliases among them', async () => {
  const domain = await connect('pasted.example', 'manual')
  assert.deepEqual(await verify(domain), ['pending_records', 'resolver', 'none'])
  dns.zone[domain.name] = { MX: [[10, 'mx.platform.example']], NS: ['ns.host.example'] }
  dns.zone[`_mailwright.${domain.name}`] = { CNAME: ['proof.host.example'] }
  dns.zone['proof.host.example'] = { TXT: [`mailwright-verification=${domain.ownership_token}`] }
  assert.deepEqual(await verify(domain), ['active', 'resolver', 'elsewhere'])
})

test('name servers by the resolver', async () => {
  const domain = await connect('served.example', 'served')
  dns.zone[domain.name] = { NS: ['ns1.platform.example', 'ns.host.example'] }
  assert.deepEqual(await verify(domain), ['pending_nameservers', 'resolver', 'half_changed'])
  dns.zone[domain.name] = { fails: 'SERVFAIL' }
  assert.deepEqual(await verify(domain), ['pending_nameservers', 'resolver', 'unanswered'])
  dns.zone[domain.name] = { NS: ours }
  assert.deepEqual(await verify(domain), ['active', 'resolver', 'ours'])
})

test('a top-level domain that leads into an inner network is not asked there', async () => {
  dns.zone['example'] = { NS: ['ns.inner.example'] }
  dns.zone['ns.inner.example'] = { A: ['127.0.0.1'] }
  const domain = await connect('inner.example', 'manual')
  assert.deepEqual((await verify(domain))[1], 'resolver')
})
