import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { at, startTestApi, type TestApi } from '../testing/test-api.ts'
import { startTestDns, type TestDns } from '../testing/test-dns.ts'
import { startOutboundPortCheck } from './outbound-port.ts'

const stack = new AsyncDisposableStack()
let dns: TestDns
let port: number
before(async () => {
  dns = stack.use(
    await startTestDns({
      'gmail.com': { MX: [[10, 'mx.example']] },
      'yahoo.com': { MX: [[10, 'closed.example']] },
      'mx.example': { A: ['127.0.0.1'] },
      'closed.example': { A: ['127.0.0.2'] },
    }),
  )
  const mx = createServer((socket) => {
    socket.on('error', () => undefined) // the check leaves as soon as it is connected
    socket.destroy()
  })
  await new Promise<void>((resolve) => mx.listen(0, '127.0.0.1', resolve))
  port = (mx.address() as AddressInfo).port
  stack.defer(() => new Promise<void>((resolve) => mx.close(() => resolve())))
})
after(() => stack.disposeAsync())

/** What /readyz says of the port after the check at the start. */
async function readiness(api: TestApi): Promise<unknown> {
  const check = startOutboundPortCheck(api.platform)
  await check.done
  await check.stop()
  return at((await api.call('GET', '/readyz', { key: null })).json, 'outbound_port')
}

test('at the start: not before there is a domain in the world, then open or blocked', async () => {
  for (const [outboundPort, expected] of [
    [port, 'open'],
    [1, 'blocked'],
  ] as const) {
    await using api = await startTestApi({
      environment: {
        MAILWRIGHT_RESOLVER: dns.resolver,
        MAILWRIGHT_OUTBOUND_PORT: String(outboundPort),
        MAILWRIGHT_LOG_LEVEL: 'silent',
      },
    })
    const before = dns.questions.length
    assert.equal(await readiness(api), 'not_checked')
    assert.equal(dns.questions.length, before)
    await api.connectActiveDomain('real.example')
    assert.equal(await readiness(api), expected)
  }
})

test('a stop does not wait for hosts that do not answer', async () => {
  await using silent = await startTestDns({ 'gmail.com': { silent: true } })
  await using api = await startTestApi({ environment: { MAILWRIGHT_RESOLVER: silent.resolver } })
  await api.connectActiveDomain('real.example')
  const check = startOutboundPortCheck(api.platform)
  const unanswered = api.platform.dns.lookup('gmail.com', 'MX').then(
    () => 'answered',
    () => 'given up by the resolver',
  )
  assert.equal(await Promise.race([check.stop().then(() => 'stopped'), unanswered]), 'stopped')
  assert.equal(at((await api.call('GET', '/readyz', { key: null })).json, 'outbound_port'), 'not_checked')
})
