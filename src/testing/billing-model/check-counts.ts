/** By which count of units a mailbox's price goes: of those that there are when it is paid. */
import type { Account } from './account.ts'
import type { Look } from './check-lines.ts'
import type { SeenMailbox } from './observe.ts'
import { countOf, isCounted, isGone, kindOf } from './units.ts'

type Known = Pick<Look, 'phase' | 'jobs' | 'now'> & { account: Account }

/** @param after what is seen now, beside what was seen before. */
export function countsOf(known: Known, after: readonly SeenMailbox[]): Look['counts'] {
  const { account, phase } = known
  const before = account.mailboxes
  const pairs = after.flatMap((row): Pair[] => {
    const old = before.get(row.id)
    return old === undefined ? [] : [{ old, row }]
  })
  const counted = { ...known, pairs, startOf: (kind: string) => countOf(before.values(), kind) }
  return (mailbox) => {
    const kind = kindOf(mailbox)
    if (phase === 'calls') return [account.counts.get(kind) ?? counted.startOf(kind)]
    return phase === 'queue' ? inQueue(counted, mailbox, kind) : inDueJobs(counted, mailbox, kind)
  }
}

type Pair = { old: SeenMailbox; row: SeenMailbox }

type Counted = Known & { pairs: readonly Pair[]; startOf(kind: string): number }

/** How the count of a kind changes with what becomes of some of them: slots that are taken or lost. */
function slotChanges(pairs: readonly Pair[], kind: string, isOf: (pair: Pair) => boolean): number {
  let change = 0
  for (const pair of pairs) {
    const { old, row } = pair
    if (kindOf(old) !== kind || !isOf(pair) || old.cancel_at_period_end) continue
    change += Number(!row.in_slot) - Number(!old.in_slot)
  }
  return change
}

/** Money has come: who waits for the first payment before who is unpaid. Or a domain is active. */
function inQueue({ pairs, startOf }: Counted, { id }: SeenMailbox, kind: string): number[] {
  const start = startOf(kind)
  const waiting = pairs.filter(({ old }) => old.state === 'waiting_payment' && kindOf(old) === kind)
  const own = pairs.find(({ old }) => old.id === id)?.old
  if (own?.state === 'waiting_payment') return [start + waiting.filter(({ row }) => !row.in_slot).length]
  const paid = waiting.filter(({ row }) => isCounted(row)).length
  const gone = goneOf(pairs, kind, ({ old }) => old.unpaid_since !== null)
  const change = slotChanges(pairs, kind, ({ old }) => {
    return own?.state === 'waiting_domain' ? old.state === 'waiting_domain' : isUnpaid(old)
  })
  return [start + paid - gone + change]
}

function isUnpaid(mailbox: SeenMailbox): boolean {
  return mailbox.unpaid_since !== null && !isGone(mailbox)
}

/** Those that go because they were canceled. */
function goneOf(pairs: readonly Pair[], kind: string, isOf: (pair: Pair) => boolean): number {
  return pairs.filter((pair) => {
    const { old, row } = pair
    return isOf(pair) && kindOf(old) === kind && isCounted(old) && old.cancel_at_period_end && isGone(row)
  }).length
}

/**
 * The job first pays those whose period has just ended, then lets those of them go that are canceled; and then looks at the
 * unpaid ones, of which the canceled go first, and those whose time is over last. Two of these jobs at once may each do
 * another half first.
 */
function inDueJobs({ pairs, startOf, now, jobs }: Counted, { id }: SeenMailbox, kind: string): number[] {
  const isDue = ({ old }: Pair): boolean =>
    !isGone(old) && old.end !== null && old.end <= now && old.unpaid_since === null
  const wasUnpaid = ({ old }: Pair): boolean =>
    isUnpaid(old) && old.next_payment_at !== null && old.next_payment_at <= now
  const start = startOf(kind)
  const due = start + slotChanges(pairs, kind, isDue)
  const looked =
    due - goneOf(pairs, kind, isDue) - goneOf(pairs, kind, wasUnpaid) + slotChanges(pairs, kind, wasUnpaid)
  const own = pairs.find(({ old }) => old.id === id)
  if (jobs !== null) {
    if (own === undefined || !isDue(own)) return [looked]
    // One that could not be paid is looked at with the unpaid ones at once where its grace is over.
    return own.row.unpaid_since === null || own.row.payment_suspension === null ? [due] : [due, looked]
  }
  const lookedFirst = start - goneOf(pairs, kind, wasUnpaid) + slotChanges(pairs, kind, wasUnpaid)
  const over = pairs.filter(
    (pair) => wasUnpaid(pair) && kindOf(pair.old) === kind && isCounted(pair.old) && isGone(pair.row),
  ).length
  const dueLast = start - over + slotChanges(pairs, kind, wasUnpaid) + slotChanges(pairs, kind, isDue)
  return [...new Set([due, looked, lookedFirst, dueLast])]
}
