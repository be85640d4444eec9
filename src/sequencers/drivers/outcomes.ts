/** Many mailboxes in one or several calls: what concerns one of them must not cost the others. */
import type { AddOutcome, MailboxAccount } from '../driver.ts'
import { SequencerError, type SequencerErrorKind } from '../driver.ts'

const ofOne: ReadonlySet<SequencerErrorKind> = new Set([
  'duplicate',
  'validation',
  'connect_failed',
  'gone',
  'unsupported',
])

/** A mailbox a call. @throws SequencerError for what concerns all of them, if it meets the first. */
export function oneByOne(
  addOne: (account: MailboxAccount) => Promise<AddOutcome>,
): (accounts: readonly MailboxAccount[]) => Promise<AddOutcome[]> {
  return (accounts) =>
    inParts(
      accounts.map((account) => [account]),
      async ([account]) => (account ? [await addOne(account)] : []),
    )
}

/**
 * All in one call. Where it is refused for one mailbox, and does not say which, both halves are tried by themselves.
 * @throws SequencerError for what concerns all of them, if nothing has been added before.
 */
export function inHalves(
  addAll: (accounts: readonly MailboxAccount[]) => Promise<AddOutcome[]>,
): (accounts: readonly MailboxAccount[]) => Promise<AddOutcome[]> {
  return (accounts) => inParts([accounts], addAll)
}

async function inParts(
  parts: readonly (readonly MailboxAccount[])[],
  addAll: (accounts: readonly MailboxAccount[]) => Promise<AddOutcome[]>,
): Promise<AddOutcome[]> {
  const outcomes: AddOutcome[] = []
  const waiting = [...parts].reverse()
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part.length === 0) continue
    try {
      outcomes.push(...(await addAll(part)))
    } catch (error) {
      if (!(error instanceof SequencerError)) throw error
      if (!ofOne.has(error.kind)) return stopped(outcomes, part.length, parts.flat().length, error)
      const half = Math.ceil(part.length / 2)
      if (part.length === 1) outcomes.push({ kind: 'failed', error })
      else waiting.push(part.slice(half), part.slice(0, half))
    }
  }
  return outcomes
}

/** It goes no further: those that were tried last have the error, and those that were not have it without a doubt. */
function stopped(outcomes: AddOutcome[], tried: number, all: number, error: SequencerError): AddOutcome[] {
  if (outcomes.length === 0) throw error
  const { kind, message, retryAfterMs } = error
  const untouched = new SequencerError(kind, message, { retryAfterMs })
  const last = outcomes.length + tried
  return Array.from({ length: all }, (_, at): AddOutcome => {
    return outcomes[at] ?? { kind: 'failed', error: at < last ? error : untouched }
  })
}
