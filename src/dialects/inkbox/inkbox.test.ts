/** Who may call the dialect, how paths are read, and what it answers to what it does not have. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { operationsByFile } from '../../testing/inkbox-operations.ts'
import { at, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
before(async () => {
  inkbox = await startInkbox()
})
after(() => inkbox[Symbol.asyncDispose]())

const outside = [
  '/phone/numbers',
  '/imessage',
  '/tunnels/4711',
  '/a2a/x/y',
  '/identities/quote-desk/a2a',
  '/vault/secrets',
  '/contacts',
  '/notes/',
  '/slack',
  '/identities/quote-desk/companion/state',
  '/organization-domains',
]
for (const path of outside) {
  test(`${path} is not enabled`, async () => {
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { status, json } = await inkbox.raw(method, path)
      assert.equal(`${status} ${textAt(json, 'detail', 'error')}`, '403 feature_not_enabled')
      assert.match(textAt(json, 'detail', 'message'), /is not enabled on this server/)
    }
  })
}

const refused: [what: string, status: number, detail: string, headers: Record<string, string>][] = [
  ['no key', 401, 'Invalid API key', {}],
  ['an unknown key', 401, 'Invalid API key', { 'x-api-key': 'ApiKey_0.x' }],
  ['an unknown token of older clients', 401, 'Invalid API key', { 'x-service-token': 'x' }],
  ['an unknown session', 401, 'Invalid API key', { authorization: 'Bearer mws_x' }],
]
for (const [what, status, detail, headers] of refused) {
  test(`${what} is refused`, async () => {
    const reply = await inkbox.raw('GET', '/contacts', { key: null, headers })
    assert.deepEqual([reply.status, reply.json], [status, { detail }])
  })
}

test('newer and older clients and the console are let in, and told of their rate', async () => {
  for (const headers of [
    { 'x-api-key': inkbox.adminKey },
    { 'x-service-token': inkbox.adminKey },
    { authorization: `Bearer ${inkbox.session}` },
  ]) {
    const reply = await inkbox.raw('GET', '/contacts', { key: null, headers: { ...headers } })
    assert.equal(reply.status, 403)
    assert.ok(reply.headers.has('ratelimit-remaining'))
  }
})

test('an unknown path is FastAPI’s', async () => {
  const reply = await inkbox.raw('GET', '/nothing')
  assert.deepEqual([reply.status, reply.json], [404, { detail: 'Not Found' }])
})

test('its document is served', async () => {
  const { json } = await inkbox.call('GET', '/inkbox/openapi.json', { key: null })
  assert.equal(at(json, 'openapi'), '3.1.0')
})

test('each operation of the contract is held to it in one file', () => {
  const held = Object.values(operationsByFile).flat()
  const all = inkbox.contract.operations.map(({ id }) => id)
  assert.deepEqual([...held].sort(), [...all].sort())
})
