/**
 * What leaves: messages that lie in the queue go to a local sink. The server is the real program with its embedded
 * database, fsync on; times are those that the database has written down for each recipient.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Scope } from '../src/accounts/principals.ts'
import { queueOutbound } from '../src/delivery/outbound/queue.ts'
import { signatureFields } from '../src/delivery/outbound/sign.ts'
import { makeDkimKeys } from '../src/domains/dkim-keys.ts'
import { connectDomain } from '../src/domains/domains.ts'
import { createBodyWriter, insertBodies, type StagedBody } from '../src/messages/bodies.ts'
import { openPlatform } from '../src/open-platform.ts'
import { type Tx, transaction } from '../src/platform/database.ts'
import type { Platform } from '../src/platform/platform.ts'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { loadMessage } from '../src/testing/smtp-load.ts'
import { startTestDns, type Zone } from '../src/testing/test-dns.ts'
import { outboundMessage } from '../src/testing/test-outbound.ts'
import { testConfig } from '../src/testing/test-platform.ts'
import { startSilence, startSink } from './outbound-sink.ts'
import { processorTime, residentBytes } from './server.ts'
import type { Row } from './table.ts'

const messageBytes = 5000
const signingDomain = 'sender.example'
const refusing = '127.0.0.9'
const silent = '127.0.0.10'

type Load = {
  messages: number
  domains: number
  /** Of these, the first: one half refuses connections, the other does not answer. */
  dead: number
}

type Figures = {
  sink: string
  isSigned: boolean
  perSecond: number
  nodeMs: number
  postgresMs: number
  /** Resident memory of the Node process when a tenth was sent, and its highest value after that. */
  earlyBytes: number
  peakBytes: number
}

/** 20,000 messages of 5 kB with one recipient each, over 100 domains. */
export async function outbound(): Promise<Row[]> {
  const load = { messages: 20_000, domains: 100, dead: 0 }
  const figures = await measure(load)
  const how = `to ${figures.sink}, ${figures.isSigned ? 'with DKIM' : 'not signed'}`
  return [
    {
      what: `${load.messages} messages of 5 kB ${how}`,
      value: figures.perSecond,
      unit: '/s',
      goal: { atLeast: 1000 },
    },
    { what: 'processor time of Node for a message', value: figures.nodeMs, unit: 'ms' },
    { what: 'processor time of PostgreSQL for a message', value: figures.postgresMs, unit: 'ms' },
  ]
}

/** 100,000 messages to 1,000 destinations: what ten dead ones cost the others. */
export async function queue(): Promise<Row[]> {
  const load = { messages: 100_000, domains: 1000, dead: 0 }
  const alive = await measure(load)
  const withDead = await measure({ ...load, dead: 10 })
  const percent = (one: Figures, key: 'nodeMs' | 'postgresMs'): number => (withDead[key] / one[key] - 1) * 100
  return [
    { what: 'all destinations alive', value: alive.perSecond, unit: '/s' },
    { what: '10 of 1,000 dead', value: withDead.perSecond, unit: '/s' },
    {
      what: 'delay of the others',
      value: Math.max(0, (alive.perSecond / withDead.perSecond - 1) * 100),
      unit: '%',
      goal: { atMost: 1 },
    },
    { what: 'processor time of Node for a message, more by', value: percent(alive, 'nodeMs'), unit: '%' },
    {
      what: 'processor time of PostgreSQL for a message, more by',
      value: percent(alive, 'postgresMs'),
      unit: '%',
    },
    {
      what: 'memory of Node: peak after the first tenth, more by',
      value: (withDead.peakBytes / withDead.earlyBytes - 1) * 100,
      unit: '%',
    },
    { what: 'memory of Node, peak', value: withDead.peakBytes / 1e6, unit: 'MB', goal: { atMost: 350 } },
  ]
}

async function measure(load: Load): Promise<Figures> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-bench-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const sink = stack.use(await startSink())
  if (load.dead > 0) stack.use(await startSilence(sink.port, silent))
  const dns = stack.use(await startTestDns(zoneOf(load)))
  const environment = {
    MAILWRIGHT_RESOLVER: dns.resolver,
    MAILWRIGHT_OUTBOUND_PORT: String(sink.port),
    MAILWRIGHT_OUTBOUND_NETWORKS: 'any',
    MAILWRIGHT_OUTBOUND_CONNECT_TIMEOUT: '5s',
  }
  const isSigned = await fill(directory, load)
  const server = await startChildServer(directory, environment)
  stack.defer(async () => void (await server.stop()))
  return { sink: sink.name, isSigned, ...(await watch(server, directory, load)) }
}

function zoneOf({ domains, dead }: Load): Zone {
  const zone: Zone = {
    'mx.sink.example': { A: ['127.0.0.1'] },
    'mx.refusing.example': { A: [refusing] },
    'mx.silent.example': { A: [silent] },
  }
  for (let n = 0; n < domains; n++) {
    const mx = n >= dead ? 'mx.sink.example' : n % 2 === 0 ? 'mx.refusing.example' : 'mx.silent.example'
    zone[domainName(n)] = { MX: [[10, mx]] }
  }
  return zone
}

function domainName(n: number): string {
  return `domain${n}.example`
}

/** Fills the queue while nobody sends. @returns whether what is sent will be signed. */
async function fill(directory: string, load: Load): Promise<boolean> {
  await using server = await startChildServer(directory, { MAILWRIGHT_ROLES: 'http' })
  await callApi(server, 'POST', '/v1/domains', { name: 'bench.test' })
  await using opened = await attach(directory)
  const { platform } = opened
  const scope = await defaultScope(platform)
  const domainId = await transaction(platform.db, async (tx) => {
    const { id } = await connectDomain(platform, tx, scope, signingDomain)
    await tx.updateTable('domains').set({ state: 'active' }).where('id', '=', id).execute()
    return id
  })
  await makeDkimKeys(platform, domainId) // nobody here runs the job
  for (let at = 0; at < load.messages; at += 500) {
    const bodies = await Promise.all(Array.from({ length: 500 }, (_, n) => stage(platform, at + n)))
    await transaction(platform.db, (tx) => enqueue(platform, tx, scope, bodies, at, load))
  }
  await sql`analyze outbound_recipients`.execute(platform.db)
  const read = async function* () {
    yield Buffer.from(loadMessage('signed', 'to@domain.example', messageBytes).data)
  }
  return (await signatureFields(platform, { kind: 'submission', signingDomain, arc: null, read })) !== ''
}

async function stage(platform: Platform, n: number): Promise<StagedBody> {
  const writer = createBodyWriter(platform)
  await writer.write(Buffer.from(loadMessage(`m${n}`, 'to@domain.example', messageBytes).data))
  return await writer.finish()
}

async function enqueue(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  bodies: readonly StagedBody[],
  first: number,
  { domains }: Load,
): Promise<void> {
  const { organizationId, workspaceId } = scope
  const owner = { organizationId, workspaceId, mailboxId: workspaceId }
  await insertBodies(tx, bodies, platform.clock.now())
  await queueOutbound(
    platform,
    tx,
    bodies.map((body, n) => ({
      bodyId: body.id,
      message: outboundMessage(owner, [`user${first + n}@${domainName((first + n) % domains)}`], {
        signingDomain,
        mailFrom: `load@${signingDomain}`,
        bodyBytes: body.sizeBytes,
      }),
    })),
  )
}

async function attach(directory: string) {
  return await openPlatform(testConfig({ MAILWRIGHT_DATA_DIR: directory }), { attach: true })
}

async function defaultScope(platform: Platform): Promise<Scope> {
  const row = await platform.db
    .selectFrom('workspaces')
    .select(['id', 'organization_id'])
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow()
  return {
    organizationId: row.organization_id,
    workspaceId: row.id,
    mailboxId: null,
    access: 'write',
    actor: 'bench',
  }
}

/** Waits until everything that can be delivered is. */
async function watch(server: ChildServer, directory: string, load: Load) {
  await using opened = await attach(directory)
  const { db } = opened.platform
  const wanted = (load.messages / load.domains) * (load.domains - load.dead)
  const before = await processorTime(server.pid)
  let earlyBytes = 0
  let peakBytes = 0
  for (let delivered = 0; delivered < wanted; ) {
    await sleep(1000) // counting costs the database time that it needs for the messages
    const { rows } = await sql<{ delivered: number }>`
      select count(*)::int as delivered from outbound_recipients where finished_at is not null`.execute(db)
    delivered = rows[0]?.delivered ?? 0
    const bytes = await residentBytes(server.pid)
    if (delivered < load.messages / 10) earlyBytes = bytes
    else peakBytes = Math.max(peakBytes, bytes)
  }
  const after = await processorTime(server.pid)
  const { rows } = await sql<{ seconds: number; bounced: number }>`
    select extract(epoch from max(finished_at) - min(finished_at))::float8 as seconds,
      count(*) filter (where state = 'bounced')::int as bounced from outbound_recipients`.execute(db)
  if (rows[0]?.bounced !== 0) throw new Error(`${rows[0]?.bounced} messages bounced`)
  return {
    perSecond: wanted / rows[0].seconds,
    nodeMs: ((after.node - before.node) * 1000) / wanted,
    postgresMs: ((after.postgres - before.postgres) * 1000) / wanted,
    earlyBytes,
    peakBytes,
  }
}
