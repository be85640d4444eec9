/** /v1/invitations: made, changed, revoked, accepted once, and worth nothing afterwards. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteOldInvitations } from '../accounts/invitations.ts'
import { createSession } from '../accounts/sessions.ts'
import {
  at,
  listAt,
  type Reply,
  refusal,
  startTestApi,
  type Tenant,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { loggedIn, type TestMember } from '../testing/test-members.ts'
import { apiLimits } from './limits.ts'

let api: TestApi
let other: Tenant
let owner: TestMember
let admin: TestMember
before(async () => {
  api = await startTestApi()
  other = await api.tenant()
  owner = await loggedIn(api, 'owner')
  admin = await loggedIn(api, 'admin')
})
after(() => api[Symbol.asyncDispose]())

const unknownId = '00000000-0000-7000-8000-000000000000'
const password = 'a password of their own'
let invited = 0
const address = (): string => `guest${++invited}@people.example`
const invite = (body: object, key = admin.key): Promise<Reply> =>
  api.call('POST', '/v1/invitations', { key, body: { email: address(), role: 'member', ...body } })
const accept = (token: string, more: object = {}): Promise<Reply> =>
  api.call('POST', '/v1/invitations/accept', { key: null, body: { token, password, ...more } })
const pathOf = (reply: Reply): string => `/v1/invitations/${textAt(reply.json, 'id')}`
const stateOf = async (path: string): Promise<string> => textAt((await api.call('GET', path)).json, 'state')

async function eventsOf(path: string): Promise<string[]> {
  const id = path.split('/').at(-1)
  const { rows } = await sql<{ type: string }>`select type from events
    where data ->> 'invitation_id' = ${id} order by events.xid, events.id`.execute(api.platform.db)
  return rows.map(({ type }) => type)
}

test('invited, accepted, logged in: with the role and the workspaces that were meant', async () => {
  const email = 'New.Guest@People.example'
  const made = await invite({ email, role: 'viewer', workspace_ids: [api.scope.workspaceId] })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  const token = textAt(made.json, 'token')
  assert.match(token, /^mwi_[\w-]{43}$/)
  assert.deepEqual(
    [at(made.json, 'email'), at(made.json, 'state'), at(made.json, 'invited_by')],
    [email.toLowerCase(), 'open', `user:${admin.id}`],
  )
  const days = (Date.parse(textAt(made.json, 'expires_at')) - Date.now()) / 86_400_000
  assert.ok(days > 6.9 && days <= 7)
  const path = pathOf(made)
  assert.equal(made.headers.get('location'), path)
  for (const seen of [await api.call('GET', path), await api.call('GET', '/v1/invitations')]) {
    assert.doesNotMatch(seen.text, /mwi_|token/)
  }
  const accepted = await accept(token, { name: 'New Guest' })
  assert.equal(accepted.status, 201)
  assert.deepEqual(
    [at(accepted.json, 'role'), at(accepted.json, 'organization_id')],
    ['viewer', api.scope.organizationId],
  )
  const { token: key } = await createSession(api.platform, email, password, '127.0.0.1')
  const me = await api.call('GET', '/v1/me', { key })
  assert.deepEqual(
    [at(me.json, 'role'), at(me.json, 'access'), at(me.json, 'workspace_id'), at(me.json, 'user_id')],
    ['viewer', 'read', api.scope.workspaceId, at(accepted.json, 'user_id')],
  )
  assert.equal(at((await api.call('GET', `/v1/members/${email}`)).json, 'name'), 'New Guest')
  assert.equal(await stateOf(path), 'accepted')
  assert.deepEqual(await eventsOf(path), ['invitation.created', 'invitation.accepted'])
  assert.equal(refusal(await accept(token)), '404 invitation_not_found')
})

test('someone who logs in here already proves it, and chooses where to log in', async () => {
  const guest = await loggedIn(api, 'member', { organizationId: other.organizationId })
  const made = await invite({ email: guest.email, role: 'admin' })
  const token = textAt(made.json, 'token')
  assert.equal(refusal(await accept(token, { password: 'not their password' })), '401 login_failed')
  assert.equal(await stateOf(pathOf(made)), 'open')
  assert.equal((await accept(token, { password: guest.password, name: 'Ignored' })).status, 201)
  assert.equal(at((await api.call('GET', `/v1/members/${guest.id}`)).json, 'name'), null)
  const login = async (organizationId?: string): Promise<Reply> => {
    const body = { email: guest.email, password: guest.password, organization_id: organizationId }
    const { json } = await api.call('POST', '/v1/sessions', { key: null, body })
    return await api.call('GET', '/v1/me', { key: textAt(json, 'token') })
  }
  assert.equal(at((await login()).json, 'organization_id'), other.organizationId)
  const here = await login(api.scope.organizationId)
  assert.deepEqual(
    [at(here.json, 'organization_id'), at(here.json, 'role')],
    [api.scope.organizationId, 'admin'],
  )
  const body = { email: guest.email, password: guest.password, organization_id: unknownId }
  assert.equal(refusal(await api.call('POST', '/v1/sessions', { key: null, body })), '401 login_failed')
  // Removed here, they stay there.
  await api.call('DELETE', `/v1/members/${guest.id}`)
  assert.equal(refusal(await login(api.scope.organizationId)), '401 unauthenticated')
  assert.equal((await api.call('GET', '/v1/me', { key: guest.key })).status, 200)
})

test('a token is no way to guess the password of whom it is for', async () => {
  await using fresh = await startTestApi({ environment: { MAILWRIGHT_LOGIN_FAILURES_MAX: '3' } })
  const guest = await loggedIn(fresh, 'member', await fresh.tenant())
  const made = await fresh.call('POST', '/v1/invitations', { body: { email: guest.email, role: 'viewer' } })
  const body = { token: textAt(made.json, 'token') }
  const attempt = (own: string): Promise<Reply> =>
    fresh.call('POST', '/v1/invitations/accept', { key: null, body: { ...body, password: own } })
  for (const guess of ['one', 'two', 'three']) assert.equal(refusal(await attempt(guess)), '401 login_failed')
  const locked = await attempt(guest.password)
  assert.equal(refusal(locked), '429 rate_limited')
  const seconds = Number(locked.headers.get('retry-after'))
  assert.ok(seconds > 800 && seconds <= 900, `${seconds}`)
  const login = { email: guest.email, password: guest.password }
  assert.equal(
    refusal(await fresh.call('POST', '/v1/sessions', { key: null, body: login })),
    '429 rate_limited',
  )
})

test('the audit log has who accepted, and who logged in and out', async () => {
  const email = address()
  const made = await invite({ email, role: 'viewer' })
  const accepted = await accept(textAt(made.json, 'token'))
  const { json } = await api.call('POST', '/v1/sessions', { key: null, body: { email, password } })
  await api.call('DELETE', '/v1/sessions/current', { key: textAt(json, 'token') })
  const actor = `user:${textAt(accepted.json, 'user_id')}`
  const entries = await api.call('GET', `/v1/audit-log?of=organization&actor=${actor}`)
  assert.deepEqual(
    listAt(entries.json, 'data').map((entry) => at(entry, 'action')),
    ['session.ended', 'session.created', 'invitation.accepted', 'member.added', 'user.created'],
  )
  assert.equal(at(entries.json, 'data', 1, 'data', 'remote_address'), '127.0.0.1')
})

test('revoked, expired and replaced ones open nothing', async () => {
  const revoked = await invite({})
  assert.equal((await api.call('DELETE', pathOf(revoked))).status, 204)
  assert.equal(refusal(await accept(textAt(revoked.json, 'token'))), '404 invitation_not_found')
  assert.equal(refusal(await api.call('DELETE', pathOf(revoked))), '409 invitation_ended')
  assert.equal(
    refusal(await api.call('PATCH', pathOf(revoked), { body: { role: 'viewer' } })),
    '409 invitation_ended',
  )
  assert.deepEqual(await eventsOf(pathOf(revoked)), ['invitation.created', 'invitation.revoked'])

  const email = address()
  const [first, second] = [await invite({ email }), await invite({ email: email.toUpperCase() })]
  assert.equal(await stateOf(pathOf(first)), 'revoked')
  assert.equal(refusal(await accept(textAt(first.json, 'token'))), '404 invitation_not_found')
  assert.equal((await accept(textAt(second.json, 'token'))).status, 201)
})

test('changed while it is open, by who may make what it becomes', async () => {
  const made = await invite({ role: 'viewer' })
  const path = pathOf(made)
  const change = (body: object, key = admin.key): Promise<Reply> => api.call('PATCH', path, { key, body })
  assert.deepEqual(at((await change({ workspace_ids: [api.scope.workspaceId] })).json, 'workspace_ids'), [
    api.scope.workspaceId,
  ])
  const promoted = await change({ role: 'admin' })
  assert.deepEqual([at(promoted.json, 'role'), at(promoted.json, 'workspace_ids')], ['admin', null])
  assert.equal(refusal(await change({ role: 'owner' })), '403 forbidden')
  assert.equal((await change({ role: 'owner' }, owner.key)).status, 200)
  assert.equal(refusal(await change({ role: 'viewer' })), '403 forbidden')
  assert.equal(refusal(await api.call('DELETE', path, { key: admin.key })), '403 forbidden')
  assert.equal(at((await accept(textAt(made.json, 'token'))).json, 'role'), 'owner')
})

test('they end with the right of who made them', async () => {
  for (const act of [
    (id: string) => api.call('DELETE', `/v1/members/${id}`),
    (id: string) => api.call('PATCH', `/v1/members/${id}`, { body: { role: 'member' } }),
  ]) {
    const inviter = await loggedIn(api, 'admin')
    const made = await invite({}, inviter.key)
    await act(inviter.id)
    assert.equal(await stateOf(pathOf(made)), 'revoked')
  }
})

test('what is refused', async () => {
  const foreign = await invite({}, other.key)
  const rows: [expected: string, method: string, path: string, body: object | undefined][] = [
    ['409 member_exists', 'POST', '/v1/invitations', { email: owner.email.toUpperCase(), role: 'member' }],
    ['400 invalid_request', 'POST', '/v1/invitations', { email: 'no at', role: 'member' }],
    ['400 invalid_request', 'POST', '/v1/invitations', { email: address(), role: 'root' }],
    ['400 invalid_request', 'POST', '/v1/invitations', { email: address() }],
    [
      '400 invalid_request',
      'POST',
      '/v1/invitations',
      { email: address(), role: 'admin', workspace_ids: [api.scope.workspaceId] },
    ],
    [
      '404 workspace_not_found',
      'POST',
      '/v1/invitations',
      { email: address(), role: 'member', workspace_ids: [other.workspaceId] },
    ],
    ['404 invitation_not_found', 'GET', pathOf(foreign), undefined],
    ['404 invitation_not_found', 'PATCH', pathOf(foreign), { role: 'viewer' }],
    ['404 invitation_not_found', 'DELETE', pathOf(foreign), undefined],
    ['404 invitation_not_found', 'GET', '/v1/invitations/x', undefined],
    ['404 invitation_not_found', 'DELETE', `/v1/invitations/${unknownId}`, undefined],
    ['400 invalid_request', 'PATCH', pathOf(foreign), {}],
  ]
  for (const [expected, method, path, body] of rows) {
    const reply = await api.call(method, path, { key: owner.key, body })
    assert.equal(refusal(reply), expected, `${method} ${path} ${JSON.stringify(body)}`)
  }
  assert.doesNotMatch((await api.call('GET', '/v1/invitations')).text, new RegExp(textAt(foreign.json, 'id')))
})

test('a new user’s password has a length, and what it is for is accepted only with it', async () => {
  const made = await invite({})
  const token = textAt(made.json, 'token')
  assert.equal(refusal(await accept(token, { password: 'short' })), '422 password_too_weak')
  assert.equal(refusal(await accept(token, { password: '' })), '400 invalid_request')
  assert.equal((await accept(token)).status, 201)
})

test('of those who accept one token at the same moment, one becomes a member', async () => {
  await using fresh = await startTestApi()
  const body = { email: 'race@people.example', role: 'member' }
  const token = textAt((await fresh.call('POST', '/v1/invitations', { body })).json, 'token')
  const replies = await Promise.all(
    Array.from({ length: 6 }, () =>
      fresh.call('POST', '/v1/invitations/accept', { key: null, body: { token, password } }),
    ),
  )
  const outcomes = replies.map((reply) => (reply.status === 201 ? '201' : refusal(reply)))
  assert.equal(outcomes.filter((outcome) => outcome === '201').length, 1)
  for (const outcome of outcomes)
    assert.match(outcome, /^(?:201|404 invitation_not_found|401 login_failed|409 member_exists)$/)
})

test('previews make, change and end nothing, and show no token', async () => {
  const email = address()
  const seen = await invite({ email, preview: true })
  assert.deepEqual(
    [seen.status, at(seen.json, 'objects')],
    [200, [{ type: 'invitation', action: 'create', id: null, name: email, state: 'member' }]],
  )
  assert.doesNotMatch(seen.text, /mwi_/)
  const made = await invite({ email })
  const id = textAt(made.json, 'id')
  const change = await api.call('PATCH', pathOf(made), { body: { role: 'viewer', preview: true } })
  assert.deepEqual(at(change.json, 'objects'), [
    { type: 'invitation', action: 'update', id, name: email, state: 'viewer' },
  ])
  const end = await api.call('DELETE', `${pathOf(made)}?preview=true`)
  assert.deepEqual(at(end.json, 'objects'), [
    { type: 'invitation', action: 'delete', id, name: email, state: 'member' },
  ])
  assert.equal(at((await accept(textAt(made.json, 'token'))).json, 'role'), 'member')
})

test('unknown tokens are counted, also those at the same moment', async () => {
  await using fresh = await startTestApi()
  const replies = await Promise.all(
    Array.from({ length: apiLimits.failedLoginsPerMinute + 4 }, (_, n) =>
      fresh.call('POST', '/v1/invitations/accept', { key: null, body: { token: `mwi_${n}`, password } }),
    ),
  )
  const count = (what: string): number => replies.filter((reply) => refusal(reply) === what).length
  assert.equal(count('404 invitation_not_found') + count('429 rate_limited'), replies.length)
  assert.ok(count('404 invitation_not_found') <= apiLimits.failedLoginsPerMinute + 1)
})

test('after seven days it is too late, and some time later it is forgotten', async () => {
  await using fresh = await startTestApi()
  const body = { email: 'late@people.example', role: 'member' }
  const made = await fresh.call('POST', '/v1/invitations', { body })
  fresh.platform.clock.advance?.('P7DT1S')
  assert.equal(at((await fresh.call('GET', pathOf(made))).json, 'state'), 'expired')
  const late = { key: null, body: { token: textAt(made.json, 'token'), password } }
  assert.equal(refusal(await fresh.call('POST', '/v1/invitations/accept', late)), '404 invitation_not_found')
  assert.equal(refusal(await fresh.call('DELETE', pathOf(made))), '409 invitation_ended')
  await deleteOldInvitations(fresh.platform)
  assert.equal((await fresh.call('GET', pathOf(made))).status, 200)
  fresh.platform.clock.advance?.('P31D')
  await deleteOldInvitations(fresh.platform)
  assert.equal(refusal(await fresh.call('GET', pathOf(made))), '404 invitation_not_found')
})
