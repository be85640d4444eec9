/** API keys: made, listed and revoked. The token is shown once, at its making. */
import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import type { Page, PageRequest } from '../platform/pages.ts'
import { toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { revokeInvitationsBy } from './invitations.ts'
import { type FormattedToken, type KeyFormat, newFormattedToken, plainToken } from './key-formats.ts'
import { lockMembers } from './member-managers.ts'
import {
  type Access,
  type Principal,
  partyOf,
  reaches,
  requireAdmin,
  requireCredentialsRight,
  requireWrite,
  type Scope,
  workspacesOf,
} from './principals.ts'
import type { ApiKeysTable } from './tables.ts'
import type { NewToken } from './tokens.ts'
import { holdWorkspace } from './workspaces.ts'

export type ApiKey = Omit<Selectable<ApiKeysTable>, 'token_sha256'>

export type NewApiKey = {
  name: string
  description?: string | null
  workspaceId: string | null
  mailboxId: string | null
  access: Access
  expiresAt: Date | null
  /** Default: mailwright. */
  format?: KeyFormat
}

const columns = [
  'id',
  'organization_id',
  'workspace_id',
  'mailbox_id',
  'name',
  'token_prefix',
  'access',
  'format',
  'access_key',
  'description',
  'last4',
  'created_by',
  'expires_at',
  'last_used_at',
  'revoked_at',
  'created_at',
] as const

/**
 * Makes a key that reaches no further than the one who asks.
 * @throws Refusal forbidden when it would, invalid_request when it would expire in the past.
 */
export async function createApiKey(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  wanted: NewApiKey,
): Promise<{ apiKey: ApiKey; token: string }> {
  requireWrite(principal)
  requireCredentialsRight(principal)
  const isKey = principal.kind === 'api_key'
  const outlives =
    isKey &&
    principal.expiresAt !== null &&
    (wanted.expiresAt === null || wanted.expiresAt > principal.expiresAt)
  const outside =
    outlives ||
    !(wanted.workspaceId === null
      ? workspacesOf(principal) === null
      : reaches(principal, wanted.workspaceId)) ||
    (principal.mailboxId !== null && wanted.mailboxId !== principal.mailboxId)
  if (outside)
    throw new Refusal('forbidden', 'A key cannot make one that reaches further than itself or lives longer.')
  if (wanted.workspaceId === null) requireAdmin(principal)
  if (wanted.expiresAt && wanted.expiresAt <= platform.clock.now()) {
    throw new Refusal('invalid_request', 'The key would have expired already.', {
      fields: [{ pointer: '/expires_at', detail: 'must lie in the future' }],
    })
  }
  if (wanted.workspaceId !== null) await holdWorkspace(tx, principal.organizationId, wanted.workspaceId)
  const id = newId()
  const token = newFormattedToken(wanted.format ?? 'mailwright', id)
  const createdBy = partyOf(principal)
  const apiKey = await writeApiKey(
    platform,
    tx,
    principal.organizationId,
    { ...wanted, id, createdBy },
    token,
  )
  return { apiKey, token: token.token }
}

/**
 * The first key of an agent that signs up by itself, who counts as having made it.
 * @param id of the new key.
 * @returns the token, which is not kept.
 */
export async function insertAgentKey(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  id: string,
  wanted: NewApiKey,
): Promise<string> {
  const token = newFormattedToken(wanted.format ?? 'mailwright', id)
  await writeApiKey(platform, tx, organizationId, { ...wanted, id, createdBy: `api_key:${id}` }, token)
  return token.token
}

/** Writes a key whose token is known, made by whoever runs the server: the bootstrap's. */
export async function insertApiKey(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  wanted: NewApiKey,
  token: NewToken,
): Promise<ApiKey> {
  const row = { ...wanted, id: newId(), createdBy: null }
  return await writeApiKey(platform, tx, organizationId, row, plainToken(token))
}

/** What is kept of a token's end, so that people can tell keys apart; nothing of a short one that somebody chose. */
function lastOf(token: string): string | null {
  return token.length < 32 ? null : token.slice(-4)
}

async function writeApiKey(
  platform: Platform,
  tx: Tx,
  organizationId: string,
  wanted: NewApiKey & { id: string; createdBy: string | null },
  token: FormattedToken,
): Promise<ApiKey> {
  const apiKey = await tx
    .insertInto('api_keys')
    .values({
      id: wanted.id,
      organization_id: organizationId,
      workspace_id: wanted.workspaceId,
      mailbox_id: wanted.mailboxId,
      name: wanted.name,
      token_sha256: token.sha256,
      token_prefix: token.prefix,
      access: wanted.access,
      format: token.format,
      access_key: token.accessKey,
      description: wanted.description ?? null,
      last4: lastOf(token.token),
      created_by: wanted.createdBy,
      expires_at: wanted.expiresAt,
      last_used_at: null,
      revoked_at: null,
      created_at: platform.clock.now(),
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'api_key.created',
      organizationId,
      workspaceId: wanted.workspaceId,
      data: { api_key_id: apiKey.id, name: apiKey.name },
    },
  ])
  return apiKey
}

/**
 * The keys that the principal may manage, oldest first, without the revoked ones.
 * @param createdBy those that this member or key has made; null: all.
 * @param workspaceId those that reach this workspace; null: all.
 */
export async function listApiKeys(
  platform: Platform,
  principal: Principal,
  page: PageRequest,
  createdBy: string | null = null,
  workspaceId: string | null = null,
): Promise<Page<ApiKey>> {
  const rows = await manageable(platform.db, principal)
    .where('revoked_at', 'is', null)
    .$if(createdBy !== null, (query) => query.where('created_by', '=', createdBy))
    .$if(workspaceId !== null, (query) =>
      query.where(sql<boolean>`(workspace_id is null or workspace_id = ${workspaceId}::uuid)`),
    )
    .$if(page.after !== null, (query) => query.where('id', '>', page.after))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** How many keys someone has made that are not revoked. */
export async function countApiKeysOf(tx: Tx, organizationId: string, createdBy: string): Promise<number> {
  const { count } = await tx
    .selectFrom('api_keys')
    .select(sql<number>`count(*)::integer`.as('count'))
    .where('organization_id', '=', organizationId)
    .where('created_by', '=', createdBy)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  return count
}

/** @throws Refusal api_key_not_found. */
export async function getApiKey(
  platform: Platform,
  principal: Principal,
  id: string,
  db: Db = platform.db,
): Promise<ApiKey> {
  const row = isId(id) ? await manageable(db, principal).where('id', '=', id).executeTakeFirst() : undefined
  if (!row) throw new Refusal('api_key_not_found')
  return row
}

/**
 * Revokes a key for good, with the open invitations that it made; revoking it again changes nothing.
 * @throws Refusal api_key_not_found, forbidden.
 */
export async function revokeApiKey(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  id: string,
): Promise<void> {
  requireWrite(principal)
  requireCredentialsRight(principal)
  const key = await getApiKey(platform, principal, id, tx)
  if (key.workspace_id !== null) return await revoke(platform, tx, 'id', key.id)
  requireAdmin(principal)
  await lockMembers(tx, key.organization_id)
  await revoke(platform, tx, 'id', key.id)
  await revokeInvitationsBy(platform, tx, key.organization_id, `api_key:${key.id}`)
}

/** Revokes the keys that are bound to a mailbox which is gone. */
export async function revokeMailboxKeys(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  await revoke(platform, tx, 'mailbox_id', mailboxId)
}

async function revoke(platform: Platform, tx: Tx, column: 'id' | 'mailbox_id', value: string): Promise<void> {
  const revoked = await tx
    .updateTable('api_keys')
    .set({ revoked_at: platform.clock.now() })
    .where(column, '=', value)
    .where('revoked_at', 'is', null)
    .returning(['id', 'organization_id', 'workspace_id', 'mailbox_id'])
    .execute()
  await appendEvents(
    platform,
    tx,
    revoked.map((key) => ({
      type: 'api_key.revoked',
      organizationId: key.organization_id,
      workspaceId: key.workspace_id,
      mailboxId: key.mailbox_id,
      data: { api_key_id: key.id },
    })),
  )
}

function manageable(db: Db, principal: Principal) {
  const ids = workspacesOf(principal)
  return db
    .selectFrom('api_keys')
    .select(columns)
    .where('organization_id', '=', principal.organizationId)
    .$if(ids !== null, (query) => query.where(sql<boolean>`workspace_id = any(${ids}::uuid[])`))
    .$if(principal.mailboxId !== null, (query) =>
      query.where(sql<boolean>`mailbox_id = ${principal.mailboxId}::uuid`),
    )
}

/** How many keys reach a workspace now. */
export async function countKeysOf(
  platform: Platform,
  { organizationId, workspaceId }: Pick<Scope, 'organizationId' | 'workspaceId'>,
): Promise<number> {
  const { count } = await platform.db
    .selectFrom('api_keys')
    .select(sql<number>`count(*)::integer`.as('count'))
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`(workspace_id is null or workspace_id = ${workspaceId}::uuid)`)
    .where('revoked_at', 'is', null)
    .where(sql<boolean>`(expires_at is null or expires_at > ${platform.clock.now()})`)
    .executeTakeFirstOrThrow()
  return count
}
