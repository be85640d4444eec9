/** What every route does alike: reading requests, refusing them, asking for a key, and stopping. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { apiLimits } from './limits.ts'

let api: TestApi
let release: () => void = () => undefined
before(async () => {
  api = await startTestApi({
    environment: { MAILWRIGHT_LOG_LEVEL: 'silent' },
    requestsPerMinute: 2000,
    faces: [
      (other) => {
        other.get('/boom', () => {
          throw new Error('a secret cause')
        })
        other.get('/slow', () => new Promise((resolve) => (release = () => resolve('done'))))
      },
    ],
  })
})
after(() => api[Symbol.asyncDispose]())

const bodies: [what: string, body: string, contentType: string | null, expected: string][] = [
  ['no JSON', '{', 'application/json', '400 invalid_json'],
  ['a NUL', '{"name":"a\\u0000b"}', 'application/json', '400 invalid_request'],
  ['half a pair', '{"name":"\\ud800"}', 'application/json', '400 invalid_request'],
  ['a list', '[]', 'application/json', '400 invalid_request'],
  ['null', 'null', 'application/json', '400 invalid_request'],
  ['a number for a text', '{"name":5}', 'application/json', '400 invalid_request'],
  ['an unknown property', '{"name":"a.test","nmae":1}', 'application/json', '400 invalid_request'],
  ['a hidden property', '{"name":"a.test","__proto__":{"x":1}}', 'application/json', '400 invalid_request'],
  ['nothing', '', 'application/json', '400 invalid_request'],
  ['a form', 'name=a.test', 'application/x-www-form-urlencoded', '415 unsupported_media_type'],
  ['text', '{"name":"a.test"}', 'text/plain', '415 unsupported_media_type'],
  [
    'too much',
    `{"name":"${'a'.repeat(apiLimits.bodyBytesMax)}"}`,
    'application/json',
    '413 payload_too_large',
  ],
]
for (const [what, body, contentType, expected] of bodies) {
  test(`POST with ${what}: ${expected}`, async () => {
    const headers = contentType === null ? {} : { 'content-type': contentType }
    const reply = await api.call('POST', '/v1/domains', { body, headers })
    assert.equal(refusal(reply), expected)
    assert.match(reply.headers.get('content-type') ?? '', /^application\/problem\+json/)
    assert.equal(textAt(reply.json, 'instance'), `urn:uuid:${reply.headers.get('x-request-id')}`)
  })
}

const requests: [method: string, path: string, expected: string, allow?: string][] = [
  ['GET', '/nope', '404 route_not_found'],
  ['GET', '/v1/', '404 route_not_found'],
  ['GET', `/v1/mailboxes/${'a'.repeat(2000)}`, '404 route_not_found'],
  ['GET', '/v1/mailboxes/%zz', '400 invalid_request'],
  ['GET', '/v1/mailboxes/a%00b', '400 invalid_request'],
  ['GET', '/v1/domains?search=a%00b', '400 invalid_request'],
  ['GET', '/v1/domains?limit=0', '400 invalid_request'],
  ['GET', '/v1/domains?limit=201', '400 invalid_request'],
  ['GET', '/v1/domains?limit=ten', '400 invalid_request'],
  ['GET', '/v1/domains?limit=1&limit=2', '400 invalid_request'],
  ['GET', '/v1/domains?lmit=1', '400 invalid_request'],
  ['GET', '/v1/domains?state=sleepy', '400 invalid_request'],
  ['GET', '/v1/domains?cursor=x', '400 invalid_cursor'],
  ['PUT', '/v1/mailboxes', '405 method_not_allowed', 'GET, HEAD, POST'],
  ['GET', '/v1/sessions', '405 method_not_allowed', 'POST'],
  ['GET', '/v1/sessions/current', '405 method_not_allowed', 'DELETE'],
  ['PUT', '/v1/mailboxes/a@b.test', '405 method_not_allowed', 'DELETE, GET, HEAD, PATCH'],
  ['POST', '/healthz', '405 method_not_allowed', 'GET, HEAD'],
  ['DELETE', '/v1/mailboxes/a@b.test?purge=1', '400 invalid_request'],
]
for (const [method, path, expected, allow] of requests) {
  test(`${method} ${path.slice(0, 60)}: ${expected}`, async () => {
    const reply = await api.call(method, path)
    assert.equal(refusal(reply), expected)
    assert.equal(reply.headers.get('allow'), allow ?? null)
  })
}

test('a validation error points at the query parameter', async () => {
  const reply = await api.call('GET', '/v1/domains?limit=ten')
  assert.equal(textAt(reply.json, 'errors', 0, 'parameter'), 'limit')
})

const authorizations: [what: string, header: string | null][] = [
  ['no key', null],
  ['an empty one', ''],
  ['an unknown key', 'Bearer mw_unknown'],
  ['an unknown session', 'Bearer mws_unknown'],
  ['another scheme', 'Basic YTpi'],
  ['two tokens', 'Bearer mw_a mw_b'],
  ['a very long one', `Bearer mw_${'x'.repeat(5000)}`],
]
for (const [what, header] of authorizations) {
  test(`401 with ${what}`, async () => {
    const headers: Record<string, string> = header === null ? {} : { authorization: header }
    const reply = await api.call('GET', '/v1/me', { key: null, headers })
    assert.equal(refusal(reply), '401 unauthenticated')
    assert.match(reply.headers.get('www-authenticate') ?? '', /^Bearer/)
  })
}

test('the workspace header must name a workspace within reach', async () => {
  const other = await api.tenant()
  for (const id of [other.workspaceId, '00000000-0000-7000-8000-000000000000', 'x']) {
    const reply = await api.call('GET', '/v1/me', { headers: { 'mailwright-workspace': id } })
    assert.equal(refusal(reply), '404 workspace_not_found')
  }
})

test('a defect is a 500 without a word of its cause', async () => {
  const reply = await api.call('GET', '/boom')
  assert.equal(refusal(reply), '500 internal')
  assert.doesNotMatch(reply.text, /secret/)
})

test('health, readiness and metrics ask for no key', async () => {
  assert.equal((await api.call('GET', '/healthz', { key: null })).status, 200)
  assert.equal((await api.call('GET', '/readyz', { key: null })).status, 200)
  const metrics = await api.call('GET', '/metrics', { key: null })
  assert.match(
    metrics.text,
    /mailwright_http_request_seconds_count\{method="GET",route="\/healthz",status="200"\} 1/,
  )
  assert.doesNotMatch(metrics.text, /a@b\.test/)
})

test('rates are counted for each key, and told', async () => {
  const key = await api.key()
  const first = await api.call('GET', '/v1/me', { key })
  assert.equal(first.headers.get('ratelimit-limit'), '2000')
  assert.equal(first.headers.get('ratelimit-remaining'), '1999')
  for (let round = 0; round < 200; round++) {
    const replies = await Promise.all(Array.from({ length: 50 }, () => api.call('GET', '/v1/me', { key })))
    const refused = replies.find(({ status }) => status === 429)
    if (!refused) continue
    assert.equal(refusal(refused), '429 rate_limited')
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal((await api.call('GET', '/v1/me')).status, 200)
    return
  }
  assert.fail('the limit was never reached')
})

const rawRequests: [what: string, bytes: string, status: string][] = [
  ['no HTTP', 'EHLO example.test\r\n\r\n', '400'],
  ['headers without end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, '431'],
  [
    'two lengths',
    'POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    '400',
  ],
]
for (const [what, bytes, status] of rawRequests) {
  test(`${what}: ${status}, and the server lives on`, async () => {
    const answer = await raw(bytes)
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer.slice(0, 80))
    assert.match(answer, /"code":"invalid_request"/)
    assert.equal((await api.call('GET', '/healthz')).status, 200)
  })
}

function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(api.server.port ?? 0, '127.0.0.1', () => socket.write(bytes))
    socket.on('data', (chunk) => (answer += chunk))
    socket.on('close', () => resolve(answer))
    socket.on('error', reject)
  })
}

test('not ready: 503', async () => {
  await using starting = await startTestApi({ isReady: () => false })
  assert.equal(refusal(await starting.call('GET', '/readyz')), '503 not_ready')
  assert.equal((await starting.call('GET', '/healthz')).status, 200)
})

// The last one: it stops the server.
test('a stop takes nothing new, finishes what runs, and closes', async () => {
  const running = api.call('GET', '/slow')
  await sleep(50)
  const idle = connect(api.server.port ?? 0, '127.0.0.1')
  await sleep(20)
  let stopped = false
  const stop = api.server.stop().then(() => (stopped = true))
  await sleep(50)
  assert.equal(stopped, false)
  await assert.rejects(fetch(`${api.base}/healthz`, { headers: { connection: 'close' } }))
  release()
  assert.equal((await running).text, 'done')
  await stop
  assert.equal(stopped, true)
  idle.destroy()
})
