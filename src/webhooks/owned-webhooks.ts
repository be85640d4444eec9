/**
 * Webhooks in the format of a vendor: each is of one owner, a mailbox or an identity, and those who reach the mailbox keep
 * them, also a key that is bound to it. One that is deleted stays in the log of what was sent until that is forgotten.
 */
import { sql } from 'kysely'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { requireFormat } from './formats.ts'
import {
  bearerHeaders,
  type OwnerColumns,
  ownerColumns,
  requireFormatTypes,
  type WebhookOwner,
} from './owned-input.ts'
import { webhookPolicy } from './policy.ts'
import { putHeaders } from './secrets.ts'
import { addFirstSigningKey } from './signing-keys.ts'
import { requireUrl, type SubjectColumns } from './webhook-input.ts'
import { addSettling, insertWebhook, resumedColumns, tell, type Webhook } from './webhooks.ts'

export type OwnedWebhook = Webhook & {
  /** Behind whichever owner it has. */
  owner_identity_id: string | null
}

export type NewOwnedWebhook = {
  owner: WebhookOwner
  url: string
  eventTypes: readonly string[]
  /** What the format keeps with it. */
  settings: object
  /** Sent to the endpoint as a bearer token. */
  authToken: string | null
}

/** What is left out stays. */
export type OwnedWebhookChanges = {
  url?: string
  eventTypes?: readonly string[]
  settings?: object
  authToken?: string | null
}

/** Null wherever nothing is asked for. */
export type OwnedWebhookFilter = {
  mailboxId: string | null
  identityId: string | null
  url: string | null
  eventType: string | null
  /** Only those whose owner is an identity. */
  ofIdentities: boolean
}

/** Newest first, so many at the most as `webhookPolicy.ownedListedMax` says. */
export async function listOwnedWebhooks(
  platform: Platform,
  scope: Scope,
  format: string,
  { mailboxId, identityId, url, eventType, ofIdentities }: OwnedWebhookFilter,
  db: Db = platform.db,
): Promise<OwnedWebhook[]> {
  return await owned(db, scope, format)
    .$if(ofIdentities || identityId !== null, (query) => query.where('webhooks.scope', '=', 'identities'))
    .$if(mailboxId !== null, (query) =>
      query.where(sql<boolean>`webhooks.scope = 'mailboxes' and mailbox_ids @> array[${mailboxId}::uuid]`),
    )
    .$if(identityId !== null, (query) =>
      query.where(sql<boolean>`identity_ids @> array[${identityId}::uuid]`),
    )
    .$if(url !== null, (query) => query.where('url', '=', url ?? ''))
    .$if(eventType !== null, (query) => query.where(sql<boolean>`${eventType} = any(event_types)`))
    .orderBy('webhooks.id', 'desc')
    .limit(webhookPolicy.ownedListedMax)
    .execute()
}

/** @param ofIdentities only one whose owner is an identity. @throws Refusal webhook_not_found. */
export async function getOwnedWebhook(
  platform: Platform,
  scope: Scope,
  format: string,
  id: string,
  { db = platform.db, ofIdentities = false }: { db?: Db; ofIdentities?: boolean } = {},
): Promise<OwnedWebhook> {
  const found = isId(id)
    ? await owned(db, scope, format).where('webhooks.id', '=', id).executeTakeFirst()
    : undefined
  if (!found || (ofIdentities && found.scope !== 'identities')) throw new Refusal('webhook_not_found')
  return found
}

/** Those that are there for callers: a mailbox that is deleted takes its own along, until it is restored. */
function owned(db: Db, { organizationId, workspaceId, mailboxId }: Scope, format: string) {
  return (
    db
      .selectFrom('webhooks')
      // Of the two only one is there: whose mailbox it is may change for an identity.
      .leftJoin('identities', (join) =>
        join.on(
          sql<boolean>`identities.id = webhooks.identity_ids[1] or identities.mailbox_id = webhooks.mailbox_ids[1]`,
        ),
      )
      .leftJoin('mailboxes', (join) =>
        join.on(sql<boolean>`mailboxes.id = coalesce(webhooks.mailbox_ids[1], identities.mailbox_id)`),
      )
      .selectAll('webhooks')
      .select('identities.id as owner_identity_id')
      .where('webhooks.organization_id', '=', organizationId)
      .where('webhooks.workspace_id', '=', workspaceId)
      .where('format', '=', format)
      .where('webhooks.deleted_at', 'is', null)
      // An identity may be without a mailbox, and one that is gone has none of these.
      .where(
        sql<boolean>`coalesce(mailboxes.state not in ('deleted', 'deletion_scheduled'), identities.id is not null)`,
      )
      .$if(mailboxId !== null, (query) => query.where('mailboxes.id', '=', mailboxId ?? ''))
  )
}

/**
 * Makes one. It hears of what commits from here on.
 * @returns it, and the key that signs if the owner has got its first one by it.
 * @throws Refusal webhook_limit_reached, webhook_exists, invalid_request, mailbox_not_found, identity_not_found, forbidden.
 */
export async function createOwnedWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  { owner, url: text, eventTypes: types, settings, authToken }: NewOwnedWebhook,
): Promise<{ webhook: OwnedWebhook; signingKey: string | null }> {
  requireWrite(scope)
  const columns = await ownerColumns(platform, tx, scope, owner)
  const eventTypes = requireFormatTypes(requireFormat(platform, format), types)
  const url = requireUrl(platform, text)
  await holdOwner(tx, columns)
  const others = await ofSameOwner(tx, scope, format, columns)
  const { ownedPerMailboxMax, ownedPerIdentityMax } = webhookPolicy
  const most = columns.scope === 'identities' ? ownedPerIdentityMax : ownedPerMailboxMax
  if (others.length >= most) {
    throw new Refusal(
      'webhook_limit_reached',
      `There are ${most} webhooks of this owner, and may be no more.`,
    )
  }
  requireNew(others, url, eventTypes)
  const signingKey =
    columns.identityId === null ? null : await addFirstSigningKey(platform, tx, scope, columns.identityId)
  const wanted = { format, columns, url, eventTypes, settings, authToken }
  const id = await insertOwned(platform, tx, scope, wanted)
  return { webhook: await getOwnedWebhook(platform, scope, format, id, { db: tx }), signingKey }
}

/** Writes one whose fields are checked. @returns its id. */
export async function insertOwned(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: {
    format: string
    columns: OwnerColumns
    url: string
    eventTypes: string[]
    settings: object
    authToken: string | null
  },
): Promise<string> {
  const { identityId: _, ...subject } = wanted.columns
  const { id } = await insertWebhook(platform, tx, scope, {
    format: wanted.format,
    settings: wanted.settings,
    url: wanted.url,
    description: null,
    event_types: wanted.eventTypes,
    subject,
    headers: bearerHeaders(wanted.authToken),
    state: 'enabled',
  })
  return id
}

/** Two of one owner at the same moment are looked at one after the other. */
export async function holdOwner(tx: Tx, { identity_ids, mailbox_ids }: SubjectColumns): Promise<void> {
  const owner = identity_ids[0] ?? mailbox_ids[0]
  await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks of ${owner}`}, 0))`.execute(tx)
}

type Other = { id: string; url: string; event_types: string[] }

async function ofSameOwner(tx: Tx, scope: Scope, format: string, columns: SubjectColumns): Promise<Other[]> {
  return await owned(tx, scope, format)
    .clearSelect()
    .select(['webhooks.id', 'url', 'event_types'])
    .where('webhooks.scope', '=', columns.scope)
    .where(
      columns.scope === 'identities'
        ? sql<boolean>`identity_ids = ${uuidArray(columns.identity_ids)}`
        : sql<boolean>`mailbox_ids = ${uuidArray(columns.mailbox_ids)}`,
    )
    .execute()
}

function requireNew(others: readonly Other[], url: string, eventTypes: readonly string[]): void {
  for (const other of others) {
    const shared = other.url === url ? eventTypes.find((type) => other.event_types.includes(type)) : undefined
    if (shared === undefined) continue
    throw new Refusal('webhook_exists', `${shared} is sent to this URL already.`, {
      facts: { existing_subscription_id: other.id },
    })
  }
}

/**
 * Changes one. One that the platform paused goes on, whatever is changed.
 * @throws Refusal webhook_not_found, webhook_exists, invalid_request, forbidden.
 */
export async function updateOwnedWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  id: string,
  changes: OwnedWebhookChanges & { ofIdentities?: boolean },
): Promise<OwnedWebhook> {
  const before = await lockOwned(platform, tx, scope, format, id, changes.ofIdentities)
  const known = requireFormat(platform, format)
  const url = changes.url === undefined ? before.url : requireUrl(platform, changes.url)
  const eventTypes =
    changes.eventTypes === undefined ? before.event_types : requireFormatTypes(known, changes.eventTypes)
  const others = await ofSameOwner(tx, scope, format, before)
  requireNew(
    others.filter((other) => other.id !== before.id),
    url,
    eventTypes,
  )
  const headers = changes.authToken === undefined ? undefined : bearerHeaders(changes.authToken)
  if (headers !== undefined) await putHeaders(platform, tx, before.id, headers)
  await tx
    .updateTable('webhooks')
    .set({
      ...resumedColumns(platform, before, url),
      event_types: eventTypes,
      ...(changes.settings === undefined ? {} : { settings: JSON.stringify(changes.settings) }),
      ...(headers === undefined ? {} : { header_names: Object.keys(headers) }),
    })
    .where('id', '=', before.id)
    .execute()
  const data = { webhook_id: before.id, url, state: 'enabled' as const }
  await tell(platform, tx, before, { type: 'webhook.updated', data })
  return await getOwnedWebhook(platform, scope, format, before.id, { db: tx })
}

/** Deletes one; what was sent stays in the log. @throws Refusal webhook_not_found, forbidden. */
export async function deleteOwnedWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  id: string,
  { ofIdentities = false }: { ofIdentities?: boolean } = {},
): Promise<void> {
  const webhook = await lockOwned(platform, tx, scope, format, id, ofIdentities)
  const now = platform.clock.now()
  await putHeaders(platform, tx, webhook.id, {})
  await tx
    .updateTable('webhooks')
    .set({ state: 'disabled', header_names: [], deleted_at: now, version: sql<number>`version + 1` })
    .where('id', '=', webhook.id)
    .execute()
  await addSettling(tx, webhook.id)
  const data = { webhook_id: webhook.id, url: webhook.url }
  await tell(platform, tx, webhook, { type: 'webhook.deleted', data })
}

async function lockOwned(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  id: string,
  ofIdentities = false,
): Promise<OwnedWebhook> {
  requireWrite(scope)
  await holdOwner(tx, await getOwnedWebhook(platform, scope, format, id, { db: tx, ofIdentities }))
  await tx.selectFrom('webhooks').select('id').where('id', '=', id).forUpdate().execute()
  return await getOwnedWebhook(platform, scope, format, id, { db: tx, ofIdentities })
}
