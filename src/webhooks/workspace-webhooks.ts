/**
 * Webhooks in the format of a vendor that hear of a whole workspace, each with a secret of its own that is shown once. Those
 * who reach the workspace keep them where they were made; /v1/webhooks does not show them.
 */
import { sql } from 'kysely'
import { requireWorkspace, requireWrite, type Scope } from '../accounts/principals.ts'
import { requireClaimed } from '../mailboxes/signups/unclaimed.ts'
import type { Db, Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { addJob } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { requireFormat } from './formats.ts'
import { requireFormatTypes } from './owned-input.ts'
import { addSigningSecret } from './secrets.ts'
import { requireUrl } from './webhook-input.ts'
import {
  addSettling,
  healthy,
  insertWebhook,
  requireRoom,
  stateColumns,
  tell,
  type Webhook,
} from './webhooks.ts'

export type NewWorkspaceWebhook = { url: string; eventTypes: readonly string[] }

/** What is left out stays. */
export type WorkspaceWebhookChanges = Partial<NewWorkspaceWebhook> & { enabled?: boolean }

/** All there are, oldest first: no more than a workspace may have. @throws Refusal forbidden. */
export async function listWorkspaceWebhooks(
  platform: Platform,
  scope: Scope,
  format: string,
): Promise<Webhook[]> {
  requireWorkspace(scope)
  return await own(platform.db, scope, format)
    .orderBy('id')
    .limit(platform.config.webhooksPerWorkspace)
    .execute()
}

function own(db: Db, { organizationId, workspaceId }: Scope, format: string) {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('organization_id', '=', organizationId)
    .where('workspace_id', '=', workspaceId)
    .where('format', '=', format)
    .where('scope', '=', 'workspace')
    .where('deleted_at', 'is', null)
}

/** Locked for a change. @throws Refusal webhook_not_found, forbidden. */
async function locked(tx: Tx, scope: Scope, format: string, id: string): Promise<Webhook> {
  requireWrite(scope)
  requireWorkspace(scope)
  const found = isId(id)
    ? await own(tx, scope, format).where('id', '=', id).forUpdate().executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('webhook_not_found')
  return found
}

/**
 * Makes one. It hears of what commits from here on.
 * @returns it with its secret.
 * @throws Refusal webhook_limit_reached, invalid_request, agent_unclaimed, forbidden.
 */
export async function createWorkspaceWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  wanted: NewWorkspaceWebhook,
): Promise<{ webhook: Webhook; secret: string }> {
  requireWrite(scope)
  requireWorkspace(scope)
  await requireClaimed(platform, scope, tx)
  const url = requireUrl(platform, wanted.url)
  const eventTypes = requireFormatTypes(requireFormat(platform, format), wanted.eventTypes)
  await requireRoom(platform, tx, scope, format)
  const webhook = await insertWebhook(platform, tx, scope, {
    format,
    settings: null,
    url,
    description: null,
    event_types: eventTypes,
    subject: { scope: 'workspace', mailbox_ids: [], identity_ids: [] },
    headers: {},
    state: 'enabled',
  })
  return { webhook, secret: await addSigningSecret(platform, tx, webhook.id) }
}

/**
 * Changes one; enabling one that the platform paused lets it go on.
 * @throws Refusal webhook_not_found, invalid_request, forbidden.
 */
export async function updateWorkspaceWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  id: string,
  changes: WorkspaceWebhookChanges,
): Promise<Webhook> {
  const before = await locked(tx, scope, format, id)
  const url = changes.url === undefined ? before.url : requireUrl(platform, changes.url)
  const known = requireFormat(platform, format)
  const eventTypes =
    changes.eventTypes === undefined ? before.event_types : requireFormatTypes(known, changes.eventTypes)
  const webhook = await tx
    .updateTable('webhooks')
    .set({
      url,
      event_types: eventTypes,
      ...(await stateColumns(tx, before, changes.enabled)),
      ...(url === before.url ? {} : healthy), // what another place did says nothing of this one
      version: sql<number>`version + 1`,
      updated_at: platform.clock.now(),
    })
    .where('id', '=', before.id)
    .returningAll()
    .executeTakeFirstOrThrow()
  if (webhook.state === 'disabled' && before.state === 'enabled') await addSettling(tx, webhook.id)
  const data = { webhook_id: webhook.id, url, state: webhook.state }
  await tell(platform, tx, webhook, { type: 'webhook.updated', data })
  return webhook
}

/** Deletes one; its deliveries go after it. @throws Refusal webhook_not_found, forbidden. */
export async function deleteWorkspaceWebhook(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  id: string,
): Promise<void> {
  const webhook = await locked(tx, scope, format, id)
  await tx.deleteFrom('webhooks').where('id', '=', webhook.id).execute()
  await addJob(tx, 'webhooks.forget', { webhook_id: webhook.id })
  const data = { webhook_id: webhook.id, url: webhook.url }
  await tell(platform, tx, webhook, { type: 'webhook.deleted', data })
}
