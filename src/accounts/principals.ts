/**
 * Who is asking, and what it may reach. Every route of every face gets its tenant from here: a Scope is
 * the only way to a workspace's rows, so that a foreign id is simply not found.
 */
import { sql } from 'kysely'
import { type Cache, createCache } from '../platform/cache.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { may, type Role } from './roles.ts'
import { sessionPrefix, tokenDigest } from './tokens.ts'

export type Access = 'read' | 'write'

export type Principal = {
  /** `app_password`: of a mailbox; the API's face finds out who that is. */
  kind: 'api_key' | 'session' | 'app_password'
  id: string
  organizationId: string
  /** What it means when it names no workspace: its own. Null: it reaches every workspace of the organization. */
  workspaceId: string | null
  /** Of a member who is bound to several workspaces: the others that it reaches. */
  otherWorkspaceIds: readonly string[]
  /** Set: this mailbox only. */
  mailboxId: string | null
  access: Access
  /** Of a session: the member's role. Null: an API key or an app password. */
  role: Role | null
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
  /** Who it is, for the audit log: `user:ID`, `api_key:ID` or `app_password:ID`. */
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
const revocations = new Set([
  'api_key.revoked',
  'session.ended',
  'workspace.deleted',
  'member.updated',
  'member.removed',
])

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
        actor: partyOf(principal),
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

/** @throws Refusal forbidden for whoever is bound to workspaces or a mailbox. */
export function requireUnbound(principal: Principal): void {
  if (principal.workspaceId !== null || principal.mailboxId !== null) {
    throw new Refusal('forbidden', 'Only a key of the whole organization may do this.')
  }
}

/**
 * @throws Refusal forbidden for who came by an app password: it must show and make no other credential, which might
 * reach further or live longer.
 */
export function requireCredentialsRight(who: Pick<Scope, 'actor'> | Pick<Principal, 'kind'>): void {
  if (isAppPassword(who)) throw new Refusal('forbidden', 'An app password may not manage credentials.')
}

/** Whether lists show it the credentials in the clear: to change things and to manage credentials is its right. */
export function mayViewCredentials(scope: Pick<Scope, 'actor' | 'access'>): boolean {
  return scope.access === 'write' && !isAppPassword(scope)
}

function isAppPassword(who: Pick<Scope, 'actor'> | Pick<Principal, 'kind'>): boolean {
  return 'kind' in who ? who.kind === 'app_password' : who.actor.startsWith('app_password:')
}

/**
 * For what is the whole organization's.
 * @throws Refusal forbidden for a key that is bound to a workspace or a mailbox, and for a session whose role does not
 * manage the organization.
 */
export function requireOrganization(principal: Principal): void {
  requireUnbound(principal)
  if (managesOrganization(principal)) return
  throw new Refusal('forbidden', `Only an owner or an admin may do this, and you are a ${principal.role}.`)
}

/** Whether its role, if it has one, reaches what is the whole organization's. Of a key its binding and access decide. */
export function managesOrganization({ role }: Principal): boolean {
  return role === null || may(role, 'manage_organization')
}

/**
 * For changes of what is the whole organization's, its members and its keys. A key of the whole organization that may
 * write counts as an admin.
 * @throws Refusal forbidden.
 */
export function requireAdmin(principal: Principal): void {
  requireWrite(principal)
  requireOrganization(principal)
}

/** Who it is beyond this call, as it is written down: `user:ID`, however they logged in, else the key or app password. */
export function partyOf(principal: Principal): string {
  return principal.userId === null ? `${principal.kind}:${principal.id}` : `user:${principal.userId}`
}

/** Whether a workspace of its organization is within its reach. */
export function reaches(principal: Principal, workspaceId: string): boolean {
  const ids = workspacesOf(principal)
  return ids === null || ids.includes(workspaceId)
}

/** The workspaces that it is bound to, or null for all of its organization's. */
export function workspacesOf({ workspaceId, otherWorkspaceIds }: Principal): readonly string[] | null {
  return workspaceId === null ? null : [workspaceId, ...otherWorkspaceIds]
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
    otherWorkspaceIds: [],
    mailboxId: row.mailbox_id,
    access: row.access,
    role: null,
    userId: null,
    expiresAt: row.expires_at,
  }
}

/** What a session may comes from the member's role. One that is bound to workspaces of which none is left is nobody's. */
async function sessionPrincipal(platform: Platform, digest: Buffer): Promise<Principal | null> {
  const row = await platform.db
    .selectFrom('sessions')
    .innerJoin('members', (join) =>
      join
        .onRef('members.user_id', '=', 'sessions.user_id')
        .onRef('members.organization_id', '=', 'sessions.organization_id'),
    )
    .select(['sessions.id', 'sessions.organization_id', 'sessions.user_id', 'expires_at', 'role'])
    .select(sql<boolean>`members.workspace_ids is null`.as('reaches_all'))
    .select(
      sql<string[]>`array(select id from workspaces
        where id = any(members.workspace_ids) and deleted_at is null order by id)`.as('workspace_ids'),
    )
    .where('token_sha256', '=', digest)
    .executeTakeFirst()
  if (!row || (!row.reaches_all && row.workspace_ids.length === 0)) return null
  return {
    kind: 'session',
    id: row.id,
    organizationId: row.organization_id,
    workspaceId: row.workspace_ids[0] ?? null,
    otherWorkspaceIds: row.workspace_ids.slice(1),
    mailboxId: null,
    access: may(row.role, 'write') ? 'write' : 'read',
    role: row.role,
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
  if (wanted !== null && !reaches(principal, wanted)) return null
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
