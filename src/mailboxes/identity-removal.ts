/** The end of an identity: its mailbox is removed for good, and its handle is free. */
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import './identity-tables.ts'

/** Called in the transaction that gives a mailbox's addresses back; does nothing for one without an identity. */
export async function removeIdentityOf(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  const removed = await tx
    .deleteFrom('identities')
    .where('mailbox_id', '=', mailboxId)
    .returning(['id', 'handle', 'organization_id', 'workspace_id'])
    .execute()
  await appendEvents(
    platform,
    tx,
    removed.map((identity) => ({
      type: 'identity.deleted' as const,
      organizationId: identity.organization_id,
      workspaceId: identity.workspace_id,
      mailboxId,
      data: { identity_id: identity.id, handle: identity.handle, mailbox_id: mailboxId },
    })),
  )
}
