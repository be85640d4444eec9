/**
 * Idle connections: many clients log in to a tenth as many mailboxes, select INBOX and wait in IDLE. What they cost in
 * memory, and how long after its 250 a message is told to those who wait for it. BENCH_IDLE_CONNECTIONS makes it
 * another number, BENCH_IDLE_TLS=1 makes it imaps.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { addressOf, type ChildServer, callApi } from '../src/testing/child-server.ts'
import type { IdleReport, IdleTask } from './idle-clients.ts'
import { processorTime, residentBytes, withServer } from './server.ts'
import type { Row } from './table.ts'

const connections = Number(process.env['BENCH_IDLE_CONNECTIONS'] ?? 10_000)
const tls = process.env['BENCH_IDLE_TLS'] === '1'
const mailboxes = Math.max(1, Math.ceil(connections / 10))
const messages = 400
const messagesPerSecond = 20
const password = 'correct horse battery'

export async function idle(): Promise<Row[]> {
  return await withServer(async (server) => {
    const addresses = await makeMailboxesWithPassword(server)
    const task: IdleTask = {
      imap: addressOf(tls ? server.endpoints.imaps : server.endpoints.imap),
      tls,
      smtp: addressOf(server.endpoints.smtp),
      addresses,
      password,
      connections,
      messages,
      messagesPerSecond,
    }
    const before = await residentBytes(server.pid)
    const child = fork(fileURLToPath(new URL('idle-clients.ts', import.meta.url)), [JSON.stringify(task)])
    try {
      await next(child, 'ready')
      await settled(server)
      const idling = await residentBytes(server.pid)
      const timeBefore = await processorTime(server.pid)
      child.send('deliver')
      const report = await next(child, 'report')
      const timeAfter = await processorTime(server.pid)
      const cpu = timeAfter.node + timeAfter.postgres - timeBefore.node - timeBefore.postgres
      return rowsOf(before, idling, await residentBytes(server.pid), cpu, report)
    } finally {
      child.kill()
    }
  })
}

function rowsOf(before: number, idling: number, after: number, cpu: number, report: IdleReport): Row[] {
  const { latenciesMs } = report
  const at = (part: number): number => latenciesMs[Math.floor((latenciesMs.length - 1) * part)] ?? Number.NaN
  const goal = { atMost: connections >= 10_000 ? 1000 : 600 }
  return [
    {
      what: `resident memory with ${connections} connections in IDLE`,
      value: idling / 1e6,
      unit: 'MB',
      goal,
    },
    { what: 'of that for each connection', value: (idling - before) / connections / 1e3, unit: 'kB' },
    { what: 'resident memory after the deliveries', value: after / 1e6, unit: 'MB', goal },
    {
      what: 'processor time for each delivery that is told to 10',
      value: (cpu / messages) * 1e3,
      unit: 'ms',
    },
    { what: `told of ${messages} messages`, value: latenciesMs.length, unit: 'times' },
    { what: 'from 250 to EXISTS, p50', value: at(0.5), unit: 'ms' },
    { what: 'from 250 to EXISTS, p99', value: at(0.99), unit: 'ms', goal: { atMost: 200 } },
  ]
}

async function makeMailboxesWithPassword(server: ChildServer): Promise<string[]> {
  const addresses = Array.from({ length: mailboxes }, (_, index) => `user${index + 1}@bench.test`)
  await callApi(server, 'POST', '/v1/mailboxes', {
    mailboxes: addresses.map((address) => ({ address, password })),
  })
  return addresses
}

/** Waits until the memory stops to change: what the logins left behind is collected by then. */
async function settled(server: ChildServer): Promise<void> {
  for (let last = 0, round = 0; round < 15; round++) {
    await new Promise((resolve) => setTimeout(resolve, 2000))
    const now = await residentBytes(server.pid)
    if (Math.abs(now - last) < 1e6) return
    last = now
  }
}

async function next<K extends IdleReport['kind'] | 'ready'>(
  child: ReturnType<typeof fork>,
  kind: K,
): Promise<IdleReport> {
  const [message]: IdleReport[] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => Promise.reject(new Error('the clients ended'))),
  ])
  if (message?.kind !== kind) throw new Error(`expected ${kind}`)
  return message
}
