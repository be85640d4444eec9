/** A name server of a test's own: a platform, its zones in memory, and the listener on a free port. */
import type { Scope } from '../accounts/principals.ts'
import { connectDomain, type Domain } from '../domains/domains.ts'
import type { RecordType } from '../domains/zones/records.ts'
import { touchZones } from '../domains/zones/serial.ts'
import { startZoneStore, type ZoneStore, type ZoneStoreOptions } from '../domains/zones/store.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { type DnsListenerOptions, startDnsListener } from '../protocols/dns/listener.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

export type TestRecord = { name: string; type: RecordType; ttl?: number; value: string }

export type TestNameServer = AsyncDisposable & {
  t: TestPlatform
  store: ZoneStore
  /** `host:port`. */
  server: string
}

/** What a node needs to answer, on a platform that is there already. */
export async function startNameServerOn(
  platform: Platform,
  options: Partial<DnsListenerOptions> & ZoneStoreOptions = {},
): Promise<AsyncDisposable & { store: ZoneStore; server: string }> {
  await using stack = new AsyncDisposableStack()
  const store = await startZoneStore(platform, options)
  stack.defer(() => store.stop())
  const listener = await startDnsListener(platform, { host: '127.0.0.1', port: 0, store, ...options })
  stack.defer(() => listener.stop())
  const running = stack.move()
  return {
    store,
    server: `127.0.0.1:${listener.port}`,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

export async function startTestNameServer(
  environment: Record<string, string> = {},
  options: Partial<DnsListenerOptions> & ZoneStoreOptions = {},
): Promise<TestNameServer> {
  await using stack = new AsyncDisposableStack()
  const t = stack.use(await startTestPlatform(environment))
  const { store, server } = stack.use(await startNameServerOn(t.platform, options))
  const running = stack.move()
  return { t, store, server, [Symbol.asyncDispose]: () => running.disposeAsync() }
}

/** Connects a domain whose DNS is ours, as if its ownership had been proved, with these records of its owner. */
export async function serveDomain(
  platform: Platform,
  scope: Scope,
  name: string,
  records: readonly TestRecord[] = [],
  state: Domain['state'] = 'active',
): Promise<Domain> {
  return await transaction(platform.db, async (tx) => {
    const { id } = await connectDomain(platform, tx, scope, name)
    const domain = await tx
      .updateTable('domains')
      .set({ state, dns_mode: 'served' })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    await insertRecords(platform, tx, domain, records)
    await touchZones(platform, tx, [id])
    return domain
  })
}

/** Adds records of the owner's to a zone, as the API does. @returns its new serial. */
export async function addRecords(
  platform: Platform,
  domain: Pick<Domain, 'id' | 'workspace_id'>,
  records: readonly TestRecord[],
): Promise<number> {
  return await transaction(platform.db, async (tx) => {
    await insertRecords(platform, tx, domain, records)
    await touchZones(platform, tx, [domain.id])
    const { zone_serial: serial } = await tx
      .selectFrom('domains')
      .select('zone_serial')
      .where('id', '=', domain.id)
      .executeTakeFirstOrThrow()
    return serial
  })
}

// A statement has 65,535 parameters at most.
const rowsPerStatement = 5_000

async function insertRecords(
  platform: Platform,
  tx: Tx,
  domain: Pick<Domain, 'id' | 'workspace_id'>,
  records: readonly TestRecord[],
): Promise<void> {
  const now = platform.clock.now()
  const rows = records.map(({ name, type, ttl = 300, value }) => ({
    id: newId(),
    workspace_id: domain.workspace_id,
    domain_id: domain.id,
    name,
    type,
    ttl,
    value,
    created_at: now,
    updated_at: now,
  }))
  for (let from = 0; from < rows.length; from += rowsPerStatement) {
    await tx
      .insertInto('zone_records')
      .values(rows.slice(from, from + rowsPerStatement))
      .execute()
  }
}
