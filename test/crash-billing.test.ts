/**
 * kill -9 of the server at random moments, while many clients buy mailboxes and periods are renewed. What was acknowledged
 * is there and paid exactly once, nothing is paid that is not there, and the books add up. MAILWRIGHT_TEST_KILLS says how
 * often: each is a start of the whole program.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openDatabase } from '../src/platform/database.ts'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { assertBooks } from '../src/testing/test-billing.ts'
import { migratedDatabase, temporaryDirectory } from '../src/testing/test-database.ts'

const kills = Number(process.env['MAILWRIGHT_TEST_KILLS'] ?? 2)
const clients = 8
const lifeMsMax = 1_500
const environment = { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_ROLES: 'http,worker' }

test('whatever is cut off, what is acknowledged is paid once, and what is paid is there', async (t) => {
  await using stack = new AsyncDisposableStack()
  const directory = await temporaryDirectory(stack)
  const databaseUrl = await migratedDatabase(stack)
  const start = (): Promise<ChildServer> =>
    startChildServer(directory, { DATABASE_URL: databaseUrl, ...environment })
  let server = await start()
  stack.defer(async () => void (await server.stop()))
  await prepare(server)
  const acknowledged: string[] = []
  let cut = 0
  for (let round = 0; round < kills; round++) {
    const buyers = Array.from({ length: clients }, (_, client) =>
      buyUntilCut(server, `r${round}c${client}`, acknowledged),
    )
    await sleep(lifeMsMax * (0.3 + 0.7 * Math.random()))
    await server.kill()
    cut += (await Promise.all(buyers)).filter(Boolean).length
    await makeDue(databaseUrl)
    server = await start()
  }
  await settled(databaseUrl)
  t.diagnostic(`${kills} kills, ${acknowledged.length} acknowledged, ${cut} calls cut off`)
  assert.ok(acknowledged.length > 0 && cut > 0, 'the kills must have come in the middle of calls')
  await checkPaid(databaseUrl, acknowledged)
  const database = openDatabase({
    connectionString: databaseUrl,
    connectionsMax: 2,
    onError: () => undefined,
  })
  await assertBooks(database).finally(() => database.close())
})

async function prepare(server: ChildServer): Promise<void> {
  await callApi(server, 'POST', '/v1/domains', { name: 'crash.test' })
  const { data } = await callApi<{ data: { id: string }[] }>(server, 'GET', '/v1/workspaces')
  const credit = { kind: 'top_up', amount: 100_000_000, description: 'Of the test' }
  await callApi(server, 'POST', `/v1/wallets/${data[0]?.id}/credits`, credit)
  await callApi(server, 'POST', '/v1/prices', {
    item: 'mailbox',
    service: 'local',
    period: 'monthly',
    unit_amount: 300,
  })
}

/** Buys one after the other, now and then some at once. @returns whether a call was cut off. */
async function buyUntilCut(server: ChildServer, prefix: string, acknowledged: string[]): Promise<boolean> {
  for (let n = 0; ; n++) {
    const many = n % 5 === 4 ? [0, 1, 2] : [0]
    const addresses = many.map((one) => `${prefix}n${n}x${one}@crash.test`)
    const [address = ''] = addresses
    const body = many.length === 1 ? { address } : { mailboxes: addresses.map((one) => ({ address: one })) }
    try {
      await callApi(server, 'POST', '/v1/mailboxes', body)
      acknowledged.push(...addresses)
    } catch (error) {
      // fetch throws a TypeError where there is no answer; an answer that is no success is a defect.
      if (error instanceof TypeError) return true
      throw error
    }
  }
}

/** Half of the periods are over: the next server begins with renewals, and is killed in the middle of them. */
async function makeDue(connectionString: string): Promise<void> {
  await withClient(connectionString, async (client) => {
    await client.query(`update mailboxes set period_ends_at = now(), tags = '{due}'
      where tags = '{}' and right(id::text, 1) < '8'`)
    await client.query(`select graphile_worker.add_job('mailbox.end_periods', '{}')`)
  })
}

/** What is due is renewed and numbered by the last server's own jobs. */
async function settled(connectionString: string): Promise<void> {
  await withClient(connectionString, async (client) => {
    for (const job of ['mailbox.end_periods', 'billing.number_invoices'])
      await client.query(`select graphile_worker.add_job($1, '{}')`, [job])
    for (let tries = 0; tries < 600; tries++) {
      const { rows } = await client.query(`select
        (select count(*) from mailboxes where period_ends_at <= now() and unpaid_since is null)::int
          + (select count(*) from invoices where number is null)::int as open`)
      if (rows[0]?.open === 0) return
      await sleep(100)
    }
    throw new Error('it is not done after a minute')
  })
}

async function checkPaid(connectionString: string, acknowledged: readonly string[]): Promise<void> {
  const nothing = async (what: string, query: string, values: unknown[] = []): Promise<void> => {
    const { rows } = await withClient(connectionString, (client) => client.query(query, values))
    assert.deepEqual(rows, [], what)
  }
  await nothing(
    'what is acknowledged is there',
    `select address from unnest($1::text[]) as address except select address from mailboxes where state = 'active'`,
    [acknowledged],
  )
  await nothing(
    'each mailbox has paid for its first period once, and once for the next, if that has begun',
    `select mailboxes.id, tags, period_anchor_at, mailboxes.period_ends_at, json_agg(line.period_started_at) as paid
      from mailboxes left join invoice_lines as line on line.subject_id = mailboxes.id
      group by mailboxes.id having count(*) filter (where period_started_at = period_anchor_at) <> 1
        or count(*) filter (where period_started_at <> period_anchor_at) <> (tags = '{due}')::int`,
  )
  await nothing(
    'no period is paid for what is not there',
    `select line.id from invoice_lines as line left join mailboxes on mailboxes.id = subject_id where mailboxes.id is null`,
  )
  await nothing(
    'every invoice has its lines',
    `select id from invoices where id not in (select invoice_id from invoice_lines)`,
  )
  await nothing('and its number', 'select id from invoices where number is null')
}

async function withClient<T>(connectionString: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
