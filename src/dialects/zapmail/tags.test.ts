/** Tags in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
before(async () => (u = await startTestVendor('zapmail')))
after(() => u[Symbol.asyncDispose]())

test('tags are made, listed and deleted', async () => {
  const made = await u.operate('createDomainTags', { body: u.exampleOf('createDomainTags') })
  assert.equal(made.status, 200, made.text)
  const listed = await u.operate('listDomainTags')
  assert.deepEqual(at(listed.json, 'data'), at(made.json, 'data', 'domainTagsCreated'))
  const tagId = textAt(made.json, 'data', 'tagIds', 0)
  assert.equal((await u.operate('deleteDomainTag', { body: { tagId } })).status, 200)
  assert.equal((await u.operate('deleteDomainTag', { body: { tagId } })).status, 400)
})

test('what is refused: a name that is there, another form, no key, a wrong workspace and provider', async () => {
  await u.operate('createDomainTags', { body: [{ name: 'there', tagColor: '' }] })
  const again = await u.operate('createDomainTags', { body: [{ name: 'There', tagColor: '' }] })
  assert.deepEqual([again.status, at(again.json, 'status')], [409, 409])
  const listed = await u.operate('listDomainTags', { key: 'wrong' })
  assert.deepEqual(listed.json, { status: 401, message: 'Unauthorized', data: null })
  const wrong = await u.unchecked('listDomainTags', { headers: { 'x-service-provider': 'YAHOO' } })
  assert.equal(wrong.status, 400)
  const unknown = '00000000-0000-4000-8000-000000000000'
  assert.equal((await u.unchecked('listDomainTags', { workspace: unknown })).status, 400)
  assert.equal((await u.at('GET', '/api/v2/domains/tags/', { workspace: null })).status, 200)
  for (const id of ['createDomainTags', 'deleteDomainTag']) {
    assert.equal((await u.operate(id, { key: null, body: {} })).status, 401)
    assert.equal((await u.unchecked(id, { body: { x: 1 } })).status, 400)
  }
})
