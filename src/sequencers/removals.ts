/** Takes accounts away at sequencers. Doing it twice does no harm: one that is gone is no error. */
import { type RemoteAccount, SequencerError } from './driver.ts'
import { due, dueRows } from './due.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import { accountOf, appearsMs, change, hasRemote, noteFailed, noteSucceeded, type Run } from './run.ts'
import { afterFailure, afterRemoved } from './transitions.ts'

export async function removeDue(run: Run): Promise<void> {
  const { platform, sequencer } = run
  while (!run.isOver()) {
    const rows = await dueRows(platform.db, sequencer.id, due.removal, platform.clock.now(), rowsPerLook)
    if (rows.length === 0) return
    for (const row of rows) {
      if (run.isOver()) return
      await removeOne(run, row)
    }
  }
}

const rowsPerLook = 50

async function removeOne(run: Run, row: SequencerMailbox): Promise<void> {
  try {
    const account: RemoteAccount | null = hasRemote(row) ? accountOf(row) : await run.driver.find(row.address)
    if (account !== null) await run.driver.remove(account)
    noteSucceeded(run)
    if (account === null && mayAppear(run, row)) return await lookLater(run, row)
    await change(run, [row.mailbox_id], (now) =>
      now.state === 'removing' ? afterRemoved(now) : wantedAgain(run, now),
    )
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    // What was done after all is done again, and is no error then.
    await change(run, [row.mailbox_id], (now) => afterFailure(now, error, run.platform.clock.now()))
  }
}

/** It was taken a moment ago, and has not shown itself yet. */
function mayAppear(run: Run, { pushed_at: at }: SequencerMailbox): boolean {
  return at !== null && run.platform.clock.now().getTime() - at.getTime() < appearsMs(run)
}

async function lookLater(run: Run, { mailbox_id: id }: SequencerMailbox): Promise<void> {
  const at = new Date(run.platform.clock.now().getTime() + sequencerPolicy.confirmPauseMsMin)
  await change(run, [id], (row) => ({ ...row, next_attempt_at: at }))
}

/** It was asked for anew while it was being taken away. */
function wantedAgain({ platform }: Run, row: SequencerMailbox): SequencerMailbox {
  return { ...row, remote_id: null, remote_status: null, next_attempt_at: platform.clock.now() }
}
