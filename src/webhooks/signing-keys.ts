/**
 * Signing keys of owners: one of each identity and one of the workspace, which sign whatever its webhooks in other formats
 * send. A key is shown once; a new one takes the place of the old one at once.
 */
import { type Selectable, sql } from 'kysely'
import {
  requireCredentialsRight,
  requireWorkspace,
  requireWrite,
  type Scope,
} from '../accounts/principals.ts'
import { privateKeyContext } from '../domains/reseal.ts'
import { getIdentity } from '../mailboxes/identities.ts'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { nativeFormat } from './formats.ts'
import { newSigningSecret } from './signing.ts'
import type { WebhookSigningKeysTable } from './tables.ts'

export type SigningKey = {
  /** As its owner sees it, once. */
  key: string
  createdAt: Date
}

/** When the keys of these identities were made; of one without a key there is nothing. */
export async function signingKeyTimes(db: Db, identityIds: readonly string[]): Promise<Map<string, Date>> {
  if (identityIds.length === 0) return new Map()
  const { rows } = await sql<{ identity_id: string; created_at: Date }>`/* prepared signing_key_times */
    select identity_id, created_at from webhook_signing_keys
    where identity_id = any(${uuidArray(identityIds)})`.execute(db)
  return new Map(rows.map(({ identity_id: id, created_at: at }) => [id, at]))
}

/** When the newest key of the scope was made: of all its identities and the workspace itself. Null: there is none. */
export async function newestSigningKeyTime(platform: Platform, scope: Scope): Promise<Date | null> {
  const { newest } = await platform.db
    .selectFrom('webhook_signing_keys')
    .select((of) => of.fn.max('created_at').as('newest'))
    .where('workspace_id', '=', scope.workspaceId)
    .$if(scope.mailboxId !== null, (query) =>
      query.where('identity_id', 'in', (of) =>
        of
          .selectFrom('identities')
          .select('id')
          .where('mailbox_id', '=', scope.mailboxId ?? ''),
      ),
    )
    .executeTakeFirstOrThrow()
  return newest
}

/**
 * Makes a key, or another one in its place.
 * @param identity its id or handle; null: the workspace's.
 * @throws Refusal identity_not_found, forbidden.
 */
export async function rotateSigningKey(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  identity: string | null,
): Promise<SigningKey> {
  requireWrite(scope)
  requireCredentialsRight(scope)
  if (identity === null) requireWorkspace(scope)
  const identityId = identity === null ? null : (await getIdentity(platform, scope, identity, tx)).id
  const row = newRow(platform, scope, identityId)
  const { rows } = await sql<{ is_new: boolean }>`
    insert into webhook_signing_keys as there (id, organization_id, workspace_id, identity_id, sealed_private_key, key_id,
      created_at)
    values (${row.id}::uuid, ${row.organization_id}::uuid, ${row.workspace_id}::uuid, ${row.identity_id}::uuid,
      ${row.sealed_private_key}, ${row.key_id}, ${row.created_at}::timestamptz)
    on conflict (workspace_id, identity_id) do update set id = excluded.id, key_id = excluded.key_id,
      sealed_private_key = excluded.sealed_private_key, created_at = excluded.created_at
    returning xmax = 0 as is_new`.execute(tx)
  await renewVersions(tx, scope.workspaceId)
  await announce(platform, tx, scope, identityId, rows[0]?.is_new === true)
  return { key: row.key, createdAt: row.created_at }
}

/** Makes the identity's first key. @returns null where it has one. */
export async function addFirstSigningKey(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  identityId: string,
): Promise<string | null> {
  const { key, ...row } = newRow(platform, scope, identityId)
  const inserted = await tx
    .insertInto('webhook_signing_keys')
    .values(row)
    .onConflict((conflict) => conflict.columns(['workspace_id', 'identity_id']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!inserted) return null
  await renewVersions(tx, scope.workspaceId)
  await announce(platform, tx, scope, identityId, true)
  return key
}

function newRow({ vault, clock }: Platform, scope: Scope, identityId: string | null) {
  const [id, key] = [newId(), newSigningSecret()]
  return {
    id,
    organization_id: scope.organizationId,
    workspace_id: scope.workspaceId,
    identity_id: identityId,
    sealed_private_key: vault.seal(key, privateKeyContext('webhook_signing_keys', id)),
    key_id: vault.keyId,
    created_at: clock.now(),
    key,
  }
}

/** Nodes that remember keys read them again with the version of a webhook. */
async function renewVersions(tx: Tx, workspaceId: string): Promise<void> {
  await tx
    .updateTable('webhooks')
    .set({ version: sql<number>`version + 1` })
    .where('workspace_id', '=', workspaceId)
    .where('format', '<>', nativeFormat)
    .execute()
}

async function announce(
  platform: Platform,
  tx: Tx,
  { organizationId, workspaceId }: Scope,
  identityId: string | null,
  isNew: boolean,
): Promise<void> {
  const type = isNew ? 'webhook.signing_key_created' : 'webhook.signing_key_rotated'
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId, data: { identity_id: identityId } }])
}

type KeyRow = Pick<Selectable<WebhookSigningKeysTable>, 'id' | 'sealed_private_key'> & { webhook_id: string }

/** The keys, opened, that sign what these webhooks send; of one without a key there is nothing. */
export async function readSigningKeys(
  { vault }: Platform,
  db: Db,
  webhooks: readonly { id: string; signedBy: 'identity' | 'workspace' }[],
): Promise<Map<string, string>> {
  if (webhooks.length === 0) return new Map()
  const ofIdentity = webhooks.filter(({ signedBy }) => signedBy === 'identity').map(({ id }) => id)
  const { rows } = await sql<KeyRow>`
    select w.id as webhook_id, k.id, k.sealed_private_key
    from webhooks w
      left join identities i on w.id = any(${uuidArray(ofIdentity)})
        and (i.id = w.identity_ids[1] or i.mailbox_id = w.mailbox_ids[1])
      join webhook_signing_keys k on k.workspace_id = w.workspace_id and k.identity_id is not distinct from i.id
    where w.id = any(${uuidArray(webhooks.map(({ id }) => id))})`.execute(db)
  return new Map(
    rows.map(({ webhook_id, id, sealed_private_key: sealed }) => [
      webhook_id,
      vault.open(sealed, privateKeyContext('webhook_signing_keys', id)).toString(),
    ]),
  )
}
