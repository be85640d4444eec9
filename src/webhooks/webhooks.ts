/**
 * Webhooks as their owners keep them: each is a URL, a filter, and secrets. They are the workspace's. Those in the format of
 * a vendor are not among them: they are kept where they were made (owned-webhooks.ts), and could not be understood here.
 */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import { requireClaimed } from '../mailboxes/signups/unclaimed.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { endOfEventLog } from '../platform/event-log.ts'
import { appendEvents, type EventType, type EventTypes } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import { addJob } from '../platform/jobs.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import { nativeFormat } from './formats.ts'
import {
  addSigningSecret,
  livingSecrets,
  putHeaders,
  readSecrets,
  removePreviousSecrets,
  rotateSigningSecret,
  type SigningSecret,
} from './secrets.ts'
import type { WebhooksTable } from './tables.ts'
import {
  requireEventTypes,
  requireHeaders,
  requireUrl,
  type Subject,
  type SubjectColumns,
  subjectColumns,
} from './webhook-input.ts'

export type Webhook = Selectable<WebhooksTable>

export type NewWebhook = {
  url: string
  description: string | null
  eventTypes: readonly string[]
  subject: Subject
  headers: Readonly<Record<string, string>>
  enabled: boolean
}

export type WebhookChanges = {
  url?: string
  description?: string | null
  eventTypes?: readonly string[]
  subject?: Subject
  headers?: Readonly<Record<string, string>>
  enabled?: boolean
}

/** The workspace's webhooks, oldest first. @throws Refusal forbidden for who is bound to one mailbox. */
export async function listWebhooks(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<Webhook>> {
  requireWorkspace(scope)
  const rows = await own(platform.db, scope)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

/** @throws Refusal webhook_not_found, forbidden. */
export async function getWebhook(
  platform: Platform,
  scope: Scope,
  id: string,
  db: Db = platform.db,
): Promise<Webhook> {
  requireWorkspace(scope)
  const found = isId(id) ? await own(db, scope).where('id', '=', id).executeTakeFirst() : undefined
  if (!found) throw new Refusal('webhook_not_found')
  return found
}

function own(db: Db, scope: Scope) {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('organization_id', '=', scope.organizationId)
    .where('workspace_id', '=', scope.workspaceId)
    .where('format', '=', nativeFormat)
}

/** @throws Refusal webhook_not_found, forbidden. */
export async function lockWebhook(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<Webhook> {
  requireWrite(scope)
  await getWebhook(platform, scope, id, tx)
  const locked = await own(tx, scope).where('id', '=', id).forUpdate().executeTakeFirst()
  if (!locked) throw new Refusal('webhook_not_found')
  return locked
}

/**
 * Makes a webhook. It hears of what commits from here on.
 * @returns it with its secret.
 * @throws Refusal webhook_limit_reached, invalid_request, mailbox_not_found, identity_not_found, agent_unclaimed,
 *   forbidden.
 */
export async function createWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  wanted: NewWebhook,
): Promise<{ webhook: Webhook; secret: string }> {
  requireWrite(scope)
  requireWorkspace(scope)
  await requireClaimed(platform, scope, tx)
  const url = requireUrl(platform, wanted.url)
  const headers = requireHeaders(wanted.headers)
  await requireRoom(platform, tx, scope)
  const webhook = await insertWebhook(platform, tx, scope, {
    format: nativeFormat,
    settings: null,
    url,
    description: wanted.description,
    event_types: requireEventTypes(wanted.eventTypes),
    subject: await subjectColumns(tx, scope, wanted.subject),
    headers,
    state: wanted.enabled ? 'enabled' : 'disabled',
  })
  return { webhook, secret: await addSigningSecret(platform, tx, webhook.id) }
}

export type CheckedWebhook = Pick<Webhook, 'format' | 'url' | 'description' | 'event_types'> & {
  subject: SubjectColumns
  headers: Readonly<Record<string, string>>
  /** Null: its format keeps nothing with it. */
  settings: object | null
  state: 'enabled' | 'disabled'
}

/** Writes one of any format, whose fields are checked, and its event. It hears of what commits from here on. */
export async function insertWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { subject, headers, settings, ...fields }: CheckedWebhook,
): Promise<Webhook> {
  const place = await endOfEventLog(tx)
  const now = platform.clock.now()
  const webhook = await tx
    .insertInto('webhooks')
    .values({
      id: newId(),
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      ...fields,
      ...subject,
      ...(settings === null ? {} : { settings: JSON.stringify(settings) }),
      header_names: Object.keys(headers),
      paused_reason: null,
      paused_at: null,
      failing_since: null,
      blocked_until: null,
      last_error: null,
      start_xid: place.xid,
      start_id: place.id,
      created_at: now,
      updated_at: now,
      deleted_at: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await putHeaders(platform, tx, webhook.id, headers)
  const data = { webhook_id: webhook.id, url: webhook.url }
  await tell(platform, tx, webhook, { type: 'webhook.created', data })
  return webhook
}

/** Its workspace's row is held, so that two at the same moment are counted one after the other. */
export async function requireRoom(
  { config }: Platform,
  tx: Tx,
  scope: Scope,
  format = nativeFormat,
): Promise<void> {
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks ${scope.workspaceId}`}, 0))`.execute(tx)
  const { count } = await tx
    .selectFrom('webhooks')
    .select((of) => of.fn.countAll<string>().as('count'))
    .where('workspace_id', '=', scope.workspaceId)
    .where('format', '=', format)
    .executeTakeFirstOrThrow()
  if (Number(count) < config.webhooksPerWorkspace) return
  throw new Refusal('webhook_limit_reached', `A workspace may have ${config.webhooksPerWorkspace} webhooks.`)
}

/**
 * Changes a webhook. Enabling one that was disabled lets it hear of what commits from then on; enabling one that was
 * paused takes up what it has in its queue. What is in the queue of one that is disabled has failed.
 * @throws Refusal webhook_not_found, invalid_request, mailbox_not_found, identity_not_found, forbidden.
 */
export async function updateWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  changes: WebhookChanges,
): Promise<Webhook> {
  const before = await lockWebhook(platform, tx, scope, id)
  const headers = changes.headers === undefined ? undefined : requireHeaders(changes.headers)
  if (headers !== undefined) await putHeaders(platform, tx, before.id, headers)
  const url = changes.url === undefined ? before.url : requireUrl(platform, changes.url)
  const webhook = await tx
    .updateTable('webhooks')
    .set({
      url,
      ...(changes.description === undefined ? {} : { description: changes.description }),
      ...(changes.eventTypes === undefined ? {} : { event_types: requireEventTypes(changes.eventTypes) }),
      ...(changes.subject === undefined ? {} : await subjectColumns(tx, scope, changes.subject)),
      ...(headers === undefined ? {} : { header_names: Object.keys(headers) }),
      ...(await stateColumns(tx, before, changes.enabled)),
      ...(url === before.url ? {} : healthy), // what another place did says nothing of this one
      version: sql<number>`version + 1`,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  if (webhook.state === 'disabled' && before.state === 'enabled') await addSettling(tx, webhook.id)
  const { state } = webhook
  await tell(platform, tx, webhook, { type: 'webhook.updated', data: { webhook_id: webhook.id, url, state } })
  return webhook
}

export const healthy = { consecutive_failures: 0, failing_since: null, blocked_until: null, last_error: null }

/** Of one that goes on with this URL, whatever the platform had paused it for. */
export function resumedColumns({ clock }: Platform, before: Webhook, url: string) {
  return {
    url,
    ...(url === before.url && before.state === 'enabled' ? {} : healthy), // what another place did says nothing of this one
    state: 'enabled' as const,
    paused_reason: null,
    paused_at: null,
    version: sql<number>`version + 1`,
    updated_at: clock.now(),
  }
}

/** Of one that is enabled or disabled from now on. */
export async function stateColumns(
  tx: Tx,
  before: Webhook,
  enabled: boolean | undefined,
): Promise<Partial<Omit<Webhook, 'settings'>>> {
  if (enabled === undefined || before.state === (enabled ? 'enabled' : 'disabled')) return {}
  if (!enabled) return { state: 'disabled', paused_reason: null, paused_at: null }
  const place = before.state === 'disabled' ? await endOfEventLog(tx) : null
  return {
    state: 'enabled',
    paused_reason: null,
    paused_at: null,
    ...healthy,
    ...(place === null ? {} : { start_xid: place.xid, start_id: place.id }),
  }
}

/** Lets what is in the queue of a webhook that is not enabled fail, some at a time. */
export async function addSettling(tx: Tx, webhookId: string): Promise<void> {
  await addJob(tx, 'webhooks.settle', { webhook_id: webhookId }, { key: `webhooks.settle:${webhookId}` })
}

/** Deletes a webhook; its deliveries go after it. @throws Refusal webhook_not_found, forbidden. */
export async function deleteWebhook(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<void> {
  const webhook = await lockWebhook(platform, tx, scope, id)
  await tx.deleteFrom('webhooks').where('id', '=', webhook.id).execute()
  await addJob(tx, 'webhooks.forget', { webhook_id: webhook.id })
  await tell(platform, tx, webhook, {
    type: 'webhook.deleted',
    data: { webhook_id: webhook.id, url: webhook.url },
  })
}

/** The secrets that sign now, the newest first; for who may write. @throws Refusal webhook_not_found, forbidden. */
export async function getSecrets(platform: Platform, scope: Scope, id: string): Promise<SigningSecret[]> {
  requireWrite(scope)
  const webhook = await getWebhook(platform, scope, id)
  return await livingOf(platform, platform.db, webhook.id)
}

async function livingOf(platform: Platform, db: Db, webhookId: string): Promise<SigningSecret[]> {
  const secrets = (await readSecrets(platform, db, [webhookId])).get(webhookId)
  return secrets === undefined ? [] : livingSecrets(secrets, platform.clock.now())
}

/**
 * Makes a new secret; the one before it signs, too, for so many hours.
 * @returns those that sign now, the newest first.
 * @throws Refusal webhook_not_found, forbidden.
 */
export async function rotateSecret(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
  hours: number,
): Promise<SigningSecret[]> {
  const webhook = await lockWebhook(platform, tx, scope, id)
  const until = new Date(platform.clock.now().getTime() + hours * 3_600_000)
  await rotateSigningSecret(platform, tx, webhook.id, until)
  await changedSecrets(platform, tx, webhook)
  return await livingOf(platform, tx, webhook.id)
}

/** Lets the secret before the present one sign no more. @throws Refusal webhook_not_found, forbidden. */
export async function removePreviousSecret(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  id: string,
): Promise<void> {
  const webhook = await lockWebhook(platform, tx, scope, id)
  if (await removePreviousSecrets(tx, webhook.id)) await changedSecrets(platform, tx, webhook)
}

/** Nodes that remember its secrets read them again with the version. */
async function changedSecrets(platform: Platform, tx: Tx, { id, ...webhook }: Webhook): Promise<void> {
  await tx
    .updateTable('webhooks')
    .set({ version: sql<number>`version + 1`, updated_at: platform.clock.now() })
    .where('id', '=', id)
    .execute()
  await tell(platform, tx, webhook, {
    type: 'webhook.secret_rotated',
    data: { webhook_id: id, url: webhook.url },
  })
}

type WebhookEventType = Extract<EventType, `webhook.${string}`>
type WebhookEvent = { [T in WebhookEventType]: { type: T; data: EventTypes[T] } }[WebhookEventType]

/** Writes an event of a webhook. */
export async function tell(
  platform: Platform,
  tx: Tx,
  { organization_id, workspace_id }: Pick<Webhook, 'organization_id' | 'workspace_id'>,
  event: WebhookEvent,
): Promise<void> {
  const owner = { organizationId: organization_id, workspaceId: workspace_id }
  await appendEvents(platform, tx, [{ ...event, ...owner }])
}
