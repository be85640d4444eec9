/** Limits by API: who may set which, and what they do to the calls that make mailboxes. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import {
  at,
  type Reply,
  refusal,
  startTestApi,
  type Tenant,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'

let api: TestApi
let other: Tenant
let domainId: string
before(async () => {
  api = await startTestApi()
  other = await api.tenant()
  domainId = textAt((await api.call('GET', '/v1/domains/demo.test')).json, 'id')
})
after(() => api[Symbol.asyncDispose]())

const put = (body: object, key = api.apiKey): Promise<Reply> =>
  api.call('PUT', '/v1/mailbox-limits', { body, key })

/** Nothing of the test before limits or counts. */
async function clear(): Promise<void> {
  const { db } = api.platform
  for (const table of ['mailbox_limits', 'mailbox_requests', 'addresses', 'mailboxes'] as const)
    await db.deleteFrom(table).execute()
}

async function make(...addresses: string[]): Promise<string[]> {
  const body = { mailboxes: addresses.map((address) => ({ address })) }
  const { json } = await api.call('POST', '/v1/mailboxes', { body })
  const results = at(json, 'data')
  assert.ok(Array.isArray(results))
  return results.map((one) =>
    textAt(one, at(one, 'problem') ? 'problem' : 'mailbox', at(one, 'problem') ? 'code' : 'address'),
  )
}

test('the first items in order get the room, and what cannot be made for another reason uses none', async () => {
  await clear()
  await make('taken@demo.test')
  await put({ per: 'domain', domain_id: domainId, mailboxes_max: 3 })
  assert.deepEqual(
    await make(
      'zoe@demo.test',
      'taken@demo.test',
      'no-at',
      'ann@demo.test',
      'bob@demo.test',
      'x@nowhere.test',
    ),
    [
      'zoe@demo.test',
      'address_taken',
      'address_invalid',
      'ann@demo.test',
      'mailbox_limit_reached',
      'domain_not_found',
    ],
  )
  const one = await api.call('POST', '/v1/mailboxes', { body: { address: 'bob@demo.test' } })
  assert.equal(refusal(one), '409 mailbox_limit_reached')
  assert.match(textAt(one.json, 'detail'), /^demo\.test may have 3 mailboxes, and has 3;/)
})

test('a random address has its turn among those that were asked for', async () => {
  await clear()
  await put({ per: 'domain', domain_id: domainId, mailboxes_max: 1 })
  const body = { mailboxes: [{ domain: 'demo.test' }, { address: 'ann@demo.test' }] }
  const { json } = await api.call('POST', '/v1/mailboxes', { body })
  assert.equal(at(json, 'data', 0, 'status'), 'created')
  assert.equal(at(json, 'data', 1, 'problem', 'code'), 'mailbox_limit_reached')
})

test('one that is renamed into another domain takes a place there, and none more of the workspace', async () => {
  await clear()
  const { json } = await api.call('POST', '/v1/domains', { body: { name: 'full.test' } })
  await make('a@demo.test', 'b@demo.test', 'c@full.test')
  await put({ per: 'workspace', mailboxes_max: 3 })
  await put({ per: 'domain', domain_id: textAt(json, 'id'), mailboxes_max: 2 })
  const rename = async (from: string, address: string, preview: boolean): Promise<string> => {
    const reply = await api.call('POST', `/v1/mailboxes/${from}/rename`, { body: { address, preview } })
    return reply.status === 200 ? 'renamed' : refusal(reply)
  }
  assert.equal(await rename('a@demo.test', 'a@full.test', false), 'renamed')
  for (const preview of [true, false])
    assert.equal(await rename('b@demo.test', 'b@full.test', preview), '409 mailbox_limit_reached')
  assert.equal(await rename('c@full.test', 'd@full.test', false), 'renamed')
  assert.equal(await rename('c@full.test', 'c@demo.test', false), 'renamed')
  assert.equal(await rename('b@demo.test', 'b@full.test', false), 'renamed')
})

test('two calls at once never share the last place', async () => {
  await clear()
  await put({ per: 'domain', mailboxes_max: 5 })
  await make('a@demo.test', 'b@demo.test', 'c@demo.test', 'd@demo.test')
  const calls = Array.from({ length: 8 }, (_, n) => make(`race${n}@demo.test`, `more${n}@demo.test`))
  const made = (await Promise.all(calls)).flat().filter((result) => result !== 'mailbox_limit_reached')
  assert.equal(made.length, 1)
})

test('what can be restored keeps its place, a purge frees it', async () => {
  await clear()
  await put({ per: 'workspace', mailboxes_max: 2 })
  await make('a@demo.test', 'b@demo.test')
  await api.call('DELETE', '/v1/mailboxes/a@demo.test')
  assert.deepEqual(await make('c@demo.test'), ['mailbox_limit_reached'])
  assert.equal((await api.call('POST', '/v1/mailboxes/a@demo.test/restore')).status, 200)
  await api.call('DELETE', '/v1/mailboxes/a@demo.test?purge=true')
  assert.deepEqual(await make('c@demo.test', 'd@demo.test'), ['c@demo.test', 'mailbox_limit_reached'])
})

test('a limit of a service counts its mailboxes only, and the smallest that applies counts', async () => {
  await clear()
  await put({ per: 'domain', service: 'google', mailboxes_max: 1 })
  await put({ per: 'workspace', workspace_id: api.scope.workspaceId, mailboxes_max: 3 })
  const ask = async (service: string, address: string): Promise<string> => {
    const reply = await api.call('POST', '/v1/mailbox-requests', {
      body: { mailboxes: [{ address }], service },
    })
    return textAt(reply.json, 'data', 0, 'problem', 'code')
  }
  assert.equal(await ask('google', 'a@demo.test'), 'undefined')
  assert.equal(await ask('google', 'b@demo.test'), 'mailbox_limit_reached')
  assert.equal(await ask('microsoft', 'b@demo.test'), 'undefined')
  assert.deepEqual(await make('c@demo.test', 'd@demo.test'), ['c@demo.test', 'mailbox_limit_reached'])
})

test('a limit below what is there removes nothing, and one that is changed or removed holds at once', async () => {
  await clear()
  await make('a@demo.test', 'b@demo.test')
  const limit = { per: 'domain', domain_id: domainId }
  const { json } = await put({ ...limit, mailboxes_max: 0 })
  assert.deepEqual(await make('c@demo.test'), ['mailbox_limit_reached'])
  assert.equal((await api.call('GET', '/v1/mailboxes/b@demo.test')).status, 200)
  const raised = await put({ ...limit, mailboxes_max: 3 })
  assert.equal(at(raised.json, 'id'), at(json, 'id'))
  assert.deepEqual(await make('c@demo.test', 'd@demo.test'), ['c@demo.test', 'mailbox_limit_reached'])
  assert.equal((await api.call('DELETE', `/v1/mailbox-limits/${at(json, 'id')}`)).status, 204)
  assert.deepEqual(await make('d@demo.test'), ['d@demo.test'])
})

test('where there are as many limits as there may be, one is changed and none added', async () => {
  await clear()
  const { json } = await put({ per: 'domain', mailboxes_max: 5 })
  await sql`with others as (
      insert into workspaces (id, organization_id, name, is_default, created_at)
      select gen_random_uuid(), ${api.scope.organizationId}, 'Other', false, now() from generate_series(1, 999)
      returning id
    )
    insert into mailbox_limits
    select gen_random_uuid(), organization_id, others.id, domain_id, service, per, set_by, mailboxes_max, created_at,
      updated_at
    from mailbox_limits, others`.execute(api.platform.db)
  const changed = await put({ per: 'domain', mailboxes_max: 6 })
  assert.deepEqual([at(changed.json, 'id'), at(changed.json, 'mailboxes_max')], [at(json, 'id'), 6])
  assert.match(refusal(await put({ per: 'workspace', mailboxes_max: 6 })), /too_many_mailbox_limits/)
})

test('a preview names what has no room', async () => {
  await clear()
  await put({ per: 'domain', mailboxes_max: 1 })
  const body = { mailboxes: [{ address: 'a@demo.test' }, { address: 'b@demo.test' }], preview: true }
  const { json } = await api.call('POST', '/v1/mailboxes', { body })
  assert.equal(at(json, 'objects', 0, 'name'), 'a@demo.test')
  assert.equal(at(json, 'problems', 0, 'problem', 'code'), 'mailbox_limit_reached')
})

test('an organization sets its own only, and only lowers what the operator allows', async () => {
  await clear()
  const byOperator = await put({ organization_id: other.organizationId, per: 'domain', mailboxes_max: 2 })
  assert.deepEqual([byOperator.status, at(byOperator.json, 'set_by')], [200, 'operator'])
  const own = await put({ per: 'domain', mailboxes_max: 9 }, other.key)
  assert.deepEqual([own.status, at(own.json, 'set_by')], [200, 'organization'])
  await api.call('POST', '/v1/domains', { body: { name: 'other.test' }, key: other.key })
  const ask = async (): Promise<number> => {
    const mailboxes = Array.from({ length: 4 }, (_, n) => ({ address: `u${n}@other.test` }))
    const { json } = await api.call('POST', '/v1/mailboxes', {
      body: { mailboxes, preview: true },
      key: other.key,
    })
    return [at(json, 'objects')].flat().length
  }
  assert.equal(await ask(), 2)
  await put({ per: 'domain', mailboxes_max: 1 }, other.key)
  assert.equal(await ask(), 1)
  const remove = (id: unknown): Promise<Reply> =>
    api.call('DELETE', `/v1/mailbox-limits/${id}`, { key: other.key })
  assert.equal(refusal(await remove(at(byOperator.json, 'id'))), '403 forbidden')
  assert.equal((await remove(at(own.json, 'id'))).status, 204)
  assert.equal(await ask(), 2)
  const elsewhere = { organization_id: api.scope.organizationId, per: 'domain', mailboxes_max: 1 }
  assert.equal(refusal(await put(elsewhere, other.key)), '403 forbidden')
})

test('what is refused', async () => {
  await clear()
  const unknown = '00000000-0000-7000-8000-000000000000'
  const workspace = await api.key({ workspaceId: api.scope.workspaceId })
  const reader = await api.key({ access: 'read' })
  const limit = { per: 'domain', mailboxes_max: 1 }
  for (const [body, key, expected] of [
    [{ ...limit, per: 'workspace', domain_id: domainId }, api.apiKey, '400 invalid_request'],
    [
      { ...limit, workspace_id: api.scope.workspaceId, domain_id: domainId },
      api.apiKey,
      '400 invalid_request',
    ],
    [{ ...limit, organization_id: unknown }, api.apiKey, '400 invalid_request'],
    [{ ...limit, mailboxes_max: -1 }, api.apiKey, '400 invalid_request'],
    [{ ...limit, workspace_id: unknown }, api.apiKey, '404 workspace_not_found'],
    [{ ...limit, domain_id: unknown }, api.apiKey, '404 domain_not_found'],
    [{ ...limit, workspace_id: api.scope.workspaceId }, other.key, '404 workspace_not_found'],
    [{ ...limit, domain_id: domainId }, other.key, '404 domain_not_found'],
    [limit, workspace, '403 forbidden'],
    [limit, reader, '403 forbidden'],
  ] as const) {
    assert.equal(refusal(await put(body, key)), expected, JSON.stringify(body))
  }
})

test('a key of a workspace sees what holds there, and another organization sees nothing', async () => {
  await clear()
  const made = await api.call('POST', '/v1/workspaces', { body: { name: 'Second' } })
  const second = textAt(made.json, 'id')
  await put({ per: 'workspace', mailboxes_max: 10 })
  await put({ per: 'workspace', workspace_id: second, mailboxes_max: 11 })
  await put({ per: 'domain', domain_id: domainId, mailboxes_max: 12 })
  const seen = async (key: string, query = ''): Promise<unknown[]> => {
    const { json } = await api.call('GET', `/v1/mailbox-limits${query}`, { key })
    return [at(json, 'data')].flat().map((one) => at(one, 'mailboxes_max'))
  }
  assert.deepEqual(await seen(api.apiKey), [10, 11, 12])
  assert.deepEqual(await seen(await api.key({ workspaceId: second })), [10, 11])
  assert.deepEqual(await seen(await api.key({ workspaceId: api.scope.workspaceId })), [10, 12])
  assert.deepEqual(await seen(other.key), [])
  assert.deepEqual(await seen(other.key, `?organization_id=${api.scope.organizationId}`), [])
  await put({ per: 'domain', mailboxes_max: 5 }, other.key)
  assert.deepEqual(await seen(api.apiKey, `?organization_id=${other.organizationId}`), [5])
})

test('the configuration’s limits hold where the operator has set none', async () => {
  await using limited = await startTestApi({
    environment: { MAILWRIGHT_MAILBOXES_PER_DOMAIN: '1', MAILWRIGHT_MAILBOXES_PER_WORKSPACE: '3' },
  })
  for (const name of ['one.test', 'two.test', 'three.test'])
    await limited.call('POST', '/v1/domains', { body: { name } })
  const id = textAt((await limited.call('GET', '/v1/domains/two.test')).json, 'id')
  const room = async (): Promise<string[]> => {
    const mailboxes = ['a@one.test', 'b@one.test', 'a@two.test', 'b@two.test', 'a@three.test'].map(
      (address) => ({ address }),
    )
    const { json } = await limited.call('POST', '/v1/mailboxes', { body: { mailboxes, preview: true } })
    return [at(json, 'objects')].flat().map((one) => textAt(one, 'name'))
  }
  const set = (body: object): Promise<Reply> => limited.call('PUT', '/v1/mailbox-limits', { body })
  assert.deepEqual(await room(), ['a@one.test', 'a@two.test', 'a@three.test'])
  await set({ per: 'domain', domain_id: id, mailboxes_max: 2 })
  assert.deepEqual(await room(), ['a@one.test', 'a@two.test', 'b@two.test'])
  await set({ per: 'workspace', mailboxes_max: 4 })
  assert.deepEqual(await room(), ['a@one.test', 'a@two.test', 'b@two.test', 'a@three.test'])
  await set({ per: 'domain', mailboxes_max: 2 })
  assert.deepEqual(await room(), ['a@one.test', 'b@one.test', 'a@two.test', 'b@two.test'])
})
