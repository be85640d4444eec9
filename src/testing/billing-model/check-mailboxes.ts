/** A mailbox from one look to the next: each of its periods is paid once, in its place, or it is told why not. */
import assert from 'node:assert/strict'
import { endOf } from './calendar.ts'
import { checkLine, type Expected, type Look, pricesFor, takeLines } from './check-lines.ts'
import type { SeenLine, SeenMailbox } from './observe.ts'

const gone = ['deletion_scheduled', 'deleted']
/** In these states the money for its first period is put aside. */
export const waitingStates = ['waiting_domain', 'provisioning']

export function isGone({ state }: SeenMailbox): boolean {
  return gone.includes(state)
}

/** A mailbox, before and after, and what was billed for it. */
type Case = {
  look: Look
  before: SeenMailbox | undefined
  after: SeenMailbox
  lines: readonly SeenLine[]
  what: string
}

export function checkMailbox(look: Look, before: SeenMailbox | undefined, after: SeenMailbox): void {
  const lines = takeLines(look, after.id)
  const one: Case = { look, before, after, lines, what: JSON.stringify({ before, after, lines }) }
  if (before !== undefined && isSame(before, after)) stayed(one)
  else if (isGone(after)) left(one)
  else if (after.end === null) assert.deepEqual(lines, [], `nothing is paid for it yet: ${one.what}`)
  else if (before === undefined || before.end === null) begun(one)
  else went(one, before, before.end)
  if (look.isAfterJobs) dunned(one)
}

function isSame(before: SeenMailbox, after: SeenMailbox): boolean {
  const [one, other] = [before, after].map(({ end, state, in_slot, anchor, unpaid_since }) =>
    JSON.stringify([end, state, in_slot, anchor, unpaid_since]),
  )
  return one === other
}

function stayed({ look, after, lines, what }: Case): void {
  assert.deepEqual(lines, [], `nothing has happened to it: ${what}`)
  if (!look.isAfterJobs || isGone(after) || after.end === null || after.unpaid_since !== null) return
  assert.ok(after.end > look.now, `its period is over: ${what}`)
}

/** It goes: nothing more is paid. What is unpaid goes when that was announced, or asked for. */
function left({ look: { account, now }, before, lines, what }: Case): void {
  assert.deepEqual(lines, [], `nothing is paid for it: ${what}`)
  if (before === undefined || isGone(before) || before.unpaid_since === null) return
  const wasAnnounced = before.deletion_announced_for !== null && before.deletion_announced_for <= now
  const wasAsked = before.cancel_at_period_end || account.asked.has(before.id)
  assert.ok(wasAnnounced || wasAsked, `it was not announced that it goes: ${what}`)
}

/** Its first period: what was put aside for it, or what it costs now. */
function begun(one: Case): void {
  const { look, after, lines, what } = one
  const { account, now } = look
  assert.equal(after.anchor, now, `its first period begins now: ${what}`)
  const held = account.holds.get(after.id)
  if (held === undefined) {
    paid(one, { anchor: now, from: now })
    return
  }
  const end = endOf(now, after.period, now)
  assert.equal(after.end, end, what)
  const [line, ...others] = lines
  assert.ok(line, `its first period is not paid: ${what}`)
  assert.deepEqual(others, [], what)
  checkLine(look, line, { ...periodOf(look, after, now, end), unitAmounts: held.unitAmounts, rates: held })
}

function periodOf(look: Look, mailbox: SeenMailbox, start: number, end: number): Expected {
  const { service: of, period } = mailbox
  const unitAmounts = pricesFor(look, { item: 'mailbox', of, period }, start, look.counts(mailbox))
  return { kind: 'period', item: 'mailbox', quantity: 1, unitAmounts, start, end }
}

function went(one: Case, before: SeenMailbox, end: number): void {
  const { look, after, lines, what } = one
  const { now } = look
  const wasGone = isGone(before)
  const isOver = end <= now
  // Within its paid period it comes back for nothing.
  if (!isOver && !(wasGone && before.in_slot && !after.in_slot)) {
    assert.deepEqual([lines, after.end], [[], end], `its period runs: ${what}`)
    return
  }
  // Its period is over, and nobody has looked yet.
  if (!look.isAfterJobs && !wasGone && lines.length === 0 && after.end === end) return
  const restarts = before.payment_suspension !== null || wasGone
  if (restarts) {
    const isStill = !wasGone && after.unpaid_since !== null
    if (isStill) assert.deepEqual([lines, after.end], [[], end], `it is still unpaid: ${what}`)
    else paid(one, { anchor: now, from: now })
    return
  }
  assert.ok(!before.cancel_at_period_end, `it was canceled: ${what}`)
  if (lines.length > 0) assert.equal(after.period, before.next_period ?? before.period, what)
  paid(one, { anchor: before.anchor ?? now, from: end })
}

type Run = { anchor: number; from: number }

/** The periods from `from` on, one behind the other: each has its line, or costs nothing; and so it goes to the present. */
function paid({ look, after, lines, what }: Case, { anchor, from }: Run): void {
  const { now } = look
  let start = from
  const next = (): number => endOf(anchor, after.period, start)
  const isFree = (): boolean => {
    const { unitAmounts } = periodOf(look, after, start, next())
    return unitAmounts.every((amount) => amount === null || amount === 0n)
  }
  for (const line of lines) {
    assert.ok(!after.in_slot, `a slot pays for it: ${what}`)
    while (line.start !== start && start <= now && isFree()) start = next()
    checkLine(look, line, periodOf(look, after, start, next()))
    start = next()
  }
  while (start <= now && (after.in_slot || isFree())) start = next()
  assert.equal(after.end, start, `a period is left out, or is not paid: ${what}`)
  assert.equal(after.unpaid_since, start > now ? null : start, what)
  assert.equal(after.anchor, anchor, what)
}

const dayMs = 86_400_000

/** What the operator's terms make of one that is unpaid. */
function dunned({ look: { shared, now }, after, what }: Case): void {
  const { unpaid_since, state, payment_suspension, deletion_announced_for } = after
  if (unpaid_since === null || isGone(after) || !['active', 'suspended'].includes(state)) return
  const days = (now - unpaid_since) / dayMs
  const { suspendAfterDays, deleteAfterDays, deleteNoticeDays } = shared.terms
  assert.equal(
    payment_suspension !== null || after.state === 'suspended',
    days >= suspendAfterDays || after.state === 'suspended',
    what,
  )
  if (days >= suspendAfterDays) assert.equal(state, 'suspended', `its grace is over: ${what}`)
  if (days >= deleteAfterDays - deleteNoticeDays)
    assert.ok(deletion_announced_for !== null, `its deletion is not announced: ${what}`)
  if (deletion_announced_for === null) return
  assert.ok(deletion_announced_for > now, `it should be gone: ${what}`)
  assert.ok(deletion_announced_for >= unpaid_since + deleteAfterDays * dayMs, what)
}
