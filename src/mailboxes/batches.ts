/** Batches: many mailboxes asked for in one call, and what became of them. */
import type { Selectable } from 'kysely'
import { requireWorkspace, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { appendEvents } from '../platform/events.ts'
import { isId, newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { type NewMailbox, type ProvisionResult, provisionMailboxes } from './provision.ts'
import type { MailboxBatchesTable } from './tables.ts'

export type Batch = Selectable<MailboxBatchesTable>

/** Makes a batch of mailboxes. @returns the batch and a result for each item, in their order. */
export async function createBatch(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  items: readonly NewMailbox[],
): Promise<{ batch: Batch; results: ProvisionResult[] }> {
  const id = newId()
  const results = await provisionMailboxes(platform, tx, scope, items, id)
  const count = (status: ProvisionResult['status']): number =>
    results.filter((result) => result.status === status).length
  const batch = await tx
    .insertInto('mailbox_batches')
    .values({
      id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      requested: items.length,
      created: count('created'),
      pending: count('pending'),
      failed: count('failed'),
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await appendEvents(platform, tx, [
    {
      type: 'batch.completed',
      organizationId: scope.organizationId,
      workspaceId: scope.workspaceId,
      data: {
        batch_id: id,
        requested: batch.requested,
        created: batch.created,
        pending: batch.pending,
        failed: batch.failed,
      },
    },
  ])
  return { batch, results }
}

/** @throws Refusal batch_not_found, forbidden. */
export async function getBatch(platform: Platform, scope: Scope, id: string): Promise<Batch> {
  requireWorkspace(scope)
  const batch = isId(id)
    ? await platform.db
        .selectFrom('mailbox_batches')
        .selectAll()
        .where('id', '=', id)
        .where('workspace_id', '=', scope.workspaceId)
        .executeTakeFirst()
    : undefined
  if (!batch) throw new Refusal('batch_not_found')
  return batch
}
