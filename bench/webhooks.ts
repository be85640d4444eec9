/**
 * Webhooks that leave: events become deliveries and go to a sink in another process. The server is the real program with
 * its embedded database, fsync on. First how many a second; then what a dead endpoint among a thousand costs the others.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import type { Scope } from '../src/accounts/principals.ts'
import { openPlatform } from '../src/open-platform.ts'
import { transaction } from '../src/platform/database.ts'
import { appendEvents, type NewEvent } from '../src/platform/events.ts'
import type { Platform } from '../src/platform/platform.ts'
import { startChildServer } from '../src/testing/child-server.ts'
import { testConfig } from '../src/testing/test-platform.ts'
import { createWebhook, updateWebhook } from '../src/webhooks/webhooks.ts'
import { percentile } from './percentile.ts'
import { processorTime } from './server.ts'
import type { Row } from './table.ts'

const endpoints = 1_000
const sinkFile = fileURLToPath(new URL('./webhook-sink.ts', import.meta.url))

/** @param count webhooks that are sent to measure how many a second leave. */
export async function webhooks(count = 20_000): Promise<Row[]> {
  const through = await throughput(count)
  const { alone, beside } = await latencies()
  // Of each round, and of those the middle one: a pause of the machine is in some rounds of either kind.
  const p99 = (rounds: readonly number[][]): number =>
    percentile(
      rounds.map((round) => percentile(round, 0.99)),
      0.5,
    )
  return [
    {
      what: `${count} webhooks to ${endpoints} endpoints`,
      value: through.perSecond,
      unit: '/s',
      goal: { atLeast: 1000 },
    },
    { what: 'processor time of Node for a webhook', value: through.nodeMs, unit: 'ms' },
    { what: 'processor time of PostgreSQL for a webhook', value: through.postgresMs, unit: 'ms' },
    { what: `event to endpoint, median of ${endpoints}`, value: percentile(alone.flat(), 0.5), unit: 'ms' },
    { what: 'event to endpoint, p99', value: p99(alone), unit: 'ms' },
    { what: 'with one dead endpoint among them, p99', value: p99(beside), unit: 'ms' },
    {
      what: 'p99 of the others, more by',
      value: (p99(beside) / p99(alone) - 1) * 100,
      unit: '%',
      goal: { atMost: 1 },
    },
  ]
}

type Bench = {
  platform: Platform
  scope: Scope
  sinkUrl: string
  pid: number
  happen(count: number): Promise<void>
  enableDead(enabled: boolean): Promise<void>
}

/** Runs a server with webhooks of which each hears of every event of its workspace. */
async function withWebhooks<T>(
  wanted: { live: number; dead: number },
  work: (bench: Bench) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-bench-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const sink = await startSink(stack)
  const environment = {
    MAILWRIGHT_WEBHOOK_NETWORKS: 'any',
    MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: String(wanted.live + wanted.dead),
  }
  const server = stack.use(await startChildServer(directory, environment))
  const config = testConfig({ MAILWRIGHT_DATA_DIR: directory, ...environment })
  const opened = stack.use(await openPlatform(config, { attach: true }))
  const { platform } = opened
  const scope = await defaultScope(platform)
  const urls = [
    ...Array.from({ length: wanted.live }, (_, index) => `${sink}/live/${index}`),
    ...Array.from({ length: wanted.dead }, () => `${sink}/hang`),
  ]
  const dead: string[] = []
  await transaction(platform.db, async (tx) => {
    const subject = { mailboxIds: null, identityIds: null }
    const common = {
      description: null,
      headers: {},
      enabled: true,
      eventTypes: ['workspace.updated'],
      subject,
    }
    for (const url of urls) {
      const { webhook } = await createWebhook(platform, tx, scope, { ...common, url })
      if (url.endsWith('/hang')) dead.push(webhook.id)
    }
  })
  const enableDead = (enabled: boolean): Promise<void> =>
    transaction(platform.db, async (tx) => {
      for (const id of dead) await updateWebhook(platform, tx, scope, id, { enabled })
    })
  const happen = (count: number) => writeEvents(platform, scope, count)
  return await work({ platform, scope, sinkUrl: sink, pid: server.pid, happen, enableDead })
}

async function throughput(count: number): Promise<{ perSecond: number; nodeMs: number; postgresMs: number }> {
  return await withWebhooks({ live: endpoints, dead: 0 }, async ({ sinkUrl, pid, happen }) => {
    await happen(1) // connections
    await sinkHas(sinkUrl, endpoints)
    const before = await processorTime(pid)
    const startedAt = performance.now()
    await happen(Math.ceil(count / endpoints))
    await sinkHas(sinkUrl, endpoints + count)
    const seconds = (performance.now() - startedAt) / 1000
    const used = await processorTime(pid)
    return {
      perSecond: count / seconds,
      nodeMs: ((used.node - before.node) / count) * 1000,
      postgresMs: ((used.postgres - before.postgres) / count) * 1000,
    }
  })
}

const latencyRounds = 40
const warmUpEvents = 20

type Latencies = { alone: number[][]; beside: number[][] }

/**
 * From the event's moment to its arrival at each live endpoint, in milliseconds, one event a round. One more endpoint is
 * dead: it takes requests and never answers. It is enabled in every second round, so that both kinds of rounds share what
 * else the machine does.
 */
async function latencies(): Promise<Latencies> {
  const measured: Latencies = { alone: [], beside: [] }
  await withWebhooks({ live: endpoints, dead: 1 }, async ({ sinkUrl, happen, enableDead }) => {
    await happen(warmUpEvents) // connections, and what waits for the dead one
    await sinkHas(sinkUrl, endpoints * warmUpEvents)
    for (let round = 0; round < 2 * latencyRounds; round++) {
      await enableDead(round % 2 === 1)
      await fetch(`${sinkUrl}/reset`)
      await happen(1) // fills the lane of the dead one, where it is enabled
      await sinkHas(sinkUrl, endpoints)
      await fetch(`${sinkUrl}/reset`)
      await happen(1)
      await sinkHas(sinkUrl, endpoints)
      const values: unknown = await (await fetch(`${sinkUrl}/latencies`)).json()
      if (!Array.isArray(values)) throw new Error('the sink has no latencies')
      measured[round % 2 === 1 ? 'beside' : 'alone'].push(values.map(Number))
    }
  })
  return measured
}

async function writeEvents(platform: Platform, scope: Scope, count: number): Promise<void> {
  const { organizationId, workspaceId } = scope
  const event: NewEvent = {
    type: 'workspace.updated',
    organizationId,
    workspaceId,
    data: { workspace_id: workspaceId, name: 'bench' },
  }
  await transaction(platform.db, (tx) =>
    appendEvents(
      platform,
      tx,
      Array.from({ length: count }, () => event),
    ),
  )
}

async function sinkHas(url: string, count: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${url}/count`)).text()
    if (Number(text) >= count) return
    await sleep(20)
  }
}

async function startSink(stack: AsyncDisposableStack): Promise<string> {
  const child: ChildProcess = spawn(process.execPath, [sinkFile], { stdio: ['ignore', 'pipe', 'inherit'] })
  stack.defer(() => void child.kill())
  if (child.stdout === null) throw new Error('the sink has no output')
  const [line] = await once(child.stdout, 'data')
  return `http://127.0.0.1:${Number(String(line))}`
}

async function defaultScope({ db }: Platform): Promise<Scope> {
  const { rows } = await sql<{ id: string; organization_id: string }>`
    select id, organization_id from workspaces where is_default limit 1`.execute(db)
  const [row] = rows
  if (row === undefined) throw new Error('there is no workspace')
  const { id: workspaceId, organization_id: organizationId } = row
  return { organizationId, workspaceId, mailboxId: null, access: 'write', actor: 'bench' }
}
