/** API keys in the shapes of vendors: what they show, and that they are keys like any other. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keyFormats } from '../accounts/key-formats.ts'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

for (const format of keyFormats) {
  test(`a key of the format ${format} opens the API, and shows its token once`, async () => {
    const made = await api.call('POST', '/v1/api-keys', { body: { name: format, format, access: 'read' } })
    assert.equal(made.status, 201)
    assert.equal(at(made.json, 'format'), format)
    const token = textAt(made.json, 'token')
    assert.ok(token.startsWith(textAt(made.json, 'token_prefix')))
    const me = await api.call('GET', '/v1/me', { key: token })
    assert.equal(me.status, 200)
    const write = await api.call('POST', '/v1/domains', { key: token, body: { name: 'a.test' } })
    assert.equal(refusal(write), '403 forbidden')
    const shown = await api.call('GET', `/v1/api-keys/${textAt(made.json, 'id')}`)
    assert.equal(at(shown.json, 'token'), undefined)
    assert.equal(at(shown.json, 'access_key'), at(made.json, 'access_key'))
    assert.equal(at(shown.json, 'access_key') !== null, format === 'scaleway')
    assert.ok(!shown.text.includes(token))
  })
}

test('a key says its format when none was asked for; an unknown one is refused', async () => {
  const made = await api.call('POST', '/v1/api-keys', { body: { name: 'plain' } })
  assert.equal(at(made.json, 'format'), 'mailwright')
  assert.match(textAt(made.json, 'token'), /^mw_/)
  const odd = await api.call('POST', '/v1/api-keys', { body: { name: 'odd', format: 'other' } })
  assert.equal(refusal(odd), '400 invalid_request')
})

test('a revoked key of a vendor’s shape opens nothing', async () => {
  const made = await api.call('POST', '/v1/api-keys', { body: { name: 'gone', format: 'scaleway' } })
  await api.call('DELETE', `/v1/api-keys/${textAt(made.json, 'id')}`)
  const me = await api.call('GET', '/v1/me', { key: textAt(made.json, 'token') })
  assert.equal(refusal(me), '401 unauthenticated')
})
