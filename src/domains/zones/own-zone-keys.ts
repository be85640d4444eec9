/** The DKIM keys that questions to the platform's own zone are about: read when asked for, many at once, remembered. */
import { sql } from 'kysely'
import { createCache } from '../../platform/cache.ts'
import type { Db } from '../../platform/database.ts'
import type { Logger } from '../../platform/log.ts'
import type { DkimKey } from '../dkim-keys.ts'
import { zoneLimits } from './policy.ts'

export type OwnZoneKeys = {
  /** The keys of a domain whose records must be in DNS; null when they cannot be known now. */
  of(domainId: string): readonly DkimKey[] | Promise<readonly DkimKey[] | null>
  forget(domainId: string): void
  forgetAll(): void
}

type Waiting = { answers: ((keys: readonly DkimKey[] | null) => void)[] }

export function createOwnZoneKeys({ db, log }: { db: Db; log: Logger }): OwnZoneKeys {
  const cache = createCache<readonly DkimKey[]>({
    entriesMax: zoneLimits.keysRememberedMax,
    ttlMs: zoneLimits.keysRememberedMs,
  })
  let forgettings = 0
  let waiting = new Map<string, Waiting>()
  let isReading = false

  /** All who asked while the last statement ran share the next one. */
  const readWaiting = async (): Promise<void> => {
    while (waiting.size > 0) {
      const batch = waiting
      waiting = new Map()
      const before = forgettings
      const found = await readKeys(db, [...batch.keys()]).catch((cause: unknown) => {
        log.warn({ event: 'zones.keys_not_read', cause })
        return null
      })
      for (const [id, { answers }] of batch) {
        const keys = found === null ? null : (found.get(id) ?? [])
        if (keys !== null && before === forgettings) cache.set(id, keys)
        for (const answer of answers) answer(keys)
      }
    }
    isReading = false
  }
  return {
    of(domainId) {
      const known = cache.get(domainId)
      if (known !== undefined) return known
      return new Promise((resolve) => {
        const same = waiting.get(domainId)
        if (same !== undefined) same.answers.push(resolve)
        else if (waiting.size >= zoneLimits.keyLookupsMax) return resolve(null)
        else waiting.set(domainId, { answers: [resolve] })
        if (isReading) return
        isReading = true
        void readWaiting()
      })
    },
    forget(domainId) {
      forgettings++
      cache.delete(domainId)
    },
    forgetAll() {
      forgettings++
      cache.clear()
    },
  }
}

async function readKeys(db: Db, domainIds: readonly string[]): Promise<Map<string, DkimKey[]>> {
  const { rows } = await sql<DkimKey & { domain_id: string }>`/* prepared own_zone_keys */
    select domain_id, algorithm, selector, public_key, state from dkim_keys
    where domain_id = any(${domainIds}::uuid[]) order by domain_id, selector desc`.execute(db)
  return Map.groupBy(rows, ({ domain_id: id }) => id)
}
