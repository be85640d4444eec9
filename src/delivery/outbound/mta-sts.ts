/** MTA-STS policies (RFC 8461): fetched by mx-connect, kept here for all nodes until they expire (§3.3). */
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'

export type PolicyCache = {
  get(domain: string): Promise<unknown>
  set(domain: string, policy: unknown): Promise<void>
}

const cachedMax = 10_000
const cacheTtlMs = 300_000
// §3.2: at most a year, and what says nothing is asked again soon.
const lifetimeMsMax = 366 * 24 * 3600 * 1000
/** That there is none is remembered too. */
type Kept = { policy: object | null }
const caches = new WeakMap<Platform, Cache<Kept>>()

/** In memory for what is in use, and in the database for a policy that must hold when its host cannot be reached. */
export function mtaStsCache(platform: Platform): PolicyCache {
  const memory = caches.get(platform) ?? createCache<Kept>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  caches.set(platform, memory)
  return {
    async get(domain) {
      const kept = await memory.load(domain, async () => ({ policy: await readPolicy(platform, domain) }))
      return kept?.policy ?? false
    },
    async set(domain, policy) {
      const kept = keptPolicy(policy)
      if (kept === null) return
      if (JSON.stringify(memory.get(domain)?.policy) === JSON.stringify(kept.policy)) return
      memory.set(domain, { policy: kept.policy })
      const row = { domain, policy: JSON.stringify(kept.policy), expires_at: kept.expiresAt }
      await platform.db
        .insertInto('mta_sts_policies')
        .values(row)
        .onConflict((conflict) => conflict.column('domain').doUpdateSet(row))
        .execute()
    },
  }
}

async function readPolicy(platform: Platform, domain: string): Promise<object | null> {
  const row = await platform.db
    .selectFrom('mta_sts_policies')
    .select('policy')
    .where('domain', '=', domain)
    .where('expires_at', '>', platform.clock.now())
    .executeTakeFirst()
  return typeof row?.policy === 'object' ? row.policy : null
}

/** What is worth keeping: a policy with an id. That a domain has none is a cheap question. */
function keptPolicy(policy: unknown): { policy: object; expiresAt: Date } | null {
  if (typeof policy !== 'object' || policy === null) return null
  if (!('id' in policy) || typeof policy.id !== 'string') return null
  if (!('expires' in policy) || typeof policy.expires !== 'string') return null
  const expiresMs = Math.min(Date.parse(policy.expires), Date.now() + lifetimeMsMax)
  if (Number.isNaN(expiresMs)) return null
  const { error: _error, ...rest } = { error: null, ...policy }
  return { policy: rest, expiresAt: new Date(expiresMs) }
}

/** Removes policies that have expired. @returns how many. */
export async function deleteOldPolicies(platform: Platform): Promise<number> {
  const { numDeletedRows } = await platform.db
    .deleteFrom('mta_sts_policies')
    .where('expires_at', '<', platform.clock.now())
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}
