/** The one URL of a workspace that hears of everything a format has: of vendors who know no other webhooks. */
import { sql } from 'kysely'
import {
  requireCredentialsRight,
  requireWorkspace,
  requireWrite,
  type Scope,
} from '../accounts/principals.ts'
import { holdWorkspace } from '../accounts/workspaces.ts'
import type { Db, Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { requireFormat } from './formats.ts'
import { requireUrl } from './webhook-input.ts'
import { addSettling, insertWebhook, resumedColumns, tell, type Webhook } from './webhooks.ts'

/** The URLs of these workspaces; of one without a URL there is nothing. */
export async function readWorkspaceUrls(
  db: Db,
  format: string,
  workspaceIds: readonly string[],
): Promise<Map<string, string>> {
  if (workspaceIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('webhooks')
    .select(['workspace_id', 'url'])
    .where(sql<boolean>`workspace_id = any(${uuidArray(workspaceIds)})`)
    .where('format', '=', format)
    .where('deleted_at', 'is', null)
    .execute()
  return new Map(rows.map((row) => [row.workspace_id, row.url]))
}

/**
 * Sets the URL of the scope's workspace, or takes it away. What the platform had paused goes on. As secrets may be among
 * what is sent there, whoever may manage no credentials may not.
 * @param settings what the format keeps with it.
 * @throws Refusal workspace_not_found, invalid_request, forbidden.
 */
export async function setWorkspaceUrl(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  { url: text, settings }: { url: string | null; settings: object },
): Promise<void> {
  requireWrite(scope)
  requireWorkspace(scope)
  requireCredentialsRight(scope)
  const { types } = requireFormat(platform, format)
  const url = text === null ? null : requireUrl(platform, text)
  await holdWorkspace(tx, scope.organizationId, scope.workspaceId)
  // Two at the same moment are looked at one after the other.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`webhooks ${scope.workspaceId}`}, 0))`.execute(tx)
  const present = await tx
    .selectFrom('webhooks')
    .selectAll()
    .where('workspace_id', '=', scope.workspaceId)
    .where('format', '=', format)
    .where('deleted_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (url === null) {
    if (present) await endUrl(platform, tx, present)
  } else if (present) {
    await changeUrl(platform, tx, present, url, settings)
  } else {
    await insertWebhook(platform, tx, scope, {
      format,
      settings,
      url,
      description: null,
      event_types: [...types],
      subject: { scope: 'workspace', mailbox_ids: [], identity_ids: [] },
      headers: {},
      state: 'enabled',
    })
  }
}

async function changeUrl(
  platform: Platform,
  tx: Tx,
  before: Webhook,
  url: string,
  settings: object,
): Promise<void> {
  await tx
    .updateTable('webhooks')
    .set({
      ...resumedColumns(platform, before, url),
      settings: JSON.stringify(settings),
    })
    .where('id', '=', before.id)
    .execute()
  const data = { webhook_id: before.id, url, state: 'enabled' as const }
  await tell(platform, tx, before, { type: 'webhook.updated', data })
}

/** What was sent stays in the log until that is forgotten. */
async function endUrl(platform: Platform, tx: Tx, { id, url, ...owner }: Webhook): Promise<void> {
  const now = platform.clock.now()
  await tx
    .updateTable('webhooks')
    .set({ state: 'disabled', deleted_at: now, updated_at: now, version: sql<number>`version + 1` })
    .where('id', '=', id)
    .execute()
  await addSettling(tx, id)
  await tell(platform, tx, owner, { type: 'webhook.deleted', data: { webhook_id: id, url } })
}
