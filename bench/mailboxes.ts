/**
 * A million mailboxes: ten thousand over a thousand domains in one call, single ones, the list and its filters, and a
 * restore. Without a worker: the keys of a thousand domains are not what is measured.
 */
import type pg from 'pg'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { withDatabase } from './dns-zones.ts'
import { fillMailbox } from './large.ts'
import { percentile } from './percentile.ts'
import { withPlatform } from './search.ts'
import { withServer } from './server.ts'
import type { Row } from './table.ts'

const environment = { MAILWRIGHT_ROLES: 'http' }
const domains = 1_000
const perCall = 10_000
const rounds = 3
const singles = 500
const requests = 300
const restoredMessages = 100_000

export async function mailboxes(total = 1_000_000): Promise<Row[]> {
  return await withServer(async (server, dataDir) => {
    await callApi(server, 'POST', '/v1/domains', {
      domains: Array.from({ length: domains }, (_, n) => ({ name: `d${n}.test` })),
    })
    const calls = await timesOf(rounds, (round) => createMany(server, round))
    const single = await timesOf(singles, (n) =>
      callApi(server, 'POST', '/v1/mailboxes', { address: `single${n}@d${n % domains}.test` }),
    )
    await withDatabase(dataDir, (client) => insertMailboxes(client, total))
    const lists = await measureLists(server, total)
    await server.stop()
    return [
      {
        what: `${perCall} mailboxes over ${domains} domains, median of ${rounds}`,
        value: percentile(calls, 0.5) / 1000,
        unit: 's',
        goal: { atMost: 2 },
      },
      { what: 'a single one, p95', value: percentile(single, 0.95), unit: 'ms', goal: { atMost: 15 } },
      ...lists,
      await measureRestore(dataDir),
    ]
  }, environment)
}

async function createMany(server: ChildServer, round: number): Promise<void> {
  const wanted = Array.from({ length: perCall }, (_, n) => ({
    address: `call${round}-${n}@d${n % domains}.test`,
    display_name: `Person ${n}`,
    tags: [`team-${n % 50}`],
  }))
  const { data } = await callApi<{ data: { status: string }[] }>(server, 'POST', '/v1/mailboxes', {
    mailboxes: wanted,
  })
  if (!data.every(({ status }) => status === 'created')) throw new Error('some were not made')
}

/** Rows alone: what a list reads. */
async function insertMailboxes(client: pg.Client, total: number): Promise<void> {
  await client.query(
    `insert into mailboxes (id, organization_id, workspace_id, domain_id, address, state, service, display_name, tags,
      search_text, created_at, updated_at, state_changed_at)
    select gen_random_uuid(), d.organization_id, d.workspace_id, d.id, 'box' || n || '@' || d.name, 'active', 'local',
      'Person ' || n, array['team-' || n % 5000], 'box' || n || '@' || d.name || ' person ' || n, now(), now(), now()
    from generate_series(1, $1::int) n
      join (select *, row_number() over (order by name) - 1 as place from domains where name ~ '^d\\d+\\.test$') d
        on d.place = n % ${domains}`,
    [total],
  )
  await client.query('vacuum analyze mailboxes')
}

async function measureLists(server: ChildServer, total: number): Promise<Row[]> {
  const cursors = await someCursors(server)
  const any = (): number => 1 + Math.floor(Math.random() * total)
  const queries: [what: string, query: (n: number) => string][] = [
    ['a page of 50', (n) => `?limit=50&cursor=${cursors[n % cursors.length]}`],
    ['of a domain', (n) => `?limit=50&domain=d${n % domains}.test`],
    ['with a tag', (n) => `?limit=50&tag=team-${n}`],
    ['search by address', () => `?limit=50&search=box${any()}@`],
    ['search by part of a name', () => `?limit=50&search=son%20${any()}`],
    ['search without a hit', () => `?limit=50&search=nobody${any()}`],
  ]
  const rows: Row[] = []
  for (const [what, query] of queries) {
    const times = await timesOf(requests, (n) => callApi(server, 'GET', `/v1/mailboxes${query(n)}`))
    rows.push({
      what: `${what}, of ${total}, p95`,
      value: percentile(times, 0.95),
      unit: 'ms',
      goal: { atMost: 20 },
    })
  }
  return rows
}

async function someCursors(server: ChildServer): Promise<string[]> {
  const cursors: string[] = []
  let cursor: string | null = null
  while (cursors.length < 50) {
    const query: string = cursor === null ? '' : `&cursor=${cursor}`
    const page: { next_cursor: string | null } = await callApi(
      server,
      'GET',
      `/v1/mailboxes?limit=200${query}`,
    )
    cursor = page.next_cursor
    if (cursor === null) break
    cursors.push(cursor)
  }
  return cursors
}

async function measureRestore(dataDir: string): Promise<Row> {
  const address = 'single0@d0.test'
  await withPlatform(dataDir, (platform) => fillMailbox(platform, address, restoredMessages))
  await using server = await startChildServer(dataDir, environment)
  const [ms = 0] = await timesOf(1, async () => {
    await callApi(server, 'DELETE', `/v1/mailboxes/${address}`)
    await callApi(server, 'POST', `/v1/mailboxes/${address}/restore`, {})
  })
  return {
    what: `delete and restore, ${restoredMessages} messages`,
    value: ms / 1000,
    unit: 's',
    goal: { atMost: 1 },
  }
}

/** @returns how long each took, in ms. */
async function timesOf(count: number, work: (n: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < count; n++) {
    const from = performance.now()
    await work(n)
    times.push(performance.now() - from)
  }
  return times
}
