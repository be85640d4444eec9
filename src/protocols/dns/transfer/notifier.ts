/**
 * Tells secondaries of changes, as a name server does: each node tells for itself, once it has taken the change in, so
 * that whichever node a secondary asks then has what it was told of. Nothing is kept: a NOTIFY that is lost, with its
 * node or on the way, costs no more than the refresh interval of the zone.
 */
import { knownSecondaries, type Secondary } from '../../../domains/secondaries/secondaries.ts'
import { createCache } from '../../../platform/cache.ts'
import { ExchangeFailure } from '../../../platform/dns-wire/client.ts'
import { rcodes } from '../../../platform/dns-wire/message.ts'
import type { Platform } from '../../../platform/platform.ts'
import { notifyLimits } from './limits.ts'
import { sendNotify } from './notify-message.ts'
import { createNotifyQueue, type NotifyQueue } from './notify-queue.ts'
import type { TransferSource } from './requests.ts'

export type Notifier = {
  /** A zone has changed that is not of a domain: the catalog, the platform's own. */
  changed(zone: string): void
  stop(): void
}

// Longer than a zone is told of again and again.
const announcedMs = 3_600_000

type Told = { secondary: Secondary; queue: NotifyQueue }

export function startNotifier(platform: Platform, source: TransferSource): Notifier {
  const { bus, log } = platform
  const told = new Map<string, Told>()
  const gathered = new Set<string>()
  /** The serials that changes were announced with. */
  const announced = createCache<number>({ entriesMax: notifyLimits.zonesMax, ttlMs: announcedMs })
  let lookingUp = false
  let stopped = false
  const nowSeconds = (): number => Math.floor(platform.clock.now().getTime() / 1000)

  const tell = async (secondaryId: string, name: string): Promise<boolean> => {
    const secondary = told.get(secondaryId)?.secondary
    try {
      const zone = await source.zone(name)
      if (secondary === undefined || zone === null) return true // nothing to tell
      // Told too early, the secondary would find nothing new, and come back in an hour.
      if (zone.serial < (announced.get(name) ?? 0)) return false
      const rcode = await sendNotify(secondary, zone, nowSeconds)
      // NOTAUTH: it does not know the zone (yet), which a catalog will tell it. To insist would not help.
      if (rcode !== rcodes.NOERROR) {
        log.info({ event: 'dns.notify_refused', zone: name, to: secondary.address, rcode })
      }
      return true
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) log.warn({ event: 'dns.notify_failed', cause: error })
      return false
    }
  }
  const tellTold = (name: string): void => {
    for (const { queue } of told.values()) queue.add(name)
  }
  /** Who is to be told may have changed; what was gathered meanwhile goes to those who are there now. */
  const lookUp = async (): Promise<void> => {
    if (lookingUp) return
    lookingUp = true
    try {
      const known = (await knownSecondaries(platform)).all.filter(({ notify }) => notify)
      if (stopped) return
      const ids = new Set(known.map(({ id }) => id))
      for (const [id, { queue }] of told) {
        if (ids.has(id)) continue
        queue.stop()
        told.delete(id)
      }
      for (const secondary of known) {
        const before = told.get(secondary.id)
        const queue =
          before?.queue ??
          createNotifyQueue(
            (name) => tell(secondary.id, name),
            (zone) => log.info({ event: 'dns.notify_given_up', zone, to: secondary.address }),
          )
        told.set(secondary.id, { secondary, queue })
      }
      for (const name of gathered) tellTold(name)
      gathered.clear()
    } catch (cause) {
      log.warn({ event: 'dns.secondaries_not_read', cause })
    } finally {
      lookingUp = false
    }
  }
  const changed = (zone: string): void => {
    if (stopped || gathered.size >= notifyLimits.zonesMax) return
    gathered.add(zone)
    void lookUp()
  }
  const stopListening = bus.subscribe(({ type, data }) => {
    const zone = type === 'domain.zone_changed' ? changedZoneOf(data) : null
    if (zone === null) return
    announced.set(zone.name, zone.serial)
    changed(zone.name)
  })
  return {
    changed,
    stop() {
      stopped = true
      stopListening()
      for (const { queue } of told.values()) queue.stop()
    },
  }
}

function changedZoneOf(data: unknown): { name: string; serial: number } | null {
  if (typeof data !== 'object' || data === null || !('name' in data) || !('serial' in data)) return null
  const { name, serial } = data
  return typeof name === 'string' && typeof serial === 'number' ? { name, serial } : null
}
