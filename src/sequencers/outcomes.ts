/** Keeps what a sequencer said of mailboxes that it was told of. */
import { type AddOutcome, isPassing, type RemoteAccount, SequencerError } from './driver.ts'
import type { SequencerMailbox } from './rows.ts'
import { type Begun, change, type Run } from './run.ts'
import { afterDoubt, afterFailure, afterPending, afterSeen, concernsConnection } from './transitions.ts'
import { digestOf } from './wanted.ts'

/** @param outcomes one for each of those that were begun, in their order. */
export async function keepOutcomes(
  run: Run,
  begun: readonly Begun[],
  outcomes: readonly AddOutcome[],
): Promise<void> {
  const settled = new Map<string, { account: Begun['account']; outcome: AddOutcome }>()
  for (const [at, { id, account }] of begun.entries()) {
    const outcome = outcomes[at] ?? { kind: 'failed' as const, error: unanswered }
    settled.set(id, { account, outcome: await lookedFor(run, account.address, outcome) })
  }
  for (const { outcome } of settled.values()) {
    if (outcome.kind === 'failed' && concernsConnection(outcome.error)) run.stopped = outcome.error
  }
  await change(run, [...settled.keys()], (row) => {
    const found = settled.get(row.mailbox_id)
    if (!found) return row
    const { account, outcome } = found
    const told = isTold(outcome) ? digestOf(run.platform, row.mailbox_id, account) : {}
    return afterOutcome(run, { ...row, ...told }, outcome)
  })
}

/** What is refused for good is not told again before it is another. */
function isTold(outcome: AddOutcome): boolean {
  if (outcome.kind !== 'failed') return true
  const { error } = outcome
  return !(error.maybeDone || isPassing(error) || concernsConnection(error) || error.kind === 'gone')
}

const unanswered = new SequencerError('upstream', 'The sequencer did not say what became of it.', {
  maybeDone: true,
})

/** Of an address that it has already, the account is looked for: it is ours, or was brought there by hand. */
async function lookedFor(run: Run, address: string, outcome: AddOutcome): Promise<AddOutcome> {
  if (outcome.kind !== 'failed' || outcome.error.kind !== 'duplicate') return outcome
  try {
    const account: RemoteAccount | null = await run.driver.find(address)
    return account === null ? outcome : { kind: 'added', account }
  } catch (error) {
    if (!(error instanceof SequencerError)) throw error
    const { kind, message } = error
    return { kind: 'failed', error: new SequencerError(kind, message, { maybeDone: true, cause: error }) }
  }
}

export function afterOutcome(run: Run, row: SequencerMailbox, outcome: AddOutcome): SequencerMailbox {
  const now = run.platform.clock.now()
  switch (outcome.kind) {
    case 'added':
      return afterSeen({ ...row, uncertain: false }, outcome.account, now)
    case 'pending':
      return afterPending({ ...row, uncertain: false }, outcome.ref, now)
    case 'failed':
      return outcome.error.maybeDone
        ? afterDoubt(row, outcome.error, now)
        : afterFailure(row, outcome.error, now)
  }
}
