/** Zone transfers and NOTIFY of a node: the zones that it has in memory, the platform's own zone, and the catalog. */
import { allDkimSets } from '../../../domains/secondaries/own-zone-transfer.ts'
import { signedSets } from '../../../domains/zones/dnssec/sign-zone.ts'
import type { ZoneStore } from '../../../domains/zones/store.ts'
import type { WireRRset } from '../../../domains/zones/zone-answer.ts'
import { dnsTypes, rcodes } from '../../../platform/dns-wire/message.ts'
import { isWithin } from '../../../platform/dns-wire/names.ts'
import type { Platform } from '../../../platform/platform.ts'
import { finishMessage } from '../finish-message.ts'
import type { HandleOther } from '../other-requests.ts'
import { messageBytesMax } from '../responder.ts'
import type { TransferZone } from './axfr.ts'
import { startCatalogZone } from './catalog-zone.ts'
import { notifyLimits } from './limits.ts'
import { startNotifier } from './notifier.ts'
import { createTransfers, type TransferSource } from './requests.ts'

export type RunningTransfers = {
  /** For the name server: whatever is more than a plain question. */
  handleOther: HandleOther
  /** The catalog is for secondaries alone. */
  isPrivate: (name: string) => boolean
  stop(): Promise<void>
}

export function startTransfers(platform: Platform, store: Pick<ZoneStore, 'find'>): RunningTransfers {
  const catalog = startCatalogZone(platform, (name) => notifier.changed(name))
  const source: TransferSource = {
    isPrivate: (name) => catalog.name !== null && isWithin(name, catalog.name),
    zone: (apex) => (apex === catalog.name ? catalog.zone() : servedZone(platform, store, apex)),
  }
  const notifier = startNotifier(platform, source)
  const stopTelling = tellOfOwnZone(platform, (name) => notifier.changed(name))
  const transfers = createTransfers(platform, source)
  return {
    isPrivate: source.isPrivate,
    async handleOther({ bytes, query, transport, address, answer }) {
      const answerPlain = async (roomForTsig: number): Promise<Buffer> => {
        const bytesMax = messageBytesMax(query, transport) - roomForTsig
        return finishMessage(await answer(bytesMax), query, bytes, rcodes.NOERROR, null)
      }
      return transfers.answer({ bytes, transport, address, answerPlain })
    },
    async stop() {
      stopTelling()
      notifier.stop()
      await catalog.stop()
    },
  }
}

/** null for what is no apex of ours. */
async function servedZone(
  platform: Platform,
  store: Pick<ZoneStore, 'find'>,
  apex: string,
): Promise<TransferZone | null> {
  const found = await store.find(apex, dnsTypes.SOA)
  const soa = found?.zone.nodes.get(apex)?.get(dnsTypes.SOA)
  if (found == null || found.zone.name !== apex || soa === undefined) return null
  const { zone, signer } = found
  const sets = function* (): Generator<WireRRset> {
    for (const node of zone.nodes.values()) {
      for (const set of node.values()) if (set !== soa) yield set
    }
  }
  const withKeys = async function* (): AsyncGenerator<WireRRset> {
    yield* sets()
    yield* allDkimSets(platform)
  }
  const whole = { name: apex, serial: zone.serial, soa }
  if (signer !== null) return { ...whole, sets: () => signedSets(zone, signer) }
  return { ...whole, sets: apex === platform.config.dnsZone ? withKeys : sets }
}

/** The own zone has a new serial with every change of any domain; secondaries are told of many at once. */
function tellOfOwnZone(platform: Platform, changed: (name: string) => void): () => void {
  const { dnsZone } = platform.config
  if (dnsZone === null) return () => undefined
  let timer: NodeJS.Timeout | null = null
  let lastAtMs = Number.NEGATIVE_INFINITY
  const stopListening = platform.bus.subscribe(({ type }) => {
    if (timer !== null || (type !== 'domain.zone_changed' && type !== 'domain.dkim_keys_created')) return
    const waitMs = Math.max(0, lastAtMs + notifyLimits.ownZoneMs - performance.now())
    timer = setTimeout(() => {
      timer = null
      lastAtMs = performance.now()
      changed(dnsZone)
    }, waitMs).unref()
  })
  return () => {
    stopListening()
    if (timer !== null) clearTimeout(timer)
  }
}
