/**
 * Who is asking, and what it may reach. Every route of every face gets its tenant from here: a Scope is
 * the only way to a workspace's rows, so that a foreign id is simply not found.
 */
import { sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { sessionPrefix, tokenDigest } from './tokens.ts'

export type Access = 'read' | 'write'

export type Principal = {
  /** `app_password`: of a mailbox; the API's face finds out who that is. */
  kind: 'api_key' | 'session' | 'app_password'
  id: string
  organizationId: string
  /** Null: every workspace of the organization. */
  workspaceId: string | null
  /** Set: this mailbox only. */
  mailboxId: string | null
  access: Access
  userId: string | null
  expiresAt: Date | null
}

/** The rows that a request may touch. */
export type Scope = {
  organizationId: string
  workspaceId: string
  /** Set: of the workspace, only this mailbox. */
  mailboxId: string | null
  access: Access
  /** Who it is, for the audit log: `api_key:ID`, `session:ID` or `app_password:ID`. */
  actor: string
}

export type Authenticator = {
  /** @returns null for a token that is unknown, expired or revoked. */
  authenticate(token: string): Promise<Principal | null>
  /**
   * The workspace that the request is about: the one named, else the principal's own, else the default.
   * @throws Refusal workspace_not_found for a foreign, deleted or unknown one.
   */
  scopeOf(principal: Principal, workspaceId: string | null): Promise<Scope>
  /** Writes the last uses that were noted, and stops. */
  stop(): Promise<void>
}

const cachedPrincipalsMax = 10_000
const cacheTtlMs = 30_000
const lastUseIntervalMs = 60_000
const tokenLengthMax = 512
const revocations = new Set(['api_key.revoked', 'session.ended', 'workspace.deleted'])

/** Starts the authenticator of a node: it caches for seconds and forgets at once what the log revokes. */
export function startAuthenticator(platform: Platform): Authenticator {
  const principals = createCache<Principal>({ entriesMax: cachedPrincipalsMax, ttlMs: cacheTtlMs })
  const workspaces = createCache<string>({ entriesMax: cachedPrincipalsMax, ttlMs: cacheTtlMs })
  const used = new Map<string, Date>()
  const unsubscribe = platform.bus.subscribe((event) => {
    if (revocations.has(event.type)) {
      principals.clear()
      workspaces.clear()
    }
  })
  const timer = setInterval(() => void writeLastUses(platform, used), lastUseIntervalMs)

  return {
    async authenticate(token) {
      const now = platform.clock.now()
      const principal = await cachedPrincipal(platform, principals, token)
      if (!principal || (principal.expiresAt && principal.expiresAt <= now)) return null
      if (principal.kind === 'api_key') used.set(principal.id, now)
      return principal
    },
    async scopeOf(principal, workspaceId) {
      const id = await reachableWorkspace(platform, workspaces, principal, workspaceId)
      if (id === null) throw new Refusal('workspace_not_found')
      return {
        organizationId: principal.organizationId,
        workspaceId: id,
        mailboxId: principal.mailboxId,
        access: principal.access,
        actor: `${principal.kind}:${principal.id}`,
      }
    },
    async stop() {
      clearInterval(timer)
      unsubscribe()
      await writeLastUses(platform, used)
    },
  }
}

/** @throws Refusal forbidden unless the scope may change things. */
export function requireWrite(scope: { access: Access }): void {
  if (scope.access !== 'write') throw new Refusal('forbidden', 'This key may only read.')
}

/** @throws Refusal forbidden for a key that is bound to one mailbox. */
export function requireWorkspace(scope: { mailboxId: string | null }): void {
  if (scope.mailboxId !== null) throw new Refusal('forbidden', 'This key is bound to one mailbox.')
}

/** @throws Refusal forbidden for a key that is bound to a workspace or a mailbox. */
export function requireOrganization(principal: Principal): void {
  if (principal.workspaceId !== null || principal.mailboxId !== null) {
    throw new Refusal('forbidden', 'Only a key of the whole organization may do this.')
  }
}

/**
 * @throws Refusal forbidden for who came by an app password: it must show and make no other credential, which might
 * reach further or live longer.
 */
export function requireCredentialsRight(who: Pick<Scope, 'actor'> | Pick<Principal, 'kind'>): void {
  const isAppPassword = 'kind' in who ? who.kind === 'app_password' : who.actor.startsWith('app_password:')
  if (isAppPassword) throw new Refusal('forbidden', 'An app password may not manage credentials.')
}

async function cachedPrincipal(
  platform: Platform,
  cache: Cache<Principal>,
  token: string,
): Promise<Principal | null> {
  if (token.length > tokenLengthMax) return null
  const digest = tokenDigest(token)
  return await cache.load(digest.toString('base64'), () =>
    token.startsWith(sessionPrefix) ? sessionPrincipal(platform, digest) : apiKeyPrincipal(platform, digest),
  )
}

async function apiKeyPrincipal(platform: Platform, digest: Buffer): Promise<Principal | null> {
  const row = await platform.db
    .selectFrom('api_keys')
    .leftJoin('workspaces', 'workspaces.id', 'api_keys.workspace_id')
    .select(['api_keys.id', 'api_keys.organization_id', 'workspace_id', 'mailbox_id', 'access', 'expires_at'])
    .where('token_sha256', '=', digest)
    .where('revoked_at', 'is', null)
    .where('workspaces.deleted_at', 'is', null)
    .executeTakeFirst()
  if (!row) return null
  return {
    kind: 'api_key',
    id: row.id,
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    mailboxId: row.mailbox_id,
    access: row.access,
    userId: null,
    expiresAt: row.expires_at,
  }
}

async function sessionPrincipal(platform: Platform, digest: Buffer): Promise<Principal | null> {
  const row = await platform.db
    .selectFrom('sessions')
    .select(['id', 'organization_id', 'user_id', 'expires_at'])
    .where('token_sha256', '=', digest)
    .executeTakeFirst()
  if (!row) return null
  return {
    kind: 'session',
    id: row.id,
    organizationId: row.organization_id,
    workspaceId: null,
    mailboxId: null,
    access: 'write',
    userId: row.user_id,
    expiresAt: row.expires_at,
  }
}

async function reachableWorkspace(
  platform: Platform,
  cache: Cache<string>,
  principal: Principal,
  asked: string | null,
): Promise<string | null> {
  if (asked !== null && !isId(asked)) return null
  const wanted = asked?.toLowerCase() ?? principal.workspaceId
  if (principal.workspaceId !== null && wanted !== principal.workspaceId) return null
  return await cache.load(`${principal.organizationId} ${wanted ?? 'default'}`, async () => {
    const row = await platform.db
      .selectFrom('workspaces')
      .select('id')
      .where('organization_id', '=', principal.organizationId)
      .where('deleted_at', 'is', null)
      .where(wanted === null ? sql<boolean>`is_default` : sql<boolean>`id = ${wanted}::uuid`)
      .executeTakeFirst()
    return row?.id ?? null
  })
}

/** One statement a minute for all keys that were used, instead of one for each request. */
async function writeLastUses(platform: Platform, used: Map<string, Date>): Promise<void> {
  if (used.size === 0) return
  const entries = [...used]
  used.clear()
  try {
    await sql`
      update api_keys set last_used_at = uses.at
      from unnest(${entries.map(([id]) => id)}::uuid[], ${entries.map(([, at]) => at)}::timestamptz[]) as uses (id, at)
      where api_keys.id = uses.id`.execute(platform.db)
  } catch (error) {
    platform.log.warn({ event: 'accounts.last_use_failed', cause: error })
  }
}
