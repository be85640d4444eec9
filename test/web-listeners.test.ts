/** The listeners on ports 80 and 443: what is no good request, bounds, stops, and the API over TLS. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { after, before, test } from 'node:test'
import { unsubscribeToken } from '../src/delivery/bounces/unsubscribe.ts'
import { startCertificates } from '../src/domains/certificates/serve.ts'
import { plainLimits, secureLimits } from '../src/protocols/web-names/limits.ts'
import { startPlainListener } from '../src/protocols/web-names/plain-listener.ts'
import { startSecureListener } from '../src/protocols/web-names/secure-listener.ts'
import { startServer } from '../src/server.ts'
import { textAt } from '../src/testing/test-api.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { testApiKey, testConfig } from '../src/testing/test-platform.ts'
import { askWeb, sendRaw } from '../src/testing/test-web.ts'
import { configPath, ownName, startWebServer, type WebServer } from '../src/testing/test-web-server.ts'

let web: WebServer
const stack = new AsyncDisposableStack()
before(async () => {
  web = await startWebServer(stack)
})
after(() => stack.disposeAsync())

const rawRows: [what: string, bytes: string, want: RegExp][] = [
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['two Hosts', 'GET / HTTP/1.1\r\nHost: web.test\r\nHost: other.test\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['a Host with a path', 'GET / HTTP/1.1\r\nHost: web.test/x\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 308 /],
  [
    'absolute form',
    'GET http://autoconfig.web.test/mail/config-v1.1.xml HTTP/1.1\r\nHost: unknown.example\r\n\r\n',
    /^HTTP\/1\.1 200 .*<domain>web\.test</s,
  ],
  [
    'a name in UTF-8',
    `GET ${configPath} HTTP/1.1\r\nHost: autoconfig.bücher.test\r\n\r\n`,
    /^HTTP\/1\.1 200 .*<domain>xn--bcher-kva\.test</s,
  ],
  ['asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: web.test\r\n\r\n', /^HTTP\/1\.1 (?:404|405) /],
  ['a method of its own', 'BREW / HTTP/1.1\r\nHost: web.test\r\n\r\n', /^HTTP\/1\.1 400 /],
  ['no HTTP', 'EHLO client.example\r\n', /^HTTP\/1\.1 400 /],
  ['TLS on the clear port', '\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', /^HTTP\/1\.1 400 /],
  [
    'a header that is too long',
    `GET / HTTP/1.1\r\nHost: web.test\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
  [
    'a line that is too long',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: web.test\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
  ['a field that is folded', 'GET / HTTP/1.1\r\nHost: web.test\r\n X: y\r\n\r\n', /^HTTP\/1\.1 400 /],
]
for (const [what, bytes, want] of rawRows) {
  test(`raw: ${what}`, async () => {
    const closing = bytes.replace(/\r\n\r\n$/, '\r\nConnection: close\r\n\r\n')
    assert.match(await sendRaw(web.platform.ports.http_challenge, closing), want)
    assert.equal((await web.ask('clear', { host: 'mta-sts.web.test' })).status, 404)
  })
}

test('two Hosts are refused where the API listens as well', async () => {
  const bytes = 'GET /healthz HTTP/1.1\r\nHost: a.example\r\nHost: web.test\r\nConnection: close\r\n\r\n'
  assert.match(await sendRaw(web.platform.ports.http, bytes), /^HTTP\/1\.1 400 /)
})

test('a client that is slow with its header is cut off', async () => {
  const limits = { ...plainLimits, headerMsMax: 200, requestMsMax: 200 }
  const listener = await startPlainListener(web.platform, { host: '127.0.0.1', port: 0, limits })
  try {
    const answer = await sendRaw(listener.port, 'GET / HTTP/1.1\r\nHost: web')
    assert.match(answer, /^HTTP\/1\.1 408 /)
    assert.match(await sendRaw(listener.port, ''), /^(?:HTTP\/1\.1 408 |$)/)
  } finally {
    await listener.stop()
  }
})

test('a client that is slow with its handshake, or fails it, is cut off', async () => {
  using certificates = await startCertificates(web.platform)
  const listener = await startSecureListener(web.platform, {
    host: '127.0.0.1',
    port: 0,
    tls: certificates.tls,
    handle: (_request, response) => response.end(),
    limits: { ...secureLimits, headerMsMax: 200 },
  })
  try {
    for (const bytes of ['', '\x16\x03\x01\x02\x00\x01', 'GET / HTTP/1.1\r\nHost: web.test\r\n\r\n']) {
      const socket = connect(listener.port, '127.0.0.1')
      socket.resume()
      if (bytes !== '') socket.write(bytes, 'latin1')
      await once(socket, 'close', { signal: AbortSignal.timeout(5_000) })
    }
  } finally {
    await listener.stop()
  }
})

test('a client that was told of its mistake and does not close is not waited for', async () => {
  const limits = { ...plainLimits, headerMsMax: 200, requestMsMax: 200 }
  const listener = await startPlainListener(web.platform, { host: '127.0.0.1', port: 0, limits })
  const gauge = web.platform.metrics.connections
  const open = async (): Promise<number> =>
    (await gauge.get()).values.find(({ labels }) => labels.protocol === 'http_challenge')?.value ?? 0
  const before = await open()
  const socket = connect({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true })
  try {
    socket.write('GET / HTTP/1.1\r\nHost: web')
    socket.resume()
    await once(socket, 'end', { signal: AbortSignal.timeout(5_000) })
    const deadline = performance.now() + 5_000
    while ((await open()) > before) {
      assert.ok(performance.now() < deadline, 'the connection is kept')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    socket.destroy()
    await listener.stop()
  }
})

test('an address has so many connections and no more', async (t) => {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)
  if (!own) return t.skip('this machine has no address but its loopback ones')
  const limits = { ...plainLimits, connectionsPerAddressMax: 2 }
  const listener = await startPlainListener(web.platform, { host: own.address, port: 0, limits })
  try {
    const open = async () => {
      const socket = connect(listener.port, own.address)
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      return socket
    }
    const [first, second] = [await open(), await open()]
    const third = await open()
    await once(third, 'close')
    first.destroy()
    await once(first, 'close')
    second.write('GET / HTTP/1.1\r\nHost: mta-sts.web.test\r\n\r\n')
    await once(second, 'data')
    second.destroy()
  } finally {
    await listener.stop()
  }
})

test('a stop waits for an answer that is under way, and for nothing else', async () => {
  const listener = await startPlainListener(web.platform, { host: '127.0.0.1', port: 0 })
  const idle = connect(listener.port, '127.0.0.1')
  await once(idle, 'connect')
  const kept = connect(listener.port, '127.0.0.1')
  kept.write('GET / HTTP/1.1\r\nHost: mta-sts.web.test\r\n\r\n')
  await once(kept, 'data')
  const closed = Promise.all([once(idle, 'close'), once(kept, 'close')])
  await listener.stop()
  await closed
})

test('the API is served over TLS, with its one-click unsubscribe', async () => {
  const headers = { authorization: `Bearer ${testApiKey}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ address: 'bob@web.test' })
  const made = await web.ask('tls', { host: ownName, path: '/v1/mailboxes', method: 'POST', body, headers })
  assert.equal(made.status, 201, made.body)
  const unknown = await web.ask('tls', { host: ownName, path: '/v1/nothing' })
  assert.match(unknown.headers['content-type'] ?? '', /^application\/problem\+json/)
  const { organization_id: organizationId, workspace_id: workspaceId } = await web.platform.db
    .selectFrom('domains')
    .select(['organization_id', 'workspace_id'])
    .where('name', '=', 'web.test')
    .executeTakeFirstOrThrow()
  const mailboxId = textAt(JSON.parse(made.body), 'id')
  const token = unsubscribeToken(web.platform, {
    organizationId,
    workspaceId,
    mailboxId,
    address: 'x@y.example',
  })
  const clicked = await web.ask('tls', {
    host: 'app.platform.test',
    path: `/unsubscribe/${token}`,
    method: 'POST',
    body: 'List-Unsubscribe=One-Click',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.deepEqual([clicked.status, /You are unsubscribed/.test(clicked.body)], [200, true])
})

test('without the HTTP listener the API is on port 443 alone', async () => {
  await using more = new AsyncDisposableStack()
  const config = testConfig({
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(more),
    DATABASE_URL: await migratedDatabase(more),
    MAILWRIGHT_ROLES: 'http',
    MAILWRIGHT_HTTP_PORT: 'off',
    MAILWRIGHT_HTTPS_PORT: '0',
  })
  const { platform, endpoints } = more.use(await startServer(config))
  assert.equal(endpoints.http, null)
  const question = { port: platform.ports.https, host: 'localhost', ca: null }
  assert.equal((await askWeb({ ...question, path: '/readyz' })).status, 200)
  assert.equal((await askWeb({ ...question, path: '/v1/me' })).status, 401)
})
