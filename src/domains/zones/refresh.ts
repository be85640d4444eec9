/** Reads zones again that have changed: many with one statement, one statement at a time, until it succeeds. */
import type { Logger } from '../../platform/log.ts'
import { zoneLimits } from './policy.ts'

export type Refresher = {
  /** A zone may have changed. */
  note(domainId: string): void
  /** Any zone may have changed. */
  doubt(): void
  /** From now on it reads; what was noted before is read first. */
  start(): void
  stop(): Promise<void>
}

export type RefreshSources = {
  log: Logger
  /** Reads these domains' zones and puts them in the place of what was known. */
  refresh(domainIds: readonly string[]): Promise<void>
  /** The domains whose zones are not as they are known, by their serials. */
  findChanged(): Promise<Iterable<string>>
}

export function createRefresher({ log, refresh, findChanged }: RefreshSources): Refresher {
  const changed = new Set<string>()
  let isInDoubt = false
  let running: Promise<void> | null = null
  let state: 'waiting' | 'started' | 'stopped' = 'waiting'

  const lookForChanges = async (): Promise<void> => {
    isInDoubt = false // a doubt that comes while we read is one more
    try {
      for (const id of await findChanged()) changed.add(id)
    } catch (error) {
      isInDoubt = true
      throw error
    }
  }
  const refreshSome = async (): Promise<void> => {
    const ids = [...changed].slice(0, zoneLimits.refreshedPerStatement)
    for (const id of ids) changed.delete(id) // what changes while we read is noted again
    try {
      await refresh(ids)
    } catch (error) {
      for (const id of ids) changed.add(id)
      throw error
    }
  }
  const isStopped = (): boolean => state === 'stopped'
  const run = async (): Promise<void> => {
    while (!isStopped() && (isInDoubt || changed.size > 0)) {
      try {
        if (isInDoubt) await lookForChanges()
        if (changed.size > 0) await refreshSome()
      } catch (cause) {
        if (isStopped()) return
        log.warn({ event: 'zones.not_refreshed', cause })
        await new Promise((resolve) => setTimeout(resolve, zoneLimits.retryMs))
      }
    }
  }
  const wake = (): void => {
    if (state !== 'started' || !(isInDoubt || changed.size > 0)) return
    running ??= run().finally(() => {
      running = null
      wake() // what was noted since it last looked
    })
  }
  return {
    note(domainId) {
      changed.add(domainId)
      wake()
    },
    doubt() {
      isInDoubt = true
      wake()
    },
    start() {
      state = 'started'
      wake()
    },
    async stop() {
      state = 'stopped'
      await running
    },
  }
}
