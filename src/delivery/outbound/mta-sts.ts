/** MTA-STS policies (RFC 8461): fetched by mailauth, kept here for all nodes until they expire (§3.3). */
import type { MTASTSPolicy } from 'mailauth'
import { getPolicy, validateMx } from 'mailauth/lib/mta-sts.js'
import { type Cache, createCache } from '../../platform/cache.ts'
import { isLocalNetwork } from '../../platform/network.ts'
import type { Platform } from '../../platform/platform.ts'

/** What holds for a domain. Only 'enforce' changes how its mail is sent. */
export type StsPolicy = { mode: 'enforce'; allows(host: string): boolean } | { mode: 'none' }

/** The policy of a domain: the one kept, looked up anew when its id in DNS has changed. */
export async function stsPolicyOf(platform: Platform, domain: string): Promise<StsPolicy> {
  const mayBeLocal = platform.config.outboundNetworks === 'any'
  const resolver = async (name: string, type: string): Promise<string[] | string[][]> => {
    const records = await platform.dns.resolve(name, type)
    if (mayBeLocal || (type !== 'A' && type !== 'AAAA')) return records
    // The policy's host is named by the recipient's domain: it may not lead into our own network.
    return records.flat().filter((address) => !isLocalNetwork(address))
  }
  const { policy, status } = await getPolicy(domain, await keptPolicy(platform, domain), { resolver })
  if (status === 'found' || status === 'errored') await keepPolicy(platform, domain, policy)
  if (policy.mode !== 'enforce') return { mode: 'none' }
  return { mode: 'enforce', allows: (host) => validateMx(host, policy).valid }
}

const cachedMax = 10_000
const cacheTtlMs = 300_000
// §3.2: at most a year, and what says nothing is asked again soon.
const lifetimeMsMax = 366 * 24 * 3600 * 1000
/** That there is none is remembered too. */
type Kept = { policy: MTASTSPolicy | null }
const caches = new WeakMap<Platform, Cache<Kept>>()

function memoryOf(platform: Platform): Cache<Kept> {
  const memory = caches.get(platform) ?? createCache<Kept>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  caches.set(platform, memory)
  return memory
}

/** In memory for what is in use, and in the database for a policy that must hold when its host cannot be reached. */
async function keptPolicy(platform: Platform, domain: string): Promise<MTASTSPolicy | null> {
  const kept = await memoryOf(platform).load(domain, async () => {
    const row = await platform.db
      .selectFrom('mta_sts_policies')
      .select('policy')
      .where('domain', '=', domain)
      .where('expires_at', '>', platform.clock.now())
      .executeTakeFirst()
    return { policy: row === undefined ? null : parsePolicy(row.policy) }
  })
  return kept?.policy ?? null
}

async function keepPolicy(platform: Platform, domain: string, found: MTASTSPolicy): Promise<void> {
  const policy = parsePolicy(found)
  if (policy === null) return // that a domain has none is a cheap question
  memoryOf(platform).set(domain, { policy })
  const expiresMs = Math.min(Date.parse(policy.expires ?? ''), Date.now() + lifetimeMsMax)
  const row = { domain, policy: JSON.stringify(policy), expires_at: new Date(expiresMs) }
  await platform.db
    .insertInto('mta_sts_policies')
    .values(row)
    .onConflict((conflict) => conflict.column('domain').doUpdateSet(row))
    .execute()
}

/** What is worth keeping of a policy: one that has an id and an end. */
function parsePolicy(value: unknown): MTASTSPolicy | null {
  if (typeof value !== 'object' || value === null) return null
  const { id, mode, mx, maxAge, expires } = {
    id: null,
    mode: null,
    mx: [],
    maxAge: 0,
    expires: null,
    ...value,
  } as Record<string, unknown>
  if (typeof id !== 'string' || typeof expires !== 'string' || Number.isNaN(Date.parse(expires))) return null
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') return null
  const hosts = Array.isArray(mx) ? mx.filter((one) => typeof one === 'string') : []
  return { id, mode, mx: hosts, expires, ...(typeof maxAge === 'number' ? { maxAge } : {}) }
}

/** Removes policies that have expired. @returns how many. */
export async function deleteOldPolicies(platform: Platform): Promise<number> {
  const { numDeletedRows } = await platform.db
    .deleteFrom('mta_sts_policies')
    .where('expires_at', '<', platform.clock.now())
    .executeTakeFirstOrThrow()
  return Number(numDeletedRows)
}
