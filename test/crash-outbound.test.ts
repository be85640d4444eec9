/**
 * kill -9 while messages flow in by submission and out to another server, again and again. Every message that was
 * answered 250 reaches the other side; one reaches it twice only where the kill fell between that side's 250 and our
 * commit. That window is counted and printed. MAILWRIGHT_TEST_MESSAGES says how many there are.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { sql } from 'kysely'
import { putDeliverySettings } from '../src/delivery/policies.ts'
import { openPlatform } from '../src/open-platform.ts'
import { transaction } from '../src/platform/database.ts'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { startRemoteSmtp } from '../src/testing/remote-smtp.ts'
import { startTestDns, type Zone } from '../src/testing/test-dns.ts'
import { testConfig } from '../src/testing/test-platform.ts'

const messages = Number(process.env['MAILWRIGHT_TEST_MESSAGES'] ?? 2_000)
const kills = 5
const sessions = 10
const domains = 20
const password = 'correct horse battery'
const drainMsMax = 600_000

test('kill -9 while mail leaves: nothing is lost, and what is doubled is accounted for', async (t) => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-crash-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const remote = stack.use(await startRemoteSmtp())
  const zone: Zone = { 'mx.sink.example': { A: ['127.0.0.1'] } }
  for (let n = 0; n < domains; n++) zone[`d${n}.example`] = { MX: [[10, 'mx.sink.example']] }
  const dns = stack.use(await startTestDns(zone))
  const environment = {
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(remote.port),
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    MAILWRIGHT_RETRY_SCHEDULE: '1s', // what a kill left half said comes again soon
  }
  const accepted = new Set<string>()
  let sent = 0
  let windows = 0
  let server = await startChildServer(directory, environment)
  const sender = await makeSender(server, directory)
  for (let round = 0; round <= kills; round++) {
    if (round > 0) server = await startChildServer(directory, environment)
    const quota = round === kills ? messages : Math.round(((round + 1) / (kills + 1)) * messages)
    const load = submit(server, sender, {
      next: () => (sent < quota || round === kills ? (sent < messages ? `m${sent++}` : null) : null),
      onAccepted: (id) => accepted.add(id),
    })
    if (round === kills) {
      await load
      break
    }
    await sleep(1500 + Math.random() * 3000)
    await server.kill()
    await load
    windows += await unwritten(directory, new Set(remote.received.map(({ data }) => idOf(data))))
  }
  await drained(server, directory)
  assert.equal(await server.stop(), 0)
  const times = new Map<string, number>()
  for (const { data } of remote.received) times.set(idOf(data), (times.get(idOf(data)) ?? 0) + 1)
  const missing = [...accepted].filter((id) => !times.has(id))
  const doubled = [...times.values()].filter((count) => count > 1).length
  t.diagnostic(
    `${sent} submitted, ${accepted.size} answered 250, ${remote.received.length} arrived, ${kills} kills`,
  )
  t.diagnostic(
    `${windows} were answered 250 by the other side and not written down when a kill came; ${doubled} arrived twice`,
  )
  assert.ok(accepted.size > messages / 3, 'the load must have been running when the server was killed')
  assert.deepEqual(missing, [])
  assert.ok(doubled <= windows, `${doubled} doubled, ${windows} in the window`)
})

function idOf(data: string): string {
  return /^Subject: (m\d+)/m.exec(data)?.[1] ?? ''
}

async function makeSender(server: ChildServer, directory: string): Promise<string> {
  await callApi(server, 'POST', '/v1/domains', { name: 'crash.example' })
  await prepareSending(directory)
  await callApi(server, 'POST', '/v1/mailboxes', { address: 'ann@crash.example', password })
  return 'ann@crash.example'
}

/** The domain as if its records were there; and ten thousand messages are more than a mailbox may send in a day. */
async function prepareSending(directory: string): Promise<void> {
  await using opened = await openPlatform(testConfig({ MAILWRIGHT_DATA_DIR: directory }), { attach: true })
  const { platform } = opened
  await platform.db
    .updateTable('domains')
    .set({ state: 'active' })
    .where('name', '=', 'crash.example')
    .execute()
  const { id, organization_id } = await platform.db
    .selectFrom('workspaces')
    .select(['id', 'organization_id'])
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow()
  const level = { organizationId: organization_id, workspaceId: id, scope: 'workspace', scopeId: id } as const
  const settings = { mailbox_per_hour: null, mailbox_per_day: null, mailbox_new_per_day: null }
  await transaction(platform.db, (tx) => putDeliverySettings(platform, tx, level, settings))
}

type Load = { next: () => string | null; onAccepted: (id: string) => void }

/** Submits over several sessions until there is no more, or the server is gone. */
async function submit(server: ChildServer, sender: string, load: Load): Promise<void> {
  await Promise.all(Array.from({ length: sessions }, () => submitSession(server, sender, load)))
}

function submitSession(server: ChildServer, sender: string, { next, onAccepted }: Load): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...addressOf(server.endpoints.submissions), rejectUnauthorized: false })
    let held = ''
    let step = 0
    let id: string | null = null
    const begin = (): string => {
      id = next()
      if (id === null) return 'QUIT\r\n'
      return `MAIL FROM:<${sender}>\r\nRCPT TO:<bob@d${Number(id.slice(1)) % domains}.example>\r\nDATA\r\n`
    }
    const onReply = (line: string): void => {
      if (/^[45]/.test(line)) {
        socket.destroy() // whatever was refused was not answered 250
        return
      }
      step++
      if (step === 1) socket.write('EHLO client.example\r\n')
      else if (step === 2)
        socket.write(`AUTH PLAIN ${Buffer.from(`\0${sender}\0${password}`).toString('base64')}\r\n`)
      else if (step === 3) socket.write(begin())
      else if (step === 6) {
        socket.write(
          `From: <${sender}>\r\nTo: <bob@d.example>\r\nSubject: ${id}\r\n\r\n${'A line of text.\r\n'.repeat(60)}.\r\n`,
        )
      } else if (step === 7 && id !== null) {
        onAccepted(id)
        step = 3
        socket.write(begin())
      }
    }
    socket.setEncoding('latin1').on('data', (text: string) => {
      held += text
      for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
        const line = held.slice(0, end)
        held = held.slice(end + 1)
        if (line[3] !== '-') onReply(line)
      }
    })
    socket.on('error', () => undefined) // the kill
    socket.on('close', () => resolve())
  })
}

/** Of what the other side has, how many the database does not know for delivered. Its server starts for the look. */
async function unwritten(directory: string, arrived: ReadonlySet<string>): Promise<number> {
  await using opened = await openPlatform(testConfig({ MAILWRIGHT_DATA_DIR: directory }))
  const { rows } = await sql<{ subject: string }>`
    select b.envelope ->> 'subject' as subject from outbound_recipients r
      join outbound_messages m on m.id = r.outbound_message_id join bodies b on b.id = m.body_id
    where r.state <> 'delivered'`.execute(opened.platform.db)
  return rows.filter(({ subject }) => arrived.has(subject)).length
}

/** Waits until nothing is in the queue any more. */
async function drained(server: ChildServer, directory: string): Promise<void> {
  await using opened = await openPlatform(testConfig({ MAILWRIGHT_DATA_DIR: directory }), { attach: true })
  const deadline = performance.now() + drainMsMax
  for (;;) {
    const { rows } = await sql<{ left: number }>`
      select count(*)::int as left from outbound_recipients where state in ('queued', 'sending')`.execute(
      opened.platform.db,
    )
    if (rows[0]?.left === 0) return
    if (performance.now() > deadline)
      throw new Error(`${rows[0]?.left} are left: ${server.output().slice(-2000)}`)
    await sleep(200)
  }
}
