/** Members of and invitations to workspaces in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { loggedIn } from '../../testing/test-members.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let second: string
before(async () => {
  u = await startTestVendor('zapmail')
  second = textAt((await u.call('POST', '/v1/workspaces', { body: { name: 'Second' } })).json, 'id')
})
after(() => u[Symbol.asyncDispose]())

const paths = /^\/v2\/workspaces\/(members|invitations)/
const firstPage = { page: '1', limit: '50' }

async function members(workspace = u.scope.workspaceId, query = firstPage): Promise<unknown[]> {
  const reply = await u.operate('listWorkspaceMembers', { query, workspace })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data', 'members')
}
async function roleOf(id: string, workspace = u.scope.workspaceId): Promise<unknown> {
  return at(
    (await members(workspace)).find((one) => at(one, 'id') === id),
    'role',
  )
}
const remove = (memberId: string, workspace = u.scope.workspaceId) =>
  u.operate('revokeWorkspaceMember', { query: { memberId }, workspace })

test('who reaches the workspace is shown with a role, an owner as an ADMIN', async () => {
  const bound = await loggedIn(u, 'member', { workspaceIds: [u.scope.workspaceId] })
  const elsewhere = await loggedIn(u, 'viewer', { workspaceIds: [second] })
  const all = await loggedIn(u, 'viewer')
  const owner = (await members()).find((one) => at(one, 'role') === 'ADMIN')
  assert.ok(owner)
  assert.equal(await roleOf(bound.id), 'EDITOR')
  assert.equal(await roleOf(all.id), 'VIEWER')
  assert.equal(await roleOf(elsewhere.id), undefined)
  assert.equal(await roleOf(elsewhere.id, second), 'VIEWER')
  const paged = await members(u.scope.workspaceId, { page: '2', limit: '1' })
  assert.deepEqual([paged.length, at(paged, 0, 'id')], [1, at(await members(), 1, 'id')])
})

test('a role is changed; who cannot be found here, and an owner, is refused', async () => {
  const bound = await loggedIn(u, 'member', { workspaceIds: [u.scope.workspaceId] })
  const elsewhere = await loggedIn(u, 'viewer', { workspaceIds: [second] })
  const body = u.exampleOf('updateWorkspaceMember')
  const changed = await u.operate('updateWorkspaceMember', { query: { memberId: bound.id }, body })
  assert.equal(changed.status, 200, changed.text)
  const native = await u.call('GET', `/v1/members/${bound.id}`)
  assert.deepEqual(
    [at(native.json, 'role'), at(native.json, 'workspace_ids')],
    ['viewer', [u.scope.workspaceId]],
  )
  const { organizationId } = await u.tenant()
  const foreign = await loggedIn(u, 'viewer', { organizationId })
  for (const memberId of [elsewhere.id, foreign.id, '00000000-0000-7000-8000-000000000000', 'x']) {
    assert.equal((await u.operate('updateWorkspaceMember', { query: { memberId }, body })).status, 400)
    assert.equal((await remove(memberId)).status, 400)
  }
  const owner = await loggedIn(u, 'owner')
  const refused = await u.unchecked('updateWorkspaceMember', { query: { memberId: owner.id }, body })
  assert.equal(refused.status, 403)
  const wrong = await u.operate('updateWorkspaceMember', {
    query: { memberId: bound.id },
    body: { role: 'OWNER' },
  })
  assert.equal(wrong.status, 400)
})

test('a workspace is taken away; who has no other is no member any more', async () => {
  const one = await loggedIn(u, 'member', { workspaceIds: [u.scope.workspaceId] })
  const two = await loggedIn(u, 'member', { workspaceIds: [u.scope.workspaceId, second] })
  const all = await loggedIn(u, 'viewer')
  const admin = await loggedIn(u, 'admin')
  for (const { id } of [one, two, all, admin]) {
    const reply = await remove(id)
    assert.equal(reply.status, 200, reply.text)
    assert.equal(await roleOf(id), undefined)
  }
  for (const { id } of [one, admin]) assert.equal((await u.call('GET', `/v1/members/${id}`)).status, 404)
  for (const { id } of [two, all]) {
    const native = await u.call('GET', `/v1/members/${id}`)
    assert.deepEqual(at(native.json, 'workspace_ids'), [second])
  }
})

const invite = (more: object = {}) =>
  u.operate('createWorkspaceInvitation', {
    body: {
      ...Object(u.exampleOf('createWorkspaceInvitation')),
      workspaceId: u.scope.workspaceId,
      ...more,
    },
  })

async function invitations(status: string, workspace = u.scope.workspaceId): Promise<unknown[]> {
  const reply = await u.operate('listWorkspaceInvitations', { query: { ...firstPage, status }, workspace })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'data', 'invitations')
}

test('somebody is invited, accepts with the token of the message, and is a member of that workspace', async () => {
  const made = await invite()
  assert.equal(made.status, 200, made.text)
  const [open] = await invitations('PENDING')
  assert.deepEqual(
    ['email', 'role', 'status', 'workspaceId'].map((name) => at(open, name)),
    ['new@example.com', 'EDITOR', 'PENDING', u.scope.workspaceId],
  )
  assert.deepEqual(await invitations('PENDING', second), [])
  const token = /mwi_\S+$/.exec(textAt(made.json, 'message'))?.[0]
  const password = 'correct horse battery staple'
  const accepted = await u.call('POST', '/v1/invitations/accept', { body: { token, password }, key: null })
  assert.equal(accepted.status, 201, accepted.text)
  assert.deepEqual(await invitations('PENDING'), [])
  assert.equal((await invitations('ACCEPTED')).length, 1)
  const native = await u.call('GET', '/v1/members/new@example.com')
  assert.deepEqual(
    [at(native.json, 'role'), at(native.json, 'workspace_ids')],
    ['member', [u.scope.workspaceId]],
  )
  assert.equal((await invite()).status, 400)
})

test('an open invitation is taken back, from its own workspace, once', async () => {
  await invite({ email: 'second@example.com', workspaceId: second, role: 'VIEWER' })
  const invitationId = textAt(await invitations('PENDING', second), 0, 'id')
  const here = await u.operate('revokeWorkspaceInvitation', { query: { invitationId } })
  assert.equal(here.status, 400)
  const there = await u.operate('revokeWorkspaceInvitation', { query: { invitationId }, workspace: second })
  assert.equal(there.status, 200)
  const again = await u.operate('revokeWorkspaceInvitation', { query: { invitationId }, workspace: second })
  assert.equal(again.status, 400)
  assert.equal(at(await invitations('REVOKED', second), 0, 'id'), invitationId)
  assert.deepEqual(await invitations('REJECTED', second), [])
})

test('an ADMIN is invited to all workspaces; what is wrong or another’s is refused', async () => {
  assert.equal((await invite({ email: 'admin@example.com', role: 'ADMIN' })).status, 200)
  assert.equal(at(await invitations('PENDING', second), 0, 'role'), 'ADMIN')
  const { workspaceId, key } = await u.tenant()
  for (const more of [
    { workspaceId },
    { role: 'OWNER' },
    { email: 'none' },
    { email: 'a@b.example\n' },
    { workspaceId: 'x' },
  ])
    assert.equal((await invite(more)).status, 400)
  const theirs = await u.unchecked('listWorkspaceMembers', { query: firstPage, key })
  assert.equal(theirs.status, 400)
  const reader = await u.key({ access: 'read' })
  const body = { email: 'x@example.com', role: 'EDITOR', workspaceId: u.scope.workspaceId }
  assert.equal((await u.unchecked('createWorkspaceInvitation', { body, key: reader })).status, 403)
  const bound = await u.key({ workspaceId: u.scope.workspaceId })
  assert.equal((await u.unchecked('listWorkspaceMembers', { query: firstPage, key: bound })).status, 403)
  const status = 'SOME'
  assert.equal((await u.operate('listWorkspaceInvitations', { query: { status } })).status, 400)
  assert.equal((await u.operate('listWorkspaceMembers', { query: firstPage, workspace: null })).status, 400)
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', paths)
  u.requireSeen(paths)
})
