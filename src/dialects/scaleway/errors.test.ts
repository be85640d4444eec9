/** Every refusal that the native API documents for the same work has a row of its own in this API's table. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { errorCatalogue, Refusal } from '../../platform/errors.ts'
import { at, startTestApi, type TestApi } from '../../testing/test-api.ts'
import { errorTable } from './errors.ts'

let api: TestApi
before(async () => (api = await startTestApi()))
after(() => api[Symbol.asyncDispose]())

/** The native routes that call the same functions of the core as this API does. */
const native = [
  'POST /v1/domains',
  'GET /v1/domains',
  'GET /v1/domains/{domain}',
  'DELETE /v1/domains/{domain}',
  'GET /v1/domains/{domain}/dns',
  'POST /v1/domains/{domain}/verify',
  'POST /v1/mailboxes',
  'GET /v1/mailboxes',
  'GET /v1/mailboxes/{mailbox}',
  'PATCH /v1/mailboxes/{mailbox}',
  'POST /v1/mailboxes/{mailbox}/password',
  'POST /v1/mailboxes/{mailbox}/cancel',
  'POST /v1/mailboxes/{mailbox}/keep',
  'DELETE /v1/mailboxes/{mailbox}',
  'POST /v1/mailboxes/{mailbox}/restore',
  'GET /v1/mailboxes/{mailbox}/aliases',
  'POST /v1/mailboxes/{mailbox}/aliases',
  'PATCH /v1/mailboxes/{mailbox}/aliases/{alias}',
  'DELETE /v1/mailboxes/{mailbox}/aliases/{alias}',
] as const

/** What is refused there for what is not here. */
const notHere: Readonly<Record<string, string>> = {
  idempotency_key_invalid: 'this API has no keys of idempotency',
  idempotency_key_reused: 'the same',
  idempotency_key_in_use: 'the same',
  invalid_cursor: 'its pages have numbers',
  edit_conflict: 'it has no ETags',
  nameservers_unavailable: 'its domains are not served',
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
  assert.ok(codes.size > 25, [...codes].join(' '))
  const missing = [...codes].filter((code) => !Object.hasOwn(errorTable, code) && !(code in notHere))
  assert.deepEqual(missing, [])
  const needless = Object.keys(notHere).filter((code) => !codes.has(code))
  assert.deepEqual(needless, [])
})

test('what went wrong here tells nothing of it, and has the type of no typed error', () => {
  const refusal = new Refusal('internal', 'a secret', { cause: new Error('a secret') })
  // The row reads nothing of the request.
  const { status, body } = errorTable.internal({ refusal, violation: null }, Object.create(null))
  assert.deepEqual([status, body.type], [500, 'internal_error'])
  assert.doesNotMatch(JSON.stringify(body), /secret/)
})
