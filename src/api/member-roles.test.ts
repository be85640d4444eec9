/** What each role may over the API, and which workspaces a member reaches. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
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

test('who may not make members is told so before a password is judged', async () => {
  const body = { email: 'weak@people.example', password: 'short', role: 'member' }
  assert.equal(refusal(await as(people.viewer, 'POST', '/v1/members', body)), '403 forbidden')
})
