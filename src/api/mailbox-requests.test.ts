/** Requests by API: what they hold, what becomes of their mailboxes, and who hears of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { purgeMailbox } from '../mailboxes/purge.ts'
import { tryLogin } from '../testing/log-in.ts'
import { at, type Reply, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  await api.call('POST', '/v1/domains', { body: { name: 'waiting.example' } })
})
after(() => api[Symbol.asyncDispose]())

const ask = (body: object): Promise<Reply> => api.call('POST', '/v1/mailbox-requests', { body })
const patch = (id: string, body: object, key = api.apiKey): Promise<Reply> =>
  api.call('PATCH', `/v1/mailbox-requests/${id}`, { body, key })
const mailbox = (ref: string): Promise<Reply> => api.call('GET', `/v1/mailboxes/${ref}`)

async function askOne(
  address: string,
  more: object = {},
): Promise<{ id: string; mailboxId: string; batch: string }> {
  const { json } = await ask({ mailboxes: [{ address }], ...more })
  const request = at(json, 'data', 0, 'request')
  return {
    id: textAt(request, 'id'),
    mailboxId: textAt(request, 'mailbox_id'),
    batch: textAt(json, 'batch_id'),
  }
}

async function events(batchOrRequest: string): Promise<string[]> {
  const { rows } = await sql<{ type: string; data: unknown }>`
    select type, data from events
    where data ->> 'request_id' = ${batchOrRequest} or data ->> 'batch_id' = ${batchOrRequest} order by xid, id`.execute(
    api.platform.db,
  )
  return rows.map(({ type, data }) => (at(data, 'to') === undefined ? type : `${type} ${at(data, 'to')}`))
}

test('a request holds its address without serving it, and completing it makes the mailbox active', async () => {
  const { id, mailboxId, batch } = await askOne('ann@demo.test', { note: 'for sales' })
  const got = await api.call('GET', `/v1/mailbox-requests/${id}`)
  assert.deepEqual([at(got.json, 'state'), at(got.json, 'note')], ['pending', 'for sales'])
  assert.equal(at((await mailbox('ann@demo.test')).json, 'state'), 'provisioning')
  const taken = await api.call('POST', '/v1/mailboxes', { body: { address: 'ann@demo.test' } })
  assert.equal(refusal(taken), '409 address_taken')
  const credentials = await api.call('GET', '/v1/mailboxes/ann@demo.test/credentials')
  const password = textAt(credentials.json, 'password')
  assert.equal(await tryLogin(api.platform, 'imap', 'ann@demo.test', password), null)
  assert.equal((await patch(id, { state: 'in_progress', note: 'started' })).status, 200)
  const done = await patch(id, { state: 'completed', note: 'up' })
  assert.deepEqual([at(done.json, 'state'), at(done.json, 'note')], ['completed', 'up'])
  assert.equal(at((await mailbox('ann@demo.test')).json, 'state'), 'active')
  assert.equal((await tryLogin(api.platform, 'imap', 'ann@demo.test', password))?.mailboxId, mailboxId)
  assert.deepEqual(await events(id), [
    'request.created',
    'request.state_changed in_progress',
    'request.state_changed completed',
  ])
  assert.deepEqual(await events(batch), ['batch.completed'])
})

test('credentials of who made it elsewhere come with the completion, and with nothing else', async () => {
  const { id } = await askOne('cloud@demo.test', { service: 'google' })
  const credentials = { password: 'chosen over there 42' }
  assert.equal(refusal(await patch(id, { state: 'in_progress', credentials })), '400 invalid_request')
  assert.equal(
    refusal(await patch(id, { state: 'completed', credentials: { password: 'short' } })),
    '422 password_too_weak',
  )
  assert.equal(at((await mailbox('cloud@demo.test')).json, 'state'), 'provisioning')
  assert.equal((await patch(id, { state: 'completed', credentials })).status, 200)
  assert.deepEqual(
    [
      at((await mailbox('cloud@demo.test')).json, 'service'),
      at((await mailbox('cloud@demo.test')).json, 'state'),
    ],
    ['google', 'active'],
  )
  const shown = await api.call('GET', '/v1/mailboxes/cloud@demo.test/credentials')
  assert.equal(at(shown.json, 'password'), credentials.password)
  assert.equal(
    refusal(await patch(id, { state: 'completed', credentials })),
    '409 mailbox_request_state_conflict',
  )
})

test('a failed request lets its address and its place go, and may be taken up again', async () => {
  await api.call('PUT', '/v1/mailbox-limits', {
    body: { per: 'domain', service: 'microsoft', mailboxes_max: 1 },
  })
  const { id, batch } = await askOne('bob@demo.test', { service: 'microsoft' })
  const failed = await patch(id, { state: 'failed', note: 'no licence is free' })
  assert.deepEqual([at(failed.json, 'state'), at(failed.json, 'note')], ['failed', 'no licence is free'])
  assert.equal((await mailbox('bob@demo.test')).status, 404)
  assert.equal(at((await api.call('GET', `/v1/batches/${batch}`)).json, 'failed'), 1)
  const second = await askOne('bob@demo.test', { service: 'microsoft' })
  assert.equal(refusal(await patch(id, { state: 'pending' })), '409 mailbox_limit_reached')
  await patch(second.id, { state: 'failed' })
  assert.equal((await api.call('POST', '/v1/mailboxes', { body: { address: 'bob@demo.test' } })).status, 201)
  assert.equal(refusal(await patch(id, { state: 'pending' })), '409 address_taken')
  await api.call('DELETE', '/v1/mailboxes/bob@demo.test?purge=true')
  assert.equal((await patch(id, { state: 'in_progress' })).status, 200)
  assert.equal((await patch(id, { state: 'completed' })).status, 200)
  assert.equal(at((await mailbox('bob@demo.test')).json, 'state'), 'active')
})

const conflicts: [path: string[], to: string][] = [
  [['completed'], 'failed'],
  [['completed'], 'pending'],
  [['failed'], 'completed'],
]
for (const [index, [path, to]] of conflicts.entries()) {
  test(`${path.join(', ')}, then ${to}: a conflict`, async () => {
    const { id } = await askOne(`conflict${index}@demo.test`)
    for (const state of path) assert.equal((await patch(id, { state })).status, 200)
    assert.equal(refusal(await patch(id, { state: to })), '409 mailbox_request_state_conflict')
  })
}

test('a request follows its mailbox to another address; one that failed has none to change', async () => {
  await api.call('POST', '/v1/domains', { body: { name: 'moved.test' } })
  const { id, mailboxId } = await askOne('before@demo.test')
  const rename = (address: string): Promise<Reply> =>
    api.call('POST', `/v1/mailboxes/${mailboxId}/rename`, { body: { address, alias_days: 0 } })
  assert.equal((await rename('behind@moved.test')).status, 200)
  const { json } = await api.call('GET', '/v1/mailbox-requests?domain=moved.test')
  assert.deepEqual([at(json, 'data', 0, 'id'), at(json, 'data', 0, 'address')], [id, 'behind@moved.test'])
  await patch(id, { state: 'failed' })
  assert.equal(refusal(await rename('third@demo.test')), '409 mailbox_state_conflict')
  assert.equal((await patch(id, { state: 'pending' })).status, 200)
  assert.equal((await rename('third@demo.test')).status, 200)
})

test('on a domain that is not active yet a request can be made and not completed', async () => {
  const { id } = await askOne('x@waiting.example')
  assert.equal(refusal(await patch(id, { state: 'completed' })), '409 domain_not_usable')
  const { db } = api.platform
  await db.updateTable('domains').set({ state: 'active' }).where('name', '=', 'waiting.example').execute()
  assert.equal((await patch(id, { state: 'completed' })).status, 200)
})

test('deleting the mailbox holds its request, restoring frees it, a purge ends it', async () => {
  const { id, mailboxId } = await askOne('del@demo.test', { service: 'google', note: 'for Ann' })
  await api.call('DELETE', `/v1/mailboxes/${mailboxId}`)
  assert.equal(refusal(await patch(id, { state: 'completed' })), '409 mailbox_state_conflict')
  await api.call('POST', `/v1/mailboxes/${mailboxId}/restore`)
  assert.equal((await patch(id, { state: 'in_progress' })).status, 200)
  await api.call('DELETE', `/v1/mailboxes/${mailboxId}?purge=true`)
  assert.equal(refusal(await patch(id, { state: 'completed' })), '409 mailbox_state_conflict')
  await purgeMailbox(api.platform, mailboxId)
  const ended = (await api.call('GET', `/v1/mailbox-requests/${id}`)).json
  assert.deepEqual([at(ended, 'state'), at(ended, 'note')], ['failed', null])
  assert.equal(refusal(await patch(id, { state: 'pending' })), '409 mailbox_state_conflict')
  assert.equal((await askOne('del@demo.test')).mailboxId === mailboxId, false)
})

test('what is wrong with an item is pointed at', async () => {
  const incomplete = await ask({ mailboxes: [{ address: 'a@demo.test' }, { first_name: 'Ann' }] })
  assert.equal(textAt(incomplete.json, 'errors', 0, 'pointer'), '/mailboxes/1/address')
  const mailboxes = [{ address: 'own@demo.test', recovery: { email: 'own@demo.test' } }]
  for (const [preview, list] of [
    [true, 'problems'],
    [false, 'data'],
  ] as const) {
    const { json } = await ask({ mailboxes, preview })
    assert.equal(textAt(json, list, 0, 'problem', 'errors', 0, 'pointer'), '/recovery/email')
  }
})

test('each item has its result, and the list is filtered', async () => {
  const { json } = await ask({
    mailboxes: [
      { address: 'l1@demo.test', service: 'microsoft' },
      { address: 'l2@nowhere.test' },
      { address: 'l3@demo.test' },
      { address: 'l3@demo.test' },
    ],
    service: 'local',
  })
  const results = [at(json, 'data')].flat()
  assert.deepEqual(
    results.map(
      (one) =>
        textAt(one, 'status') +
        textAt(one, at(one, 'problem') ? 'problem' : 'request', at(one, 'problem') ? 'code' : 'service'),
    ),
    ['failedmailbox_limit_reached', 'faileddomain_not_found', 'pendinglocal', 'failedaddress_repeated'],
  )
  const list = async (query: string): Promise<unknown[]> => {
    const reply = await api.call('GET', `/v1/mailbox-requests?limit=200&${query}`)
    assert.equal(reply.status, 200, query)
    return [at(reply.json, 'data')].flat()
  }
  const all = await list('')
  for (const [query, holds] of [
    [`batch=${textAt(json, 'batch_id')}`, (one: unknown) => at(one, 'address') === 'l3@demo.test'],
    ['state=failed', (one: unknown) => at(one, 'state') === 'failed'],
    ['service=google', (one: unknown) => at(one, 'service') === 'google'],
    ['domain=waiting.example', (one: unknown) => at(one, 'address') === 'x@waiting.example'],
  ] as const) {
    assert.deepEqual(await list(query), all.filter(holds), query)
    assert.ok((await list(query)).length > 0, query)
  }
  const page = await api.call('GET', '/v1/mailbox-requests?limit=1')
  const next = await api.call('GET', `/v1/mailbox-requests?limit=1&cursor=${at(page.json, 'next_cursor')}`)
  assert.deepEqual([...[at(page.json, 'data')].flat(), ...[at(next.json, 'data')].flat()], all.slice(0, 2))
})

test('previews change nothing, and who may only read cannot', async () => {
  const seen = await ask({ mailboxes: [{ address: 'p@demo.test' }, { address: 'no-at' }], preview: true })
  assert.deepEqual(
    [at(seen.json, 'objects', 0, 'state'), at(seen.json, 'problems', 0, 'problem', 'code')],
    ['provisioning', 'address_invalid'],
  )
  assert.equal((await mailbox('p@demo.test')).status, 404)
  const { id, mailboxId } = await askOne('p@demo.test')
  const moved = await patch(id, { state: 'completed', preview: true })
  assert.deepEqual([at(moved.json, 'preview'), at(moved.json, 'objects', 0, 'state')], [true, 'active'])
  assert.equal(at((await mailbox('p@demo.test')).json, 'state'), 'provisioning')
  const reader = await api.key({ access: 'read' })
  const bound = await api.key({ workspaceId: api.scope.workspaceId, mailboxId })
  for (const key of [reader, bound]) {
    assert.equal(refusal(await patch(id, { state: 'completed' }, key)), '403 forbidden')
    const body = { mailboxes: [{ address: 'q@demo.test' }] }
    assert.equal(refusal(await api.call('POST', '/v1/mailbox-requests', { body, key })), '403 forbidden')
  }
  assert.deepEqual(at((await patch(id, { note: 'only a note', preview: true })).json, 'objects'), [])
  assert.equal((await patch(id, { note: 'only a note' })).status, 200)
  assert.deepEqual(await events(id), ['request.created', 'request.updated'])
})
