/** What one secondary is still to be told: each zone once, a bounded number at a time, again after a failure, and then not. */
import { notifyLimits } from './limits.ts'

export type NotifyQueue = {
  /** A zone has changed. One that is in the queue already stays there, with all its attempts before it. */
  add(zone: string): void
  /** Zones that wait, or that are being told. */
  readonly size: number
  stop(): void
}

/** How long a zone waits before each attempt. */
const delaysMs: readonly number[] = [notifyLimits.gatherMs, ...notifyLimits.retryMs]

/**
 * @param tell resolves to whether the secondary has heard; it never rejects.
 * @param onGivenUp a zone is left to the secondary's own refresh.
 */
export function createNotifyQueue(
  tell: (zone: string) => Promise<boolean>,
  onGivenUp: (zone: string) => void,
): NotifyQueue {
  // Of each attempt, the zones that wait for it and until when: all wait equally long, so that the first is due first.
  const waiting = delaysMs.map(() => new Map<string, number>())
  const inFlight = new Map<string, { again: boolean }>()
  let timer: { wakesAtMs: number; handle: NodeJS.Timeout } | null = null
  let stopped = false

  const countWaiting = (): number => waiting.reduce((count, { size }) => count + size, 0)

  const put = (zone: string, attempt: number): void => {
    const dueAtMs = performance.now() + (delaysMs[attempt] ?? 0)
    waiting[attempt]?.set(zone, dueAtMs)
    if (countWaiting() > notifyLimits.zonesMax) dropOldest()
    wakeAt(dueAtMs)
  }
  const dropOldest = (): void => {
    const fullest = waiting.toSorted((a, b) => b.size - a.size)[0]
    for (const zone of fullest?.keys() ?? []) {
      fullest?.delete(zone)
      onGivenUp(zone)
      return
    }
  }
  const wakeAt = (dueAtMs: number): void => {
    if (timer !== null && timer.wakesAtMs <= dueAtMs) return
    if (timer !== null) clearTimeout(timer.handle)
    const handle = setTimeout(
      () => {
        timer = null
        pump()
      },
      Math.max(0, dueAtMs - performance.now()),
    )
    timer = { wakesAtMs: dueAtMs, handle: handle.unref() }
  }
  const run = async (zone: string, attempt: number): Promise<void> => {
    const flight = { again: false }
    inFlight.set(zone, flight)
    const isHeard = await tell(zone)
    inFlight.delete(zone)
    if (stopped) return
    if (flight.again) put(zone, 0)
    else if (!isHeard && attempt + 1 < delaysMs.length) put(zone, attempt + 1)
    else if (!isHeard) onGivenUp(zone)
    pump()
  }

  function pump(): void {
    for (const [attempt, zones] of waiting.entries()) {
      for (const [zone, dueAtMs] of zones) {
        if (stopped || inFlight.size >= notifyLimits.inFlightMax) return // the next that ends pumps again
        if (dueAtMs > performance.now()) {
          wakeAt(dueAtMs)
          break
        }
        zones.delete(zone)
        void run(zone, attempt)
      }
    }
  }

  return {
    get size() {
      return countWaiting() + inFlight.size
    },
    add(zone) {
      const flight = inFlight.get(zone)
      if (flight)
        flight.again = true // what is being told may be older than this change
      // A secondary that does not answer is not asked sooner because a zone changes again.
      else if (!stopped && !waiting.some((zones) => zones.has(zone))) put(zone, 0)
    },
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer.handle)
      for (const zones of waiting) zones.clear()
    },
  }
}
