/** The server under measurement: the real program, embedded database, fsync on, in a directory of its own. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'

export async function withServer<T>(
  work: (server: ChildServer, dataDir: string) => Promise<T>,
  environment: Record<string, string> = {},
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-bench-'))
  try {
    await using server = await startChildServer(directory, environment)
    await callApi(server, 'POST', '/v1/domains', { name: 'bench.test' })
    return await work(server, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Addresses `PREFIX1@bench.test` … of mailboxes that one call made. */
export async function makeMailboxes(server: ChildServer, prefix: string, count: number): Promise<string[]> {
  const addresses = Array.from({ length: count }, (_, index) => `${prefix}${index + 1}@bench.test`)
  await callApi(server, 'POST', '/v1/mailboxes', { mailboxes: addresses.map((address) => ({ address })) })
  return addresses
}

/** Resident memory of a process, in bytes, as Linux counts it. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]
  if (kilobytes === undefined) throw new Error('the resident memory of the process cannot be read')
  return Number(kilobytes) * 1024
}

/** Watches the resident memory while `work` runs. @returns its highest value, in bytes. */
export async function peakResidentBytes(pid: number, work: () => Promise<void>): Promise<number> {
  let peak = await residentBytes(pid)
  const timer = setInterval(() => {
    void residentBytes(pid).then((bytes) => {
      peak = Math.max(peak, bytes)
    })
  }, 50)
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  return Math.max(peak, await residentBytes(pid))
}

/** Processor time so far, in seconds, of the Node process and of the PostgreSQL below it. */
export type ProcessorTime = { node: number; postgres: number }

/** Less noisy than a clock where other programs share the machine. */
export async function processorTime(pid: number): Promise<ProcessorTime> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const all = (await Promise.all(numbers.map(readProcess))).filter((one) => one !== null)
  const below = new Set([pid])
  for (let before = 0; before < below.size; ) {
    before = below.size
    for (const one of all) if (below.has(one.parent)) below.add(one.pid)
  }
  const sum = (isWanted: (one: number) => boolean): number =>
    all.reduce((total, one) => total + (below.has(one.pid) && isWanted(one.pid) ? one.seconds : 0), 0)
  return { node: sum((one) => one === pid), postgres: sum((one) => one !== pid) }
}

const ticksPerSecond = 100 // Linux: USER_HZ

async function readProcess(pid: number): Promise<{ pid: number; parent: number; seconds: number } | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  if (stat === null) return null // it has ended
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number) // from the third field on, proc(5)
  const [parent = 0, user = 0, system = 0] = [fields[1], fields[11], fields[12]]
  return { pid, parent, seconds: (user + system) / ticksPerSecond }
}
