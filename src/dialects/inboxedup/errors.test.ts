/** Every refusal that the native API documents for the same work has a row of its own in this API's table. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorCatalogue } from '../../platform/errors.ts'
import { at, startTestApi, type TestApi } from '../../testing/test-api.ts'
import { errorTable } from './errors.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

/** The native routes that call the same functions of the core as this API does. */
const native = [
  'GET /v1/workspaces/{workspace}',
  'GET /v1/subscriptions',
  'POST /v1/domains',
  'GET /v1/domains',
  'GET /v1/domains/{domain}',
  'DELETE /v1/domains/{domain}',
  'POST /v1/domains/{domain}/verify',
  'GET /v1/domain-batches/{batch}',
  'POST /v1/mailboxes',
  'POST /v1/mailbox-requests',
  'GET /v1/mailbox-requests/{request}',
] as const

/** What is refused there for what is not here. */
const notHere: Readonly<Record<string, string>> = {
  idempotency_key_invalid: 'this API has no keys of idempotency',
  idempotency_key_reused: 'the same',
  idempotency_key_in_use: 'the same',
  invalid_cursor: 'it has no pages',
}

/** The codes that the descriptions of a route's replies name. */
function codesOf(operation: unknown): string[] {
  const words = JSON.stringify(at(operation, 'responses')).match(/[a-z]+(?:_[a-z]+)*/g) ?? []
  return words.filter((word) => Object.hasOwn(errorCatalogue, word))
}

test('the table has a row for each code that a call can meet', async () => {
  const { json } = await api.call('GET', '/v1/openapi.json', { key: null })
  const codes = new Set<string>()
  for (const route of native) {
    const [method = '', path = ''] = route.split(' ')
    const operation = at(json, 'paths', path, method.toLowerCase())
    assert.ok(operation, `${route} is no route`)
    for (const code of codesOf(operation)) codes.add(code)
  }
  const missing = [...codes].filter((code) => !Object.hasOwn(errorTable, code) && !(code in notHere))
  assert.deepEqual(missing, [])
})
