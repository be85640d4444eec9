/**
 * The event log's streams: how long after its 250 a message is seen by a client of server-sent events, and what many such
 * clients on one node cost. `events=COUNT` makes it another number of clients.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { addressOf, type ChildServer } from '../src/testing/child-server.ts'
import type { EventsLoad, EventsReport, EventsTask } from './event-clients.ts'
import { makeMailboxes, processorTime, residentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const manyDefault = 5000
const few = 20
const fewLoad: EventsLoad = { messages: 1000, messagesPerSecond: 50 }
const manyLoad: EventsLoad = { messages: 20, messagesPerSecond: 1 }
const idleSeconds = 10

export async function events(count = manyDefault): Promise<Row[]> {
  const many = Number.isFinite(count) ? count : manyDefault
  return await withServer(async (server) => {
    const addresses = await makeMailboxes(server, 'user', 20)
    const quick = await withClients(server, addresses, few, (child) => load(child, fewLoad))
    const before = await residentBytes(server.pid)
    const crowd = await withClients(server, addresses, many, async (child) => {
      const resident = await residentBytes(server.pid)
      const from = await processorTime(server.pid)
      await sleep(idleSeconds * 1000)
      const to = await processorTime(server.pid)
      const report = await load(child, manyLoad)
      const idleShare = (to.node + to.postgres - from.node - from.postgres) / idleSeconds
      return { resident, idleShare, report, after: await residentBytes(server.pid) }
    })
    return [
      {
        what: `events seen of ${fewLoad.messages} by ${few} clients`,
        value: quick.latenciesMs.length,
        unit: 'times',
      },
      {
        what: `from 250 to event at ${fewLoad.messagesPerSecond}/s, p50`,
        value: at(quick.latenciesMs, 0.5),
        unit: 'ms',
      },
      {
        what: `from 250 to event at ${fewLoad.messagesPerSecond}/s, p99`,
        value: at(quick.latenciesMs, 0.99),
        unit: 'ms',
        goal: { atMost: 150 },
      },
      { what: `resident memory with ${many} clients`, value: crowd.resident / 1e6, unit: 'MB' },
      { what: 'of that for each client', value: (crowd.resident - before) / many / 1e3, unit: 'kB' },
      { what: 'resident memory after the events', value: crowd.after / 1e6, unit: 'MB' },
      { what: 'processor time while nothing happens', value: crowd.idleShare * 100, unit: '% of one' },
      { what: `events seen of ${manyLoad.messages}`, value: crowd.report.latenciesMs.length, unit: 'times' },
      { what: 'from 250 to the event at all clients, p50', value: at(crowd.report.toAllMs, 0.5), unit: 'ms' },
      { what: 'the same, the slowest', value: at(crowd.report.toAllMs, 1), unit: 'ms' },
    ]
  })
}

function at(ascending: readonly number[], part: number): number {
  return ascending[Math.floor((ascending.length - 1) * part)] ?? Number.NaN
}

async function withClients<T>(
  server: ChildServer,
  addresses: readonly string[],
  clients: number,
  work: (child: ChildProcess) => Promise<T>,
): Promise<T> {
  const task: EventsTask = {
    base: server.endpoints.http ?? '',
    key: server.apiKey,
    smtp: addressOf(server.endpoints.smtp),
    addresses,
    clients,
  }
  const child = fork(fileURLToPath(new URL('event-clients.ts', import.meta.url)), [JSON.stringify(task)])
  try {
    await next(child, 'ready')
    return await work(child)
  } finally {
    child.kill()
  }
}

async function load(child: ChildProcess, wanted: EventsLoad): Promise<EventsReport> {
  child.send(wanted)
  return await next(child, 'report')
}

async function next(child: ChildProcess, kind: EventsReport['kind']): Promise<EventsReport> {
  const [report] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the clients ended with ${code}`)
    }),
  ])
  if (report.kind !== kind) throw new Error(`the clients said ${report.kind} and not ${kind}`)
  return report
}
