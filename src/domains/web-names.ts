/** The names of domains that browsers, mail clients and other mail servers ask over HTTP. */
import { type Selectable, sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import type { PublishedEvent } from '../platform/event-bus.ts'
import type { Platform } from '../platform/platform.ts'
import type { DomainName } from './names.ts'
import type { DomainsTable } from './tables.ts'

/** What stands before a domain in its web names; none: the domain itself. */
export const webPrefixes = ['www', 'mta-sts', 'autoconfig', 'autodiscover'] as const

export type WebRole = 'domain' | (typeof webPrefixes)[number]

export type WebDomain = Pick<
  Selectable<DomainsTable>,
  | 'id'
  | 'name'
  | 'mta_sts_mode'
  | 'mta_sts_withdrawn_at'
  | 'redirect_url'
  | 'redirect_status'
  | 'redirect_keeps_path'
>

export type WebName = { role: WebRole; domain: WebDomain }

/**
 * The active domain that a host name is a web name of, or null. A domain that is itself called `www.` or the like comes
 * before the one that it stands below.
 */
export async function findWebName(platform: Platform, host: DomainName): Promise<WebName | null> {
  const known = await cacheOf(platform).load(host, async () => ({ found: await readWebName(platform, host) }))
  return known?.found ?? null
}

async function readWebName({ db }: Platform, host: DomainName): Promise<WebName | null> {
  const parent = parentOf(host)
  const { rows } = await sql<WebDomain>`
    select id, name, mta_sts_mode, mta_sts_withdrawn_at, redirect_url, redirect_status, redirect_keeps_path
    from domains where name = any(${[host, ...(parent === null ? [] : [parent.name])]}::text[]) and state = 'active'
    order by length(name) desc limit 1`.execute(db)
  const [domain] = rows
  if (domain === undefined) return null
  return { domain, role: parent === null || domain.name === host ? 'domain' : parent.role }
}

function parentOf(host: string): { role: WebRole; name: string } | null {
  const role = webPrefixes.find((prefix) => host.startsWith(`${prefix}.`))
  return role === undefined ? null : { role, name: host.slice(role.length + 1) }
}

/** That a name is none is remembered too. */
type Known = { found: WebName | null }

const cachedMax = 20_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Known>>()

function cacheOf(platform: Platform): Cache<Known> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Known>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe((event) => forget(cache, event))
  platform.bus.subscribeDoubt(() => cache.clear())
  caches.set(platform, cache)
  return cache
}

function forget(cache: Cache<Known>, { type, data }: PublishedEvent): void {
  if (!type.startsWith('domain.')) return
  if (typeof data !== 'object' || data === null || !('name' in data) || typeof data.name !== 'string') {
    cache.clear()
    return
  }
  const { name } = data
  for (const host of [name, ...webPrefixes.map((prefix) => `${prefix}.${name}`)]) cache.delete(host)
}
