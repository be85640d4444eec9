/** Copies of a domain's mail over the API. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { refusal, startTestApi, type TestApi } from '../testing/test-api.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

const path = '/v1/domains/demo.test/forwarding'
const put = (target: unknown, key?: string) =>
  api.call('PUT', path, { body: { target }, ...(key === undefined ? {} : { key }) })
const get = async () => (await api.call('GET', path)).json

test('who gets a copy is set, shown and taken back', async () => {
  await api.call('POST', '/v1/mailboxes', { body: { address: 'ann@demo.test' } })
  assert.deepEqual(await get(), { target: null })
  assert.deepEqual((await put('Ann@Demo.test')).json, { target: 'ann@demo.test' })
  assert.deepEqual(await get(), { target: 'ann@demo.test' })
  assert.equal(refusal(await put('nobody@demo.test')), '422 forward_target_invalid')
  assert.equal(refusal(await put('')), '400 invalid_request')
  assert.equal(refusal(await put('x@y.example', await api.key({ access: 'read' }))), '403 forbidden')
  assert.deepEqual(await get(), { target: 'ann@demo.test' })
  assert.deepEqual((await put(null)).json, { target: null })
  assert.deepEqual(await get(), { target: null })
})
