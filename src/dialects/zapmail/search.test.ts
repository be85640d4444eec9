/** The search over all workspaces in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
let second = ''
before(async () => {
  u = await startTestVendor('zapmail')
  second = textAt((await u.call('POST', '/v1/workspaces', { body: { name: 'Second' } })).json, 'id')
  await make(u.scope.workspaceId, 'find.test', 'ann', 'bob')
  await make(second, 'find-ms.test', 'ann')
})
after(() => u[Symbol.asyncDispose]())

async function make(workspace: string, name: string, ...usernames: string[]): Promise<void> {
  const headers = { 'mailwright-workspace': workspace }
  const { json } = await u.call('POST', '/v1/domains', { body: { name }, headers })
  const people = usernames.map((mailboxUsername) => {
    return { firstName: 'A', lastName: 'B', mailboxUsername, domainName: name }
  })
  const provider = { 'x-service-provider': name.includes('-ms') ? 'MICROSOFT' : 'GOOGLE' }
  const body = { [textAt(json, 'id')]: people }
  const made = await u.operate('assignMailboxes', { workspace, body, headers: provider })
  assert.equal(made.status, 200, made.text)
}

const first = { page: '1', limit: '50' }

async function find(query: Record<string, string>, more: object = {}): Promise<Reply> {
  const reply = await u.operate('searchMailboxesAndDomains', { query, workspace: null, ...more })
  assert.equal(reply.status, 200, reply.text)
  return reply
}

const emails = ({ json }: Reply): unknown[] =>
  listAt(json, 'data', 'mailboxes').map((one) => at(one, 'email'))
const names = ({ json }: Reply): unknown[] => listAt(json, 'data', 'domains').map((one) => at(one, 'domain'))

test('mailboxes and domains of all workspaces and providers, with secrets', async () => {
  const found = await find({ ...first, contains: 'FIND' })
  assert.deepEqual(emails(found), ['ann@find-ms.test', 'ann@find.test', 'bob@find.test'])
  assert.deepEqual(names(found), ['find-ms.test', 'find.test'])
  const [one, two] = listAt(found.json, 'data', 'mailboxes')
  assert.deepEqual(
    [at(one, 'workspaceId'), at(one, 'serviceProvider'), at(two, 'workspaceId'), at(two, 'serviceProvider')],
    [second, 'MICROSOFT', u.scope.workspaceId, 'GOOGLE'],
  )
  const headers = { 'mailwright-workspace': second }
  const shown = await u.call('GET', '/v1/mailboxes/ann@find-ms.test/credentials', { headers })
  assert.equal(at(one, 'password'), at(shown.json, 'password'))
  assert.deepEqual(emails(await find({ ...first, contains: 'bob@' })), ['bob@find.test'])
  assert.deepEqual(names(await find({ ...first, contains: 'bob@' })), [])
})

test('pages, and what they must say', async () => {
  const { json } = await find({ page: '2', limit: '2', contains: 'find' })
  assert.deepEqual(
    ['currentPage', 'totalPages', 'totalMailboxes', 'totalDomains'].map((name) => at(json, 'data', name)),
    [2, 2, 3, 2],
  )
  assert.equal(at(json, 'data', 'mailboxes', 0, 'email'), 'bob@find.test')
  for (const query of [
    {},
    { page: '1' },
    { limit: '5' },
    { page: '0', limit: '5' },
    { page: 'x', limit: '5' },
  ])
    assert.equal((await u.operate('searchMailboxesAndDomains', { query: { ...query } })).status, 400)
})

test('no further than the key reaches', async () => {
  const bound = { key: await u.key({ workspaceId: second }) }
  assert.deepEqual(emails(await find({ ...first, contains: 'find' }, bound)), ['ann@find-ms.test'])
  assert.deepEqual(names(await find({ ...first, contains: 'find' }, bound)), ['find-ms.test'])
  const other = { key: (await u.tenant()).key }
  assert.deepEqual(emails(await find(first, other)), [])
  assert.deepEqual(names(await find(first, other)), [])
  const reader = await find({ ...first, contains: 'bob@' }, { key: await u.key({ access: 'read' }) })
  assert.deepEqual(
    [emails(reader), at(reader.json, 'data', 'mailboxes', 0, 'password')],
    [['bob@find.test'], null],
  )
  const headers = { 'mailwright-workspace': second }
  const { json } = await u.call('GET', '/v1/mailboxes/ann@find-ms.test', { headers })
  const own = { key: await u.key({ workspaceId: second, mailboxId: textAt(json, 'id') }) }
  const seen = await find(first, own)
  assert.deepEqual([emails(seen), names(seen)], [['ann@find-ms.test'], []])
  const query = { ...first }
  assert.equal((await u.operate('searchMailboxesAndDomains', { query, key: 'wrong' })).status, 401)
})

test('what is deleted is not found', async () => {
  await u.call('DELETE', '/v1/mailboxes/bob@find.test')
  assert.deepEqual(emails(await find({ ...first, contains: 'bob@' })), [])
})

test('every documented status was seen', () => u.requireSeen(/^\/v2\/global/))
