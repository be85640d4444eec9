/** Adds what is to be added. Each is noted as begun before the call, so that nothing is ever added twice. */
import { transaction } from '../platform/database.ts'
import { type AddOutcome, SequencerError } from './driver.ts'
import { due, dueRows } from './due.ts'
import { keepChanges, type RowChange } from './keeping.ts'
import { keepOutcomes } from './outcomes.ts'
import { sequencerPlatforms } from './platforms.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import { type Begun, lockUnchanged, noteFailed, noteSucceeded, type Run } from './run.ts'
import { afterUnpushable } from './transitions.ts'
import { digestOf, goneMailbox, wantedMailboxes } from './wanted.ts'

/** Several at a time: a sequencer tries to log in to each mailbox, which takes longer than its limits make it wait. */
export async function addDue(run: Run): Promise<void> {
  const { addsAtOnce = sequencerPolicy.addsAtOnce } = sequencerPlatforms[run.sequencer.platform]
  const lanes = Array.from({ length: addsAtOnce }, () => addInTurn(run))
  const ended = await Promise.allSettled(lanes)
  for (const lane of ended) if (lane.status === 'rejected') throw lane.reason
}

async function addInTurn(run: Run): Promise<void> {
  while (!run.isOver()) {
    const begun = await begin(run)
    if (begun === null) return
    if (begun.length > 0) await add(run, begun)
  }
}

/** @returns what is to be added now; null when nothing is due. */
async function begin(run: Run): Promise<Begun[] | null> {
  const { platform } = run
  return await transaction(platform.db, async (tx) => {
    const sequencer = await lockUnchanged(tx, run)
    const now = platform.clock.now()
    const { addMax } = sequencerPlatforms[sequencer.platform]
    const rows = await dueRows(tx, sequencer.id, due.addition, now, addMax)
    if (rows.length === 0) return null
    const { begun, changes } = await begunOf(run, tx, rows)
    await keepChanges(platform, tx, sequencer, changes)
    return begun
  })
}

/** Rows as they are noted before a call. Those that cannot be pushed are settled. */
export async function begunOf(
  { platform, sequencer }: Run,
  tx: Parameters<typeof wantedMailboxes>[1],
  rows: readonly SequencerMailbox[],
): Promise<{ begun: Begun[]; changes: RowChange[] }> {
  const now = platform.clock.now()
  const ids = rows.map(({ mailbox_id: id }) => id)
  const wanted = await wantedMailboxes(platform, tx, ids, sequencer.settings)
  const removes = sequencer.settings.remove_inactive === true
  const begun: Begun[] = []
  const changes = rows.map((before): RowChange => {
    const mailbox = wanted.get(before.mailbox_id)
    if (!mailbox || mailbox.account === null) {
      const after = afterUnpushable(before, mailbox?.problem ?? goneMailbox, removes, now)
      return { before, after }
    }
    begun.push({ id: before.mailbox_id, account: mailbox.account })
    const isNew = before.remote_id === null
    return {
      before,
      after: {
        ...before,
        address: mailbox.address,
        // Of a change it is kept when that is known to be done: until then it is as it was told before.
        ...(isNew ? digestOf(platform, before.mailbox_id, mailbox.account) : {}),
        uncertain: true,
        pushed_at: now,
        compared_at: now,
        next_attempt_at: new Date(now.getTime() + sequencerPolicy.uncertainPauseMs),
      },
    }
  })
  return { begun, changes }
}

async function add(run: Run, begun: readonly Begun[]): Promise<void> {
  try {
    const outcomes = await run.driver.add(begun.map(({ account }) => account))
    noteSucceeded(run)
    await keepOutcomes(run, begun, outcomes)
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    await keepOutcomes(
      run,
      begun,
      begun.map((): AddOutcome => ({ kind: 'failed', error })),
    )
  }
}
