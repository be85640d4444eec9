/**
 * The name servers of the benchmark domain-checks, in a thread of their own, so that the time of a question's arrival is
 * not that of whoever asks: a registry that delegates every domain, and a host that has them all.
 */
import { parentPort, workerData } from 'node:worker_threads'
import * as dnsPacket from 'dns-packet'
import { answersOf, serveDns, type ZoneRecords } from '../src/testing/test-dns.ts'

export type ServersData = {
  registryAddress: string
  host: { name: string; address: string }
}

/** `records`: what every domain has, by the name in front of it. */
export type ToServers =
  | { kind: 'records'; records: ReadonlyMap<string, ZoneRecords> }
  | { kind: 'report' }
  | { kind: 'stop' }
/** `arrivals`: when each question came, in milliseconds. */
export type FromServers = { kind: 'started'; port: number } | { kind: 'report'; arrivals: number[] }

const { registryAddress, host } = workerData as ServersData // from the benchmark beside
const arrivals: number[] = []
let records: ReadonlyMap<string, ZoneRecords> = new Map()

function reply(bytes: Buffer, isHost: boolean): Buffer | null {
  arrivals.push(performance.now())
  const query = dnsPacket.decode(bytes)
  const [question] = query.questions ?? []
  if (!question) return null
  const [, label = '', apex = ''] = /^(?:(.*)\.)?(d\d+\.example)$/.exec(question.name) ?? []
  const base = { ttl: 60, class: 'IN' as const }
  const has = records.get(label) ?? {}
  const type = has.CNAME ? 'CNAME' : question.type
  const part = isHost
    ? {
        answers: answersOf(has, type, { ...base, name: question.name }),
        flags: dnsPacket.AUTHORITATIVE_ANSWER,
      }
    : {
        authorities: answersOf({ NS: [host.name] }, 'NS', { ...base, name: apex }),
        additionals: answersOf({ A: [host.address] }, 'A', { ...base, name: host.name }),
      }
  return dnsPacket.encode({ type: 'response', id: query.id ?? 0, questions: [question], ...part })
}

const registry = await serveDns(registryAddress, 0, (bytes) => reply(bytes, false))
const hosting = await serveDns(host.address, registry.port, (bytes) => reply(bytes, true))
const tell = (message: FromServers): void => parentPort?.postMessage(message)
parentPort?.on('message', (message: ToServers) => {
  if (message.kind === 'records') records = message.records
  if (message.kind === 'report') tell({ kind: 'report', arrivals: arrivals.splice(0) })
  if (message.kind === 'stop')
    void Promise.all([registry.stop(), hosting.stop()]).then(() => parentPort?.close())
})
tell({ kind: 'started', port: registry.port })
