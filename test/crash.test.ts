/**
 * kill -9 in the middle of the SMTP load, again and again on one data directory. Every message that was answered
 * 250 is there afterwards, and none is there twice.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'

const rounds = 4
const mailboxes = 10

test('kill -9 under SMTP load loses nothing that was accepted and doubles nothing', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-crash-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const accepted = new Set<string>()
  let sent = 0
  let addresses: string[] = []

  for (let round = 1; round <= rounds; round++) {
    const server = await startChildServer(directory)
    if (round === 1) addresses = await makeMailboxes(server)
    const { host, port } = addressOf(server.endpoints.smtp)
    const load = sendLoad({
      host,
      port,
      sessions: 20,
      next: () => {
        const id = `m${sent}`
        const recipient = addresses[sent % addresses.length] ?? ''
        sent++
        // One in fifty has chunks of its own in the database before its commit.
        return loadMessage(id, recipient, sent % 50 === 0 ? 400_000 : 3000)
      },
      onAccepted: (message) => accepted.add(idOf(message.data)),
    })
    // A server that has just started is slow at first: the kill waits until the load is running.
    const before = accepted.size
    const deadline = performance.now() + 20_000
    while (accepted.size < before + 50 && performance.now() < deadline) await sleep(10)
    await sleep(Math.random() * 900)
    if (round % 2 === 0) await killDatabase(directory) // the database crashes as well, in every other round
    await server.kill()
    await load
  }

  const server = await startChildServer(directory)
  t.after(() => server.stop())
  const stored: string[] = []
  for (const address of addresses) stored.push(...(await readIds(server, address)))
  const missing = [...accepted].filter((id) => !new Set(stored).has(id))
  const doubled = stored.filter((id, index) => stored.indexOf(id) !== index)
  t.diagnostic(`${sent} sent, ${accepted.size} answered 250, ${stored.length} stored, ${rounds} kills`)
  assert.ok(accepted.size > 100, 'the load must have been running when the server was killed')
  assert.deepEqual(missing, [])
  assert.deepEqual(doubled, [])
})

async function makeMailboxes(server: ChildServer): Promise<string[]> {
  const addresses = Array.from({ length: mailboxes }, (_, index) => `user${index}@crash.test`)
  await callApi(server, 'POST', '/v1/domains', { name: 'crash.test' })
  await callApi(server, 'POST', '/v1/mailboxes', { mailboxes: addresses.map((address) => ({ address })) })
  return addresses
}

function idOf(data: string): string {
  return /^Message-ID: <(m\d+)@/m.exec(data)?.[1] ?? ''
}

/** The embedded PostgreSQL, killed as hard as the server: its own children end when it is gone. */
async function killDatabase(directory: string): Promise<void> {
  const pidFile = await readFile(join(directory, 'postgres', 'cluster', 'postmaster.pid'), 'utf8')
  process.kill(Number(pidFile.split('\n')[0]), 'SIGKILL')
}

async function readIds(server: ChildServer, address: string): Promise<string[]> {
  const client = await connectImap(server, address)
  const lock = await client.getMailboxLock('INBOX')
  const ids: string[] = []
  try {
    for await (const message of client.fetch('1:*', { envelope: true })) {
      ids.push(/<(m\d+)@/.exec(message.envelope?.messageId ?? '')?.[1] ?? '')
    }
  } finally {
    lock.release()
    await client.logout()
  }
  return ids
}
