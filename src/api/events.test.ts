/** The pages of GET /v1/events, and who sees what of the log by whichever face of it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import { followSocket } from '../testing/event-clients.ts'
import { at, listAt, refusal, textAt } from '../testing/test-api.ts'
import {
  eventFaces,
  nameOf,
  namesIn,
  startTestEventsApi,
  type TestEventsApi,
} from '../testing/test-events.ts'

let api: TestEventsApi
before(async () => {
  api = await startTestEventsApi()
})
after(() => api[Symbol.asyncDispose]())

test('without a cursor it begins now, or with the oldest that is kept', async () => {
  await api.happen(['past'])
  const now = await api.call('GET', '/v1/events')
  assert.equal(now.status, 200)
  assert.deepEqual(at(now.json, 'data'), [])
  const start = await api.call('GET', '/v1/events?from=start&limit=1')
  const [first] = listAt(start.json, 'data')
  assert.equal(textAt(start.json, 'next_cursor'), textAt(first, 'cursor'))
  assert.deepEqual(Object.keys(Object(first)), [
    'id',
    'type',
    'created_at',
    'organization_id',
    'workspace_id',
    'mailbox_id',
    'data',
    'cursor',
  ])
})

test('pages go on where they ended, and an empty one moves on, too', async () => {
  const start = await api.endCursor()
  await api.happen(['1', '2', '3'])
  const one = await api.call('GET', `/v1/events?cursor=${start}&limit=2`)
  assert.deepEqual(namesIn(one), ['1', '2'])
  const two = await api.call('GET', `/v1/events?cursor=${textAt(one.json, 'next_cursor')}&limit=2`)
  assert.deepEqual(namesIn(two), ['3'])
  const none = await api.call('GET', `/v1/events?cursor=${textAt(two.json, 'next_cursor')}`)
  assert.deepEqual(namesIn(none), [])
  await api.happen(['4'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${textAt(none.json, 'next_cursor')}`)), [
    '4',
  ])
})

test('types and a mailbox narrow it; what is internal is never shown', async () => {
  const mailbox = await api.createMailbox()
  const start = await api.endCursor()
  await api.happen(['of the workspace'])
  await api.happen(['of the mailbox'], mailbox.mailboxId)
  const { organizationId, workspaceId } = api.scope
  const domain = { domain_id: newId(), name: 'x.test', serial: 1 }
  await transaction(api.platform.db, (tx) =>
    appendEvents(api.platform, tx, [
      { type: 'domain.zone_changed', organizationId, workspaceId, data: domain },
      { type: 'domain.deleted', organizationId, workspaceId, data: domain },
    ]),
  )
  await api.settled()
  const typesOf = async (query: string): Promise<unknown[]> =>
    listAt((await api.call('GET', `/v1/events?cursor=${start}${query}`)).json, 'data').map(
      (one) => `${textAt(one, 'type')} ${nameOf(one)}`,
    )
  const all = [
    'workspace.updated of the workspace',
    'workspace.updated of the mailbox',
    'domain.deleted x.test',
  ]
  assert.deepEqual(await typesOf(''), all)
  assert.deepEqual(await typesOf('&types=*'), all)
  assert.deepEqual(await typesOf('&types=domain.*,message.received'), all.slice(2))
  assert.deepEqual(await typesOf('&types=workspace.updated'), all.slice(0, 2))
  assert.deepEqual(await typesOf(`&mailbox=${mailbox.address}`), all.slice(1, 2))
  assert.deepEqual(await typesOf(`&mailbox=${mailbox.mailboxId}&types=domain.*`), [])
})

test('a request that waits is answered by the first event, or empty at the end of its time', async () => {
  const cursor = await api.endCursor()
  const waiting = api.call('GET', `/v1/events?cursor=${cursor}&wait=30`)
  const fromNow = api.call('GET', '/v1/events?wait=30')
  await new Promise((resolve) => setTimeout(resolve, 300)) // both wait
  await api.happen(['awaited'])
  assert.deepEqual(namesIn(await waiting), ['awaited'])
  const shown = await fromNow
  assert.deepEqual(namesIn(shown), ['awaited'])
  const none = await api.call('GET', `/v1/events?cursor=${textAt(shown.json, 'next_cursor')}&wait=1`)
  assert.deepEqual(namesIn(none), [])
  await api.happen(['later'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${textAt(none.json, 'next_cursor')}`)), [
    'later',
  ])
})

test('what cannot be is refused by every face', async () => {
  const expired = Buffer.from(await api.endCursor(), 'base64url')
  expired.writeUIntBE(0, 24, 6)
  const cases: [query: string, refused: string][] = [
    ['cursor=nonsense', '400 invalid_cursor'],
    [`cursor=${expired.toString('base64url')}`, '410 cursor_expired'],
    ['types=nonsense', '400 invalid_request'],
    ['types=', '400 invalid_request'],
    ['types=a.*.b', '400 invalid_request'],
    [`types=${'a.b,'.repeat(100)}a.b`, '400 invalid_request'],
    ['mailbox=nobody@demo.test', '404 mailbox_not_found'],
    ['of=all', '400 invalid_request'],
    ['nonsense=1', '400 invalid_request'],
  ]
  for (const [query, refused] of cases) {
    for (const path of ['/v1/events', '/v1/events/stream']) {
      assert.equal(refusal(await api.call('GET', `${path}?${query}`)), refused, `${path}?${query}`)
    }
    const status = refused.slice(0, 3)
    const open = followSocket(api.base, `/v1/events/websocket?${query}`, { key: api.apiKey })
    await assert.rejects(open, new RegExp(status), query)
  }
  for (const query of ['wait=56', 'wait=-1', 'limit=0', 'limit=201', 'from=middle']) {
    assert.equal(refusal(await api.call('GET', `/v1/events?${query}`)), '400 invalid_request', query)
  }
  const header = { 'last-event-id': 'nonsense' }
  assert.equal(refusal(await api.call('GET', '/v1/events/stream', { headers: header })), '400 invalid_cursor')
})

test('a key that is bound to a mailbox sees what concerns that, and no other key sees more than its own', async () => {
  const mine = await api.createMailbox()
  const other = await api.createMailbox()
  const bound = await api.key({
    workspaceId: api.scope.workspaceId,
    mailboxId: mine.mailboxId,
    access: 'read',
  })
  const stranger = await api.tenant()
  const start = await api.endCursor()
  const clients = await Promise.all(
    Object.entries(eventFaces).flatMap(([name, follow]) => [
      follow(api.base, `/v1/events/${name}`, { key: bound }),
      follow(api.base, `/v1/events/${name}`, { key: stranger.key }),
    ]),
  )
  await api.happen(['nobody’s'])
  await api.happen(['other’s'], other.mailboxId)
  await api.happen(['mine'], mine.mailboxId)
  const page = await api.call('GET', `/v1/events?cursor=${start}`, { key: bound })
  assert.deepEqual(namesIn(page), ['mine'])
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${start}`, { key: stranger.key })), [])
  for (const path of ['/v1/events', '/v1/events/stream']) {
    const foreign = `${path}?mailbox=${other.address}`
    for (const key of [bound, stranger.key]) {
      assert.equal(refusal(await api.call('GET', foreign, { key })), '404 mailbox_not_found')
    }
    assert.equal(refusal(await api.call('GET', `${path}?of=organization`, { key: bound })), '403 forbidden')
    const nobody = await api.call('GET', path, { key: 'mw_unknown_key_0123456789012345678901234567' })
    assert.equal(refusal(nobody), '401 unauthenticated')
    const elsewhere = { 'mailwright-workspace': api.scope.workspaceId }
    const reply = await api.call('GET', path, { key: stranger.key, headers: elsewhere })
    assert.equal(refusal(reply), '404 workspace_not_found')
  }
  await assert.rejects(followSocket(api.base, '/v1/events/websocket', { key: 'mw_nobody' }), /401/)
  for (const [at, client] of clients.entries()) {
    if (at % 2 === 0) await client.until(1)
    assert.deepEqual(client.seen.map(nameOf), at % 2 === 0 ? ['mine'] : [])
    client.close()
  }
})

test('the organization’s own events are for who manages it', async () => {
  const start = await api.endCursor()
  const made = await api.call('POST', '/v1/api-keys', { body: { name: 'of the organization' } })
  assert.equal(made.status, 201)
  await api.settled()
  const { json } = await api.call('GET', `/v1/events?of=organization&cursor=${start}`)
  assert.deepEqual(
    listAt(json, 'data').map((one) => textAt(one, 'type')),
    ['api_key.created'],
  )
  assert.ok(!JSON.stringify(json).includes(textAt(made.json, 'token')))
  assert.deepEqual(namesIn(await api.call('GET', `/v1/events?cursor=${start}`)), [])
})
