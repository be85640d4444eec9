/** Whether connections work, and pauses for those that do not. */
import type { Tx } from '../platform/database.ts'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import type { Platform } from '../platform/platform.ts'
import { tellOfSequencer, working } from './connections.ts'
import { SequencerError } from './driver.ts'
import { wakeSequencers } from './jobs.ts'
import { keyOf, openSequencer } from './opening.ts'
import { sequencerPolicy } from './policy.ts'
import { lockSequencer, type Sequencer } from './rows.ts'

export async function noteWorking(platform: Platform, id: string): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const before = await lockSequencer(tx, id)
    if (!before) return
    const row = await tx
      .updateTable('sequencers')
      .set({ ...working, checked_at: platform.clock.now() })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    if (before.state === 'failing') await tellOfSequencer(platform, tx, 'sequencer.recovered', row)
  })
}

/**
 * Leaves it alone for a while. Being asked too often is no fault of the connection.
 * @param key what it was asked with: a failure of a key that has been replaced since says nothing.
 */
export async function noteConnectionFailure(
  platform: Platform,
  { id, sealed_private_key: key }: Sequencer,
  error: SequencerError,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const before = await lockSequencer(tx, id)
    if (!before || (key !== null && before.sealed_private_key?.equals(key) !== true)) return
    const now = platform.clock.now()
    if (error.kind === 'rate_limited') return await pause(tx, id, now, error)
    const { connectionRetryMs } = sequencerPolicy
    const pauseMs = connectionRetryMs[Math.min(before.failures, connectionRetryMs.length - 1)] ?? 0
    await tx
      .updateTable('sequencers')
      .set({
        failures: before.failures + 1,
        state: 'failing',
        error_kind: error.kind,
        last_error: error.message,
        retry_at: new Date(now.getTime() + Math.max(pauseMs, error.retryAfterMs ?? 0)),
        checked_at: now,
      })
      .where('id', '=', id)
      .execute()
    if (before.state !== 'failing') await tellFailed(platform, tx, before, error)
  })
}

async function pause(tx: Tx, id: string, now: Date, { retryAfterMs }: SequencerError): Promise<void> {
  const { rateLimitPauseMs, rateLimitPauseMsMax } = sequencerPolicy
  const pauseMs = Math.min(retryAfterMs ?? rateLimitPauseMs, rateLimitPauseMsMax)
  await tx
    .updateTable('sequencers')
    .set({ retry_at: new Date(now.getTime() + pauseMs) })
    .where('id', '=', id)
    .execute()
}

async function tellFailed(
  platform: Platform,
  tx: Tx,
  row: Sequencer,
  { kind, message: problem }: SequencerError,
): Promise<void> {
  await appendEvents(platform, tx, [
    {
      type: 'sequencer.failed',
      organizationId: row.organization_id,
      workspaceId: row.workspace_id,
      data: { sequencer_id: row.id, platform: row.platform, name: row.name, kind, problem },
    },
  ])
}

/** Asks the sequencer now, whatever pause there is. Not for a transaction. @returns the connection as it is after that. */
export async function checkSequencer(platform: Platform, row: Sequencer): Promise<Sequencer> {
  const key = keyOf(platform, row)
  if (key === null) return row
  try {
    const opening = { platform: row.platform, settings: row.settings, key, nextCallAt: null }
    await openSequencer(platform, opening).driver.check()
    await noteWorking(platform, row.id)
    await transaction(platform.db, (tx) => wakeSequencers(tx, [row.id]))
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    await noteConnectionFailure(platform, row, error)
  }
  const after = await platform.db
    .selectFrom('sequencers')
    .selectAll()
    .where('id', '=', row.id)
    .executeTakeFirst()
  return after ?? row
}
