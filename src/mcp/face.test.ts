/** /mcp as HTTP: who may call it, what it refuses and how, and how it ends. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js'
import {
  at,
  type CallOptions,
  call,
  type Reply,
  startTestApi,
  type TestApi,
  textAt,
} from '../testing/test-api.ts'
import { connectMcp } from '../testing/test-mcp.ts'

let t: TestApi
before(async () => {
  t = await startTestApi({ otherFaces: true })
})
after(() => t[Symbol.asyncDispose]())

const accept = { accept: 'application/json, text/event-stream' }

function post(body: unknown, options: CallOptions & { path?: string } = {}): Promise<Reply> {
  const { path = '/mcp', headers, ...more } = options
  return call(t.base, t.apiKey, 'POST', path, { ...more, body, headers: { ...accept, ...headers } })
}

const ping = { jsonrpc: '2.0', id: 1, method: 'ping' }

test('the official client initializes with the newest version, and lists tools', async () => {
  await using mcp = await connectMcp(t.base, t.apiKey)
  assert.equal(mcp.client.getServerVersion()?.name, 'mailwright')
  assert.match(mcp.client.getInstructions() ?? '', /never an instruction/)
  const { tools } = await mcp.client.listTools()
  assert.ok(tools.some(({ name }) => name === 'read_message'))
  for (const tool of tools) {
    assert.match(tool.name, /^[a-z]+(_[a-z]+)*$/)
    assert.ok((tool.description ?? '').length > 30, tool.name)
    assert.equal(tool.inputSchema.type, 'object')
    assert.equal(tool.inputSchema['additionalProperties'], false, tool.name)
    for (const [name, schema] of Object.entries(tool.inputSchema.properties ?? {})) {
      const description = textAt(schema, 'description')
      assert.ok(description.length > 10 || ['subject'].includes(name), `${tool.name}.${name}`)
    }
    for (const hint of ['readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'] as const) {
      assert.equal(typeof tool.annotations?.[hint], 'boolean', `${tool.name} ${hint}`)
    }
  }
})

test('older versions of the protocol are negotiated, and one that nobody knows gets the newest', async () => {
  for (const asked of [...SUPPORTED_PROTOCOL_VERSIONS, '1999-01-01']) {
    const params = { protocolVersion: asked, capabilities: {}, clientInfo: { name: 'x', version: '1' } }
    const reply = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params })
    assert.equal(reply.status, 200)
    const known = SUPPORTED_PROTOCOL_VERSIONS.includes(asked)
    assert.equal(at(reply.json, 'result', 'protocolVersion'), known ? asked : LATEST_PROTOCOL_VERSION)
    assert.equal(reply.headers.get('mcp-session-id'), null)
  }
  const reply = await post(ping, { headers: { 'mcp-protocol-version': '1999-01-01' } })
  assert.equal(reply.status, 400)
})

test('each request stands alone, and says how many are left', async () => {
  const reply = await post(ping)
  assert.equal(reply.status, 200)
  assert.deepEqual(reply.json, { jsonrpc: '2.0', id: 1, result: {} })
  assert.equal(reply.headers.get('cache-control'), 'no-store')
  assert.ok(Number(reply.headers.get('ratelimit-remaining')) > 0)
  const notified = await post({ jsonrpc: '2.0', method: 'notifications/initialized' })
  assert.equal(notified.status, 202)
})

test('a request without a good key is told so in the form of RFC 6750', async () => {
  const none = await post(ping, { key: null })
  assert.equal(none.status, 401)
  assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="mailwright"')
  assert.equal(textAt(none.json, 'error', 'data', 'code'), 'unauthenticated')
  const wrong = await post(ping, { key: 'mw_wrong' })
  assert.equal(wrong.status, 401)
  assert.match(wrong.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
})

const refusedRequests: [
  what: string,
  options: CallOptions & { path?: string },
  body: unknown,
  status: number,
  code: number,
][] = [
  ['no JSON', {}, '{', 400, -32700],
  ['no JSON-RPC', {}, { hello: 1 }, 400, -32700],
  ['nothing', {}, '', 400, -32700],
  ['a NUL character', {}, '{"jsonrpc":"2.0","id":1,"method":"a\\u0000b"}', 400, -32600],
  ['another media type', { headers: { 'content-type': 'text/plain' } }, '{}', 415, -32000],
  ['an Accept without a stream', { headers: { accept: 'application/json' } }, ping, 406, -32000],
  ['a batch that is too long', {}, Array.from({ length: 21 }, () => ping), 400, -32600],
  ['a read_only that is neither', { path: '/mcp?read_only=perhaps' }, ping, 400, -32600],
  [
    'a foreign workspace',
    { headers: { 'mailwright-workspace': '018f0000-0000-7000-8000-000000000000' } },
    ping,
    404,
    -32000,
  ],
  ['a body that is too large', {}, { ...ping, params: { text: 'x'.repeat(8 * 1024 ** 2) } }, 413, -32000],
]

for (const [what, options, body, status, code] of refusedRequests) {
  test(`${what} is refused`, async () => {
    const reply = await post(body, options)
    assert.equal(reply.status, status, reply.text)
    assert.equal(at(reply.json, 'jsonrpc'), '2.0')
    assert.equal(at(reply.json, 'error', 'code'), code, reply.text)
    assert.doesNotMatch(reply.text, /node_modules|\.ts:\d/)
  })
}

test('other methods are told which one there is', async () => {
  for (const method of ['GET', 'DELETE', 'PUT', 'PATCH', 'OPTIONS']) {
    const reply = await call(t.base, t.apiKey, method, '/mcp', { headers: accept })
    assert.equal(reply.status, 405, method)
    assert.equal(reply.headers.get('allow'), 'POST')
  }
})

const origins: [origin: string, isOwn: boolean][] = [
  ['http://localhost:3000', true],
  ['http://127.0.0.1:8080', true],
  ['http://[::1]:8080', true],
  ['https://evil.example', false],
  ['http://localhost.evil.example', false],
  ['http://127.0.0.1.evil.example', false],
  ['null', false],
  ['file://', false],
  ['', false],
]

for (const [origin, isOwn] of origins) {
  test(`a page of ${JSON.stringify(origin)} ${isOwn ? 'may' : 'may not'} call`, async () => {
    const reply = await post(ping, { headers: { origin } })
    assert.equal(reply.status, isOwn ? 200 : 403)
  })
}

test('a method and a tool that there are not are errors of the protocol', async () => {
  const method = await post({ jsonrpc: '2.0', id: 7, method: 'prompts/list' })
  assert.equal(at(method.json, 'error', 'code'), -32601)
  assert.equal(at(method.json, 'id'), 7)
  const tool = await post({ jsonrpc: '2.0', id: 8, method: 'tools/call', params: { name: 'rm_rf' } })
  assert.equal(at(tool.json, 'error', 'code'), -32602)
})

test('a batch is answered in one piece', async () => {
  const reply = await post([ping, { ...ping, id: 2 }, { ...ping, id: 3 }])
  assert.deepEqual(
    reply.json,
    [1, 2, 3].map((id) => ({ jsonrpc: '2.0', id, result: {} })),
  )
})

test('who asks too often is told when to come back', async () => {
  await using few = await startTestApi({ otherFaces: true, requestsPerMinute: 3 })
  const ask = (body: unknown): Promise<Reply> =>
    call(few.base, few.apiKey, 'POST', '/mcp', { body, headers: accept })
  // A batch is as many requests as it has.
  assert.equal((await ask([ping, { ...ping, id: 2 }])).status, 200)
  // The API takes from the same rate.
  assert.equal((await few.call('GET', '/v1/me')).status, 200)
  const last = await ask(ping)
  assert.equal(last.status, 429)
  assert.ok(Number(last.headers.get('retry-after')) > 0)
  assert.equal(at(last.json, 'error', 'data', 'code'), 'rate_limited')
})

test('what waits ends with the streams, before a listener is stopped that waits for it', async () => {
  await using one = await startTestApi({ otherFaces: true })
  const { address: mailbox } = await one.createMailbox()
  await using mcp = await connectMcp(one.base, one.apiKey)
  const begun = Promise.withResolvers<void>()
  const waiting = mcp.done(
    'wait_for_message',
    { mailbox, timeout_seconds: 120 },
    { onprogress: () => begun.resolve() },
  )
  await begun.promise
  await one.server.endStreams()
  const { structuredContent } = await waiting
  assert.equal(at(structuredContent, 'message'), null)
  assert.ok(textAt(structuredContent, 'next').length > 0)
})
