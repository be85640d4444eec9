/** A test's own name server (test-name-server.ts) with what is more than plain questions: signed zones, transfers, NOTIFY. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { createSecondary } from '../domains/secondaries/secondaries.ts'
import { createTsigKey } from '../domains/secondaries/tsig-keys.ts'
import { readSigners } from '../domains/zones/dnssec/zone-signers.ts'
import type { RecordType } from '../domains/zones/records.ts'
import { startZoneStore, type ZoneStore } from '../domains/zones/store.ts'
import { transaction } from '../platform/database.ts'
import type { DnsServer } from '../platform/dns-wire/client.ts'
import { dnsTypes } from '../platform/dns-wire/message.ts'
import type { TsigAlgorithm } from '../platform/dns-wire/tsig.ts'
import { startDnsListener } from '../protocols/dns/listener.ts'
import { startTransfers } from '../protocols/dns/transfer/start.ts'
import type { SecondaryKey } from './dns-secondaries.ts'
import { addRecords, serveDomain, type TestRecord } from './test-name-server.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

/** With a TTL of 300. */
export type ShortRecord = [name: string, type: RecordType, value: string]

export type TestDnsServer = TestPlatform & {
  server: DnsServer
  store: ZoneStore
  /** Connects a domain and serves its zone, with these records beside the platform's own. @returns its id. */
  serve(name: string, records?: readonly ShortRecord[]): Promise<string>
  /** Adds records to a served domain. @returns the zone's new serial. */
  addRecords(domainId: string, records: readonly ShortRecord[]): Promise<number>
  createKey(name: string, algorithm?: TsigAlgorithm): Promise<SecondaryKey & { id: string }>
  /** @param key null: by its address alone. */
  addSecondary(key: { id: string } | null, at?: Partial<DnsServer>): Promise<string>
}

export const testDnsZone = 'mw.example'

/** Starts it with the zone `mw.example` of its own. */
export async function startTestDnsServer(environment: Record<string, string> = {}): Promise<TestDnsServer> {
  await using stack = new AsyncDisposableStack()
  const test = stack.use(await startTestPlatform({ MAILWRIGHT_DNS_ZONE: testDnsZone, ...environment }))
  const { platform, scope } = test
  const store = await startZoneStore(platform, { readSigners: (ids) => readSigners(platform, ids) })
  stack.defer(() => store.stop())
  const { stop, ...transfers } = startTransfers(platform, store)
  stack.defer(stop)
  const listener = await startDnsListener(platform, { host: '127.0.0.1', port: 0, store, ...transfers })
  stack.defer(() => listener.stop())
  const running = stack.move()
  let ports = 1

  const add = (id: string, records: readonly ShortRecord[]): Promise<number> =>
    addRecords(platform, { id, workspace_id: scope.workspaceId }, records.map(whole))
  return {
    ...test,
    store,
    server: { address: '127.0.0.1', port: listener.port },
    addRecords: add,
    async serve(name, records = []) {
      const { id } = await serveDomain(platform, scope, name)
      await untilServed(store, name, await add(id, records))
      return id
    },
    async createKey(name, algorithm = 'hmac-sha256') {
      return await transaction(platform.db, async (tx) => {
        const wanted = { name, algorithm, secret: null }
        const { row, secret } = await createTsigKey(platform, tx, scope.organizationId, wanted)
        return { id: row.id, name: row.name, algorithm, secret }
      })
    },
    async addSecondary(key, at = {}) {
      return await transaction(platform.db, async (tx) => {
        const row = await createSecondary(platform, tx, scope.organizationId, {
          name: 'test',
          address: at.address ?? '127.0.0.1',
          port: at.port ?? ports++,
          tsigKeyId: key?.id ?? null,
          byAddress: key === null,
          notify: at.port !== undefined,
        })
        return row.id
      })
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

function whole([name, type, value]: ShortRecord): TestRecord {
  return { name, type, value }
}

/** The store hears of changes by events, and reads them a moment later. */
async function untilServed(store: ZoneStore, name: string, serial: number): Promise<void> {
  for (;;) {
    const found = await store.find(name, dnsTypes.SOA)
    if (found?.zone.name === name && found.zone.serial >= serial) return
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const run = promisify(execFile)

/** What a program prints, whatever code it ends with. */
export async function outputOf(program: string, programArguments: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await run(program, programArguments, { maxBuffer: 64 * 1024 ** 2 })
    return stdout + stderr
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && 'stderr' in error) {
      return `${error.stdout}${error.stderr}`
    }
    throw error
  }
}
