/** A maildrop over two nodes: its lock holds on both, and a node that is killed gives it up. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { maildropLeaseMs } from '../src/messages/maildrop/maildrop-locks.ts'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { freshDatabase, temporaryDirectory } from '../src/testing/test-database.ts'
import { connectPop3, type Pop3Client } from '../src/testing/test-pop3.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())

test('a node that is killed deletes nothing, and its sessions’ maildrops are free after a while', async () => {
  const environment = {
    DATABASE_URL: await freshDatabase(stack),
    MAILWRIGHT_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  }
  const start = async (): Promise<ChildServer> =>
    await startChildServer(await temporaryDirectory(stack), environment)
  const dying = stack.use(await start())
  const other = stack.use(await start())
  await callApi(other, 'POST', '/v1/domains', { name: 'nodes.test' })
  await callApi(other, 'POST', '/v1/mailboxes', { address: 'ann@nodes.test' })
  const path = '/v1/mailboxes/ann@nodes.test/credentials'
  const { password } = await callApi<{ password: string }>(other, 'GET', path)
  let left = 2
  await sendLoad({
    ...addressOf(other.endpoints.smtp),
    sessions: 1,
    next: () => (left-- > 0 ? loadMessage(`m${left}`, 'ann@nodes.test', 1000) : null),
  })

  /** Answers to PASS of a session on a node. */
  const logIn = async (server: ChildServer): Promise<[Pop3Client, string]> => {
    const client = await connectPop3(addressOf(server.endpoints.pop3).port)
    stack.defer(() => client.close())
    await client.line()
    await client.ok('USER ann@nodes.test')
    return [client, await client.run(`PASS ${password}`)]
  }
  const [doomed, welcome] = await logIn(dying)
  assert.match(welcome, /^\+OK The maildrop has 2 messages/)
  await doomed.ok('DELE 1')
  assert.match((await logIn(other))[1], /^-ERR \[IN-USE\] /)
  await dying.kill()
  const killedAtMs = Date.now()
  assert.match((await logIn(other))[1], /^-ERR \[IN-USE\] /, 'nobody knows yet')
  for (;;) {
    const [client, answer] = await logIn(other)
    if (answer.startsWith('+OK')) {
      assert.match(answer, /has 2 messages/)
      await client.ok('QUIT')
      break
    }
    assert.match(answer, /^-ERR \[IN-USE\] /)
    assert.ok(Date.now() - killedAtMs < maildropLeaseMs + 5_000, 'the lock outlived its lease')
    await sleep(500)
  }
})
