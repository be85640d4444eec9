/** Relays: where mail goes in place of its recipients' MX, for the whole platform or for some of its mail. */
import { sql } from 'kysely'
import { type Cache, createCache } from '../../platform/cache.ts'
import type { Platform } from '../../platform/platform.ts'
import type { ClaimedMessage } from './claim.ts'
import type { Login } from './smtp-client/greeting.ts'

export type Relay = {
  /** Null: the one of the configuration. */
  id: string | null
  host: string
  port: number
  security: 'none' | 'opportunistic' | 'starttls' | 'tls'
  login: Login | null
  /** Whether it may be in a private network: the operator's may. */
  isTrusted: boolean
}

export function relaySecretContext(id: string): string {
  return `relays:${id}`
}

/** The relays of a message for a recipient domain, in the order in which they are tried; none: by MX. */
export async function relaysFor(
  platform: Platform,
  message: ClaimedMessage,
  recipientDomain: string,
): Promise<Relay[]> {
  const cache = cacheOf(platform)
  const senderDomain = message.signingDomain ?? message.mailFrom.slice(message.mailFrom.lastIndexOf('@') + 1)
  const read = (domain: string): Promise<Relay[]> => readRelays(platform, message, senderDomain, domain)
  // Most have none at all: one entry for each sender instead of one for each pair.
  const key = `${message.workspaceId} ${senderDomain}`
  const any = await cache.load(`${key} *`, () => hasRelays(platform, message))
  if (any === null || !any.isAny) return configured(platform)
  const found = await cache.load(`${key} ${recipientDomain}`, async () => ({
    isAny: true,
    relays: await read(recipientDomain),
  }))
  return found && found.relays.length > 0 ? found.relays : configured(platform)
}

async function hasRelays(platform: Platform, message: ClaimedMessage): Promise<Known> {
  const row = await platform.db
    .selectFrom('relays')
    .select('id')
    .where('organization_id', '=', message.organizationId)
    .limit(1)
    .executeTakeFirst()
  return { isAny: row !== undefined, relays: [] }
}

type Row = {
  id: string
  host: string
  port: number
  security: Relay['security']
  username: string | null
  sealed_password: Buffer | null
  rank: number
}

async function readRelays(
  platform: Platform,
  message: ClaimedMessage,
  senderDomain: string,
  recipientDomain: string,
): Promise<Relay[]> {
  // The most particular holds: what is said of the sender's domain before what is said of the recipient's.
  const { rows } = await sql<Row>`
    select relays.id, host, port, security, username, sealed_password,
      (domain_id is not null)::int * 4 + (recipient_domain is not null)::int * 2
        + (relays.workspace_id is not null)::int as rank
    from relays left join domains on domains.id = domain_id
    where relays.organization_id = ${message.organizationId}::uuid
      and (relays.workspace_id is null or relays.workspace_id = ${message.workspaceId}::uuid)
      and (domain_id is null or (domains.name = ${senderDomain}::text and domains.state <> 'deleted'))
      and (recipient_domain is null or recipient_domain = ${recipientDomain}::text)
    order by rank desc, priority, relays.id limit 20`.execute(platform.db)
  return rows
    .filter(({ rank }) => rank === rows[0]?.rank)
    .map((row) => ({
      id: row.id,
      host: row.host,
      port: row.port,
      security: row.security,
      login: loginOf(platform, row),
      isTrusted: false,
    }))
}

/** What is sealed under a relay's id, opened. */
export function loginOf(
  platform: Platform,
  row: { id: string; username: string | null; sealed_password: Buffer | null },
): Login | null {
  if (row.username === null || row.sealed_password === null) return null
  return {
    username: row.username,
    password: platform.vault.open(row.sealed_password, relaySecretContext(row.id)).toString(),
  }
}

function configured({ config }: Platform): Relay[] {
  if (config.relayUrl === null) return []
  const url = new URL(config.relayUrl)
  const isTls = url.protocol === 'smtps:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const login =
    url.username === ''
      ? null
      : { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) }
  const security = isTls ? 'tls' : login === null || isThisMachine(host) ? 'opportunistic' : 'starttls'
  // RFC 8314 §7.3 for 465; a submission port where there is a login, else the relay's MX port.
  const port = url.port === '' ? (isTls ? 465 : login === null ? 25 : 587) : Number(url.port)
  return [{ id: null, host, port, security, login, isTrusted: true }]
}

export function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

type Known = { isAny: boolean; relays: Relay[] }

const cachedMax = 20_000
const cacheTtlMs = 60_000
const caches = new WeakMap<Platform, Cache<Known>>()
const changes = new Set(['relay.created', 'relay.updated', 'relay.deleted', 'domain.deleted'])

function cacheOf(platform: Platform): Cache<Known> {
  const existing = caches.get(platform)
  if (existing) return existing
  const cache = createCache<Known>({ entriesMax: cachedMax, ttlMs: cacheTtlMs })
  platform.bus.subscribe((event) => {
    if (changes.has(event.type)) cache.clear()
  })
  caches.set(platform, cache)
  return cache
}
