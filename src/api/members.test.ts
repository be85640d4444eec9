/** /v1/members: what each role may, who may change whom, and that nobody keeps what was taken away. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { startAuthenticator } from '../accounts/principals.ts'
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
import { openSecondNode } from '../testing/test-node.ts'

let api: TestApi
let other: Tenant
let secondWorkspace: string
let people: Record<'owner' | 'admin' | 'member' | 'viewer' | 'bound' | 'boundViewer', TestMember>
before(async () => {
  api = await startTestApi()
  other = await api.tenant()
  secondWorkspace = textAt(
    (await api.call('POST', '/v1/workspaces', { body: { name: 'Second' } })).json,
    'id',
  )
  const workspaceIds = [secondWorkspace]
  people = {
    owner: await loggedIn(api, 'owner'),
    admin: await loggedIn(api, 'admin'),
    member: await loggedIn(api, 'member'),
    viewer: await loggedIn(api, 'viewer'),
    bound: await loggedIn(api, 'member', { workspaceIds }),
    boundViewer: await loggedIn(api, 'viewer', { workspaceIds }),
  }
})
after(() => api[Symbol.asyncDispose]())

const unknownId = '00000000-0000-7000-8000-000000000000'
const as = (who: TestMember, method: string, path: string, body?: unknown): Promise<Reply> =>
  api.call(method, path, { key: who.key, body })

/** Whether a reply says that the caller may not, whatever else it says. */
const isAllowed = (reply: Reply): boolean => ![401, 403].includes(reply.status)

type Who = keyof typeof people
const everyone: readonly Who[] = ['owner', 'admin', 'member', 'viewer', 'bound', 'boundViewer']

/** What may be asked for, by whom; `{n}` makes what is created differ. */
const permissions: [method: string, path: string, body: object | undefined, who: readonly Who[]][] = [
  ['GET', '/v1/me', undefined, everyone],
  ['GET', '/v1/domains', undefined, everyone],
  ['GET', '/v1/mailboxes', undefined, everyone],
  ['GET', '/v1/identities', undefined, everyone],
  ['GET', '/v1/workspaces', undefined, everyone],
  ['GET', '/v1/api-keys', undefined, everyone],
  ['POST', '/v1/domains', { name: 'role{n}.test' }, ['owner', 'admin', 'member', 'bound']],
  ['GET', '/v1/mailboxes/secret@demo.test/credentials', undefined, ['owner', 'admin', 'member', 'bound']],
  ['POST', '/v1/workspaces', { name: 'Made by {n}' }, ['owner', 'admin']],
  ['DELETE', `/v1/workspaces/${unknownId}`, undefined, ['owner', 'admin']],
  ['POST', '/v1/api-keys', { name: 'k', workspace_id: null }, ['owner', 'admin']],
  ['GET', '/v1/tsig-keys', undefined, ['owner', 'admin']],
  ['GET', '/v1/members', undefined, ['owner', 'admin', 'member', 'viewer']],
  ['GET', `/v1/members/${unknownId}`, undefined, ['owner', 'admin', 'member', 'viewer']],
  ['GET', '/v1/invitations', undefined, ['owner', 'admin']],
  ['GET', `/v1/invitations/${unknownId}`, undefined, ['owner', 'admin']],
  ['POST', '/v1/invitations', { email: 'i{n}@people.example', role: 'member' }, ['owner', 'admin']],
  ['POST', '/v1/invitations', { email: 'o{n}@people.example', role: 'owner' }, ['owner']],
  ['PATCH', `/v1/invitations/${unknownId}`, { role: 'viewer' }, ['owner', 'admin']],
  ['DELETE', `/v1/invitations/${unknownId}`, undefined, ['owner', 'admin']],
  [
    'POST',
    '/v1/members',
    { email: 'm{n}@people.example', password: 'a good one', role: 'admin' },
    ['owner', 'admin'],
  ],
  [
    'POST',
    '/v1/members',
    { email: 'mo{n}@people.example', password: 'a good one', role: 'owner' },
    ['owner'],
  ],
  ['PATCH', `/v1/members/${unknownId}`, { role: 'viewer' }, ['owner', 'admin']],
  ['DELETE', `/v1/members/${unknownId}`, undefined, ['owner', 'admin']],
]

test('what each role may', async () => {
  await api.createMailbox('secret@demo.test')
  for (const [method, path, body, allowed] of permissions) {
    for (const [n, who] of everyone.entries()) {
      const sent = body && JSON.parse(JSON.stringify(body).replaceAll('{n}', String(n)))
      const reply = await as(people[who], method, path, sent)
      assert.ok(reply.status < 500, reply.text)
      assert.equal(isAllowed(reply), allowed.includes(who), `${who}: ${method} ${path} ${reply.text}`)
    }
  }
})

test('an organization’s key that may write counts as an admin, and no other key manages', async () => {
  const reading = await api.key({ access: 'read' })
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  const body = { email: 'by-key@people.example', role: 'member' }
  assert.equal((await api.call('GET', '/v1/members', { key: reading })).status, 200)
  assert.equal((await api.call('POST', '/v1/invitations', { body })).status, 201)
  for (const [key, sent] of [
    [reading, body],
    [bound, body],
    [api.apiKey, { ...body, role: 'owner' }],
  ] as const) {
    assert.equal(refusal(await api.call('POST', '/v1/invitations', { key, body: sent })), '403 forbidden')
  }
  const demotion = { body: { role: 'admin' } }
  assert.equal(refusal(await api.call('PATCH', `/v1/members/${people.owner.id}`, demotion)), '403 forbidden')
  assert.equal(refusal(await api.call('DELETE', `/v1/members/${people.owner.id}`)), '403 forbidden')
  assert.equal(refusal(await api.call('GET', '/v1/members', { key: bound })), '403 forbidden')
})

test('me: the role, and the workspaces', async () => {
  const me = await as(people.bound, 'GET', '/v1/me')
  assert.deepEqual(
    [at(me.json, 'role'), at(me.json, 'access'), at(me.json, 'workspace_id')],
    ['member', 'write', secondWorkspace],
  )
  assert.deepEqual(at(me.json, 'bound_to'), {
    workspace_id: secondWorkspace,
    workspace_ids: [secondWorkspace],
    mailbox_id: null,
  })
  const viewer = await as(people.viewer, 'GET', '/v1/me')
  assert.deepEqual([at(viewer.json, 'role'), at(viewer.json, 'access')], ['viewer', 'read'])
})

test('a member of some workspaces reaches those, and what is in them', async () => {
  const third = textAt((await api.call('POST', '/v1/workspaces', { body: { name: 'Third' } })).json, 'id')
  const both = await loggedIn(api, 'member', { workspaceIds: [secondWorkspace, third] })
  const list = await as(both, 'GET', '/v1/workspaces')
  assert.deepEqual(
    [at(list.json, 'data', 0, 'id'), at(list.json, 'data', 1, 'id'), at(list.json, 'data', 2)],
    [secondWorkspace, third, undefined],
  )
  const into = (workspace: string): Promise<Reply> =>
    api.call('GET', '/v1/me', { key: both.key, headers: { 'mailwright-workspace': workspace } })
  assert.equal(at((await into(third)).json, 'workspace_id'), third)
  assert.equal(at((await into(secondWorkspace)).json, 'workspace_id'), secondWorkspace)
  for (const workspace of [api.scope.workspaceId, other.workspaceId, unknownId]) {
    assert.equal(refusal(await into(workspace)), '404 workspace_not_found')
  }
  const key = (body: object): Promise<Reply> => as(both, 'POST', '/v1/api-keys', { name: 'k', ...body })
  assert.equal(at((await key({})).json, 'workspace_id'), secondWorkspace)
  assert.equal(at((await key({ workspace_id: third })).json, 'workspace_id'), third)
  assert.equal(refusal(await key({ workspace_id: api.scope.workspaceId })), '404 workspace_not_found')
  assert.equal(refusal(await key({ workspace_id: null })), '403 forbidden')
  const named = { key: both.key, body: { name: 'k' }, headers: { 'mailwright-workspace': third } }
  assert.equal(at((await api.call('POST', '/v1/api-keys', named)).json, 'workspace_id'), third)
  const unbound = await as(people.member, 'POST', '/v1/api-keys', { name: 'k' })
  assert.equal(at(unbound.json, 'workspace_id'), api.scope.workspaceId)
  // What they are left with when one of the two is gone, and when both are.
  await api.call('DELETE', `/v1/workspaces/${third}`)
  assert.equal(refusal(await into(third)), '404 workspace_not_found')
  assert.equal((await as(both, 'GET', '/v1/me')).status, 200)
  const last = textAt((await api.call('POST', '/v1/workspaces', { body: { name: 'Last' } })).json, 'id')
  const only = await loggedIn(api, 'member', { workspaceIds: [last] })
  assert.equal((await as(only, 'GET', '/v1/me')).status, 200)
  await api.call('DELETE', `/v1/workspaces/${last}`)
  assert.equal(refusal(await as(only, 'GET', '/v1/me')), '401 unauthenticated')
})

test('a key that reaches all workspaces is not for a member to revoke', async () => {
  const made = await api.call('POST', '/v1/api-keys', { body: { name: 'org' } })
  const path = `/v1/api-keys/${textAt(made.json, 'id')}`
  assert.equal(refusal(await as(people.member, 'DELETE', path)), '403 forbidden')
  assert.equal(refusal(await as(people.bound, 'DELETE', path)), '404 api_key_not_found')
  assert.equal((await as(people.admin, 'DELETE', path)).status, 204)
})

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

test('who may not make members is told so before a password is judged', async () => {
  const body = { email: 'weak@people.example', password: 'short', role: 'member' }
  assert.equal(refusal(await as(people.viewer, 'POST', '/v1/members', body)), '403 forbidden')
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

test('two owners who remove each other at the same moment: one stays, every time', async () => {
  for (let round = 0; round < 5; round++) {
    const tenant = await api.tenant()
    const owners = [await loggedIn(api, 'owner', tenant), await loggedIn(api, 'owner', tenant)] as const
    const [first, second] = await Promise.all([
      as(
        owners[0],
        round % 2 ? 'PATCH' : 'DELETE',
        `/v1/members/${owners[1].id}`,
        round % 2 ? { role: 'viewer' } : undefined,
      ),
      as(owners[1], 'DELETE', `/v1/members/${owners[0].id}`),
    ])
    const done = [first, second].filter(({ status }) => status < 300)
    assert.equal(done.length, 1, `${first.text} ${second.text}`)
    const left = await api.platform.db
      .selectFrom('members')
      .select('role')
      .where('organization_id', '=', tenant.organizationId)
      .where('role', '=', 'owner')
      .execute()
    assert.equal(left.length, 1)
  }
})

test('an owner who is removed while removing others removes nobody', async () => {
  const tenant = await api.tenant()
  const [one, two, three] = [
    await loggedIn(api, 'owner', tenant),
    await loggedIn(api, 'owner', tenant),
    await loggedIn(api, 'owner', tenant),
  ] as const
  const replies = await Promise.all([
    as(one, 'DELETE', `/v1/members/${two.id}`),
    as(two, 'DELETE', `/v1/members/${three.id}`),
    as(three, 'DELETE', `/v1/members/${one.id}`),
  ])
  const { count } = await api.platform.db
    .selectFrom('members')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('organization_id', '=', tenant.organizationId)
    .executeTakeFirstOrThrow()
  const done = replies.filter(({ status }) => status === 204).length
  // Of three in a circle two can be right, if the second acts before it is removed: never all three.
  assert.equal(Number(count), 3 - done)
  assert.ok(done === 1 || done === 2, replies.map(({ text }) => text).join())
})

test('what a member loses is lost on every node', async () => {
  await using stack = new AsyncDisposableStack()
  const second = await openSecondNode(stack, api)
  const elsewhere = startAuthenticator(second)
  stack.defer(() => elsewhere.stop())
  const someone = await loggedIn(api, 'member')
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    const deadline = Date.now() + 5000
    while (!(await isSo()) && Date.now() < deadline) await sleep(10)
    assert.ok(await isSo())
  }
  assert.equal((await elsewhere.authenticate(someone.key))?.access, 'write')
  await as(people.admin, 'PATCH', `/v1/members/${someone.id}`, { role: 'viewer' })
  await until(async () => (await elsewhere.authenticate(someone.key))?.access === 'read')
  await as(people.admin, 'DELETE', `/v1/members/${someone.id}`)
  await until(async () => (await elsewhere.authenticate(someone.key)) === null)
})

test('logging in and being removed at the same moment leaves a refusal or a session that ends', async () => {
  for (let round = 0; round < 4; round++) {
    const { id, email, password } = await loggedIn(api, 'member')
    const [login, removal] = await Promise.all([
      api.call('POST', '/v1/sessions', { key: null, body: { email, password } }),
      as(people.admin, 'DELETE', `/v1/members/${id}`),
    ])
    assert.equal(removal.status, 204, removal.text)
    if (login.status === 201) {
      const me = await api.call('GET', '/v1/me', { key: textAt(login.json, 'token') })
      assert.equal(refusal(me), '401 unauthenticated')
    } else assert.equal(refusal(login), '401 login_failed')
  }
})
