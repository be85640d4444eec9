/** The end of a domain's life by the API: suspended, deleted with its mailboxes, restored, gone. And its beginning in batches. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { at, refusal, startTestApi, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'

const api = await startTestApi({
  environment: {
    MAILWRIGHT_NAMESERVERS: 'ns1.mw.example,ns2.mw.example',
    MAILWRIGHT_DOMAINS_PER_WORKSPACE: '40',
  },
})
after(() => api[Symbol.asyncDispose]())
const { platform } = api
const handlers = handlersWith({})

const stateOf = async (path: string): Promise<string> => textAt((await api.call('GET', path)).json, 'state')
const post = (path: string, body: object = {}) => api.call('POST', path, { body })
const remove = (name: string, query = '') => api.call('DELETE', `/v1/domains/${name}${query}`)

async function pass(duration: string): Promise<void> {
  platform.clock.advance?.(duration)
  for (const job of ['mailbox.purge_due', 'domains.remove_due'] as const) {
    await handlers[job](platform, {})
    await runJobs(platform)
  }
}

test('suspended and resumed, each twice', async () => {
  await api.connectActiveDomain('pause.example')
  for (const [action, state] of [
    ['suspend', 'suspended'],
    ['suspend', 'suspended'],
    ['resume', 'active'],
    ['resume', 'active'],
  ] as const) {
    const { status, json } = await post(`/v1/domains/pause.example/${action}`)
    assert.deepEqual([status, textAt(json, 'state')], [200, state])
  }
  await post('/v1/domains', { name: 'new.example' })
  for (const action of ['suspend', 'resume', 'restore']) {
    assert.equal(refusal(await post(`/v1/domains/new.example/${action}`)), '409 domain_state_conflict')
  }
})

test('a suspended domain’s mailboxes do not send by the API', async () => {
  await api.connectActiveDomain('mute.example')
  await api.createMailbox('ann@mute.example')
  const message = { to: ['user@demo.test'], subject: 'x', text: 'y' }
  await post('/v1/domains/mute.example/suspend')
  assert.equal(
    refusal(await post('/v1/mailboxes/ann@mute.example/messages', message)),
    '409 mailbox_state_conflict',
  )
})

test('what has nothing to lose goes at once, what was active can be restored', async () => {
  await post('/v1/domains', { name: 'never.example' })
  assert.equal((await remove('never.example')).status, 204)
  await post('/v1/domains', { name: 'sand.test' })
  assert.equal((await remove('sand.test')).status, 204)
  await api.connectActiveDomain('was.example')
  const deleted = await remove('was.example')
  assert.deepEqual([deleted.status, textAt(deleted.json, 'state')], [200, 'deletion_scheduled'])
  assert.ok(
    Date.parse(textAt(deleted.json, 'delete_after')) > platform.clock.now().getTime() + 29 * 86_400_000,
  )
  assert.equal(refusal(await remove('was.example')), '409 domain_state_conflict')
  assert.equal(refusal(await post('/v1/domains', { name: 'was.example' })), '409 domain_taken')
  const restored = await post('/v1/domains/was.example/restore')
  assert.deepEqual([textAt(restored.json, 'state'), at(restored.json, 'delete_after')], ['active', null])
  assert.equal((await remove('was.example', '?purge=true')).status, 204)
  assert.equal((await post('/v1/domains', { name: 'was.example' })).status, 201)
})

test('mailboxes go with their domain and come back with it, but for those that were deleted before', async () => {
  await api.connectActiveDomain('full.example')
  for (const name of ['ann', 'bob', 'old']) await api.createMailbox(`${name}@full.example`)
  await post('/v1/mailboxes/bob@full.example/suspend')
  await api.call('DELETE', '/v1/mailboxes/old@full.example')
  assert.equal(refusal(await remove('full.example')), '409 domain_not_empty')
  assert.equal(
    refusal(await remove('full.example', '?purge=true&with_mailboxes=true')),
    '409 domain_not_empty',
  )
  const look = await remove('full.example', '?with_mailboxes=true&preview=true')
  assert.deepEqual(at(look.json, 'objects', 0, 'state'), 'deletion_scheduled')
  assert.equal(await stateOf('/v1/domains/full.example'), 'active')
  assert.equal((await remove('full.example', '?with_mailboxes=true')).status, 200)
  for (const name of ['ann', 'bob', 'old']) {
    assert.equal(await stateOf(`/v1/mailboxes/${name}@full.example`), 'deletion_scheduled')
  }
  const alone = await post('/v1/mailboxes/ann@full.example/restore')
  assert.equal(refusal(alone), '409 mailbox_state_conflict')
  await post('/v1/domains/full.example/restore')
  const states = await Promise.all(
    ['ann', 'bob', 'old'].map((name) => stateOf(`/v1/mailboxes/${name}@full.example`)),
  )
  assert.deepEqual(states, ['active', 'suspended', 'deletion_scheduled'])
})

test('more mailboxes than one transaction moves', async () => {
  await api.connectActiveDomain('large.example')
  const mailboxes = Array.from({ length: 1203 }, (_, index) => ({ address: `m${index}@large.example` }))
  assert.equal((await post('/v1/mailboxes', { mailboxes })).status, 200)
  const count = async (state: string): Promise<number> => {
    const { rows } = await sql<{ count: number }>`select count(*)::int as count from mailboxes
      join domains on domains.id = domain_id where domains.name = 'large.example' and mailboxes.state = ${state}`.execute(
      platform.db,
    )
    return rows[0]?.count ?? 0
  }
  await remove('large.example', '?with_mailboxes=true')
  await runJobs(platform)
  assert.equal(await count('deletion_scheduled'), 1203)
  await post('/v1/domains/large.example/restore')
  await runJobs(platform)
  assert.equal(await count('active'), 1203)
})

test('past its days it is gone with its mailboxes, and its name is free', async () => {
  await api.connectActiveDomain('gone.example')
  await api.createMailbox('ann@gone.example')
  await remove('gone.example', '?with_mailboxes=true')
  await pass('P29D')
  assert.equal(await stateOf('/v1/domains/gone.example'), 'deletion_scheduled')
  await pass('P2D')
  await pass('PT10M')
  assert.equal(refusal(await api.call('GET', '/v1/domains/gone.example')), '404 domain_not_found')
  const { rows } = await sql`select 1 from addresses where address like '%@gone.example'`.execute(platform.db)
  assert.equal(rows.length, 0)
  const other = await api.tenant()
  const taken = await api.call('POST', '/v1/domains', { body: { name: 'gone.example' }, key: other.key })
  assert.equal(taken.status, 201)
})

test('many at once: a result for each, and the name servers to set', async () => {
  const domains = [
    { name: 'one.example', dns_mode: 'served' },
    { name: 'two.example' },
    { name: 'THREE.example.', dns_mode: 'served' },
    { name: 'three.example' },
    { name: 'not a name' },
    { name: 'demo.test' },
    { name: 'sandbox.test' },
  ]
  const look = await post('/v1/domains', { domains, preview: true })
  assert.equal((at(look.json, 'objects') as unknown[]).length, 4)
  const { status, json } = await post('/v1/domains', { domains })
  assert.equal(status, 200)
  const results = domains.map((_, index) => [
    at(json, 'data', index, 'status'),
    at(json, 'data', index, 'domain', 'state') ?? at(json, 'data', index, 'problem', 'code'),
  ])
  assert.deepEqual(results, [
    ['created', 'pending_nameservers'],
    ['created', 'pending_records'],
    ['created', 'pending_nameservers'],
    ['failed', 'domain_taken'],
    ['failed', 'domain_invalid'],
    ['failed', 'domain_taken'],
    ['created', 'active'],
  ])
  const groups = [
    { nameservers: ['ns1.mw.example', 'ns2.mw.example'], domains: ['one.example', 'three.example'] },
  ]
  const sorted = (of: unknown) =>
    JSON.parse(JSON.stringify(of).replace('three.example","one.example', 'one.example","three.example'))
  assert.deepEqual(sorted(at(json, 'nameserver_groups')), groups)
  const batch = await api.call('GET', `/v1/domain-batches/${textAt(json, 'batch_id')}`)
  assert.deepEqual([at(batch.json, 'created'), at(batch.json, 'failed')], [4, 3])
  assert.deepEqual(sorted(at(batch.json, 'nameserver_groups')), groups)
  assert.equal(at(batch.json, 'failures', 0, 'problem', 'code'), 'domain_taken')
  const other = await api.tenant()
  const foreign = await api.call('GET', `/v1/domain-batches/${textAt(json, 'batch_id')}`, { key: other.key })
  assert.equal(refusal(foreign), '404 batch_not_found')
})

test('a workspace has as many domains as it may have, one by one and in a batch', async () => {
  const domains = Array.from({ length: 60 }, (_, index) => ({ name: `limit${index}.example` }))
  const { json } = await post('/v1/domains', { domains })
  const failed = domains.filter(
    (_, index) => at(json, 'data', index, 'problem', 'code') === 'domain_limit_reached',
  )
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from domains
    where workspace_id = ${api.scope.workspaceId} and state <> 'deleted'`.execute(platform.db)
  assert.ok(failed.length > 0)
  assert.equal(rows[0]?.count, 40)
  assert.equal(refusal(await post('/v1/domains', { name: 'more.example' })), '409 domain_limit_reached')
  const register = await post('/v1/domains/register', {
    name: 'more.test',
    expected_price: { amount: 1000, currency: 'USD' },
  })
  assert.equal(refusal(register), '409 domain_limit_reached')
})

test('a batch of a thousand', async () => {
  const other = await api.tenant()
  const domains = Array.from({ length: 1001 }, (_, index) => ({ name: `k${index}.example` }))
  const tooMany = await api.call('POST', '/v1/domains', { body: { domains }, key: other.key })
  assert.equal(refusal(tooMany), '400 invalid_request')
  const { status } = await api.call('POST', '/v1/domains', {
    body: { domains: domains.slice(0, 1000) },
    key: other.key,
  })
  assert.equal(status, 200)
})
