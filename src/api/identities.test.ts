/** /v1/identities: handles, their mailboxes, and the life that both share. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { createIdentity } from '../mailboxes/identities.ts'
import { drawsMax } from '../mailboxes/new-address.ts'
import { transaction } from '../platform/database.ts'
import { addJob } from '../platform/jobs.ts'
import {
  at,
  type Reply,
  refusal,
  startTestApi,
  type Tenant,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'

let api: TestApi
let other: Tenant
before(async () => {
  api = await startTestApi()
  other = await api.tenant()
})
after(() => api[Symbol.asyncDispose]())

const unknownId = '00000000-0000-7000-8000-000000000000'
const create = (body?: unknown, key?: string): Promise<Reply> =>
  api.call('POST', '/v1/identities', { body, ...(key === undefined ? {} : { key }) })

async function eventsOf(identityId: string): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`select type from events
    where data ->> 'identity_id' = ${identityId} order by events.xid, events.id`.execute(api.platform.db)
  return rows.map(({ type }) => type)
}

test('nothing asked for: a random handle and a random address, owned by who made it', async () => {
  const made = await create()
  assert.equal(made.status, 201)
  assert.match(textAt(made.json, 'handle'), /^[a-z][a-z2-9]{9}$/)
  assert.match(textAt(made.json, 'address'), /^[a-z][a-z2-9]{9}@demo\.test$/)
  const me = await api.call('GET', '/v1/me')
  assert.equal(at(made.json, 'owner'), `api_key:${textAt(me.json, 'id')}`)
  assert.deepEqual([at(made.json, 'state'), at(made.json, 'mail_rule')], ['active', 'anyone'])
  assert.deepEqual(await eventsOf(textAt(made.json, 'id')), ['identity.created'])
})

test('with a handle and an address: found by id and handle, and its mailbox is one like any other', async () => {
  const made = await create({
    handle: '@Quote-Desk',
    display_name: 'Quote desk',
    description: 'Answers price questions',
    address: 'Quotes@demo.test',
  })
  assert.equal(made.status, 201)
  const id = textAt(made.json, 'id')
  assert.equal(made.headers.get('location'), `/v1/identities/${id}`)
  assert.deepEqual(
    [at(made.json, 'handle'), at(made.json, 'address'), at(made.json, 'display_name')],
    ['quote-desk', 'quotes@demo.test', 'Quote desk'],
  )
  for (const ref of [id, 'quote-desk', '@QUOTE-desk']) {
    const got = await api.call('GET', `/v1/identities/${encodeURIComponent(ref)}`)
    assert.deepEqual(got.json, made.json)
    assert.equal(got.headers.get('etag'), 'W/"1"')
  }
  const mailbox = await api.call('GET', textAt(made.json, 'links', 'mailbox'))
  assert.deepEqual(
    [at(mailbox.json, 'address'), at(mailbox.json, 'display_name')],
    ['quotes@demo.test', 'Quote desk'],
  )
  const credentials = await api.call('GET', '/v1/mailboxes/quotes@demo.test/credentials')
  assert.equal(at(credentials.json, 'username'), 'quotes@demo.test')
})

test('a mailbox that is there gets one, and no second', async () => {
  const { address } = await api.createMailbox('adopted@demo.test')
  const made = await create({ mailbox: address, handle: 'adopted', display_name: 'Adopted' })
  assert.deepEqual([made.status, at(made.json, 'address')], [201, address])
  assert.equal(at((await api.call('GET', `/v1/mailboxes/${address}`)).json, 'display_name'), 'Adopted')
  assert.equal(refusal(await create({ mailbox: address })), '409 identity_exists')
  const { address: gone } = await api.createMailbox('gone@demo.test')
  await api.call('DELETE', `/v1/mailboxes/${gone}`)
  assert.equal(refusal(await create({ mailbox: gone })), '409 mailbox_state_conflict')
})

test('whom it hears is set with it, and nothing is made when that may not be', async () => {
  const made = await create({ handle: 'shy', domain: 'demo.test', mail_rule: 'allow_list' })
  assert.equal(at(made.json, 'mail_rule'), 'allow_list')
  const mode = await api.call('GET', textAt(made.json, 'links', 'mail_rule'))
  assert.deepEqual(mode.json, { mode: 'allow_list', outbound_mode: 'open' })
  await api.call('PUT', textAt(made.json, 'links', 'mail_rule'), { body: { mode: 'open' } })
  assert.equal(at((await api.call('GET', '/v1/identities/shy')).json, 'mail_rule'), 'anyone')
  assert.equal((await api.call('GET', textAt(made.json, 'links', 'sender_lists'))).status, 200)
})

test('what is refused', async () => {
  await create({ handle: 'taken-one', address: 'taken-one@demo.test' })
  const reading = await api.key({ access: 'read' })
  const mailbox = await api.createMailbox()
  const bound = await api.key({ workspaceId: api.scope.workspaceId, mailboxId: mailbox.mailboxId })
  const rows: [expected: string, body: object, key?: string][] = [
    ['409 handle_taken', { handle: 'Taken-One', domain: 'demo.test' }],
    ['422 handle_invalid', { handle: 'postmaster' }],
    ['422 handle_invalid', { handle: 'a' }],
    ['422 handle_invalid', { handle: unknownId }],
    ['409 address_taken', { handle: 'free-one', address: 'taken-one@demo.test' }],
    ['422 address_invalid', { address: 'nothing' }],
    ['404 domain_not_found', { domain: 'none.test' }],
    ['404 mailbox_not_found', { mailbox: unknownId }],
    ['400 invalid_request', { domain: 'demo.test', address: 'x@demo.test' }],
    ['400 invalid_request', { mailbox: 'x@demo.test', address: 'x@demo.test' }],
    ['400 invalid_request', { mail_rule: 'nobody' }],
    ['400 invalid_request', { owner: `user:${unknownId}` }],
    ['403 forbidden', {}, reading],
    ['403 forbidden', {}, bound],
    ['404 domain_not_found', {}, other.key], // a workspace without a domain
    ['404 domain_not_found', { domain: 'demo.test' }, other.key],
    ['404 mailbox_not_found', { mailbox: 'taken-one@demo.test' }, other.key],
  ]
  for (const [expected, body, key] of rows) {
    assert.equal(refusal(await create(body, key)), expected, JSON.stringify(body))
  }
  assert.equal(refusal(await api.call('GET', '/v1/identities/free-one')), '404 identity_not_found')
  assert.equal(refusal(await api.call('GET', '/v1/identities/postmaster')), '404 identity_not_found')
})

test('a handle is one’s on the whole platform, of which a stranger sees no more than that', async () => {
  await create({ handle: 'unique', domain: 'demo.test' })
  await api.call('POST', '/v1/domains', { key: other.key, body: { name: 'other.test' } })
  assert.equal(refusal(await create({ handle: 'unique' }, other.key)), '409 handle_taken')
  assert.equal((await create({ handle: 'theirs' }, other.key)).status, 201)
  for (const [method, body] of [['GET'], ['PATCH', { description: 'x' }], ['DELETE']] as const) {
    const reply = await api.call(method, '/v1/identities/unique', { key: other.key, body })
    assert.equal(refusal(reply), '404 identity_not_found')
  }
  assert.equal(at((await api.call('GET', '/v1/identities', { key: other.key })).json, 'data', 1), undefined)
})

test('of creations of one handle at the same moment, one is made, and the others leave no mailbox', async () => {
  const replies = await Promise.all(
    Array.from({ length: 8 }, (_, n) => create({ handle: 'race', address: `race${n}@demo.test` })),
  )
  const outcomes = replies.map(({ status }) => status).sort()
  assert.deepEqual(outcomes, [201, ...Array.from({ length: 7 }, () => 409)])
  const { json } = await api.call('GET', '/v1/mailboxes?search=race')
  assert.equal(at(json, 'data', 1), undefined)
})

test('a random handle that is taken is drawn again, so often and no more', async () => {
  await create({ handle: 'drawn-1' })
  const make = (draw: () => string) =>
    transaction(api.platform.db, (tx) =>
      createIdentity(api.platform, tx, api.scope, {
        handle: null,
        displayName: null,
        description: null,
        owner: `api_key:${unknownId}`,
        mailbox: null,
        draw,
      }),
    )
  let draws = 0
  assert.equal((await make(() => `drawn-${Math.min(2, ++draws)}`)).handle, 'drawn-2')
  draws = 0
  await assert.rejects(
    make(() => `drawn-${1 + (++draws % 2)}`),
    { code: 'handle_taken' },
  )
  assert.equal(draws, drawsMax)
})

test('of creations for one mailbox at the same moment, one is made', async () => {
  const { address } = await api.createMailbox('wanted@demo.test')
  const replies = await Promise.all(Array.from({ length: 6 }, () => create({ mailbox: address })))
  const outcomes = replies.map((reply) => (reply.status === 201 ? '201' : refusal(reply))).sort()
  assert.deepEqual(outcomes, ['201', ...Array.from({ length: 5 }, () => '409 identity_exists')])
})

test('edit: names, handle and owner; If-Match guards against changes of the mailbox too', async () => {
  const made = await create({ handle: 'edit-me', address: 'edit@demo.test', description: 'Before' })
  const id = textAt(made.json, 'id')
  const path = `/v1/identities/${id}`
  const renamed = await api.call('PATCH', path, {
    body: { handle: 'Edited', display_name: 'After', description: null },
    headers: { 'if-match': 'W/"1"' },
  })
  assert.equal(renamed.status, 200)
  assert.deepEqual(
    [at(renamed.json, 'handle'), at(renamed.json, 'display_name'), at(renamed.json, 'description')],
    ['edited', 'After', null],
  )
  assert.equal(renamed.headers.get('etag'), `W/"${textAt(renamed.json, 'version')}"`)
  assert.equal(refusal(await api.call('GET', '/v1/identities/edit-me')), '404 identity_not_found')
  assert.equal((await create({ handle: 'edit-me' })).status, 201) // it is free at once
  const back = await api.call('PATCH', path, { body: { handle: 'edit-me' } })
  assert.equal(refusal(back), '409 handle_taken')

  const seen = renamed.headers.get('etag') ?? ''
  await api.call('PATCH', '/v1/mailboxes/edit@demo.test', { body: { display_name: 'By mailbox' } })
  const stale = { body: { description: 'x' }, headers: { 'if-match': seen } }
  assert.equal(refusal(await api.call('PATCH', path, stale)), '412 edit_conflict')
  const now = await api.call('GET', path)
  assert.equal(at(now.json, 'display_name'), 'By mailbox')
  const either = { ...stale, headers: { 'if-match': `${seen}, ${now.headers.get('etag')}` } }
  assert.equal((await api.call('PATCH', path, either)).status, 200)
  assert.deepEqual(await eventsOf(id), ['identity.created', 'identity.updated', 'identity.updated'])
})

test('given to another: a key or a member that reaches the workspace, nobody else', async () => {
  await create({ handle: 'given', domain: 'demo.test' })
  const give = (owner: string): Promise<Reply> =>
    api.call('PATCH', '/v1/identities/given', { body: { owner } })
  const idOf = async (key: string): Promise<string> =>
    textAt((await api.call('GET', '/v1/me', { key })).json, 'id')
  const workspace = await api.call('POST', '/v1/workspaces', { body: { name: 'Elsewhere' } })
  const elsewhere = await api.key({ workspaceId: textAt(workspace.json, 'id') })
  const { user_id: owner } = await api.platform.db
    .selectFrom('members')
    .select('user_id')
    .where('organization_id', '=', api.scope.organizationId)
    .executeTakeFirstOrThrow()
  const key = await idOf(await api.key({ workspaceId: api.scope.workspaceId }))
  const expired = await idOf(await api.key())
  await api.platform.db
    .updateTable('api_keys')
    .set({ expires_at: new Date(0) })
    .where('id', '=', expired)
    .execute()
  for (const good of [`user:${owner}`, `api_key:${key}`]) {
    assert.equal(at((await give(good)).json, 'owner'), good)
    const list = await api.call('GET', `/v1/identities?owner=${good}`)
    assert.deepEqual([at(list.json, 'data', 0, 'handle'), at(list.json, 'data', 1)], ['given', undefined])
  }
  for (const bad of [
    'nobody',
    `user:${unknownId}`,
    `user:${key}`,
    `api_key:${await idOf(elsewhere)}`,
    `api_key:${expired}`,
    `api_key:${await idOf(other.key)}`,
    `session:${owner}`,
    `user:${owner}:x`,
  ]) {
    assert.equal(refusal(await give(bad)), '400 invalid_request', bad)
  }
})

test('a key of its mailbox sees it and no other, and changes what is said of it only', async () => {
  const made = await create({ handle: 'agent-key', domain: 'demo.test' })
  const key = await api.key({
    workspaceId: api.scope.workspaceId,
    mailboxId: textAt(made.json, 'mailbox_id'),
  })
  const path = '/v1/identities/agent-key'
  assert.equal(at((await api.call('GET', path, { key })).json, 'id'), at(made.json, 'id'))
  const list = await api.call('GET', '/v1/identities', { key })
  assert.deepEqual([at(list.json, 'data', 0, 'handle'), at(list.json, 'data', 1)], ['agent-key', undefined])
  assert.equal(refusal(await api.call('GET', '/v1/identities/unique', { key })), '404 identity_not_found')
  const body = { display_name: 'Me', description: 'I' }
  assert.equal((await api.call('PATCH', path, { key, body })).status, 200)
  for (const [method, to, sent] of [
    ['PATCH', path, { handle: 'mine-now' }],
    ['PATCH', path, { owner: `user:${unknownId}` }],
    ['DELETE', path, undefined],
    ['POST', `${path}/restore`, {}],
  ] as const) {
    assert.equal(refusal(await api.call(method, to, { key, body: sent })), '403 forbidden', method)
  }
})

test('deleted with its mailbox, held, restored with it', async () => {
  await create({ handle: 'comes-back', address: 'back@demo.test' })
  const path = '/v1/identities/comes-back'
  const deleted = await api.call('DELETE', path)
  assert.deepEqual([deleted.status, at(deleted.json, 'state')], [200, 'deletion_scheduled'])
  assert.ok(Date.parse(textAt(deleted.json, 'purge_at')) > Date.now() + 29 * 24 * 3_600_000)
  assert.equal(
    at((await api.call('GET', '/v1/mailboxes/back@demo.test')).json, 'state'),
    'deletion_scheduled',
  )
  assert.equal(refusal(await api.call('DELETE', path)), '409 mailbox_state_conflict')
  assert.equal(refusal(await create({ handle: 'comes-back' })), '409 handle_taken')
  const restored = await api.call('POST', `${path}/restore`)
  assert.deepEqual([restored.status, at(restored.json, 'state')], [200, 'active'])
  assert.equal(refusal(await api.call('POST', `${path}/restore`)), '409 mailbox_state_conflict')
  // The other way round, by the mailbox.
  await api.call('DELETE', '/v1/mailboxes/back@demo.test')
  assert.equal(at((await api.call('GET', path)).json, 'state'), 'deletion_scheduled')
  await api.call('POST', '/v1/mailboxes/back@demo.test/restore')
  assert.equal(at((await api.call('GET', path)).json, 'state'), 'active')
})

test('purged, by itself or with its mailbox: the handle is free and nothing is left', async () => {
  for (const [round, purge] of [
    '/v1/identities/ends?purge=true',
    '/v1/mailboxes/ends@demo.test?purge=true',
  ].entries()) {
    const made = await create({ handle: 'ends', address: 'ends@demo.test' })
    assert.equal(made.status, 201, String(round))
    assert.equal((await api.call('DELETE', purge)).status, 204)
    assert.equal(refusal(await api.call('GET', '/v1/identities/ends')), '404 identity_not_found')
    assert.deepEqual(await eventsOf(textAt(made.json, 'id')), ['identity.created', 'identity.deleted'])
    await runJobs(api.platform)
    assert.deepEqual(await eventsOf(textAt(made.json, 'id')), ['identity.created', 'identity.deleted'])
  }
})

test('when the days of grace are over it goes with its mailbox', async () => {
  await using later = await startTestApi()
  const made = await later.call('POST', '/v1/identities', { body: { handle: 'expires' } })
  await later.call('DELETE', '/v1/identities/expires')
  later.platform.clock.advance?.('P40D')
  await transaction(later.platform.db, (tx) => addJob(tx, 'mailbox.purge_due', {}))
  await runJobs(later.platform)
  const again = await later.call('POST', '/v1/identities', { body: { handle: 'expires' } })
  assert.equal(again.status, 201)
  assert.notEqual(at(again.json, 'id'), at(made.json, 'id'))
})

test('previews say what would be, and nothing is', async () => {
  const wanted = { handle: 'maybe', address: 'maybe@demo.test', preview: true }
  const seen = await create(wanted)
  assert.equal(seen.status, 200)
  assert.deepEqual(at(seen.json, 'objects'), [
    { type: 'identity', action: 'create', id: null, name: 'maybe', state: 'active' },
    { type: 'mailbox', action: 'create', id: null, name: 'maybe@demo.test', state: 'active' },
  ])
  assert.equal(refusal(await api.call('GET', '/v1/identities/maybe')), '404 identity_not_found')
  assert.equal(refusal(await create({ ...wanted, handle: 'admin' })), '422 handle_invalid')
  const made = await create({ ...wanted, preview: false })
  const [id, mailbox] = [textAt(made.json, 'id'), textAt(made.json, 'mailbox_id')]
  const both = (action: string, state: string): object[] => [
    { type: 'identity', action, id, name: 'maybe', state },
    { type: 'mailbox', action, id: mailbox, name: 'maybe@demo.test', state },
  ]
  const path = '/v1/identities/maybe'
  const edit = await api.call('PATCH', path, { body: { handle: 'surely', preview: true } })
  assert.deepEqual(at(edit.json, 'objects'), [
    { type: 'identity', action: 'update', id, name: 'surely', state: 'active' },
  ])
  const deletion = await api.call('DELETE', `${path}?preview=true`)
  assert.deepEqual(at(deletion.json, 'objects'), both('delete', 'deletion_scheduled'))
  const purge = await api.call('DELETE', `${path}?preview=true&purge=true`)
  assert.deepEqual(at(purge.json, 'objects'), both('purge', 'deleted'))
  assert.deepEqual((await api.call('GET', path)).json, made.json)
  await api.call('DELETE', path)
  const restoring = await api.call('POST', `${path}/restore`, { body: { preview: true } })
  assert.deepEqual(at(restoring.json, 'objects'), both('update', 'active'))
  assert.equal(at((await api.call('GET', path)).json, 'state'), 'deletion_scheduled')
})

test('pages and search', async () => {
  for (const n of [1, 2, 3]) await create({ handle: `page-${n}`, domain: 'demo.test' })
  const first = await api.call('GET', '/v1/identities?search=PAGE-&limit=2')
  assert.deepEqual(
    [at(first.json, 'data', 0, 'handle'), at(first.json, 'data', 1, 'handle')],
    ['page-1', 'page-2'],
  )
  const cursor = textAt(first.json, 'next_cursor')
  const second = await api.call('GET', `/v1/identities?search=page-&limit=2&cursor=${cursor}`)
  assert.deepEqual([at(second.json, 'data', 0, 'handle'), at(second.json, 'next_cursor')], ['page-3', null])
})
