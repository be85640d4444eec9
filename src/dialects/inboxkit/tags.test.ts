/** Tags in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
before(async () => (u = await startTestVendor('inboxkit')))
after(() => u[Symbol.asyncDispose]())

test('tags are made and listed', async () => {
  const made = await u.operate('createTag', { body: u.exampleOf('createTag') })
  assert.equal(made.status, 200, made.text)
  const listed = await u.operate('listTags')
  assert.deepEqual(at(listed.json, 'tags'), [made.json])
  const native = await u.call('GET', '/v1/domain-tags')
  assert.equal(at(native.json, 'data', '0', 'id'), textAt(made.json, 'id'))
})

test('what is refused: a name that is there, another form, no key, no workspace', async () => {
  const again = await u.operate('createTag', { body: u.exampleOf('createTag') })
  assert.deepEqual([again.status, at(again.json, 'error')], [400, true])
  for (const body of [{}, { name: '' }, { name: 'x', color: 'red' }, '{']) {
    assert.equal((await u.operate('createTag', { body })).status, 400)
  }
  for (const id of ['createTag', 'listTags']) {
    assert.deepEqual((await u.operate(id, { key: 'wrong', body: {} })).json, {
      code: 401,
      message: 'jwt malformed',
    })
    const none = await u.unchecked(id, { workspace: null, body: { name: 'y' } })
    assert.deepEqual(none.json, { error: true, message: 'X-Workspace-Id header is required' })
    const unknown = '00000000-0000-4000-8000-000000000000'
    const foreign = await u.unchecked(id, { workspace: unknown, body: { name: 'y' } })
    assert.deepEqual([foreign.status, at(foreign.json, 'message')], [404, 'Workspace not found'])
  }
})

test('every reply tells of the rate', async () => {
  const { headers } = await u.operate('listTags')
  assert.ok(Number(headers.get('x-ratelimit-remaining')) > 0)
  assert.ok(Number(headers.get('x-ratelimit-reset')) >= Math.floor(Date.now() / 1000))
})

test('the base path of the vendor may stand before the paths', async () => {
  const short = await u.at('GET', '/tags')
  assert.deepEqual((await u.at('GET', '/v1/api/tags/')).json, short.json)
  assert.deepEqual((await u.at('GET', '/v1/api/none')).json, { code: 404, message: 'Not found' })
})

test('every documented status was seen', () => u.requireSeen(/^\/tags/))
