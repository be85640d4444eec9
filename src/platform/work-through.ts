/** Sets of due rows, worked through one after the other; one broken row does not keep the others from their turn. */
import type { Platform } from './platform.ts'

export type DueSet = {
  /** How many to take at most. */
  limit: number
  /** Those that failed by themselves in this run, and are left out. */
  except: readonly string[]
  /** Told of the rows that were taken, before they are worked on. */
  taken(ids: readonly string[]): void
}

/**
 * Takes sets until one is empty. One that fails is tried again in smaller ones; a row that fails alone is logged and left
 * out until the next run.
 * @param event as the log names it.
 * @param work does one set in a transaction of its own. @returns how many there were.
 * @throws the first error of a row that failed alone, when all others are done.
 */
export async function workThrough(
  platform: Platform,
  event: string,
  limitMax: number,
  work: (set: DueSet) => Promise<number>,
  msMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const broken = new Map<string, unknown>()
  const startedMs = performance.now()
  for (let limit = limitMax; performance.now() - startedMs < msMax; ) {
    let ids: readonly string[] = []
    const taken = (of: readonly string[]): void => {
      ids = of
    }
    try {
      if ((await work({ limit, except: [...broken.keys()], taken })) === 0) break
      limit = Math.min(limitMax, limit * 4)
    } catch (error) {
      const [only, ...others] = ids
      if (only === undefined || broken.size >= brokenMax) throw error // no row's fault
      limit = Math.max(1, Math.floor(ids.length / 4))
      if (others.length > 0) continue
      broken.set(only, error)
      platform.log.error({ event, id: only, cause: error })
    }
  }
  for (const error of broken.values()) throw error
}

// So many are no single rows any more.
const brokenMax = 100
