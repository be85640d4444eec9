/** A mailbox from one look to the next: each of its periods is paid once, in its place, or it is told why not. */
import assert from 'node:assert/strict'
import { endOf } from './calendar.ts'
import {
  checkLine,
  type Expected,
  type Look,
  lineTotal,
  pricesFor,
  type Turn,
  takeLines,
} from './check-lines.ts'
import type { SeenLine, SeenMailbox } from './observe.ts'
import { isGone } from './units.ts'

/** In these states the money for its first period is put aside. */
export const waitingStates = ['waiting_domain', 'provisioning']

/** A mailbox, before and after, and what was billed for it. */
type Case = { look: Look; before: SeenMailbox; after: SeenMailbox; lines: readonly SeenLine[] }

/** One that was tried, and could not be paid for the time from a moment on. */
export type Tried = { mailbox: SeenMailbox; start: number; turn: Turn }

/** @returns what was tried in vain. */
export function checkMailbox(
  look: Look,
  before: SeenMailbox | undefined,
  after: SeenMailbox,
): readonly Tried[] {
  const lines = takeLines(look, after.id)
  try {
    const tried = before === undefined ? bought(look, after, lines) : became({ look, before, after, lines })
    if (look.phase === 'due jobs') dunned(look, after)
    return tried
  } catch (error) {
    const what = JSON.stringify({ phase: look.phase, before, after, lines })
    throw new Error(`${error instanceof Error ? error.message : error}: ${what}`, { cause: error })
  }
}

function bought(look: Look, after: SeenMailbox, lines: readonly SeenLine[]): readonly Tried[] {
  assert.equal(look.phase, 'calls', 'nobody has bought it')
  if (after.end === null) {
    assert.ok([...waitingStates, 'waiting_payment'].includes(after.state), 'it has no period')
    assert.deepEqual(lines, [], 'nothing is paid for it yet')
    const isShort = after.state === 'waiting_payment'
    return isShort ? [{ mailbox: after, start: look.now, turn: turnOf(look, after, 0) }] : []
  }
  assert.equal(after.state, 'active')
  return paid({ look, before: after, after, lines }, { anchor: look.now, from: look.now })
}

const dayMs = 86_400_000

/**
 * Where money has come those that wait for their first payment are before the unpaid ones; the jobs first look at those
 * whose period has just ended.
 */
function turnOf({ phase, account }: Look, before: SeenMailbox, round: number): Turn {
  const { id, unpaid_since, next_payment_at, end } = before
  if (phase === 'due jobs') {
    const isDue = unpaid_since === null
    return { group: isDue ? 0 : 1, round, key: (isDue ? end : next_payment_at) ?? 0, id: null }
  }
  if (before.state !== 'waiting_payment') return { group: 2, round, key: unpaid_since ?? 0, id }
  const { activeDomain, waitingDomain } = account
  const isServed = before.domain_id === activeDomain.id || waitingDomain.isActive
  return { group: isServed ? 0 : 1, round: 0, key: 0, id }
}

/** What has to become of it is told by what was, and by what has happened. */
function became(one: Case): readonly Tried[] {
  const { look, before, after } = one
  const { account, now, phase, isSettled } = look
  if (phase === 'calls') {
    const asked = account.asked.get(before.id)
    if (asked === 'restore') restored(one)
    else if (asked === 'remove' || asked === 'purge')
      went(one, asked === 'purge' ? 'deleted' : 'deletion_scheduled')
    else stayed(one)
    return []
  }
  if (phase === 'queue') {
    const isFound = account.waitingDomain.isActive && before.domain_id === account.waitingDomain.id
    if (before.state === 'waiting_domain' && isFound) return begun(one)
    if (isSettled && before.state === 'waiting_payment') return firstPaid(one, isFound)
    else if (isSettled && before.unpaid_since !== null && !isGone(before)) return tried(one)
    else stayed(one)
    return []
  }
  if (isGone(before)) {
    if (before.state === 'deletion_scheduled' && (before.purge_at ?? now) <= now) went(one, 'deleted')
    else stayed(one)
  } else if (before.state === 'waiting_payment') {
    const isOver = before.since + look.shared.terms.paymentWaitDays * dayMs <= now
    if (isOver) went(one, 'failed')
    else stayed(one)
  } else if (before.unpaid_since !== null && (before.next_payment_at ?? now) <= now) return tried(one)
  else if (before.unpaid_since === null && before.end !== null && before.end <= now) return tried(one)
  else stayed(one)
  assert.ok(after.state === before.state || isGone(after) || after.state === 'failed')
  return []
}

/** Nothing has become of it. */
function stayed({ look, before, after, lines }: Case): void {
  assert.deepEqual(lines, [], 'nothing has happened to it')
  const kept = ({ end, in_slot, anchor, unpaid_since }: SeenMailbox) => [end, in_slot, anchor, unpaid_since]
  if (look.phase !== 'calls' || before.end !== null || waitingStates.includes(before.state) === false) {
    assert.deepEqual(kept(after), kept(before), 'nothing has happened to it')
  } else assert.deepEqual([after.end, after.anchor], [null, null], 'it waits')
  const switches = ['active', 'suspended']
  const isSwitched =
    look.phase === 'calls' && switches.includes(before.state) && switches.includes(after.state)
  if (!isSwitched) assert.equal(after.state, before.state, 'it is in another state')
  if (before.end !== null) assert.equal(after.period, before.period, 'it has another period')
}

/** It goes: nothing is paid. */
function went({ look, after, lines }: Case, state: string): void {
  assert.deepEqual(lines, [], 'nothing is paid for it')
  assert.equal(after.state, state, 'it should be gone')
  const { restoreDays } = look.shared.terms
  if (state === 'deletion_scheduled') assert.equal(after.purge_at, look.now + restoreDays * dayMs)
}

/** It comes back: within its paid period for nothing, else a new one begins. */
function restored(one: Case): void {
  const { look, before, after, lines } = one
  const { now } = look
  const { end, in_slot: hadSlot, state_before_deletion: state } = before
  const isRestart = end !== null && (end <= now || hadSlot) && state !== 'failed'
  if (end === null && after.state === 'active') {
    begun(one)
    return
  }
  const isResumed = isRestart && before.payment_suspension === 'resume' && !(after.in_slot && end > now)
  assert.equal(after.state, isResumed ? 'active' : state, 'it is as it was')
  if (end === null) assert.deepEqual([lines, after.end], [[], null], 'nothing is paid for it yet')
  else if (!isRestart || (after.in_slot && end > now))
    assert.deepEqual([lines, after.end, after.anchor], [[], end, before.anchor], 'its period runs')
  else paid(one, { anchor: now, from: now })
}

/** Its first period: what was put aside for it, or what it costs now. */
function begun(one: Case): readonly Tried[] {
  const { look, after, lines } = one
  const { account, now } = look
  assert.deepEqual([after.state, after.anchor], ['active', now], 'its first period begins now')
  const held = account.holds.get(after.id)
  if (held === undefined) return paid(one, { anchor: now, from: now })
  const end = endOf(now, after.period, now)
  assert.equal(after.end, end)
  const [line, ...others] = lines
  assert.ok(line, 'its first period is not paid')
  assert.deepEqual(others, [])
  checkLine(look, line, { ...periodOf(look, after, now, end), unitAmounts: held.unitAmounts, rates: held })
  return []
}

/** It has waited for its first payment. */
function firstPaid(one: Case, isFound: boolean): readonly Tried[] {
  const { look, after, lines } = one
  if (after.state === 'waiting_payment') {
    stayed(one)
    return [{ mailbox: after, start: look.now, turn: turnOf(look, one.before, 0) }]
  }
  const isServed = isFound || after.domain_id === look.account.activeDomain.id
  if (isServed) return begun(one)
  assert.deepEqual([after.state, after.end, lines], ['waiting_domain', null, []])
  return []
}

function periodOf(look: Look, mailbox: SeenMailbox, start: number, end: number): Expected {
  const { service: of, period } = mailbox
  const unitAmounts = pricesFor(look, { item: 'mailbox', of, period }, start, look.counts(mailbox))
  return { kind: 'period', item: 'mailbox', quantity: 1, unitAmounts, start, end }
}

/** Its period is over, and its next one was to be paid; after a suspension one that begins now. */
function tried(one: Case): readonly Tried[] {
  const { look, before, after, lines } = one
  const { now } = look
  if (before.cancel_at_period_end) {
    went(one, 'deletion_scheduled')
    return []
  }
  const isRestart = before.payment_suspension !== null
  const start = isRestart ? now : (before.end ?? now)
  if (isGone(after)) {
    const { deletion_announced_for: announcedFor } = before
    assert.ok(announcedFor !== null && announcedFor <= now, 'it was not announced that it goes')
    went(one, 'deletion_scheduled')
    return [{ mailbox: after, start, turn: turnOf(look, before, 0) }]
  }
  if (lines.length === 0 && after.end === before.end && after.unpaid_since !== null) {
    assert.equal(after.unpaid_since, before.unpaid_since ?? before.end, 'since when it is unpaid')
    assert.deepEqual([after.anchor, after.period], [before.anchor, before.period])
    return [{ mailbox: after, start, turn: turnOf(look, before, 0) }]
  }
  assert.equal(after.period, before.next_period ?? before.period, 'the period that was wished for')
  return paid(one, { anchor: isRestart ? now : (before.anchor ?? now), from: start })
}

type Run = { anchor: number; from: number }

/** The periods from `from` on, one behind the other: each has its line, or costs nothing; and so it goes to the present. */
function paid({ look, before, after, lines }: Case, { anchor, from }: Run): readonly Tried[] {
  const { now } = look
  let [start, round] = [from, 0]
  const next = (): number => endOf(anchor, after.period, start)
  const goOn = (): void => {
    start = next()
    round += 1
  }
  const isFree = (): boolean => {
    const { unitAmounts } = periodOf(look, after, start, next())
    return unitAmounts.every((amount) => amount === null || amount === 0n)
  }
  for (const line of lines) {
    while (line.start !== start && start <= now && isFree()) goOn()
    checkLine(look, line, periodOf(look, after, start, next()))
    look.paid.push({ ...turnOf(look, before, round), total: lineTotal(line) })
    goOn()
  }
  // A slot that has become free pays for what was left unpaid behind those lines, and for nothing that has a line.
  if (lines.length > 0) assert.ok(!after.in_slot || start <= now, 'a slot pays for it')
  while (start <= now && (after.in_slot || isFree())) goOn()
  assert.equal(after.end, start, 'a period is left out, or is not paid')
  assert.equal(after.unpaid_since, start > now ? null : start, 'since when it is unpaid')
  assert.equal(after.anchor, anchor)
  return start > now ? [] : [{ mailbox: after, start, turn: turnOf(look, before, round) }]
}

/** What the operator's terms make of one that is unpaid. */
function dunned({ shared, now }: Look, after: SeenMailbox): void {
  const { unpaid_since, state, payment_suspension, deletion_announced_for, next_payment_at } = after
  if (unpaid_since === null || isGone(after) || !['active', 'suspended'].includes(state)) return
  assert.ok(next_payment_at !== null && next_payment_at > now, 'it is not looked at again')
  const days = (now - unpaid_since) / dayMs
  const { suspendAfterDays, deleteAfterDays, deleteNoticeDays } = shared.terms
  assert.equal(
    payment_suspension !== null || after.state === 'suspended',
    days >= suspendAfterDays || after.state === 'suspended',
  )
  if (days >= suspendAfterDays) assert.equal(state, 'suspended', 'its grace is over')
  if (days >= deleteAfterDays - deleteNoticeDays)
    assert.ok(deletion_announced_for !== null, 'its deletion is not announced')
  if (deletion_announced_for === null) return
  assert.ok(deletion_announced_for > now, 'it should be gone')
  assert.ok(deletion_announced_for >= unpaid_since + deleteAfterDays * dayMs)
}
