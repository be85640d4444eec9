/** Workspaces in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
/** One that answers each caller once in a minute. */
let slow: TestVendor
before(async () => {
  u = await startTestVendor('inboxkit')
  slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
})
after(async () => {
  await u[Symbol.asyncDispose]()
  await slow[Symbol.asyncDispose]()
})

const unknown = '00000000-0000-4000-8000-000000000000'
const ids = ['updateWorkspace', 'deleteWorkspace', 'updateWorkspaceWebhook'] as const

async function details(uid: string): Promise<unknown> {
  const reply = await u.operate('getWorkspaceDetails', { query: { uid } })
  assert.equal(reply.status, 200, reply.text)
  return at(reply.json, 'workspace')
}

async function made(name: string): Promise<string> {
  const reply = await u.operate('createWorkspace', { body: { name } })
  assert.equal(reply.status, 200, reply.text)
  return textAt(reply.json, 'uid')
}

test('a workspace is made, listed, shown, renamed and deleted, without naming one', async () => {
  const created = await u.operate('createWorkspace', {
    body: u.exampleOf('createWorkspace'),
    workspace: null,
  })
  assert.equal(created.status, 200, created.text)
  const uid = textAt(created.json, 'uid')
  await u.call('POST', '/v1/domains', {
    body: { name: 'counted.test' },
    headers: { 'mailwright-workspace': uid },
  })
  const listed = await u.operate('listWorkspaces', { workspace: null })
  const rows = listAt(listed.json, 'workspaces')
  assert.deepEqual(
    rows.map((row) => at(row, 'name')),
    ['Default', 'Agency B'],
  )
  assert.deepEqual(rows[1], {
    uid,
    name: 'Agency B',
    team: 'Mailwright',
    webhook_url: 'https://hooks.agency-b.example/ik',
    domains: 1,
    use_shared_billing: false,
  })
  assert.deepEqual(await details(uid), rows[1])
  const renamed = await u.operate('updateWorkspace', { body: { uid, name: 'Agency C', webhook_url: null } })
  assert.equal(renamed.status, 200, renamed.text)
  assert.deepEqual(
    [at(await details(uid), 'name'), at(await details(uid), 'webhook_url')],
    ['Agency C', null],
  )
  assert.equal(at((await u.call('GET', `/v1/workspaces/${uid}`)).json, 'name'), 'Agency C')
  const full = await u.operate('deleteWorkspace', { body: { uid } })
  assert.deepEqual([full.status, at(full.json, 'error')], [400, true])
})

test('what is empty is deleted, by query, body or path', async () => {
  const [one, two, three, four] = [await made('1'), await made('2'), await made('3'), await made('4')]
  assert.equal((await u.operate('deleteWorkspace', { query: { uid: one } })).status, 200)
  assert.equal((await u.operate('deleteWorkspace', { body: { uid: two } })).status, 200)
  assert.equal((await u.at('DELETE', `/workspaces/${three}`)).status, 200)
  assert.equal((await u.at('DELETE', '/workspaces', { query: { uid: four } })).status, 200)
  for (const id of [one, two, three, four]) {
    assert.equal((await u.call('GET', `/v1/workspaces/${id}`)).status, 404)
  }
  const first = await u.operate('deleteWorkspace', { query: { uid: u.scope.workspaceId } })
  assert.deepEqual(
    [first.status, at(first.json, 'message')],
    [400, 'The default workspace cannot be deleted'],
  )
})

test('the other paths of the contract', async () => {
  const created = await u.at('POST', '/workspaces', { body: { name: 'Other', admins_only: true } })
  assert.equal(created.status, 200, created.text)
  const uid = textAt(created.json, 'uid')
  assert.equal((await u.at('PUT', '/workspaces', { body: { uid, name: 'Other 2' } })).status, 200)
  assert.equal(at(await details(uid), 'name'), 'Other 2')
  assert.equal((await u.at('PUT', `/workspaces/${uid}`, { body: { name: 'Other 3' } })).status, 200)
  assert.equal(at(await details(uid), 'name'), 'Other 3')
  const url = 'https://hooks.example/a'
  const set = await u.at('POST', `/workspaces/${uid}/webhook`, { body: { webhook_url: url } })
  assert.equal(set.status, 200, set.text)
  assert.equal(at(await details(uid), 'webhook_url'), url)
})

test('a webhook is set, set again, and taken away', async () => {
  const uid = await made('Hooked')
  for (const url of ['https://hooks.example/a', 'https://hooks.example/b']) {
    const set = await u.operate('updateWorkspaceWebhook', { body: { uid, webhook_url: url } })
    assert.equal(set.status, 200, set.text)
    assert.equal(at(await details(uid), 'webhook_url'), url)
  }
  await u.operate('updateWorkspace', { body: { uid, webhook_url: null } })
  assert.equal(at(await details(uid), 'webhook_url'), null)
  for (const url of ['nonsense', 'ftp://hooks.example/', 'http://169.254.169.254/']) {
    const bad = await u.operate('updateWorkspaceWebhook', { body: { uid, webhook_url: url } })
    assert.deepEqual([bad.status, at(bad.json, 'error')], [400, true], url)
  }
  // It is no webhook of the native API, which could not be understood there.
  const native = await u.call('GET', '/v1/webhooks', { headers: { 'mailwright-workspace': uid } })
  assert.deepEqual(at(native.json, 'data'), [])
})

test('another team’s and unknown ones are not found', async () => {
  const other = await u.tenant()
  for (const uid of [unknown, 'nonsense', other.workspaceId]) {
    const shown = await u.operate('getWorkspaceDetails', { query: { uid } })
    assert.deepEqual(shown.json, { error: true, message: 'Workspace not found' })
    for (const id of ids) {
      const reply = await u.operate(id, { body: { uid, ...bodyOf(id) } })
      assert.deepEqual([reply.status, at(reply.json, 'message')], [404, 'Workspace not found'], id)
    }
  }
})

function bodyOf(id: (typeof ids)[number]): object {
  if (id === 'deleteWorkspace') return {}
  return id === 'updateWorkspace' ? { name: 'x' } : { webhook_url: 'https://hooks.example/' }
}

test('what is refused: another form, no key', async () => {
  for (const body of [{}, { name: '' }, { name: 'a\nb' }, { name: 'x', color: 'red' }, { name: 7 }, '{']) {
    assert.equal((await u.operate('createWorkspace', { body })).status, 400)
  }
  assert.equal((await u.operate('getWorkspaceDetails')).status, 400)
  for (const id of ids) {
    const none = await u.operate(id, { body: bodyOf(id) })
    assert.deepEqual(none.json, { error: true, message: 'uid is required' }, id)
    assert.equal((await u.operate(id, { body: { ...bodyOf(id), odd: 1 } })).status, 400, id)
  }
  for (const id of ['listWorkspaces', 'getWorkspaceDetails', 'createWorkspace', ...ids]) {
    const reply = await u.operate(id, { key: 'wrong', body: {} })
    assert.deepEqual(reply.json, { code: 401, message: 'jwt malformed' }, id)
  }
})

test('a key sees and changes what it reaches', async () => {
  const uid = await made('Bound')
  const readOnly = await u.key({ access: 'read' })
  assert.equal((await u.operate('listWorkspaces', { key: readOnly })).status, 200)
  for (const id of ids) {
    const reply = await u.unchecked(id, { key: readOnly, body: { uid, ...bodyOf(id) } })
    assert.equal(reply.status, 403, id)
  }
  const bound = await u.key({ workspaceId: uid })
  const listed = await u.operate('listWorkspaces', { key: bound })
  assert.deepEqual(
    listAt(listed.json, 'workspaces').map((row) => at(row, 'uid')),
    [uid],
  )
  const outside = await u.operate('updateWorkspace', {
    key: bound,
    body: { uid: u.scope.workspaceId, name: 'x' },
  })
  assert.equal(outside.status, 404)
  assert.equal((await u.unchecked('createWorkspace', { key: bound, body: { name: 'x' } })).status, 403)
  assert.equal((await u.unchecked('deleteWorkspace', { key: bound, body: { uid } })).status, 403)
})

test('a key of one mailbox sees no URL, and sets none', async () => {
  const uid = u.scope.workspaceId
  await u.call('POST', '/v1/domains', { body: { name: 'one.test' } })
  const mailbox = await u.call('POST', '/v1/mailboxes', { body: { address: 'ann@one.test' } })
  const bound = await u.key({ workspaceId: uid, mailboxId: textAt(mailbox.json, 'id') })
  const body = { uid, webhook_url: 'https://hooks.example/secret' }
  assert.equal((await u.unchecked('updateWorkspaceWebhook', { key: bound, body })).status, 403)
  assert.equal((await u.operate('updateWorkspaceWebhook', { body })).status, 200)
  const listed = await u.operate('listWorkspaces', { key: bound })
  assert.deepEqual(
    listAt(listed.json, 'workspaces').map((row) => [at(row, 'uid'), at(row, 'webhook_url')]),
    [[uid, null]],
  )
})

test('too many calls', async () => {
  await slow.unchecked('listWorkspaces')
  const reply = await slow.operate('listWorkspaces')
  assert.deepEqual([reply.status, at(reply.json, 'error')], [429, true])
})

test('every documented status was seen', () => {
  u.requireSeen(/^\/workspaces/, { 'listWorkspaces 429': 'seen at the slow one' })
})
