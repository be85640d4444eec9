/** A real Postfix on the other side: as the MX of a domain, and as a relay. What it took goes on to a server of the test's. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startOutbound } from '../src/delivery/outbound/sender.ts'
import { startPostfix } from '../src/testing/postfix.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { startRemoteSmtp } from '../src/testing/remote-smtp.ts'
import { startTestDns } from '../src/testing/test-dns.ts'
import { startTestPlatform } from '../src/testing/test-platform.ts'
import { enqueue, queuedText, untilTried } from '../src/testing/test-queue.ts'

async function through(t: TestContext, role: 'mx' | 'relay'): Promise<void> {
  if (!requireProgram(t, 'postfix')) return
  if (process.getuid?.() !== 0) {
    t.skip('Postfix starts as root only')
    return
  }
  await using stack = new AsyncDisposableStack()
  const remote = stack.use(await startRemoteSmtp())
  const { port } = await startPostfix(stack, remote.port)
  const dns = stack.use(
    await startTestDns({
      'mx.there.example': { A: ['127.0.0.1'] },
      'there.example': { MX: [[10, 'mx.there.example']] },
    }),
  )
  const way: Record<string, string> =
    role === 'mx'
      ? { MAILWRIGHT_OUTBOUND_PORT: String(port) }
      : { MAILWRIGHT_RELAY_URL: `smtp://127.0.0.1:${port}` }
  const node = stack.use(
    await startTestPlatform({
      MAILWRIGHT_RESOLVER: dns.resolver,
      MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
      ...way,
    }),
  )
  const ann = await node.createMailbox()
  const outbound = await startOutbound(node.platform)
  stack.defer(() => outbound.stop())
  const recipients = Array.from({ length: 5 }, (_, n) => `user${n}@there.example`)
  const ids = await Promise.all(recipients.map((recipient) => enqueue(node.platform, ann.owner, [recipient])))
  for (const id of ids) {
    const { recipients: rows } = await untilTried(node.platform, id)
    assert.equal(rows[0]?.state, 'delivered')
    assert.match(rows[0]?.last_reply ?? '', /^250 2\.0\.0 Ok: queued as \w+$/)
    assert.equal(rows[0]?.timeline.at(-1)?.detail.policy, role === 'mx' ? 'opportunistic' : 'relay')
  }
  await remote.receivedAtLeast(recipients.length)
  assert.deepEqual(
    remote.received.flatMap(({ rcpt }) => rcpt.map((line) => /<(.*)>/.exec(line)?.[1])).sort(),
    recipients,
  )
  for (const { data } of remote.received)
    assert.ok(data.endsWith(queuedText.slice(queuedText.indexOf('\r\n\r\n'))))
}

test('Postfix as a remote MX', (t) => through(t, 'mx'))
test('Postfix as a relay', (t) => through(t, 'relay'))
