/** PostgreSQL goes away and comes back: what was connected stays connected, and mail flows again. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'

test('a restart of the database is survived by the server and by an idling session', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = join(await temporaryDirectory(stack), 'postgres')
  const before = await startEmbeddedPostgres({ directory })
  const server = stack.use(
    await startChildServer(await temporaryDirectory(stack), { DATABASE_URL: before.connectionString }),
  )
  await callApi(server, 'POST', '/v1/domains', { name: 'restart.test' })
  await callApi(server, 'POST', '/v1/mailboxes', { address: 'ann@restart.test' })
  const client = await connectImap(server, 'ann@restart.test')
  await client.mailboxOpen('INBOX')
  const counts: number[] = []
  client.on('exists', ({ count }) => counts.push(count))
  const idling = client.idle()
  assert.deepEqual(await send(server, 'one'), { accepted: 1, refusals: [] })
  await until(() => counts.at(-1) === 1)

  await before.stop()
  const whileAway = await send(server, 'two')
  assert.equal(whileAway.accepted, 0)
  assert.match(whileAway.refusals[0] ?? '', /^451 4\.3\.0 /, 'the sender is asked to come back')
  assert.equal((await fetch(`${server.endpoints.http}/readyz`)).status, 503)
  assert.equal((await fetch(`${server.endpoints.http}/healthz`)).status, 200)

  const after = await startEmbeddedPostgres({ directory })
  stack.defer(() => after.stop())
  assert.equal(after.connectionString, before.connectionString)
  await until(async () => (await fetch(`${server.endpoints.http}/readyz`)).status === 200)
  assert.deepEqual(await send(server, 'three'), { accepted: 1, refusals: [] })
  await until(() => counts.at(-1) === 2)
  await client.logout()
  await idling
  assert.equal(await server.stop(), 0)
})

function send(server: ChildServer, id: string): Promise<{ accepted: number; refusals: string[] }> {
  let left = 1
  return sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: 1,
    next: () => (left-- > 0 ? loadMessage(id, 'ann@restart.test', 500) : null),
  })
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await condition()) return
    await sleep(100)
  }
  throw new Error('it did not happen within ten seconds')
}
