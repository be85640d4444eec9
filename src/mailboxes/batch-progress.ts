/** How far a batch is: counted from its mailboxes as they are, and told when something that was pending no longer is. */
import { sql } from 'kysely'
import type { Db, Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import type { MailboxState } from './lifecycle.ts'

export type BatchCounts = {
  requested: number
  /** Active or suspended. */
  created: number
  /** Made, and waiting for a payment, a domain, its service or the one who fulfils a request. */
  pending: number
  /** Not made, or given up by its service or the one who fulfils. */
  failed: number
  /** Made, and deleted since. */
  deleted: number
}

export type BatchItemStatus = Exclude<keyof BatchCounts, 'requested'>

declare module '../platform/events.ts' {
  interface EventTypes {
    /** Some of its mailboxes are no longer pending. */
    'batch.progress': { batch_id: string } & BatchCounts
    /** Nothing of it is pending. Sent once. */
    'batch.completed': { batch_id: string } & BatchCounts
  }
}

const statuses: Readonly<Record<MailboxState, BatchItemStatus>> = {
  waiting_payment: 'pending',
  waiting_domain: 'pending',
  provisioning: 'pending',
  active: 'created',
  suspended: 'created',
  failed: 'failed',
  deletion_scheduled: 'deleted',
  deleted: 'deleted',
}

/** What an item whose mailbox is in this state counts as. */
export function batchItemStatus(state: MailboxState): BatchItemStatus {
  return statuses[state]
}

export function isPending(state: MailboxState): boolean {
  return statuses[state] === 'pending'
}

/** The counts of these batches as they are now, in their order. @param db the transaction, inside one. */
export async function countBatches(
  db: Db,
  batches: readonly { id: string; requested: number }[],
): Promise<BatchCounts[]> {
  if (batches.length === 0) return []
  const { rows } = await sql<{ batch_id: string; state: MailboxState; count: number }>`
    select batch_id, state, count(*)::int as count from mailboxes
    where batch_id = any(${batches.map(({ id }) => id)}::uuid[]) group by batch_id, state`.execute(db)
  const byBatch = Map.groupBy(rows, (row) => row.batch_id)
  return batches.map(({ id, requested }) => {
    const counts = { requested, created: 0, pending: 0, failed: requested, deleted: 0 }
    for (const { state, count } of byBatch.get(id) ?? []) {
      counts.failed -= count // what has no mailbox has failed
      counts[batchItemStatus(state)] += count
    }
    return counts
  })
}

/**
 * For whoever has moved mailboxes out of a pending state or into one: tells how far their batches are, in the transaction
 * that moved them. Whoever moves a batch's last ones at the same moment waits here for the other.
 */
export async function tellBatches(
  platform: Platform,
  tx: Tx,
  batchIds: Iterable<string | null>,
): Promise<void> {
  const ids = [...new Set(batchIds)].filter((id) => id !== null)
  if (ids.length === 0) return
  const { rows } = await sql<{
    id: string
    organization_id: string
    workspace_id: string
    requested: number
  }>`select id, organization_id, workspace_id, requested from mailbox_batches
    where id = any(${ids}::uuid[]) and completed_at is null order by id for update`.execute(tx)
  const counts = await countBatches(tx, rows)
  const told = rows.flatMap((row, at) => {
    const counted = counts[at]
    return counted ? [{ row, counted }] : []
  })
  await markCompleted(
    platform,
    tx,
    told.filter(({ counted }) => counted.pending === 0).map(({ row }) => row.id),
  )
  await appendEvents(
    platform,
    tx,
    told.map(({ row, counted }) => ({
      type: counted.pending === 0 ? ('batch.completed' as const) : ('batch.progress' as const),
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { batch_id: row.id, ...counted },
    })),
  )
}

async function markCompleted(platform: Platform, tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await sql`update mailbox_batches set completed_at = ${platform.clock.now()}
    where id = any(${ids}::uuid[])`.execute(tx)
}
