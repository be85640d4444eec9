/**
 * kill -9 at random moments while events become webhooks, of which the receiver refuses a tenth. In the end the receiver
 * has exactly the events that the log has, each under one id, and every signature was right. MAILWRIGHT_TEST_EVENTS and
 * MAILWRIGHT_TEST_KILLS say how much there is.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { openPlatform } from '../src/open-platform.ts'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { migratedDatabase } from '../src/testing/test-database.ts'
import { testConfig } from '../src/testing/test-platform.ts'

const events = Number(process.env['MAILWRIGHT_TEST_EVENTS'] ?? 1_000)
const kills = Number(process.env['MAILWRIGHT_TEST_KILLS'] ?? 3)
const eventsPerCall = 50
const refusedPart = 0.1
const drainMsMax = 600_000

test('kill -9 while webhooks are sent: each event arrives, under one id, and nothing else does', async (t) => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-crash-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const receiver = stack.use(await startReceiver())
  // A database that is there already, so that a start takes no longer than it must; the node dies, and it does not.
  const DATABASE_URL = await migratedDatabase(stack)
  const environment = {
    DATABASE_URL,
    MAILWRIGHT_WEBHOOK_NETWORKS: 'any',
    MAILWRIGHT_WEBHOOK_RETRY_SCHEDULE: '1s', // what a kill left half done comes again soon
    MAILWRIGHT_WEBHOOK_TIMEOUT: '4s',
  }
  let server = await startChildServer(directory, environment)
  await callApi(server, 'POST', '/v1/domains', { name: 'crash.test' })
  const webhook = await callApi<{ id: string; secret: string }>(server, 'POST', '/v1/webhooks', {
    url: receiver.url,
    event_types: ['mailbox.created'],
  })
  receiver.secret = webhook.secret
  let begun = 0
  for (let round = 0; round <= kills; round++) {
    if (round > 0) server = await startChildServer(directory, environment)
    const goal = Math.ceil((events * (round + 1)) / (kills + 1))
    const load = cause(server, () => {
      if (begun >= goal) return null
      const addresses = nextAddresses(begun)
      begun += addresses.length
      return addresses
    })
    if (round < kills) {
      await sleep(200 + Math.random() * 1300)
      await server.kill()
    }
    await load
  }
  const { source, deliveries } = await arrived(
    server,
    { DATABASE_URL, MAILWRIGHT_DATA_DIR: directory },
    receiver,
    webhook.id,
  )
  assert.equal(await server.stop(), 0)
  const { accepted, refused, repeated, wrong, ids } = receiver
  t.diagnostic(`${source.size} events, ${kills} kills, ${accepted.size} arrived, ${repeated()} of them again`)
  t.diagnostic(`${refused()} were refused, ${wrong.length} had a wrong signature`)
  assert.ok(source.size > events / 3, 'events must have happened while the server was killed')
  assert.deepEqual(
    [...source].filter((id) => !accepted.has(id)),
    [],
  )
  assert.deepEqual(
    [...accepted].filter((id) => !source.has(id)),
    [],
  )
  assert.deepEqual(
    [...ids].filter(([, own]) => own.size !== 1),
    [],
    'an event has one id, however often it is sent',
  )
  assert.equal(new Set([...ids.values()].flatMap((own) => [...own])).size, source.size)
  assert.deepEqual(wrong, [])
  assert.equal(deliveries, source.size)
})

function nextAddresses(from: number): { address: string }[] {
  return Array.from({ length: eventsPerCall }, (_, index) => ({ address: `u${from + index}@crash.test` }))
}

/** Makes mailboxes, call by call, until there are no more to make or the server is gone. */
async function cause(server: ChildServer, next: () => { address: string }[] | null): Promise<void> {
  for (let mailboxes = next(); mailboxes !== null; mailboxes = next()) {
    try {
      await callApi(server, 'POST', '/v1/mailboxes', { mailboxes })
    } catch {
      return // the kill; what was committed of it is in the log
    }
  }
}

type Receiver = AsyncDisposable & {
  url: string
  secret: string
  /** Events that were answered 204. */
  accepted: Set<string>
  /** Of every event the ids that it came under. */
  ids: Map<string, Set<string>>
  wrong: string[]
  refused(): number
  repeated(): number
}

async function startReceiver(): Promise<Receiver> {
  let refused = 0
  let repeated = 0
  const server = createServer(async (incoming, outgoing) => {
    const pieces: Buffer[] = []
    try {
      for await (const piece of incoming) pieces.push(piece)
    } catch {
      return // the kill
    }
    const status = take(Buffer.concat(pieces).toString(), incoming.headers)
    outgoing.writeHead(status).end()
  })
  const take = (body: string, headers: NodeJS.Dict<string | string[]>): number => {
    if (Math.random() < refusedPart) {
      refused++
      return 500
    }
    const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
    const signed = Object.fromEntries(names.map((name) => [name, String(headers[name])]))
    try {
      new Webhook(receiver.secret).verify(body, signed)
    } catch (error) {
      receiver.wrong.push(String(error))
      return 400
    }
    const parsed: unknown = JSON.parse(body)
    const id = typeof parsed === 'object' && parsed !== null && 'id' in parsed ? String(parsed.id) : ''
    if (receiver.accepted.has(id)) repeated++
    receiver.accepted.add(id)
    receiver.ids.set(id, (receiver.ids.get(id) ?? new Set()).add(signed['webhook-id'] ?? ''))
    return 204
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port')
  const receiver: Receiver = {
    url: `http://127.0.0.1:${address.port}/`,
    secret: '',
    accepted: new Set(),
    ids: new Map(),
    wrong: [],
    refused: () => refused,
    repeated: () => repeated,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return receiver
}

/** Waits until everything of the log has arrived. @returns the log's events, and how many deliveries there are. */
async function arrived(
  server: ChildServer,
  environment: Record<string, string>,
  { accepted }: Receiver,
  webhookId: string,
): Promise<{ source: Set<string>; deliveries: number }> {
  await using opened = await openPlatform(testConfig(environment), { attach: true })
  const { db } = opened.platform
  const { rows } = await sql<{ id: string }>`select id from events where type = 'mailbox.created'`.execute(db)
  const source = new Set(rows.map(({ id }) => id))
  for (const deadline = performance.now() + drainMsMax; ; ) {
    const { rows: counts } = await sql<{ count: number; left: number }>`
      select count(*)::int as count, count(*) filter (where state <> 'delivered')::int as left
      from webhook_deliveries where webhook_id = ${webhookId}::uuid`.execute(db)
    const { count = 0, left = 0 } = counts[0] ?? {}
    if (left === 0 && accepted.size >= source.size) return { source, deliveries: count }
    if (performance.now() > deadline) {
      throw new Error(`${left} of ${count} are left, ${source.size} events: ${server.output().slice(-2000)}`)
    }
    await sleep(200)
  }
}
