/** Tells sequencers of accounts that have changed. One whose address is another is taken away, and added anew. */
import { transaction } from '../platform/database.ts'
import { begunOf } from './additions.ts'
import { type AddOutcome, SequencerError } from './driver.ts'
import { due, dueRows } from './due.ts'
import { keepChanges } from './keeping.ts'
import { keepOutcomes } from './outcomes.ts'
import type { SequencerMailbox } from './rows.ts'
import {
  accountOf,
  type Begun,
  change,
  hasRemote,
  lockUnchanged,
  noteFailed,
  noteSucceeded,
  type Run,
} from './run.ts'
import { afterDoubt, afterFailure, nothingThere } from './transitions.ts'

/** One after the other: a changed account loses its place in campaigns at most sequencers, and nothing is gained by haste. */
export async function updateDue(run: Run): Promise<void> {
  while (!run.isOver()) {
    const begun = await begin(run)
    if (begun === null) return
    for (const { row, told } of begun) {
      if (told === null) continue
      if (row.address === told.account.address) await update(run, row, told)
      else await removeOld(run, row)
    }
  }
}

type BegunUpdate = { row: SequencerMailbox; told: Begun | null }

async function begin(run: Run): Promise<BegunUpdate[] | null> {
  const { platform } = run
  return await transaction(platform.db, async (tx) => {
    const sequencer = await lockUnchanged(tx, run)
    const [row] = await dueRows(tx, sequencer.id, due.update, platform.clock.now(), 1)
    if (!row) return null
    const { begun, changes } = await begunOf(run, tx, [row])
    const [told = null] = begun
    const isMove = told !== null && told.account.address !== row.address
    // The old account is what is looked for until it is gone.
    const kept = changes.map(({ before, after }) => {
      if (!isMove || after === null) return { before, after }
      return { before, after: { ...after, address: before.address, uncertain: false } }
    })
    await keepChanges(platform, tx, sequencer, kept)
    return [{ row, told }]
  })
}

async function update(run: Run, row: SequencerMailbox, told: Begun): Promise<void> {
  if (!hasRemote(row)) return
  let outcome: AddOutcome
  try {
    outcome = await run.driver.update(accountOf(row), told.account)
    noteSucceeded(run)
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    outcome = { kind: 'failed', error }
  }
  await keepOutcomes(run, [told], [outcome])
}

async function removeOld(run: Run, before: SequencerMailbox): Promise<void> {
  if (!hasRemote(before)) return
  const now = run.platform.clock.now()
  try {
    await run.driver.remove(accountOf(before))
    noteSucceeded(run)
    await change(run, [before.mailbox_id], (row) => ({ ...row, ...nothingThere, next_attempt_at: now }))
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    await change(run, [before.mailbox_id], (row) =>
      error.maybeDone ? afterDoubt(row, error, now) : afterFailure(row, error, now),
    )
  }
}
