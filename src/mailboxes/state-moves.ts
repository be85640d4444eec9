/** What moves of mailboxes from state to state lead to, in the transaction that makes them: events, batches, services, money. */
import type { Tx } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { isPending, tellBatches } from './batch-progress.ts'
import { tellEngines } from './engines.ts'
import type { MailboxState } from './lifecycle.ts'
import { releaseGivenUp } from './payment/first-periods.ts'
import type { Service } from './tables.ts'

export type MovedMailbox = {
  id: string
  organization_id: string
  workspace_id: string
  address: string
  batch_id: string | null
  service: Service
  from: MailboxState
  to: MailboxState
}

/** For whoever has moved mailboxes, one or a set. */
export async function tellMoves(platform: Platform, tx: Tx, moved: readonly MovedMailbox[]): Promise<void> {
  await tellMovesAsSeen(platform, tx, moved)
  await tellEngines(platform, tx, moved, 'state')
}

/** The same for an engine that has seen them itself, and need not be told. */
export async function tellMovesAsSeen(
  platform: Platform,
  tx: Tx,
  moved: readonly MovedMailbox[],
): Promise<void> {
  await appendEvents(
    platform,
    tx,
    moved.map((row) => ({
      type: 'mailbox.state_changed' as const,
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      mailboxId: row.id,
      data: { mailbox_id: row.id, address: row.address, from: row.from, to: row.to },
    })),
  )
  await releaseGivenUp(platform, tx, moved)
  const waited = moved.filter(({ from, to }) => isPending(from) !== isPending(to))
  await tellBatches(
    platform,
    tx,
    waited.map((row) => row.batch_id),
  )
}
