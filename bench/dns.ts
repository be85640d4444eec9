/** The name server: answers a second by dnsperf, start with many zones, and how soon a change is answered. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { addressOf, type ChildServer, startChildServer } from '../src/testing/child-server.ts'
import { ask } from '../src/testing/dns-client.ts'
import { insertZones, withDatabase } from './dns-zones.ts'
import { percentile } from './percentile.ts'
import { processorTime, residentBytes } from './server.ts'
import type { Row } from './table.ts'

const run = promisify(execFile)
const zones = 10_000
const manyZones = 100_000
const questions = 200_000
const seconds = 10
/** One core is the server's, the other one dnsperf's. */
const answersPerSecond = 40_000
const steadyPerSecond = 20_000

const environment = {
  MAILWRIGHT_ROLES: 'http,dns', // no jobs that look after all these domains meanwhile
  MAILWRIGHT_LOG_LEVEL: 'info',
  MAILWRIGHT_DNS_ZONE: 'mw.example',
  MAILWRIGHT_HOSTNAME: 'mx.mw.example',
  MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.53',
}

export async function dns(): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-bench-'))
  try {
    return [...(await answers(join(directory, 'some'))), ...(await start(join(directory, 'many')))]
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function answers(directory: string): Promise<Row[]> {
  await prepare(directory, zones)
  await using server = await startChildServer(directory, environment)
  const file = join(directory, 'questions.txt')
  await writeFile(file, questionLines())
  const first = await dnsperf(server, file, ['-n', '1']) // nothing is remembered yet
  const before = await processorTime(server.pid)
  const full = await dnsperf(server, file, ['-l', String(seconds)])
  const { node } = await processorTime(server.pid)
  const steady = await dnsperf(server, file, ['-l', '5', '-Q', String(steadyPerSecond), '-v'])
  const changeMs = await changeAnswered(server, directory)
  return [
    {
      what: `answers over UDP, ${zones} zones`,
      value: full.perSecond,
      unit: '/s',
      goal: { atLeast: answersPerSecond },
    },
    { what: 'the same while nothing is remembered', value: first.perSecond, unit: '/s' },
    { what: 'of which lost', value: full.lost, unit: '', goal: { atMost: 0 } },
    {
      what: 'processor time of the Node process',
      value: ((node - before.node) * 1e6) / full.completed,
      unit: 'µs each',
      goal: { atMost: 1e6 / answersPerSecond },
    },
    {
      what: `p99 at ${steadyPerSecond} a second`,
      value: percentile(steady.latencies, 0.99) * 1000,
      unit: 'ms',
      goal: { atMost: 5 },
    },
    { what: 'a change is answered after', value: changeMs, unit: 'ms', goal: { atMost: 1000 } },
  ]
}

async function start(directory: string): Promise<Row[]> {
  await prepare(directory, manyZones)
  const startedAt = performance.now()
  await using server = await startChildServer(directory, { ...environment, MAILWRIGHT_LOG_LEVEL: 'debug' })
  const ms = performance.now() - startedAt
  const loadedMs = Number(/"event":"zones.loaded".*?"ms":(\d+)/.exec(server.output())?.[1] ?? Number.NaN)
  const { rcode } = await ask(`www.zone${manyZones}.example`, 'A', { server: server.endpoints.dns ?? '' })
  if (rcode !== 'NOERROR') throw new Error(`the last zone is ${rcode}`)
  return [
    { what: `start with ${manyZones} zones`, value: ms / 1000, unit: 's', goal: { atMost: 5 } },
    { what: 'of which reading them', value: loadedMs / 1000, unit: 's' },
    {
      what: 'resident memory of the Node process',
      value: (await residentBytes(server.pid)) / 1e6,
      unit: 'MB',
    },
  ]
}

/** A data directory whose database has the zones. */
async function prepare(directory: string, count: number): Promise<void> {
  await using server = await startChildServer(directory, environment)
  await insertZones(directory, count)
  await server.stop()
}

/** What resolvers ask for: mostly mail, some web, and some that is not there. */
function questionLines(): string {
  const asked = [
    ['', 'MX'],
    ['', 'TXT'],
    ['_dmarc.', 'TXT'],
    ['mwr1._domainkey.', 'TXT'],
    ['www.', 'A'],
    ['www.', 'AAAA'],
    ['', 'NS'],
    ['shop.', 'A'],
    ['', 'AAAA'],
    ['nothing.', 'A'],
  ] as const
  const lines = Array.from({ length: questions }, () => {
    const [label, type] = asked[Math.floor(Math.random() * asked.length)] ?? asked[0]
    return `${label}zone${1 + Math.floor(Math.random() * zones)}.example ${type}`
  })
  return `${lines.join('\n')}\n`
}

type Load = { perSecond: number; completed: number; lost: number; latencies: number[] }

async function dnsperf(server: ChildServer, file: string, words: string[]): Promise<Load> {
  const { host, port } = addressOf(server.endpoints.dns)
  const { stdout } = await run(
    'dnsperf',
    ['-s', host, '-p', String(port), '-d', file, '-e', '-c', '4', '-q', '100', ...words],
    { maxBuffer: 256 * 1024 ** 2 },
  )
  const numberAfter = (label: string): number =>
    Number(new RegExp(`${label}:\\s+([\\d.]+)`).exec(stdout)?.[1] ?? Number.NaN)
  return {
    perSecond: numberAfter('Queries per second'),
    completed: numberAfter('Queries completed'),
    lost: numberAfter('Queries lost'),
    // With -v a line for each answer: `> NOERROR NAME TYPE SECONDS`.
    latencies: [...stdout.matchAll(/^> \w+ \S+ \S+ ([\d.]+)$/gm)].map(([, text]) => Number(text)),
  }
}

const changes = 20

/** The longest of some changes, from the commit to the first answer that has it. */
async function changeAnswered(server: ChildServer, directory: string): Promise<number> {
  return await withDatabase(directory, async (client) => {
    let longest = 0
    for (let n = 1; n <= changes; n++) {
      const name = `new${n}.zone${n}.example`
      await client.query(changeZone, [`zone${n}.example`, name])
      const committedAt = performance.now()
      while ((await ask(name, 'A', { server: server.endpoints.dns ?? '' })).rcode !== 'NOERROR');
      longest = Math.max(longest, performance.now() - committedAt)
    }
    return longest
  })
}

// As another node does it: the change, its event, and the word that there is something to read.
const changeZone = `
  with domain as (
    update domains set zone_serial = zone_serial + 1 where name = $1 returning *
  ), record as (
    insert into zone_records (id, workspace_id, domain_id, name, type, ttl, value, created_at, updated_at)
    select gen_random_uuid(), workspace_id, id, $2, 'A', 60, '192.0.2.9', now(), now() from domain
  ), event as (
    insert into events (id, node_id, type, organization_id, workspace_id, data, created_at)
    select gen_random_uuid(), gen_random_uuid(), 'domain.zone_changed', organization_id, workspace_id,
      json_build_object('domain_id', id, 'name', name, 'serial', zone_serial), now() from domain
  )
  select pg_notify('mailwright_events', 'bench')`
