/** Where webhooks do not go: written as an address in whatever form, or by a name that leads there. */
import assert from 'node:assert/strict'
import { createServer as createTlsServer } from 'node:https'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { createDns } from '../platform/dns.ts'
import { rsaCertificate } from '../testing/test-certificate.ts'
import { startTestDns, type TestDns } from '../testing/test-dns.ts'
import { testConfig } from '../testing/test-platform.ts'
import { startEndpoint, type TestEndpoint } from '../testing/test-webhooks.ts'
import { addressRule, checkUrl } from './addresses.ts'
import { createPoster, type PostResult } from './post.ts'

const publicOnly = { webhookNetworks: 'public' as const }

const urls: [url: string, isAllowed: boolean][] = [
  ['https://hooks.example.com/path?x=1', true],
  ['https://hooks.example.com:8443/', true],
  ['https://93.184.216.34/', true],
  ['https://[2606:4700::1111]/', true],
  ['http://hooks.example.com/', false],
  ['ftp://hooks.example.com/', false],
  ['file:///etc/passwd', false],
  ['hooks.example.com', false],
  ['https://user:pass@hooks.example.com/', false],
  ['https://user@hooks.example.com/', false],
  ['https://hooks.example.com:22/', false],
  ['https://hooks.example.com:25/', false],
  ['https://localhost/', false],
  ['https://localhost./', false],
  ['https://app.localhost/', false],
  ['https://intranet/', false],
  ['https://127.0.0.1/', false],
  ['https://127.0.0.1./', false],
  ['https://127.1/', false],
  ['https://2130706433/', false],
  ['https://0177.0.0.1/', false],
  ['https://0x7f000001/', false],
  ['https://0x7f.0x0.0x0.0x1/', false],
  ['https://①②⑦.0.0.1/', false],
  ['https://0/', false],
  ['https://10.1.2.3/', false],
  ['https://172.16.0.1/', false],
  ['https://192.168.1.1/', false],
  ['https://100.64.0.1/', false],
  ['https://169.254.169.254/latest/meta-data/', false],
  ['https://192.0.0.192/', false],
  ['https://198.18.0.1/', false],
  ['https://224.0.0.1/', false],
  ['https://255.255.255.255/', false],
  ['https://[::1]/', false],
  ['https://[::]/', false],
  ['https://[::ffff:127.0.0.1]/', false],
  ['https://[::ffff:7f00:1]/', false],
  ['https://[::ffff:a9fe:a9fe]/', false],
  ['https://[::127.0.0.1]/', false],
  ['https://[64:ff9b::7f00:1]/', false],
  ['https://[64:ff9b:1::7f00:1]/', false],
  ['https://[::ffff:0:7f00:1]/', false],
  ['https://[100::1]/', false],
  ['https://[5f00::1]/', false],
  ['https://[3fff::1]/', false],
  ['https://[fec0::1]/', false],
  ['https://[2002:7f00:1::]/', false],
  ['https://[2001:0:1::1]/', false],
  ['https://[fe80::1]/', false],
  ['https://[fc00::1]/', false],
  ['https://[fd00:ec2::254]/', false],
  ['https://[ff02::1]/', false],
  [`https://hooks.example.com/${'x'.repeat(2000)}`, false],
]
for (const [url, isAllowed] of urls) {
  test(`${url.slice(0, 60)} is ${isAllowed ? 'taken' : 'refused'}`, () => {
    assert.equal(checkUrl(publicOnly, url).ok, isAllowed)
  })
}

test('an operator opens networks one by one, or all', () => {
  const some = { webhookNetworks: ['10.0.0.0/8'] }
  assert.equal(checkUrl(some, 'http://10.1.2.3:8080/').ok, true)
  assert.equal(checkUrl(some, 'http://192.168.1.1/').ok, false)
  assert.equal(checkUrl(some, 'http://10.1.2.3:22/').ok, false)
  assert.equal(addressRule(some)('10.1.2.3'), true)
  assert.equal(addressRule(some)('::ffff:10.1.2.3'), true)
  assert.equal(addressRule(some)('127.0.0.1'), false)
  assert.equal(checkUrl({ webhookNetworks: 'any' }, 'http://127.0.0.1:22/').ok, true)
})

let endpoint: TestEndpoint
let dns: TestDns
before(async () => {
  endpoint = await startEndpoint((request) =>
    request.path === '/redirect'
      ? { status: 302, headers: { location: `http://127.0.0.1:${endpoint.port}/secret` } }
      : { status: 200 },
  )
  dns = await startTestDns({
    'private.example': { A: ['127.0.0.1'] },
    'metadata.example': { A: ['169.254.169.254'] },
    'mapped.example': { AAAA: ['::ffff:127.0.0.1'] },
    'six.example': { AAAA: ['::1'] },
    'mixed.example': { A: ['10.0.0.1', '127.0.0.1'] },
    'empty.example': { TXT: ['nothing'] },
    'broken.example': { fails: 'SERVFAIL' },
  })
})
after(async () => {
  await endpoint[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

async function post(url: string, networks: string, more: Record<string, string> = {}): Promise<PostResult> {
  const config = testConfig({
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_WEBHOOK_TIMEOUT: '1s',
    MAILWRIGHT_WEBHOOK_NETWORKS: networks,
    ...more,
  })
  const poster = createPoster(config, createDns(config))
  try {
    return await poster.post(url, { 'content-type': 'application/json' }, Buffer.from('{}'))
  } finally {
    poster.stop()
  }
}

const names = ['private', 'metadata', 'mapped', 'six', 'mixed'].map((name) => `${name}.example`)
for (const host of [
  ...names,
  'localhost',
  '127.0.0.1',
  '[::ffff:127.0.0.1]',
  '0x7f000001',
  'private.example.',
]) {
  test(`nothing is sent to ${host}, whatever was said when the webhook was made`, async () => {
    const result = await post(`http://${host}:${endpoint.port}/`, 'public')
    assert.equal(result.status, null)
    assert.match(result.error ?? '', /network/)
    assert.equal(endpoint.received.length, 0)
  })
}

test('the address that was looked at is the one that is connected to', async () => {
  dns.zone['rebound.example'] = { A: ['127.0.0.1'] }
  assert.equal((await post(`http://rebound.example:${endpoint.port}/`, '127.0.0.0/8')).status, 200)
  dns.zone['rebound.example'] = { A: ['10.0.0.1'] }
  assert.match((await post(`http://rebound.example:${endpoint.port}/`, '127.0.0.0/8')).error ?? '', /network/)
  // Of several addresses only those that are allowed are tried.
  assert.equal((await post(`http://mixed.example:${endpoint.port}/`, '127.0.0.0/8')).status, 200)
})

test('a redirect is an answer, and is not followed', async () => {
  const before = endpoint.received.length
  const result = await post(`http://private.example:${endpoint.port}/redirect`, '127.0.0.0/8')
  assert.equal(result.status, 302)
  assert.deepEqual(
    endpoint.received.slice(before).map(({ path }) => path),
    ['/redirect'],
  )
})

test('a name without an address, and one whose servers fail', async () => {
  assert.match((await post('http://empty.example/', 'any')).error ?? '', /no address/)
  assert.match((await post('http://broken.example/', 'any')).error ?? '', /no answer/)
})

test('who does not answer is given up in time', async () => {
  await using silent = await startEndpoint(() => 'hang')
  const result = await post(`http://127.0.0.1:${silent.port}/`, 'any')
  assert.match(result.error ?? '', /no answer within 1 s/)
  assert.ok(result.durationMs < 3000)
})

test('who answers without an end is read no further than is kept', async () => {
  await using stack = new AsyncDisposableStack()
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const more = (): void => void (socket.writable && socket.write('x'.repeat(4096), more))
      more()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const result = await post(`http://127.0.0.1:${port}/`, 'any')
  assert.equal(result.status, 200)
  assert.equal(result.body?.length, 4096)
})

test('a certificate that nobody vouches for is refused', async () => {
  await using stack = new AsyncDisposableStack()
  const { certificatePem, privateKeyPem } = await rsaCertificate()
  const server = createTlsServer({ cert: certificatePem, key: privateKeyPem }, (_, reply) => void reply.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stack.defer(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const result = await post(`https://127.0.0.1:${port}/`, 'any')
  assert.equal(result.status, null)
  assert.match(result.error ?? '', /no answer \([A-Z_]*(CERT|SIGNED)[A-Z_]*\)/)
})
