/** Waiting for others, and telling of their failures: both with a bound. */
import type { Platform } from '../../platform/platform.ts'

/** What came in time; null when it did not, or failed. */
export async function inTime<T>(work: Promise<T>, msMax: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), msMax)
  })
  try {
    return await Promise.race([work.catch(() => null), late])
  } finally {
    clearTimeout(timer)
  }
}

const lastLogs = new WeakMap<Platform, Map<string, number>>()
const topicsMax = 1000

/** Logs a warning, of each topic at most one in `everyMs`: what is down fails for every message. */
export function warnNowAndThen(
  platform: Platform,
  everyMs: number,
  topic: string,
  record: Record<string, unknown>,
): void {
  const last = lastLogs.get(platform) ?? new Map<string, number>()
  lastLogs.set(platform, last)
  const now = performance.now()
  if (now - (last.get(topic) ?? -Infinity) < everyMs) return
  if (last.size >= topicsMax) last.clear()
  last.set(topic, now)
  platform.log.warn(record)
}
