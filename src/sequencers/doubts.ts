/** What may have been done: the address is looked for, and an account that is there is taken for ours. */

import { type RemoteAccount, SequencerError } from './driver.ts'
import { due, dueRows } from './due.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import { appearsMs, change, noteFailed, noteSucceeded, type Run } from './run.ts'
import { afterDoubt, afterFailure, afterSeen, nothingThere } from './transitions.ts'

/** @throws SequencerError that concerns the connection. */
export async function lookForDoubtful(run: Run): Promise<void> {
  const { platform, sequencer } = run
  while (!run.isOver()) {
    const rows = await dueRows(platform.db, sequencer.id, due.doubtful, platform.clock.now(), rowsPerLook)
    if (rows.length === 0) return
    for (const row of rows) {
      if (run.isOver()) return
      await lookFor(run, row)
    }
  }
}

const rowsPerLook = 50

async function lookFor(run: Run, { mailbox_id: id, address }: SequencerMailbox): Promise<void> {
  try {
    const found = await run.driver.find(address)
    noteSucceeded(run)
    await change(run, [id], (row) => afterLook(run, row, found))
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    await change(run, [id], (row) => afterDoubt(row, error, run.platform.clock.now()))
  }
}

/** The account of an addition is as it was told; one that was being changed may be as before, and is told again. */
export function afterLook(run: Run, row: SequencerMailbox, found: RemoteAccount | null): SequencerMailbox {
  const now = run.platform.clock.now()
  if (found !== null) {
    const seen = { ...row, remote_id: found.id, remote_status: found.status, observed_at: now }
    const isChange = row.state === 'queued' && row.remote_id !== null
    return isChange ? triedAgain(seen, now) : afterSeen(row, found, now)
  }
  const since = now.getTime() - (row.pushed_at ?? row.created_at).getTime()
  if (since < appearsMs(run)) {
    return { ...row, next_attempt_at: new Date(now.getTime() + sequencerPolicy.uncertainPauseMs * 3) }
  }
  return triedAgain({ ...row, ...nothingThere }, now)
}

/** What was lost on its way is an attempt; after an end of our own it is begun at once. */
function triedAgain(row: SequencerMailbox, now: Date): SequencerMailbox {
  if (row.state === 'inactive') return { ...row, uncertain: false, next_attempt_at: null }
  const { error_kind: kind, last_error: words } = row
  if (row.state !== 'queued' || (kind !== 'upstream' && kind !== 'unreachable')) {
    return { ...row, uncertain: false, next_attempt_at: now }
  }
  return afterFailure(row, new SequencerError(kind, words ?? ''), now)
}
