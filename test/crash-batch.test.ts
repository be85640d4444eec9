/**
 * kill -9 in the middle of one call for 1,000 mailboxes on 100 domains, at random points. The call is sent again with
 * the same Idempotency-Key, and there are exactly the 1,000 that were asked for. MAILWRIGHT_TEST_KILLS says how often:
 * each is a start of the whole program.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { at, listAt } from '../src/testing/test-api.ts'
import { migratedDatabase } from '../src/testing/test-database.ts'

const kills = Number(process.env['MAILWRIGHT_TEST_KILLS'] ?? 4)
const domains = 100
const mailboxes = 1000

test('a call for many mailboxes that is cut off and sent again makes each exactly once', async (t) => {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-crash-batch-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const databaseUrl = await migratedDatabase(stack)
  // Without a worker: keys of a hundred domains are not what is tested.
  const start = (): Promise<ChildServer> =>
    startChildServer(directory, { DATABASE_URL: databaseUrl, MAILWRIGHT_ROLES: 'http' })
  let server = await start()
  stack.defer(async () => void (await server.stop()))
  for (let index = 0; index < domains; index++) {
    await callApi(server, 'POST', '/v1/domains', { name: `d${index}.test` })
  }
  const startedAt = performance.now()
  assert.deepEqual(await outcomesOf(server, 0), { created: mailboxes })
  const callMs = performance.now() - startedAt

  let cut = 0
  for (let round = 1; round <= kills; round++) {
    const call = send(server, round).then(
      () => false,
      () => true,
    )
    await sleep(Math.random() * callMs)
    await server.kill()
    if (await call) cut++
    server = await start()
    assert.deepEqual(await outcomesOf(server, round), { created: mailboxes }, `round ${round}`)
  }

  t.diagnostic(`${kills} kills, ${cut} before the reply; a call takes ${Math.round(callMs)} ms`)
  assert.ok(cut > kills / 5, 'the kills must have come in the middle of calls')
  assert.deepEqual(await stored(databaseUrl), {
    mailboxes: mailboxes * (kills + 1),
    addresses: mailboxes * (kills + 1),
    passwords: mailboxes * (kills + 1),
    inboxes: mailboxes * (kills + 1),
    created: mailboxes * (kills + 1),
    batches: kills + 1,
  })
})

function send(server: ChildServer, round: number): Promise<Response> {
  const items = Array.from({ length: mailboxes }, (_, index) => ({
    address: `m${round}-${index}@d${index % domains}.test`,
  }))
  return fetch(`${server.endpoints.http}/v1/mailboxes`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${server.apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': `round-${round}`,
    },
    body: JSON.stringify({ mailboxes: items }),
  })
}

/** Sends the call of a round to its end. @returns how many items had each status. */
async function outcomesOf(server: ChildServer, round: number): Promise<Record<string, number>> {
  const reply = await send(server, round)
  const body: unknown = await reply.json()
  assert.equal(reply.status, 200, JSON.stringify(body))
  const counts: Record<string, number> = {}
  for (const result of listAt(body, 'data')) {
    const status = String(at(result, 'status'))
    counts[status] = (counts[status] ?? 0) + 1
  }
  return counts
}

/** What there is of everything that one mailbox is made of. */
async function stored(connectionString: string): Promise<unknown> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    const { rows } = await client.query(`select
      (select count(*) from mailboxes)::int as mailboxes,
      (select count(*) from addresses where kind = 'mailbox')::int as addresses,
      (select count(*) from mailbox_passwords)::int as passwords,
      (select count(*) from folders where path = 'INBOX')::int as inboxes,
      (select count(*) from events where type = 'mailbox.created')::int as created,
      (select count(*) from mailbox_batches)::int as batches`)
    return { ...rows[0] }
  } finally {
    await client.end()
  }
}
