/** The one URL of a mailbox that hears of everything a format has: what vendors had before they had subscriptions. */
import { sql } from 'kysely'
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { Db, Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { requireFormat } from './formats.ts'
import { ownerColumns } from './owned-input.ts'
import {
  deleteOwnedWebhook,
  holdOwner,
  insertOwned,
  listOwnedWebhooks,
  updateOwnedWebhook,
} from './owned-webhooks.ts'
import { requireUrl } from './webhook-input.ts'

/** The URLs of these mailboxes; of one without a URL there is nothing. */
export async function readMailboxUrls(
  db: Db,
  format: string,
  mailboxIds: readonly string[],
): Promise<Map<string, string>> {
  if (mailboxIds.length === 0) return new Map()
  const { rows } = await sql<{ mailbox_id: string; url: string }>`/* prepared mailbox_urls */
    select mailbox_ids[1] as mailbox_id, url from webhooks
    where format = ${format} and deleted_at is null and format <> 'mailwright'
      and mailbox_ids && ${uuidArray(mailboxIds)}`.execute(db)
  return new Map(rows.map((row) => [row.mailbox_id, row.url]))
}

/** Whether a mailbox of the workspace has one. */
export async function hasMailboxUrls(db: Db, { workspaceId }: Scope, format: string): Promise<boolean> {
  const found = await db
    .selectFrom('webhooks')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('format', '=', format)
    .where('deleted_at', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}

/**
 * Sets the URL of a mailbox, or takes it away.
 * @throws Refusal mailbox_not_found, invalid_request, forbidden.
 */
export async function setMailboxUrl(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  mailboxId: string,
  url: string | null,
): Promise<void> {
  requireWrite(scope)
  const columns = await ownerColumns(platform, tx, scope, { mailboxId })
  await holdOwner(tx, columns)
  const filter = { mailboxId, identityId: null, url: null, eventType: null, ofIdentities: false }
  const [present] = await listOwnedWebhooks(platform, scope, format, filter, tx)
  if (url === null) {
    if (present) await deleteOwnedWebhook(platform, tx, scope, format, present.id)
  } else if (present) {
    await updateOwnedWebhook(platform, tx, scope, format, present.id, { url })
  } else {
    const eventTypes = [...requireFormat(platform, format).types]
    const wanted = {
      format,
      columns,
      url: requireUrl(platform, url),
      eventTypes,
      settings: {},
      authToken: null,
    }
    await insertOwned(platform, tx, scope, wanted)
  }
}
