/** Learns what became of accounts that a sequencer took without saying how it stands with them. */
import { SequencerError } from './driver.ts'
import { due, dueRows } from './due.ts'
import { observe } from './observe.ts'
import { afterOutcome } from './outcomes.ts'
import { sequencerPolicy } from './policy.ts'
import type { SequencerMailbox } from './rows.ts'
import { change, noteFailed, noteSucceeded, type Run } from './run.ts'
import { afterSeen, afterUnseen } from './transitions.ts'

export async function confirmDue(run: Run): Promise<void> {
  const { platform, sequencer } = run
  if (run.isOver()) return
  const rows = await dueRows(
    platform.db,
    sequencer.id,
    due.confirmation,
    platform.clock.now(),
    sequencerPolicy.mailboxesPerExportMax,
  )
  const byRef = Map.groupBy(rows, ({ pending_ref: ref }) => ref)
  for (const [ref, ofRef] of byRef) {
    if (run.isOver()) return
    if (ref !== null) await asking(run, ofRef, () => polled(run, ref))
  }
  const others = byRef.get(null) ?? []
  if (others.length > sequencerPolicy.findsPerLookMax) {
    return await asking(run, others, async () => {
      await observe(run) // it settles those that it sees
      return (row) => unseen(run, row)
    })
  }
  for (const row of others) {
    if (run.isOver()) return
    await asking(run, [row], () => found(run, row))
  }
}

type Next = (row: SequencerMailbox) => SequencerMailbox

async function asking(run: Run, rows: readonly SequencerMailbox[], ask: () => Promise<Next>): Promise<void> {
  const ids = rows.map(({ mailbox_id: id }) => id)
  try {
    const next = await ask()
    noteSucceeded(run)
    await change(run, ids, (row) => (row.state === 'confirming' ? next(row) : row))
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    noteFailed(run, error)
    await change(run, ids, (row) => (row.state === 'confirming' ? unseen(run, row) : row))
  }
}

async function polled(run: Run, ref: string): Promise<Next> {
  const answers = await run.driver.poll(ref)
  const byAddress = new Map(answers.map(({ address, outcome }) => [address.toLowerCase(), outcome]))
  return (row) => {
    const outcome = byAddress.get(row.address.toLowerCase())
    return outcome && outcome.kind !== 'pending' ? afterOutcome(run, row, outcome) : unseen(run, row)
  }
}

async function found(run: Run, { address }: SequencerMailbox): Promise<Next> {
  const account = await run.driver.find(address)
  if (account === null) return (row) => unseen(run, row)
  return (row) =>
    account.status === 'pending'
      ? unseen(run, { ...row, remote_id: account.id, remote_status: 'pending' })
      : afterSeen(row, account, run.platform.clock.now())
}

function unseen({ platform, sequencer }: Run, row: SequencerMailbox): SequencerMailbox {
  return afterUnseen(row, sequencer.platform, platform.clock.now())
}
