/** The catalog zone as this node remembers it, read again when zones have come or gone. */
import { type Catalog, catalogName, catalogSets, readCatalog } from '../../../domains/secondaries/catalog.ts'
import { knownSecondaries } from '../../../domains/secondaries/secondaries.ts'
import { soaNames, soaRdata } from '../../../domains/zones/soa.ts'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import type { Platform } from '../../../platform/platform.ts'
import type { TransferZone } from './axfr.ts'

export type CatalogZone = {
  /** The apex; null without a zone of our own. */
  readonly name: string | null
  zone(): Promise<TransferZone | null>
  stop(): Promise<void>
}

// The catalog of 100,000 zones is read in a fifth of a second: reading it never takes more than a part of the time.
const gatherMsMin = 500
const restOfReading = 20

/** Events after which a zone may be there that was not, or the other way round. */
const isOfMembership = (type: string): boolean =>
  /^domain\.(created|deleted|state_changed|zone_changed)$/.test(type)

/** @param onChanged the catalog has a new serial. */
export function startCatalogZone(platform: Platform, onChanged: (name: string) => void): CatalogZone {
  const { config, bus, log } = platform
  const name = catalogName(config)
  let kept: Catalog | null = null
  /** Whether nothing is known to have changed since the reading that gave what is kept began. */
  let isCurrent = false
  let reading: Promise<Catalog | null> | null = null
  let timer: NodeJS.Timeout | null = null
  let gatherMs = gatherMsMin
  let stopped = false

  const read = (): Promise<Catalog | null> => {
    reading ??= (async () => {
      isCurrent = true // what changes while it is read makes it old again
      const startedAt = performance.now()
      const before = kept?.serial
      try {
        kept = await readCatalog(platform)
      } catch (error) {
        isCurrent = false
        throw error
      }
      gatherMs = Math.max(gatherMsMin, (performance.now() - startedAt) * restOfReading)
      if (kept !== null && before !== kept.serial) onChanged(kept.name)
      return kept
    })().finally(() => {
      reading = null
    })
    return reading
  }
  /** Without secondaries nobody asks for it. */
  const readIfWanted = async (): Promise<void> => {
    if ((await knownSecondaries(platform)).all.length > 0) await read()
  }
  const stopListening = bus.subscribe(({ type }) => {
    if (stopped || name === null || !isOfMembership(type)) return
    isCurrent = false
    if (timer !== null) return
    timer = setTimeout(() => {
      timer = null
      readIfWanted().catch((cause: unknown) => log.warn({ event: 'dns.catalog_not_read', cause }))
    }, gatherMs)
    timer.unref()
  })
  bus.subscribeDoubt(() => {
    isCurrent = false
  })
  const toZone = (catalog: Catalog): TransferZone => ({
    name: catalog.name,
    serial: catalog.serial,
    soa: {
      owner: catalog.name,
      type: dnsTypes.SOA,
      ttl: 0,
      rdata: [soaRdata(soaNames(config, ['invalid']), catalog.serial)],
      wildcard: null,
    },
    sets: () => catalogSets(catalog),
  })
  return {
    name,
    async zone() {
      const catalog = isCurrent && kept !== null ? kept : await read()
      return catalog === null ? null : toZone(catalog)
    },
    async stop() {
      stopped = true
      stopListening()
      if (timer) clearTimeout(timer)
      await reading?.catch(() => undefined) // who asked has heard of it
    },
  }
}
