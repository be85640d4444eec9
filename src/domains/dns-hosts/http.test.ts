import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { test } from 'node:test'
import { DnsHostError } from './driver.ts'
import { anyAddress, askHost, tenantAddressRule } from './http.ts'

const bounds = { requestMsMax: 300, replyBytesMax: 1000, readRetries: 1, readRetryPauseMs: 1 }

async function serve(listener: RequestListener): Promise<AsyncDisposable & { url: string; asked: number }> {
  const state = { asked: 0, url: '' }
  const server = createServer((request, response) => {
    state.asked += 1
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  state.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  return Object.assign(state, {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  })
}

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    assert.ok(error instanceof DnsHostError, String(error))
    return `${error.kind}: ${error.message}`
  }
}

const get = (url: string) => askHost({ method: 'GET', url, headers: {} }, anyAddress, bounds)

test('a redirect is not followed', async () => {
  await using server = await serve((_request, response) => {
    response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
  })
  assert.match(await failureOf(get(server.url)), /^rejected: .*redirect \(302\)/)
  assert.equal(server.asked, 1)
})

test('a reply that is too large, told or not, is cut off', async () => {
  await using server = await serve((_request, response) => {
    response.write('x'.repeat(800))
    response.end('x'.repeat(800))
  })
  assert.match(await failureOf(get(server.url)), /^rejected: .*more than 1000 bytes/)
})

test('a host that does not answer, or not to the end, is given up', async () => {
  await using silent = await serve(() => undefined)
  assert.equal(await failureOf(get(silent.url)), 'unreachable: No answer within 0.3 s.')
  await using endless = await serve((_request, response) => {
    response.write('{')
  })
  assert.match(await failureOf(get(endless.url)), /^unreachable: /)
  await using broken = await serve((request) => request.socket.destroy())
  assert.equal(await failureOf(get(broken.url)), 'unreachable: No answer (ECONNRESET).')
  assert.equal(await failureOf(get('http://127.0.0.1:1/')), 'unreachable: No answer (ECONNREFUSED).')
})

test('what reads is tried again, what writes is not', async () => {
  for (const [method, asked] of [
    ['GET', 2],
    ['PATCH', 1],
  ] as const) {
    await using server = await serve((_request, response) => void response.writeHead(503).end('{}'))
    const reply = await askHost({ method, url: server.url, headers: {} }, anyAddress, bounds)
    assert.deepEqual([reply.status, server.asked], [503, asked])
  }
})

test('Retry-After is read in both its forms', async () => {
  const headers = ['7', new Date(Date.now() + 60_000).toUTCString(), 'soon', '99999999']
  await using server = await serve((_request, response) => {
    response.writeHead(429, { 'retry-after': headers.shift() ?? '' }).end('{"a": 1}')
  })
  assert.equal((await get(server.url)).retryAfterMs, 7000)
  const byDate = (await get(server.url)).retryAfterMs ?? 0
  assert.ok(byDate > 50_000 && byDate <= 60_000)
  assert.equal((await get(server.url)).retryAfterMs, null)
  assert.equal((await get(server.url)).retryAfterMs, 3_600_000)
})

test('networks of our own are not asked, by address or by name, unless they are allowed', async () => {
  await using server = await serve((_request, response) => void response.end('{}'))
  const refusing = tenantAddressRule({ outboundNetworks: 'public', dnsHostNetworks: ['10.0.0.0/8'] })
  const port = new URL(server.url).port
  for (const url of [
    server.url,
    `http://localhost:${port}/`,
    'http://[::1]/',
    'http://169.254.169.254/',
    'http://[::ffff:127.0.0.1]/',
  ]) {
    const asked = askHost({ method: 'GET', url, headers: {} }, refusing, bounds)
    assert.match(await failureOf(asked), /^rejected: .*network/, url)
  }
  assert.equal(server.asked, 0)
  const allowing = tenantAddressRule({ outboundNetworks: 'public', dnsHostNetworks: ['127.0.0.1'] })
  assert.equal((await askHost({ method: 'GET', url: server.url, headers: {} }, allowing, bounds)).status, 200)
  assert.equal(tenantAddressRule({ outboundNetworks: 'any', dnsHostNetworks: [] })('10.1.2.3'), true)
  assert.equal(refusing('10.1.2.3'), true)
  assert.equal(refusing('192.168.0.1'), false)
})

test('words are bounded and without control characters', () => {
  const error = new DnsHostError('rejected', `a\r\nb\u0000${'x'.repeat(1000)}`)
  assert.ok(error.message.startsWith('a b x'))
  assert.equal(error.message.length, 500)
})
