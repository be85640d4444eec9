/** Connecting domains that are registered elsewhere, in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor, type VendorCall } from '../../testing/test-vendors.ts'

let dns: TestDns
let u: TestVendor
/** One that answers each caller once in a minute, and has no name servers. */
let slow: TestVendor
let other: Tenant
const nameservers = ['ns1.ours.example', 'ns2.ours.example']

before(async () => {
  dns = await startTestDns()
  const environment = {
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_HOSTNAME: 'mx.ours.example',
    MAILWRIGHT_NAMESERVERS: nameservers.join(','),
    MAILWRIGHT_TEST_CLOCK: '1',
  }
  ;[u, slow] = await Promise.all([
    startTestVendor('zapmail', { environment, requestsPerMinute: 1e6 }),
    startTestVendor('zapmail', {
      environment: { MAILWRIGHT_RESOLVER: dns.resolver },
      requestsPerMinute: 2,
    }),
  ])
  other = await u.tenant()
})
after(async () => {
  await Promise.all([u, slow].map((one) => one[Symbol.asyncDispose]()))
  await dns[Symbol.asyncDispose]()
})

async function expect(status: number, operation: string, options: VendorCall = {}): Promise<Reply> {
  const reply = await u.operate(operation, options)
  assert.equal(reply.status, status, reply.text)
  assert.equal(at(reply.json, 'status'), status)
  return reply
}

async function connect(status: number, ...domainNames: string[]): Promise<unknown> {
  const { json } = await expect(status, 'connectDomains', { body: { domainNames } })
  return at(json, 'data', 'domains')
}

async function requests(query: Record<string, string> = {}): Promise<unknown[]> {
  const { json } = await expect(200, 'listConnectionRequests', { query })
  return listAt(json, 'data', 'data').map((one) => [at(one, 'domainName'), at(one, 'status')])
}

/** Time passes, so that a look is due again. */
async function pass(duration = 'PT1M'): Promise<void> {
  await u.call('POST', '/v1/test/clock', { body: { advance: duration } })
}

const native = (name: string) => u.call('GET', `/v1/domains/${name}`)

test('a name is connected, polled while its name servers are somebody else’s, and becomes active', async () => {
  dns.zone = { 'tryexample.com': { NS: ['ns1.registrar.example', 'ns2.registrar.example'] } }
  const first = await u.operate('connectDomains', { body: u.exampleOf('connectDomains') })
  assert.equal(first.status, 200, first.text)
  assert.deepEqual(at(first.json, 'data', 'domains'), { 'tryexample.com': 'NS_NOT_CHANGED' })
  const shown = (await native('tryexample.com')).json
  assert.deepEqual([at(shown, 'product'), at(shown, 'dns_mode')], ['google', 'served'])
  const { json } = await expect(200, 'listConnectionRequests')
  const request = at(json, 'data', 'data', 0)
  assert.deepEqual(
    ['id', 'serviceProvider', 'dnsManagedBy', 'workspaceId', 'metadata'].map((name) => at(request, name)),
    [
      at(shown, 'id'),
      'GOOGLE',
      'ZAPMAILDNS',
      u.scope.workspaceId,
      { currentNameServers: ['ns1.registrar.example', 'ns2.registrar.example'] },
    ],
  )
  assert.match(textAt(request, 'nextRetryOn'), /^\d{4}-/)
  await expect(400, 'verifyNameServers', { body: { domainName: 'tryexample.com' } })
  await runJobs(u.platform)
  dns.zone = { 'tryexample.com': { NS: nameservers } }
  await pass()
  assert.deepEqual(await connect(200, 'tryexample.com'), { 'tryexample.com': 'SUCCESS' })
  assert.equal(at((await native('tryexample.com')).json, 'state'), 'active')
  await expect(200, 'verifyNameServers', { body: { domainName: 'tryexample.com' } })
})

test('several at once, each with what became of it: none keeps the others from it', async () => {
  dns.zone = { 'slow.example': { silent: true }, 'lost.example': { NS: ['ns1.registrar.example'] } }
  await u.call('POST', '/v1/domains', {
    body: { name: 'theirs.example' },
    key: other.key,
  })
  const { json } = await expect(200, 'connectDomains', {
    body: {
      domainNames: [
        'now.test',
        'lost.example',
        'theirs.example',
        'no name',
        'tryexample.com',
        'gone.example',
      ],
    },
  })
  assert.deepEqual(at(json, 'data', 'domains'), {
    'now.test': 'SUCCESS',
    'lost.example': 'NS_NOT_CHANGED',
    'theirs.example': 'WORKSPACE_ALREADY_EXISTS',
    'no name': 'FAILED',
    'tryexample.com': 'SUCCESS',
    'gone.example': 'DOMAIN_NOT_REGISTERED',
  })
  assert.match(
    textAt(json, 'message'),
    /"no name" is not a domain name.*theirs\.example is already connected/,
  )
})

test('names that are none do no harm, and one in two spellings is one', async () => {
  const odd = [' ', 'x'.repeat(253), 'a\u007f.example', 'Now.TEST', 'twice.test', 'TWICE.test']
  const domains = Object(await connect(200, ...odd))
  const statuses = ['FAILED', 'FAILED', 'FAILED', 'SUCCESS', 'SUCCESS', 'SUCCESS']
  assert.deepEqual(Object.values(domains), statuses)
  await expect(400, 'removeConnectionRequests', { body: { domainNames: ['a\u0000b'] } })
  await u.call('DELETE', '/v1/domains/twice.test')
})

test('one that nobody has seen yet is in progress', async () => {
  dns.zone = { 'busy.example': { fails: 'SERVFAIL' } }
  assert.deepEqual(await connect(207, 'busy.example', 'now.test'), {
    'busy.example': 'CHECKING_NS_IN_WHOIS',
    'now.test': 'SUCCESS',
  })
})

test('requests are those of a provider, by status and name, without what was bought', async () => {
  assert.deepEqual(await requests({ status: 'SUCCESS' }), [
    ['now.test', 'SUCCESS'],
    ['tryexample.com', 'SUCCESS'],
    ['demo.test', 'SUCCESS'],
  ])
  assert.deepEqual(await requests({ contains: 'LOST' }), [['lost.example', 'NS_NOT_CHANGED']])
  assert.deepEqual(await requests({ status: 'CREATING_ZONE' }), [])
  assert.deepEqual(await requests({ cloudflareCredentialsId: 'none' }), [])
  const second = await expect(200, 'listConnectionRequests', { query: { page: '2', limit: '4' } })
  assert.deepEqual(
    ['totalSearchedCount', 'totalPages', 'totalCount'].map((name) => at(second.json, 'data', name)),
    [6, 2, 6],
  )
  const headers = { 'x-service-provider': 'MICROSOFT' }
  const none = await expect(200, 'listConnectionRequests', { headers })
  assert.deepEqual(at(none.json, 'data', 'data'), [])
  await u.operate('connectDomains', { headers, body: { domainNames: ['ms.test'] } })
  assert.equal(at((await native('ms.test')).json, 'product'), 'microsoft')
  const one = await expect(200, 'listConnectionRequests', { headers })
  assert.equal(at(one.json, 'data', 'data', 0, 'serviceProvider'), 'MICROSOFT')
  await expect(400, 'listConnectionRequests', { query: { status: 'NO' } })
  await expect(400, 'listConnectionRequests', { query: { page: '0' } })
})

test('requests are dropped, all or none, and their names are free', async () => {
  const drop = (status: number, body: object) => expect(status, 'removeConnectionRequests', { body })
  await drop(400, { domainNames: ['lost.example', 'now.test'] })
  await drop(400, { domainNames: ['unknown.example'] })
  await drop(400, { domainNames: [] })
  await drop(400, { domainNames: [], contains: null })
  assert.equal((await native('lost.example')).status, 200)
  await drop(200, { domainNames: ['LOST.example'] })
  assert.equal((await native('lost.example')).status, 404)
  await drop(200, { domainNames: [], status: ['DOMAIN_NOT_REGISTERED'] })
  assert.equal((await native('gone.example')).status, 404)
  assert.equal((await native('busy.example')).status, 200)
  const again = await u.operate('connectDomains', { body: { domainNames: ['lost.example'] } })
  assert.ok([200, 207].includes(again.status))
  await u.call('POST', '/v1/mailboxes', { body: { address: 'a@lost.example' } })
  await drop(400, { domainNames: ['lost.example'] })
})

test('a domain that was removed and can be restored comes back when it is connected again', async () => {
  const { id } = Object((await native('tryexample.com')).json)
  await expect(200, 'removeUnusedDomains', { body: { ids: [id] } })
  assert.equal(at((await native('tryexample.com')).json, 'state'), 'deletion_scheduled')
  assert.deepEqual(await requests({ contains: 'tryexample' }), [])
  assert.deepEqual(await connect(200, 'tryexample.com'), { 'tryexample.com': 'SUCCESS' })
  assert.equal(at((await native('tryexample.com')).json, 'id'), id)
  await u.call('POST', '/v1/mailboxes', { body: { address: 'a@tryexample.com' } })
  await u.call('DELETE', '/v1/domains/tryexample.com?with_mailboxes=true')
  assert.deepEqual(await connect(200, 'tryexample.com'), { 'tryexample.com': 'FAILED' })
})

test('the name servers to set are told, where this platform has some', async () => {
  const body = u.exampleOf('getNameServers')
  const told = await expect(200, 'getNameServers', { body })
  assert.equal(at(told.json, 'data', 'nameServers'), nameservers.join(','))
  await expect(400, 'getNameServers', { body: { domainName: 'tryexample.com' } })
  await expect(400, 'getNameServers', { body: { domainName: 'no name', maskForwarding: false } })
  assert.equal((await slow.unchecked('getNameServers', { body })).status, 400)
  await expect(400, 'verifyNameServers', { body: { domainName: 'unknown.example' } })
  await expect(400, 'verifyNameServers', {
    body: { domainName: 'now.test' },
    key: other.key,
    workspace: other.workspaceId,
  })
})

test('who may only read connects nothing', async () => {
  const key = await u.key({ access: 'read' })
  const body = { domainNames: ['new.test'] }
  assert.equal((await u.unchecked('connectDomains', { key, body })).status, 403)
  assert.equal(
    (await u.unchecked('removeConnectionRequests', { key, body: { domainNames: ['busy.example'] } })).status,
    403,
  )
  assert.equal((await native('new.test')).status, 404)
  assert.equal((await native('busy.example')).status, 200)
})

const own = /^\/v2\/domains\/(connect-domain|connection-requests|name-servers)/

test('no key, other forms, too many calls, and every documented status', async () => {
  for (const { id: operation, bodies } of u.contract.operations.filter(({ path }) => own.test(path))) {
    await expect(401, operation, { key: 'wrong', body: bodies[0] })
  }
  for (const body of [{ domainName: 'tryexample.com' }, { domainNames: [] }, { domainNames: null }]) {
    await expect(422, 'connectDomains', { body })
  }
  await slow.unchecked('connectDomains', { body: {} })
  for (const operation of ['connectDomains', 'listConnectionRequests']) {
    u.contract.check(operation, await slow.unchecked(operation, { body: {} }))
  }
  u.requireSeen(own)
})
