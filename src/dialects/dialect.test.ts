/** What every dialect stands on, by one of the test's own. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { Type } from 'typebox'
import { connectDomain } from '../domains/domains.ts'
import { newId } from '../platform/ids.ts'
import { at, listAt, type Reply, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { admitToken, callerOf, headerOf } from './callers.ts'
import type { Dialect } from './dialect.ts'
import { transact, transactOnce } from './transact.ts'

const Item = Type.Object({
  size: Type.Integer({ minimum: 1 }),
  id: Type.Optional(Type.String({ format: 'uuid' })),
})
const Query = Type.Object({
  n: Type.Optional(Type.Integer()),
  kinds: Type.Optional(Type.Array(Type.String())),
})

const small: Dialect = {
  name: 'inkbox',
  ignoresTrailingSlash: true,
  reference: {
    title: 'Small',
    description: 'For tests.',
    tags: [],
    security: { key: { type: 'apiKey', name: 'X-Key', in: 'header', description: 'A key.' } },
  },
  answer({ refusal, violation }, request, reply) {
    void reply.code(refusal.code === 'route_not_found' ? 404 : 418)
    return { oops: refusal.code, text: refusal.detail, violation, request: request.id }
  },
  register(app, platform, callers) {
    app.addHook('onRequest', async (request) => {
      if (request.routeOptions.config.open === true || request.is404) return
      await admitToken(callers, request, headerOf(request, 'x-key'), null, () => undefined)
    })
    app.post('/items', { schema: { summary: 'Make one', body: Item } }, async (request) => ({
      made: request.body,
      by: callerOf(request).scope.actor,
    }))
    app.get(
      '/items',
      { schema: { summary: 'See some', querystring: Query } },
      async (request) => request.query,
    )
    app.get('/boom', async () => {
      throw new Error('a secret of ours')
    })
    app.post('/named', async (request) =>
      transact(platform, callerOf(request), async (tx) =>
        connectDomain(platform, tx, callerOf(request).scope, 'made.test'),
      ),
    )
    app.post('/once', async (request) => {
      const key = headerOf(request, 'key') ?? ''
      const once = { key, dialect: 'small', request: [JSON.stringify(request.body)] }
      const { reply, replayed } = await transactOnce(platform, callerOf(request), once, async () => ({
        status: 200,
        body: JSON.stringify({ id: newId() }),
      }))
      return { ...JSON.parse(reply.body), replayed }
    })
  },
}

let api: TestApi
before(async () => {
  const environment = {
    MAILWRIGHT_DIALECT_HOSTS: 'api.small.example=inkbox',
    MAILWRIGHT_LOG_LEVEL: 'silent',
  }
  api = await startTestApi({ environment, dialects: [small] })
})
after(() => api[Symbol.asyncDispose]())

function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Reply> {
  return api.call(method, path, { key: null, headers: { 'x-key': api.apiKey, ...headers }, body })
}

test('a call goes to the dialect with its own key, and unknown fields are let pass', async () => {
  const reply = await call('POST', '/inkbox/items', { size: 2, colour: 'red' })
  assert.equal(reply.status, 200)
  assert.deepEqual(at(reply.json, 'made'), { size: 2, colour: 'red' })
  assert.match(textAt(reply.json, 'by'), /^api_key:/)
})

test('the query has numbers and lists', async () => {
  const reply = await call('GET', '/inkbox/items?n=3&kinds=a')
  assert.deepEqual(reply.json, { n: 3, kinds: ['a'] })
  assert.deepEqual((await call('GET', '/inkbox/items?kinds=a&kinds=b')).json, { kinds: ['a', 'b'] })
})

const refused: [
  what: string,
  method: string,
  path: string,
  body: unknown,
  oops: string,
  violation: unknown,
][] = [
  ['an unknown path', 'GET', '/inkbox/none', undefined, 'route_not_found', null],
  ['the prefix itself', 'GET', '/inkbox', undefined, 'route_not_found', null],
  ['an unknown method', 'DELETE', '/inkbox/items', undefined, 'route_not_found', null],
  ['no JSON', 'POST', '/inkbox/items', '{', 'invalid_json', null],
  ['a bad path', 'GET', '/inkbox/items/%ZZ', undefined, 'invalid_request', null],
  ['a defect', 'GET', '/inkbox/boom', undefined, 'internal', null],
  ['a missing field', 'POST', '/inkbox/items', {}, 'invalid_request', ['body', 'size', 'required']],
  ['a bad id', 'POST', '/inkbox/items', { size: 1, id: 'x' }, 'invalid_request', ['body', 'id', 'format']],
  ['a bad number', 'GET', '/inkbox/items?n=x', undefined, 'invalid_request', ['querystring', 'n', 'type']],
]
for (const [what, method, path, body, oops, violation] of refused) {
  test(`${what} is answered in the dialect's form`, async () => {
    const reply = await call(method, path, body)
    assert.equal(at(reply.json, 'oops'), oops)
    const found = at(reply.json, 'violation')
    const seen =
      found === null ? null : [at(found, 'part'), ...Object(at(found, 'path')), at(found, 'keyword')]
    assert.deepEqual(seen, violation)
    assert.match(reply.headers.get('content-type') ?? '', /^application\/json/)
    assert.doesNotMatch(reply.text, /secret/)
  })
}

test('without a key, and with one that is none, it is refused; the reference asks for none', async () => {
  const bad: Record<string, string>[] = [
    {},
    { 'x-key': 'mw_no' },
    { 'x-key': 'a b' },
    { authorization: `Bearer ${api.apiKey}` },
  ]
  for (const headers of bad) {
    const reply = await api.call('GET', '/inkbox/items', { key: null, headers })
    assert.equal(at(reply.json, 'oops'), 'unauthenticated')
  }
  const { json } = await api.call('GET', '/inkbox/openapi.json', { key: null })
  assert.equal(at(json, 'openapi'), '3.1.0')
  assert.ok(at(json, 'paths', '/items', 'post', 'summary'))
  assert.equal(at(json, 'servers', 0, 'url'), '/inkbox')
})

test('the native API answers as ever, and does not document the dialect', async () => {
  assert.equal(textAt((await api.call('GET', '/inkboxes')).json, 'code'), 'route_not_found')
  assert.equal(textAt((await api.call('GET', '/v1/%ZZ')).json, 'code'), 'invalid_request')
  assert.doesNotMatch((await api.call('GET', '/v1/openapi.json')).text, /inkbox\/items/)
})

test('what a call changes is laid at its caller’s door', async () => {
  await call('POST', '/inkbox/named')
  const { json } = await api.call('GET', '/v1/audit-log?action=domain.')
  const made = listAt(json, 'data').find((entry) => at(entry, 'action') === 'domain.created')
  assert.match(textAt(made, 'actor'), /^api_key:/)
})

test('a key of idempotency runs its request once', async () => {
  const once = (key: string, body: unknown) => call('POST', '/inkbox/once', body, { key })
  const first = await once('k1', { a: 1 })
  const again = await once('k1', { a: 1 })
  assert.equal(at(again.json, 'replayed'), true)
  assert.equal(at(again.json, 'id'), at(first.json, 'id'))
  assert.equal(at((await once('k1', { a: 2 })).json, 'oops'), 'idempotency_key_reused')
  assert.equal(at((await once('', { a: 2 })).json, 'oops'), 'idempotency_key_invalid')
})

/** fetch() sets the Host header itself. */
async function atHost(host: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const sent = request(api.base + path, { headers: { host, 'x-key': api.apiKey } }, (response) => {
    response.setEncoding('utf8')
    let text = ''
    response.on('data', (chunk: string) => {
      text += chunk
    })
    response.on('end', () => resolve(`${response.statusCode} ${text}`))
  })
  sent.on('error', reject)
  sent.end()
  return await promise
}

const hosts: [host: string, path: string, answer: RegExp][] = [
  ['api.small.example', '/items?n=1', /^200 \{"n":1\}/],
  ['api.small.example', '/items/?n=1', /^200 \{"n":1\}/],
  ['small.example', '/inkbox/items/', /^200 \{\}/],
  ['small.example', '/v1/me/', /^404 .*"code":"route_not_found"/],
  ['API.small.example:8080', '/items?n=1', /^200 \{"n":1\}/],
  ['api.small.example', '/inkbox/items?n=1', /^200 \{"n":1\}/],
  ['api.small.example', '/none', /^404 .*"oops"/],
  ['api.small.example', '/v1/me', /^404 .*"oops"/],
  ['api.small.example', '/inkboxes', /^404 .*"oops"/],
  ['api.small.example', '/.well-known/acme-challenge/x', /^404 (?!.*"oops")/],
  ['other.small.example', '/items?n=1', /^404 .*"code":"route_not_found"/],
  ['small.example', '/healthz', /^200/],
]
for (const [host, path, answer] of hosts) {
  test(`${host} ${path}`, async () => {
    assert.match(await atHost(host, path), answer)
  })
}
