/** How domains stand, in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let dns: TestDns
let u: TestVendor
let other: Tenant
let real = ''
let sandbox = ''

before(async () => {
  dns = await startTestDns()
  const environment = { MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_HOSTNAME: 'mx.ours.example' }
  u = await startTestVendor('zapmail', { environment, requestsPerMinute: 1e6 })
  const connect = async (name: string) =>
    textAt((await u.call('POST', '/v1/domains', { body: { name } })).json, 'id')
  real = await connect('real.example')
  sandbox = await connect('sand.test')
  await u.call('DELETE', '/v1/domains/demo.test')
  other = await u.tenant()
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

async function expect(status: number, operation: string, options: VendorCall = {}): Promise<Reply> {
  const reply = await u.operate(operation, options)
  assert.equal(reply.status, status, reply.text)
  return reply
}

/** The values that the native API says are to be set. */
async function planned(): Promise<{ type: string; name: string; value: string }[]> {
  const { json } = await u.call('GET', '/v1/domains/real.example/dns')
  return listAt(json, 'records').map((one) => ({
    type: textAt(one, 'type'),
    name: textAt(one, 'name'),
    value: textAt(one, 'value'),
  }))
}

const health = async (domainId: string): Promise<unknown> =>
  at((await expect(200, 'getDomainHealthScore', { query: { domainId } })).json, 'data')

test('what was not looked at yet has no score, and a sandbox needs no records', async () => {
  const unseen = await health(real)
  assert.deepEqual(
    ['domain', 'score', 'label', 'reasons'].map((name) => at(unseen, name)),
    ['real.example', 0, 'critical', []],
  )
  assert.match(textAt(unseen, 'error'), /not looked at/)
  assert.deepEqual(await health(sandbox), {
    domain: 'sand.test',
    averageScore: 100,
    score: 100,
    label: 'healthy',
    reasons: [],
    recommendedActions: [],
  })
})

test('the mail records of domains are looked at now, each kind for itself', async () => {
  await runJobs(u.platform)
  const nothing = await expect(200, 'checkDomainDns', { body: { domainIds: [real] } })
  const none = { spfRecord: false, dmarcRecords: false, dkimRecords: false, mxRecords: false }
  assert.deepEqual(at(nothing.json, 'data'), [{ id: real, domain: 'real.example', ...none }])
  const records = await planned()
  const mx = records.find(({ type }) => type === 'MX')
  const spf = records.find(({ value }) => value.startsWith('v=spf1'))
  assert.ok(mx && spf)
  dns.zone = { 'real.example': { MX: [[10, mx.value.split(' ')[1] ?? '']], TXT: [spf.value] } }
  const some = await expect(200, 'checkDomainDns', { body: { domainIds: [real, sandbox] } })
  assert.deepEqual(
    new Set(listAt(some.json, 'data')),
    new Set([
      { id: real, domain: 'real.example', ...none, spfRecord: true, mxRecords: true },
      {
        id: sandbox,
        domain: 'sand.test',
        spfRecord: true,
        dmarcRecords: true,
        dkimRecords: true,
        mxRecords: true,
      },
    ]),
  )
})

test('of all domains it is told what was last seen', async () => {
  const asked = dns.questions.length
  const all = await expect(200, 'checkDomainDns', { body: {} })
  assert.equal(listAt(all.json, 'data').length, 2)
  assert.equal((await u.at('POST', '/v2/domains/dns/check')).status, 200)
  assert.equal(dns.questions.length, asked)
})

test('the score is what is there of a hundred, with what is to be done about the rest', async () => {
  const found = await health(real)
  const score = Number(at(found, 'score'))
  assert.ok(score > 0 && score < 100, String(score))
  assert.ok(
    listAt(found, 'reasons').some((text) =>
      /TXT record at _dmarc\.real\.example is missing/.test(String(text)),
    ),
  )
  assert.ok(
    listAt(found, 'recommendedActions').some((text) =>
      /^Set TXT _dmarc\.real\.example to v=DMARC1/.test(String(text)),
    ),
  )
  const all = await expect(200, 'getDomainHealthScore')
  assert.deepEqual(
    listAt(all.json, 'data').map((one) => at(one, 'domain')),
    ['sand.test', 'real.example'],
  )
})

test('domains of others are not there; no key; every documented status', async () => {
  const theirs = { key: other.key, workspace: other.workspaceId }
  await expect(400, 'getDomainHealthScore', { ...theirs, query: { domainId: real } })
  assert.deepEqual(at((await expect(200, 'getDomainHealthScore', theirs)).json, 'data'), [])
  assert.equal((await u.unchecked('checkDomainDns', { ...theirs, body: { domainIds: [real] } })).status, 400)
  assert.equal((await u.unchecked('checkDomainDns', { body: { domainIds: null } })).status, 400)
  for (const operation of ['checkDomainDns', 'getDomainHealthScore']) {
    await expect(401, operation, { key: null, body: {} })
  }
  u.requireSeen(/^\/v2\/domains\/(dns\/check|health-score)$/)
})
