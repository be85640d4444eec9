/**
 * The zones that this node answers for, in memory: read whole at the start, then zone by zone as the event log tells of
 * changes. A zone's records are put into wire form when it is first asked about.
 */
import { createCache } from '../../platform/cache.ts'
import type { Db } from '../../platform/database.ts'
import { isWithin } from '../../platform/dns-wire/names.ts'
import type { PublishedEvent } from '../../platform/event-bus.ts'
import type { EventType } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { challengeRecords } from '../certificates/dns-challenges.ts'
import { compileZone } from './compiled-zone.ts'
import { zoneContent } from './content.ts'
import { bringSerialsUpToDate } from './fingerprint.ts'
import type { FoundZone, Version, ZoneSigner } from './found-zone.ts'
import { createOwnZone } from './own-zone-answers.ts'
import { zoneLimits } from './policy.ts'
import type { RRset, Zone } from './records.ts'
import { createRefresher } from './refresh.ts'
import { soaNames } from './soa.ts'
import { createZoneIndex, type IndexedZone, type ZoneIndex } from './zone-index.ts'
import {
  isProven,
  keysOf,
  readHighestSerial,
  readSerials,
  readZones,
  readZonesAfter,
  recordsOf,
  type ZoneRow,
} from './zone-rows.ts'

export type ZoneStore = {
  /** Rises when a name may belong to another zone than before: what was answered until then is asked anew. */
  readonly topology: number
  /**
   * The zone that a name belongs to; null when it is none of ours. A promise where it must be read first: of null, when
   * it cannot be.
   * @param name in lower case.
   */
  find(name: string, type: number): FoundZone | null | Promise<FoundZone | null>
  /** All records of the zone with this apex but its SOA, and but the DKIM keys in the platform's own zone. */
  content(apex: string): Zone | null
  stop(): Promise<void>
}

export type ZoneStoreOptions = {
  /** The signers of domains' zones, by domain id: asked for whenever zones are read. */
  readSigners?: (domainIds: readonly string[]) => Promise<ReadonlyMap<string, ZoneSigner>>
}

type Entry = IndexedZone & {
  row: ZoneRow
  version: Version
  signer: ZoneSigner | null
  /** Of an authority (RFC 8555 §8.4), for as long as it takes. */
  challenges: readonly RRset[]
}

const noChallenges: readonly RRset[] = []

/** Resolves when all zones are loaded. */
export async function startZoneStore(platform: Platform, options: ZoneStoreOptions = {}): Promise<ZoneStore> {
  const { config, db, log, bus } = platform
  const index = createZoneIndex<Entry>()
  const compiled = createCache<FoundZone>({ entriesMax: zoneLimits.compiledMax, ttlMs: compiledMs })
  const own = createOwnZone(platform)
  let doubts = 0

  /** What was answered from the zone so far is not remembered any longer. */
  const retire = (id: string): void => {
    const before = index.byId(id)
    if (before !== undefined) before.version.isCurrent = false
    compiled.delete(id)
  }
  const put = async (rows: readonly ZoneRow[]): Promise<void> => {
    const ids = rows.map(({ id }) => id)
    const signers = await options.readSigners?.(ids)
    const challenges = await challengeRecords(db, ids)
    for (const row of rows) {
      retire(row.id)
      index.put(entryOf(row, signers?.get(row.id) ?? null, challenges.get(row.id) ?? noChallenges))
    }
  }
  const refresher = createRefresher({
    log,
    async refresh(ids) {
      const rows = await readZones(db, ids)
      const found = new Set(rows.map(({ id }) => id))
      for (const id of ids.filter((one) => !found.has(one))) {
        retire(id)
        index.remove(id)
      }
      await put(rows)
    },
    async findChanged() {
      own.raise(await readHighestSerial(db))
      return changedSince(index, await readSerials(db))
    },
  })
  // Before the first row is read, so that no change falls between.
  const stopListening = bus.subscribe((event) => {
    if (event.type === 'certificate.challenge_changed') own.noteChallenges()
    const change = zoneChangeOf(event)
    if (change === null) return
    own.forgetKeys(change.domainId)
    own.raise(change.serial)
    refresher.note(change.domainId)
  })
  bus.subscribeDoubt(() => {
    doubts++ // what is remembered of answers may be older than what was not heard of
    own.forgetAll()
    refresher.doubt()
  })

  const startedAt = performance.now()
  own.raise(await bringSerialsUpToDate(platform))
  own.raise(await readHighestSerial(db))
  await own.readChallenges()
  await loadAll(db, put)
  refresher.start()
  log.debug({ event: 'zones.loaded', zones: index.size, ms: Math.round(performance.now() - startedAt) })

  const contentOf = ({ row, challenges }: Entry): Zone =>
    zoneContent(config, row, keysOf(row), recordsOf(row), challenges)
  return {
    get topology() {
      return index.topology + doubts
    },
    find(name, type) {
      const { dnsZone } = config
      if (dnsZone !== null && isWithin(name, dnsZone)) return own.find(dnsZone, name)
      const entry = index.nearest(name, type)
      if (entry === null) return null
      const known = compiled.get(entry.id)
      if (known !== undefined) return known
      const zone = contentOf(entry)
      const { version, signer } = entry
      const soa = soaNames(config, apexNameservers(zone))
      const found = { zone: compileZone(zone, soa, [], signer?.apexSets), version, signer }
      compiled.set(entry.id, found)
      return found
    },
    content(apex) {
      if (apex === config.dnsZone) return own.content()
      const entry = index.get(apex)
      return entry === undefined ? null : contentOf(entry)
    },
    async stop() {
      stopListening()
      await own.settled()
      await refresher.stop()
    },
  }
}

/** All zones, page by page: while one is put in its place the database makes the next. */
async function loadAll(db: Db, put: (rows: readonly ZoneRow[]) => Promise<void>): Promise<void> {
  const read = (after: string): Promise<ZoneRow[]> => readZonesAfter(db, after, zoneLimits.loadedPerStatement)
  let next: Promise<ZoneRow[]> | null = read(firstId)
  while (next !== null) {
    const rows: ZoneRow[] = await next
    const last = rows.at(-1)
    next = last === undefined || rows.length < zoneLimits.loadedPerStatement ? null : read(last.id)
    next?.catch(() => undefined) // seen to when its turn comes, unless this page fails first
    await put(rows)
  }
}

const firstId = '00000000-0000-0000-0000-000000000000'
const compiledMs = Number.POSITIVE_INFINITY // events drop what has changed

function entryOf(row: ZoneRow, signer: ZoneSigner | null, challenges: readonly RRset[]): Entry {
  return {
    id: row.id,
    name: row.name,
    workspaceId: row.workspace_id,
    isProven: isProven(row),
    row,
    version: { isCurrent: true },
    signer,
    challenges,
  }
}

function apexNameservers({ name, rrsets }: Zone): readonly string[] {
  return rrsets.find((set) => set.type === 'NS' && set.name === name)?.values ?? []
}

/** Zones that are gone, new, or have another serial. */
function changedSince(
  index: ZoneIndex<Entry>,
  serials: readonly { id: string; serial: number }[],
): Set<string> {
  const gone = new Set(index.ids())
  const changed = new Set<string>()
  for (const { id, serial } of serials) {
    gone.delete(id)
    if (index.byId(id)?.row.zone_serial !== serial) changed.add(id)
  }
  for (const id of gone) changed.add(id)
  return changed
}

const changing: ReadonlySet<string> = new Set<EventType>([
  'domain.created',
  'domain.zone_changed',
  'domain.state_changed',
  'domain.dkim_keys_created',
  'domain.deleted',
])

/** The domain whose zone an event may have changed, and its serial where the event says it. */
function zoneChangeOf({ type, data }: PublishedEvent): { domainId: string; serial: number } | null {
  if (!changing.has(type) || typeof data !== 'object' || data === null) return null
  if (!('domain_id' in data) || typeof data.domain_id !== 'string') return null
  const serial = 'serial' in data && typeof data.serial === 'number' ? data.serial : 0
  return { domainId: data.domain_id, serial }
}
