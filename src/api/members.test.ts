/** /v1/members: the life of a member, from the making to the removal, and that an owner is always left. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { createSession } from '../accounts/sessions.ts'
import {
  at,
  type Reply,
  refusal,
  startTestApi,
  type Tenant,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { loggedIn, type TestMember } from '../testing/test-members.ts'

let api: TestApi
let other: Tenant
let secondWorkspace: string
let people: Record<'owner' | 'admin' | 'viewer', TestMember>
before(async () => {
  api = await startTestApi()
  other = await api.tenant()
  secondWorkspace = textAt(
    (await api.call('POST', '/v1/workspaces', { body: { name: 'Second' } })).json,
    'id',
  )
  people = {
    owner: await loggedIn(api, 'owner'),
    admin: await loggedIn(api, 'admin'),
    viewer: await loggedIn(api, 'viewer'),
  }
})
after(() => api[Symbol.asyncDispose]())

const unknownId = '00000000-0000-7000-8000-000000000000'
const as = (who: TestMember, method: string, path: string, body?: unknown): Promise<Reply> =>
  api.call(method, path, { key: who.key, body })

test('create, get by id and address, list, change, remove', async () => {
  const body = {
    email: 'New.Person@People.example',
    name: 'New Person',
    password: 'a good password',
    role: 'member',
    workspace_ids: [secondWorkspace, secondWorkspace],
  }
  const made = await as(people.admin, 'POST', '/v1/members', body)
  assert.equal(made.status, 201)
  const id = textAt(made.json, 'id')
  assert.deepEqual(
    { ...Object(made.json), created_at: '' },
    {
      id,
      email: 'new.person@people.example',
      name: 'New Person',
      role: 'member',
      workspace_ids: [secondWorkspace],
      created_at: '',
    },
  )
  assert.doesNotMatch(made.text, /password/)
  for (const ref of [id, 'NEW.person@people.example']) {
    assert.deepEqual((await api.call('GET', `/v1/members/${ref}`)).json, made.json)
  }
  const listed: string[] = []
  for (let cursor = ''; ; ) {
    const page = await api.call('GET', `/v1/members?limit=3${cursor && `&cursor=${cursor}`}`)
    for (let row = 0; at(page.json, 'data', row) !== undefined; row++)
      listed.push(textAt(page.json, 'data', row, 'id'))
    if (at(page.json, 'next_cursor') === null) break
    cursor = textAt(page.json, 'next_cursor')
  }
  assert.deepEqual(listed, [...new Set(listed)])
  assert.ok(listed.includes(id) && listed.includes(people.owner.id))

  const { token: key } = await createSession(api.platform, body.email, body.password, '127.0.0.1')
  const change = (changes: object): Promise<Reply> => as(people.admin, 'PATCH', `/v1/members/${id}`, changes)
  assert.equal(at((await change({ workspace_ids: null })).json, 'workspace_ids'), null)
  assert.equal(at((await api.call('GET', '/v1/me', { key })).json, 'bound_to', 'workspace_id'), null)
  assert.equal(at((await change({ role: 'viewer' })).json, 'role'), 'viewer')
  assert.equal(
    refusal(await api.call('POST', '/v1/domains', { key, body: { name: 'x.test' } })),
    '403 forbidden',
  )
  await change({ workspace_ids: [secondWorkspace] })
  const promoted = await change({ role: 'admin' }) // who reaches all is bound no more
  assert.deepEqual([at(promoted.json, 'role'), at(promoted.json, 'workspace_ids')], ['admin', null])
  assert.equal((await api.call('GET', '/v1/invitations', { key })).status, 200)

  assert.equal((await as(people.admin, 'DELETE', `/v1/members/${body.email}`)).status, 204)
  assert.equal(refusal(await api.call('GET', '/v1/me', { key })), '401 unauthenticated')
  assert.equal(refusal(await api.call('GET', `/v1/members/${id}`)), '404 member_not_found')
  await assert.rejects(createSession(api.platform, body.email, body.password, '127.0.0.1'), {
    code: 'login_failed',
  })
  // The address is free: they may come again, as someone new.
  const again = await as(people.admin, 'POST', '/v1/members', body)
  assert.equal(again.status, 201)
  assert.notEqual(at(again.json, 'id'), id)
  const { rows } = await sql<{ type: string }>`select type from events
    where data ->> 'user_id' = ${id} order by events.xid, events.id`.execute(api.platform.db)
  assert.deepEqual(
    rows.map(({ type }) => type),
    [
      'user.created',
      'member.added',
      'session.created',
      ...Array.from({ length: 4 }, () => 'member.updated'),
      'member.removed',
      'user.deleted',
    ],
  )
})

test('what is refused', async () => {
  const foreign = await loggedIn(api, 'owner', { organizationId: other.organizationId })
  const body = { email: 'refused@people.example', password: 'a good password', role: 'member' }
  const rows: [expected: string, method: string, path: string, body: object | undefined][] = [
    ['409 member_exists', 'POST', '/v1/members', { ...body, email: people.viewer.email.toUpperCase() }],
    ['409 email_taken', 'POST', '/v1/members', { ...body, email: foreign.email }],
    ['422 password_too_weak', 'POST', '/v1/members', { ...body, password: 'short' }],
    ['422 password_too_weak', 'POST', '/v1/members', { ...body, password: '\u{1f600}'.repeat(300) }],
    ['400 invalid_request', 'POST', '/v1/members', { ...body, email: 'no at' }],
    ['400 invalid_request', 'POST', '/v1/members', { ...body, email: 'jörg@people.example' }],
    ['400 invalid_request', 'POST', '/v1/members', { ...body, role: 'root' }],
    ['400 invalid_request', 'POST', '/v1/members', { ...body, workspace_ids: [] }],
    [
      '400 invalid_request',
      'POST',
      '/v1/members',
      { ...body, role: 'admin', workspace_ids: [secondWorkspace] },
    ],
    ['404 workspace_not_found', 'POST', '/v1/members', { ...body, workspace_ids: [other.workspaceId] }],
    ['404 workspace_not_found', 'POST', '/v1/members', { ...body, workspace_ids: [unknownId] }],
    ['404 member_not_found', 'PATCH', `/v1/members/${foreign.id}`, { role: 'viewer' }],
    ['404 member_not_found', 'DELETE', `/v1/members/${foreign.email}`, undefined],
    ['400 invalid_request', 'PATCH', `/v1/members/${people.viewer.id}`, {}],
    ['400 invalid_request', 'PATCH', `/v1/members/${people.admin.id}`, { workspace_ids: [secondWorkspace] }],
  ]
  for (const [expected, method, path, sent] of rows) {
    const reply = await as(people.owner, method, path, sent)
    assert.equal(refusal(reply), expected, `${method} ${path} ${JSON.stringify(sent)}`)
  }
})

test('previews say what would be, and nothing is', async () => {
  const body = { email: 'maybe@people.example', password: 'a good password', role: 'viewer', preview: true }
  const seen = await as(people.admin, 'POST', '/v1/members', body)
  assert.deepEqual(at(seen.json, 'objects'), [
    { type: 'member', action: 'create', id: null, name: body.email, state: 'viewer' },
  ])
  assert.equal(refusal(await api.call('GET', `/v1/members/${body.email}`)), '404 member_not_found')
  const { id, email } = people.viewer
  const path = `/v1/members/${id}`
  const change = await as(people.admin, 'PATCH', path, { role: 'member', preview: true })
  assert.deepEqual(at(change.json, 'objects'), [
    { type: 'member', action: 'update', id, name: email, state: 'member' },
  ])
  const removal = await as(people.admin, 'DELETE', `${path}?preview=true`)
  assert.deepEqual(at(removal.json, 'objects'), [
    { type: 'member', action: 'delete', id, name: email, state: 'viewer' },
  ])
  assert.equal(at((await as(people.viewer, 'GET', '/v1/me')).json, 'role'), 'viewer')
})

test('the keys that someone made stay, are told by a preview of their removal, and are found', async () => {
  const maker = await loggedIn(api, 'admin')
  const [first, second] = [
    await as(maker, 'POST', '/v1/api-keys', { name: 'one' }),
    await as(maker, 'POST', '/v1/api-keys', { name: 'two' }),
  ]
  assert.equal(at(first.json, 'created_by'), `user:${maker.id}`)
  await as(maker, 'DELETE', `/v1/api-keys/${textAt(second.json, 'id')}`)
  const seen = await as(people.admin, 'DELETE', `/v1/members/${maker.id}?preview=true`)
  assert.match(textAt(seen.json, 'notes', 0), /^1 API key that they made would stay/)
  assert.equal((await as(people.admin, 'DELETE', `/v1/members/${maker.id}`)).status, 204)
  const list = await as(people.admin, 'GET', `/v1/api-keys?created_by=user:${maker.id}`)
  assert.deepEqual(
    [at(list.json, 'data', 'length'), at(list.json, 'data', 0, 'id')],
    [1, at(first.json, 'id')],
  )
  assert.equal((await api.call('GET', '/v1/me', { key: textAt(first.json, 'token') })).status, 200)
})

test('anyone may leave, by their own id', async () => {
  for (const role of ['viewer', 'member', 'admin'] as const) {
    const leaver = await loggedIn(api, role, role === 'member' ? { workspaceIds: [secondWorkspace] } : {})
    assert.equal((await as(leaver, 'DELETE', `/v1/members/${leaver.id}`)).status, 204)
    assert.equal(refusal(await as(leaver, 'GET', '/v1/me')), '401 unauthenticated')
  }
})

test('the last owner stays, and is only followed by another', async () => {
  const only = await loggedIn(api, 'owner', { organizationId: other.organizationId })
  // The tests above may have left an owner there.
  await sql`delete from members where organization_id = ${other.organizationId}::uuid and user_id <> ${only.id}::uuid`.execute(
    api.platform.db,
  )
  const path = `/v1/members/${only.id}`
  assert.equal(refusal(await as(only, 'DELETE', path)), '409 last_owner')
  assert.equal(refusal(await as(only, 'PATCH', path, { role: 'admin' })), '409 last_owner')
  assert.equal((await as(only, 'PATCH', path, { role: 'owner' })).status, 200)
  const second = await loggedIn(api, 'admin', { organizationId: other.organizationId })
  assert.equal((await as(only, 'PATCH', `/v1/members/${second.id}`, { role: 'owner' })).status, 200)
  assert.equal((await as(only, 'PATCH', path, { role: 'admin' })).status, 200)
  assert.equal(refusal(await as(second, 'DELETE', `/v1/members/${second.id}`)), '409 last_owner')
  assert.equal(refusal(await as(only, 'DELETE', `/v1/members/${second.id}`)), '403 forbidden')
})
