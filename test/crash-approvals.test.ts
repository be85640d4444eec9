/**
 * kill -9 around messages that wait: what was answered with 250 or 202 is there after the restart, and an approval that is
 * cut off has sent its message once or not at all, as its state says. MAILWRIGHT_TEST_KILLS says how often.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { at, listAt, textAt } from '../src/testing/test-api.ts'
import { migratedDatabase } from '../src/testing/test-database.ts'
import { connectSmtp, plainToken, sendMessage } from '../src/testing/test-smtp.ts'

const kills = Number(process.env['MAILWRIGHT_TEST_KILLS'] ?? 2)
const password = 'correct horse battery staple'

test('what waits survives, and goes once', async () => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-crash-approvals-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const databaseUrl = await migratedDatabase(stack)
  const start = (): Promise<ChildServer> =>
    startChildServer(directory, { DATABASE_URL: databaseUrl, MAILWRIGHT_ROLES: 'http,smtp' })
  let server = await start()
  stack.defer(async () => void (await server.stop()))
  const ask = async (method: string, path: string, body?: object) => await callApi(server, method, path, body)
  await ask('POST', '/v1/domains', { name: 'held.test' })
  for (const name of ['agent', 'reader'])
    await ask('POST', '/v1/mailboxes', { address: `${name}@held.test`, password })
  await ask('PUT', '/v1/mailboxes/agent@held.test/delivery-policy', { sending_mode: 'approve' })

  /** Ids by state: every message that was taken is there, and the reader has each that is approved, once. */
  const checked = async (taken: number): Promise<Map<string, string[]>> => {
    const rows = listAt(await ask('GET', '/v1/approvals'), 'data')
    assert.equal(rows.length, taken)
    const byState = Map.groupBy(rows, (row) => textAt(row, 'state'))
    const folders = await ask('GET', '/v1/mailboxes/reader@held.test/folders')
    assert.equal(at(folders, 'usage', 'messages'), byState.get('approved')?.length ?? 0)
    return new Map([...byState].map(([state, all]) => [state, all.map((row) => textAt(row, 'id'))]))
  }
  for (let round = 1; round <= kills; round++) {
    const id = await submitted(server, `round ${round}`)
    const call = ask('POST', `/v1/approvals/${id}/approve`, {}).catch(() => undefined)
    await sleep(Math.random() * 40)
    await server.kill()
    await call
    server = await start()
    await checked(round)
  }
  for (const id of (await checked(kills)).get('pending') ?? [])
    await ask('POST', `/v1/approvals/${id}/approve`, {})
  assert.equal((await checked(kills)).get('approved')?.length, kills)
})

/** @returns the id of its approval. */
async function submitted({ endpoints }: ChildServer, text: string): Promise<string> {
  using client = await connectSmtp(addressOf(endpoints.submission).port)
  await client.command('EHLO client.example')
  assert.match(await client.command(`AUTH PLAIN ${plainToken('agent@held.test', password)}`), /^235 /)
  const message = `From: <agent@held.test>\r\nTo: <reader@held.test>\r\nSubject: x\r\n\r\n${text}`
  const answer = await sendMessage(client, '<agent@held.test>', ['reader@held.test'], message)
  return /^250 2\.6\.0 Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
}
