/** Domains: registered, proved, verified, rotated, made the default, deleted and taken back; every documented answer. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { defaultDomainOf } from '../../domains/handle-domain.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'
import { runJobs } from '../../testing/test-jobs.ts'

let dns: TestDns
let inkbox: TestInkbox
let desk: TestAgent
let foreign: Tenant
before(async () => {
  dns = await startTestDns()
  inkbox = await startInkbox({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_HOSTNAME: 'mx.platform.example',
  })
  desk = await inkbox.agent('quote-desk')
  foreign = await inkbox.tenant()
})
after(async () => {
  await inkbox[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

const call = (operation: string, name: string, key?: string | null): Promise<Reply> =>
  inkbox.inkbox(operation, { path: { domain_name: name }, ...(key === undefined ? {} : { key }) })
const statusOf = async (operation: string, name: string): Promise<string> =>
  textAt((await call(operation, name)).json, 'status')

async function register(name: string): Promise<Reply> {
  const reply = await inkbox.inkbox('registerDomain', { body: { domain: name } })
  await runJobs(inkbox.platform)
  return reply
}

/** Writes records into the zone as their owner would. */
async function publish(name: string, purposes: readonly string[]): Promise<void> {
  for (const record of listAt((await call('listDomainDnsRecords', name)).json)) {
    const { purpose, type, host, value, priority } = Object(record)
    if (!purposes.includes(purpose)) continue
    const records = dns.zone[host] ?? {}
    dns.zone[host] = records
    if (type === 'MX') records.MX = [[priority, value]]
    else records.TXT = [...(records.TXT ?? []), value]
  }
}

async function verified(name: string): Promise<void> {
  await register(name)
  await publish(name, ['ownership', 'inbound_mx', 'dkim', 'mail_from_spf', 'dmarc'])
  assert.equal(await statusOf('verifyDomain', name), 'verified')
}

test('a domain is registered, proved, wrong, verified, broken', async () => {
  for (const body of inkbox.contract.operation('registerDomain').bodies) {
    const made = await inkbox.inkbox('registerDomain', { body })
    assert.deepEqual([made.status, at(made.json, 'status')], [201, 'awaiting_ownership'])
    await runJobs(inkbox.platform)
  }
  const name = 'mail.example.org'
  const records = listAt((await call('listDomainDnsRecords', name)).json)
  const shown = records.map((record) => `${textAt(record, 'purpose')} ${textAt(record, 'host')}`)
  assert.ok(shown.includes(`ownership _mailwright.${name}`), String(shown))
  assert.ok(shown.includes(`inbound_mx ${name}`) && shown.includes(`dmarc _dmarc.${name}`))
  const token = textAt((await call('getDomain', name)).json, 'ownership_token')
  assert.ok(records.some((record) => textAt(record, 'value').endsWith(`=${token}`)))
  await publish(name, ['ownership'])
  assert.equal(await statusOf('verifyDomain', name), 'pending')
  dns.zone[name] = { MX: [[10, 'mx.elsewhere.example']] }
  const wrong = await call('verifyDomain', name)
  assert.equal(textAt(wrong.json, 'status'), 'dns_invalid')
  assert.match(textAt(wrong.json, 'failure_reason'), /MX mail\.example\.org/)
  await publish(name, ['inbound_mx', 'dkim', 'dmarc'])
  const good = await call('verifyDomain', name)
  assert.equal(textAt(good.json, 'status'), 'verified')
  assert.ok(textAt(good.json, 'verified_at') && textAt(good.json, 'last_checked_at'))
  assert.equal(await statusOf('getDomain', name), 'verified')
  const listed = await inkbox.inkbox('listDomains', { query: { status: 'verified' } })
  assert.ok(listAt(listed.json).some((domain) => textAt(domain, 'domain') === name))
  assert.deepEqual((await inkbox.inkbox('listDomains', { query: { status: 'degraded' } })).json, [])
})

test('states that only time or operators bring', async () => {
  const name = 'states.example.org'
  await verified(name)
  const states: [state: string, status: string][] = [
    ['registering', 'not_started'],
    ['pending_payment', 'not_started'],
    ['pending_records', 'degraded'],
    ['suspended', 'failed'],
    ['expired', 'failed'],
    ['failed', 'failed'],
  ]
  for (const [state, status] of states) {
    await inkbox.platform.pool.query('update domains set state = $1 where name = $2', [state, name])
    assert.equal(await statusOf('getDomain', name), status, state)
  }
  assert.equal(await statusOf('verifyDomain', name), 'failed', 'it is answered as it is')
})

test('DKIM keys are changed once at a time', async () => {
  const name = 'dkim.example.org'
  await verified(name)
  const before = textAt((await call('getDomain', name)).json, 'dkim_selector')
  const rotated = await call('rotateDomainDkim', name)
  assert.equal(textAt(rotated.json, 'status'), 'pending_dkim_rotation')
  assert.equal(textAt(rotated.json, 'dkim_selector'), before, 'the old key still signs')
  const keys = listAt((await call('listDomainDnsRecords', name)).json).filter(
    (record) => textAt(record, 'purpose') === 'dkim',
  )
  assert.ok(keys.length >= 2)
  assert.equal((await call('rotateDomainDkim', name)).status, 409)
})

test('the default is a verified domain; the platform’s clears it', async () => {
  const name = 'default.example.org'
  await register(name)
  const early = await call('setDefaultDomain', name)
  assert.equal(early.status, 409)
  assert.equal(textAt(early.json, 'detail', 'error'), 'default_domain_unavailable')
  await publish(name, ['ownership', 'inbound_mx'])
  await call('verifyDomain', name)
  const { platform, scope } = inkbox
  for (const body of inkbox.contract.operation('setDefaultDomain').bodies) {
    const set = await inkbox.inkbox('setDefaultDomain', { path: { domain_name: name }, body })
    assert.deepEqual(set.json, { default_domain: name })
  }
  assert.equal((await defaultDomainOf(platform.db, scope.workspaceId))?.name, name)
  assert.equal(at((await call('getDomain', name)).json, 'is_default'), true)
  const cleared = await call('setDefaultDomain', 'demo.test')
  assert.deepEqual(cleared.json, { default_domain: null })
  assert.equal((await defaultDomainOf(platform.db, scope.workspaceId))?.name, 'demo.test')
  assert.equal(at((await call('getDomain', name)).json, 'is_default'), false)
})

test('a deleted domain is taken back, and one with mailboxes stays', async () => {
  const name = 'gone.example.org'
  await verified(name)
  await call('setDefaultDomain', name)
  assert.equal((await call('restoreDomain', name)).status, 409)
  assert.equal((await call('deleteDomain', name)).status, 204)
  assert.equal(await statusOf('getDomain', name), 'pending_deletion')
  assert.equal((await call('deleteDomain', name)).status, 409)
  const { platform, scope } = inkbox
  assert.equal((await defaultDomainOf(platform.db, scope.workspaceId))?.name, 'demo.test')
  assert.equal(await statusOf('restoreDomain', name), 'verified')
  assert.equal((await call('deleteDomain', 'demo.test')).status, 409, 'it has mailboxes')
})

test('what cannot be registered', async () => {
  await register('taken.example.org')
  const cases: [body: unknown, status: number][] = [
    [{ domain: 'taken.example.org' }, 409],
    [{ domain: 'no name' }, 422],
    [{ domain: '' }, 422],
    [{}, 422],
  ]
  for (const [body, status] of cases) {
    assert.equal((await inkbox.inkbox('registerDomain', { body })).status, status)
  }
  assert.equal((await inkbox.inkbox('listDomains', { query: { status: 'odd' } })).status, 422)
})

const operations = [
  'getDomain',
  'listDomainDnsRecords',
  'verifyDomain',
  'rotateDomainDkim',
  'restoreDomain',
  'setDefaultDomain',
  'deleteDomain',
] as const
test('who may', async () => {
  await register('theirs.example.org')
  for (const operation of operations) {
    const status = async (name: string, key?: string | null): Promise<number> =>
      (await call(operation, name, key)).status
    assert.equal(await status('theirs.example.org', null), 401, operation)
    assert.equal(await status('theirs.example.org', desk.key), 403, operation)
    assert.equal(await status('theirs.example.org', foreign.key), 404, operation)
    assert.equal(await status('unknown.example.org'), 404, operation)
  }
  for (const operation of ['listDomains', 'registerDomain']) {
    const body = operation === 'registerDomain' ? { domain: 'x.example.org' } : undefined
    assert.equal((await inkbox.inkbox(operation, { body, key: null })).status, 401)
    assert.equal((await inkbox.inkbox(operation, { body, key: desk.key })).status, 403)
  }
  assert.deepEqual((await inkbox.inkbox('listDomains', { key: foreign.key })).json, [])
  assert.equal((await inkbox.inkbox('listDomains', { key: inkbox.session })).status, 200)
})

test('with and without a slash at the end', async () => {
  for (const path of ['/domains/', '/domains', '/domains/demo.test', '/domains/demo.test/']) {
    assert.equal((await inkbox.raw('GET', path)).status, 200, path)
  }
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'domains'), [])
})
