/**
 * Pausing: nothing of a mailbox, a domain or a workspace is taken for sending, and what waits in the queue is held, until
 * somebody resumes. What is on its way at that moment still goes; forwards and reports always do.
 */
import { sql } from 'kysely'
import { type Tx, transaction } from '../../platform/database.ts'
import { appendEvents } from '../../platform/events.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { holdOutbound, releaseOutbound } from '../outbound/control.ts'
import type { PolicyLevel } from '../policies.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    /** Holds what a paused sender has in the queue, or releases what it had when it is paused no more. */
    'limits.settle': { scope_id: string }
  }
}

/** @returns false when it is paused already: the first reason stays. */
export async function pauseSending(
  platform: Platform,
  tx: Tx,
  level: PolicyLevel,
  { by, reason }: { by: string; reason: string },
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into sending_states (scope_id, scope, organization_id, workspace_id, paused_at, pause_reason, paused_by)
    values (${level.scopeId}, ${level.scope}, ${level.organizationId}, ${level.workspaceId}, ${platform.clock.now()},
      ${reason}, ${by})
    on conflict (scope_id) do update set paused_at = excluded.paused_at, pause_reason = excluded.pause_reason,
      paused_by = excluded.paused_by
    where sending_states.paused_at is null`.execute(tx)
  if (!numAffectedRows) return false
  await tell(platform, tx, level, { type: 'sending.paused', by, reason })
  return true
}

/** @returns false when it is not paused. */
export async function resumeSending(
  platform: Platform,
  tx: Tx,
  level: PolicyLevel,
  by: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update sending_states set paused_at = null, pause_reason = null, paused_by = null,
      resumed_at = ${platform.clock.now()}
    where scope_id = ${level.scopeId} and paused_at is not null`.execute(tx)
  if (!numAffectedRows) return false
  await tell(platform, tx, level, { type: 'sending.resumed', by })
  return true
}

type Told = { type: 'sending.paused'; by: string; reason: string } | { type: 'sending.resumed'; by: string }

async function tell(platform: Platform, tx: Tx, level: PolicyLevel, { type, ...said }: Told): Promise<void> {
  const { organizationId, workspaceId, scope, scopeId } = level
  const data = { scope, scope_id: scopeId, reason: '', ...said }
  const mailboxId = scope === 'mailbox' ? scopeId : null
  await appendEvents(platform, tx, [{ type, organizationId, workspaceId, mailboxId, data }])
  await addJob(tx, 'limits.settle', { scope_id: scopeId }, { key: `limits.settle:${scopeId}` })
}

const heldBecause = 'sending is paused: '
const settledPerTransaction = 500

/** The job: batch after batch, whatever the state is by then. */
export async function settleSending(platform: Platform, scopeId: string): Promise<void> {
  for (let after: string | null = null; ; ) {
    const last: string | null = await transaction(platform.db, (tx) =>
      settleBatch(platform, tx, scopeId, after),
    )
    if (last === null) return
    after = last
  }
}

/** Settles every sender that is paused: a recipient that was being sent may have come back to the queue. */
export async function settlePaused(platform: Platform): Promise<void> {
  const { rows } = await sql<{ scope_id: string }>`
    select scope_id from sending_states where paused_at is not null order by scope_id`.execute(platform.db)
  for (const { scope_id: scopeId } of rows) await settleSending(platform, scopeId)
}

/** @returns the id to go on after; null when nothing is left. */
async function settleBatch(
  platform: Platform,
  tx: Tx,
  scopeId: string,
  after: string | null,
): Promise<string | null> {
  const state = await tx
    .selectFrom('sending_states')
    .select(['scope', 'workspace_id', 'paused_at', 'pause_reason', 'paused_by'])
    .where('scope_id', '=', scopeId)
    .forShare() // a resume waits for this batch, and releases it too
    .executeTakeFirst()
  if (!state) return null
  const isPaused = state.paused_at !== null
  const recipients = await sql<{ id: string }>`
    select r.id from outbound_recipients r join outbound_messages m on m.id = r.outbound_message_id
      join mailboxes on mailboxes.id = r.mailbox_id
    where r.workspace_id = ${state.workspace_id}::uuid and m.kind = 'submission'
      and ${scopeId}::uuid in (r.mailbox_id, mailboxes.domain_id, r.workspace_id)
      and ${isPaused ? sql`r.state = 'queued'` : releasable}
      and (${after}::uuid is null or r.id > ${after}::uuid)
    order by r.id limit ${settledPerTransaction}`.execute(tx)
  const ids = recipients.rows.map(({ id }) => id)
  const by = state.paused_by ?? 'platform'
  if (isPaused) await holdOutbound(platform, tx, null, ids, by, `${heldBecause}${state.pause_reason}`)
  else await releaseOutbound(platform, tx, null, ids, by, 'sending was resumed')
  return ids.length < settledPerTransaction ? null : (ids.at(-1) ?? null)
}

// What somebody held by hand stays held, and so does what another level's pause holds.
const releasable = sql`r.state = 'held' and starts_with(r.held_reason, ${heldBecause}) and not exists (
  select from sending_states s where s.paused_at is not null
    and s.scope_id in (r.mailbox_id, mailboxes.domain_id, r.workspace_id))`
