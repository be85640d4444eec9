/** How approvals end by themselves: their time is over, their mailbox goes, or they are old and forgotten. */
import { sql } from 'kysely'
import { releaseBodies } from '../../messages/sweep.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents, type NewEvent } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { uuidArray } from '../../platform/sql-arrays.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'approvals.expire': Record<string, never>
    'approvals.clean_up': Record<string, never>
  }
}

/** What was decided is kept so long, with what it was about. */
export const decidedDays = 30
const perStatement = 500
const dayMs = 24 * 3600 * 1000

type Ended = { id: string; organization_id: string; workspace_id: string; mailbox_id: string }

const ownerOf = ({ organization_id, workspace_id, mailbox_id }: Ended) => ({
  organizationId: organization_id,
  workspaceId: workspace_id,
  mailboxId: mailbox_id,
})

/** Ends what waited for too long. @returns how many of this batch. */
export async function expireApprovals(platform: Platform): Promise<number> {
  const now = platform.clock.now()
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<Ended>`
      update approvals set state = 'expired', decided_at = ${now}::timestamptz where id in (
        select id from approvals where state = 'pending' and expires_at <= ${now}::timestamptz
        order by expires_at limit ${perStatement} for update skip locked)
      returning id, organization_id, workspace_id, mailbox_id`.execute(tx)
    const events = rows.map((row): NewEvent => {
      const data = { approval_id: row.id, mailbox_id: row.mailbox_id }
      return { type: 'approval.expired', ...ownerOf(row), data }
    })
    await appendEvents(platform, tx, events)
    return rows.length
  })
}

/** Ends what waits in those of the mailboxes that cannot send any more, in the transaction that moves them. */
export async function endApprovals(platform: Platform, tx: Tx, mailboxIds: readonly string[]): Promise<void> {
  const now = platform.clock.now()
  const { rows } = await sql<Ended & { reason: string }>`
    update approvals set state = 'cancelled', decided_at = ${now}::timestamptz,
      reason = 'The mailbox was ' || case mailboxes.state when 'suspended' then 'suspended' else 'deleted' end || '.'
    from mailboxes
    where mailboxes.id = approvals.mailbox_id and mailboxes.state in ('suspended', 'deletion_scheduled', 'deleted')
      and approvals.mailbox_id = any(${uuidArray(mailboxIds)}) and approvals.state = 'pending'
    returning approvals.id, approvals.organization_id, approvals.workspace_id, approvals.mailbox_id, approvals.reason`.execute(
    tx,
  )
  const events = rows.map((row): NewEvent => {
    const data = { approval_id: row.id, mailbox_id: row.mailbox_id, reason: row.reason }
    return { type: 'approval.cancelled', ...ownerOf(row), data }
  })
  await appendEvents(platform, tx, events)
}

/** Forgets all of a mailbox. */
export async function purgeApprovals(platform: Platform, tx: Tx, mailboxId: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    delete from approvals where mailbox_id = ${mailboxId}::uuid returning id`.execute(tx)
  await release(platform, tx, rows)
}

/** Forgets what was decided long ago. @returns how many of this batch. */
export async function deleteOldApprovals(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - decidedDays * dayMs)
  return await transaction(platform.db, async (tx) => {
    const { rows } = await sql<{ id: string }>`
      delete from approvals where id in (
        select id from approvals where decided_at < ${before}::timestamptz limit ${perStatement}
        for update skip locked)
      returning id`.execute(tx)
    await release(platform, tx, rows)
    return rows.length
  })
}

async function release(platform: Platform, tx: Tx, rows: readonly { id: string }[]): Promise<void> {
  if (rows.length === 0) return
  await releaseBodies(
    rows.map(({ id }) => id),
    platform.clock.now(),
  ).execute(tx)
}
