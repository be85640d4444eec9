/** A plan's subscription from one look to the next: its periods, and what a change within one costs. */
import assert from 'node:assert/strict'
import type { PaidPart } from './account.ts'
import { endOf } from './calendar.ts'
import { checkLine, type Expected, type Look, pricesFor, takeLines } from './check-lines.ts'
import { divide, reckon } from './money.ts'
import type { SeenLine, SeenSubscription } from './observe.ts'
import { discountAt } from './prices.ts'

type Case = {
  look: Look
  before: SeenSubscription | undefined
  after: SeenSubscription
  lines: readonly SeenLine[]
  what: string
}

export function checkSubscription(
  look: Look,
  before: SeenSubscription | undefined,
  after: SeenSubscription,
): void {
  const lines = takeLines(look, after.id)
  const one: Case = { look, before, after, lines, what: JSON.stringify({ before, after, lines }) }
  if (after.state === 'canceled') ended(one)
  else if (before === undefined) paid(one, { anchor: look.now, from: look.now })
  else if (lines.some(({ kind }) => kind === 'proration') || isOtherAtOnce(before, after, look))
    changed(one, before)
  else went(one, before)
  if (look.isAfterJobs) dunned(one)
}

function ended({ look: { now, account }, before, after, lines, what }: Case): void {
  assert.deepEqual(lines, [], `it is over: ${what}`)
  if (before === undefined || before.state === 'canceled' || account.asked.has(after.id)) return
  const isAtEnd = before.cancel_at_period_end && before.end <= now
  assert.ok(isAtEnd || (before.deletion_at !== null && before.deletion_at <= now), `it ends unasked: ${what}`)
}

/** Whether it is other terms within the same period, or a new period that has begun with a change. */
function isOtherAtOnce(before: SeenSubscription, after: SeenSubscription, { now }: Look): boolean {
  if (before.end <= now) return false
  return (
    before.plan_id !== after.plan_id ||
    before.extra_slots !== after.extra_slots ||
    before.period !== after.period
  )
}

function went(one: Case, before: SeenSubscription): void {
  const { look, after, lines, what } = one
  const { now } = look
  if (before.end > now) {
    assert.deepEqual([lines, after.end], [[], before.end], `its period runs: ${what}`)
    return
  }
  // Whoever does not look leaves all as it was.
  if (lines.length === 0 && after.end === before.end) {
    if (look.isAfterJobs) assert.equal(after.unpaid_since, before.end, `its period is over: ${what}`)
    return
  }
  assert.ok(!before.cancel_at_period_end || before.unpaid_since !== null, `it was canceled: ${what}`)
  assert.deepEqual(
    [after.plan_id, after.period, after.extra_slots],
    [
      before.next_plan_id ?? before.plan_id,
      before.next_period ?? before.period,
      before.next_extra_slots ?? before.extra_slots,
    ],
    what,
  )
  if (before.state === 'suspended') paid(one, { anchor: now, from: now })
  else paid(one, { anchor: before.anchor, from: before.end })
}

type Part = { item: 'plan' | 'plan_slot'; quantity: number }

function partsOf({ extra_slots }: Pick<SeenSubscription, 'extra_slots'>): Part[] {
  const plan: Part = { item: 'plan', quantity: 1 }
  return extra_slots === 0 ? [plan] : [plan, { item: 'plan_slot', quantity: extra_slots }]
}

function periodOf(
  look: Look,
  { plan_id: of, period }: SeenSubscription,
  part: Part,
  start: number,
  end: number,
): Expected {
  const { item, quantity } = part
  const unitAmounts = pricesFor(look, { item, of, period }, start, [quantity, quantity])
  return { kind: 'period', item, quantity, unitAmounts, start, end }
}

function paid({ look, after, lines, what }: Case, { anchor, from }: { anchor: number; from: number }): void {
  const { now, account } = look
  const open = [...lines]
  let start = from
  let last = { start: after.start, end: after.end }
  while (start <= now && (open.length > 0 || isFree(look, after, start))) {
    const end = endOf(anchor, after.period, start)
    const parts: PaidPart[] = []
    for (const part of partsOf(after)) {
      const expected = periodOf(look, after, part, start, end)
      const [amount] = expected.unitAmounts
      if (amount === null || amount === undefined || amount === 0n) continue
      const at = open.findIndex((line) => line.item === part.item && line.start === start)
      const [line] = at === -1 ? [] : open.splice(at, 1)
      assert.ok(line, `${part.item} of a period is not paid: ${what}`)
      // One line of a period is of the kind that comes once.
      checkLine(look, line, { ...expected, kind: parts.length === 0 ? 'period' : 'once' })
      parts.push(paidPart(line, start))
    }
    account.paidParts = parts
    last = { start, end }
    start = end
  }
  assert.deepEqual(open, [], `what is paid is of no period: ${what}`)
  assert.deepEqual(
    [after.start, after.end],
    [last.start, last.end],
    `a period is left out, or is not paid: ${what}`,
  )
  assert.equal(after.end, start, what)
  assert.equal(after.unpaid_since, start > now ? null : start, what)
  assert.equal(after.anchor, anchor, what)
}

function isFree(look: Look, after: SeenSubscription, start: number): boolean {
  return partsOf(after).every((part) => {
    const [amount] = periodOf(look, after, part, start, start + 1).unitAmounts
    return amount === null || amount === undefined || amount === 0n
  })
}

function paidPart(line: SeenLine, start: number): PaidPart {
  const net = BigInt(line.amount) - BigInt(line.discount)
  return { item: line.item === 'plan' ? 'plan' : 'plan_slot', net, start, lineId: line.id }
}

/** A change at once: what is left of what was paid is given back, and the same time is paid at the new price. */
function changed(one: Case, before: SeenSubscription): void {
  const { look, after, lines, what } = one
  const { account, now } = look
  assert.ok(before.unpaid_since === null && before.end > now, `only what is paid is changed at once: ${what}`)
  const lengthens = before.period === 'monthly' && after.period === 'yearly'
  assert.ok(lengthens || before.period === after.period, `what is shorter waits: ${what}`)
  const isOtherPlan = before.plan_id !== after.plan_id
  const changes = (item: string): boolean =>
    lengthens || isOtherPlan || (item === 'plan_slot' && before.extra_slots !== after.extra_slots)
  const open = [...lines]
  let sum = 0n
  const take = (expected: Expected): SeenLine | null => {
    const [amount = null] = expected.unitAmounts
    if (amount === null || amount === 0n) return null
    const at = open.findIndex(
      (line) =>
        line.item === expected.item && line.unit_amount < 0 === amount < 0n && line.kind === expected.kind,
    )
    const [line] = at === -1 ? [] : open.splice(at, 1)
    assert.ok(
      line,
      `a line is missing: ${JSON.stringify({ ...expected, unitAmounts: String(amount) })}: ${what}`,
    )
    checkLine(look, line, expected)
    sum += BigInt(line.amount) - BigInt(line.discount)
    return line
  }
  const kept = account.paidParts.filter(({ item }) => !changes(item))
  for (const { item, net, start } of account.paidParts.filter((part) => changes(part.item))) {
    const back = divide(net * BigInt(before.end - now), BigInt(before.end - start))
    take({
      kind: 'proration',
      item,
      quantity: 1,
      unitAmounts: [-back],
      start: now,
      end: before.end,
      rates: { discountBasisPoints: 0, taxBasisPoints: account.taxBasisPoints },
    })
  }
  const end = lengthens ? endOf(now, 'yearly', now) : before.end
  let isFirst = lengthens && before.start !== now
  for (const part of partsOf(after).filter(({ item }) => changes(item))) {
    const [unit = null] = periodOf(look, after, part, now, end).unitAmounts
    assert.ok(unit !== null, `it has no price: ${what}`)
    const line = lengthens
      ? take({
          ...periodOf(look, after, part, now, end),
          kind: isFirst ? 'period' : before.start === now ? 'proration' : 'once',
        })
      : take({
          kind: 'proration',
          item: part.item,
          quantity: 1,
          unitAmounts: [
            divide(
              BigInt(part.quantity) * unit * BigInt(before.end - now),
              BigInt(before.end - before.start),
            ),
          ],
          start: now,
          end: before.end,
        })
    if (line === null) continue
    isFirst = false
    kept.push(paidPart(line, now))
  }
  account.paidParts = kept
  assert.deepEqual(open, [], `what is it for: ${what}`)
  assert.ok(sum >= 0n, `nothing is paid out by a change: ${what}`)
  assert.equal(after.end, end, what)
  assert.equal(after.start, lengthens ? now : before.start, what)
}

/** What the next period costs, with discount and tax. */
export function nextCost(look: Look, subscription: SeenSubscription, start: number): bigint {
  const { account } = look
  let total = 0n
  for (const part of partsOf({ extra_slots: subscription.next_extra_slots ?? subscription.extra_slots })) {
    const of = subscription.next_plan_id ?? subscription.plan_id
    const period = subscription.next_period ?? subscription.period
    const [amount] = pricesFor(look, { item: part.item, of, period }, start, [part.quantity, part.quantity])
    total += reckon(part.quantity, amount ?? 0n, {
      discountBasisPoints: discountAt(account.coupons, part.item, start),
      taxBasisPoints: account.taxBasisPoints,
    }).total
  }
  return total
}

const dayMs = 86_400_000

function dunned({ look: { shared, now }, after, what }: Case): void {
  const { unpaid_since, state, deletion_at } = after
  if (state === 'canceled') return
  if (unpaid_since === null) {
    assert.equal(state, 'active', what)
    return
  }
  const isGrace = now - unpaid_since < shared.terms.suspendAfterDays * dayMs
  assert.equal(state, isGrace ? 'past_due' : 'suspended', what)
  if (now - unpaid_since >= (shared.terms.deleteAfterDays - shared.terms.deleteNoticeDays) * dayMs)
    assert.ok(
      deletion_at !== null && deletion_at > now,
      `its deletion is not announced, or it should be gone: ${what}`,
    )
}
