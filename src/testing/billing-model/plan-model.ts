/** A plan's subscription as the model reckons it: its periods, its dunning, and what the calls for it do. */
import { type Terms, unpaidCode, type View } from './account.ts'
import { endOf } from './calendar.ts'
import type { SeenSubscription } from './observe.ts'
import { changeLines, isAtOnce } from './plan-change.ts'
import { costOf, type PlanLine, periodLines, priceOf } from './plan-lines.ts'
import { type PaidPart, type PlanCall, type PlanTerms, partsOf, termsOf } from './plan-terms.ts'
import { usedSlots } from './units.ts'

/** What becomes of a subscription. */
export type Step = { row: SeenSubscription; lines: PlanLine[]; cost: bigint; parts: readonly PaidPart[] }

function nextTermsOf(row: SeenSubscription): PlanTerms {
  return {
    planId: row.next_plan_id ?? row.plan_id,
    period: row.next_period ?? row.period,
    extraSlots: row.next_extra_slots ?? row.extra_slots,
  }
}

export function isCovered(cost: bigint, money: bigint): boolean {
  return cost <= 0n || cost <= money
}

/** Brought up to the present: what is due is paid as far as the money goes, ended where that was asked for, or dunned. */
export function advanced(view: View, row: SeenSubscription, money: bigint): Step {
  const { account, now, shared } = view
  const idle: Step = { row, lines: [], cost: 0n, parts: account.paidParts }
  const isPaid = row.unpaid_since === null
  if (row.state === 'canceled' || (isPaid && row.end > now)) return idle
  if (isPaid && row.cancel_at_period_end) return { ...idle, row: ended(row) }
  const terms = nextTermsOf(row)
  const isRestart = row.state === 'suspended'
  const anchor = isRestart ? now : row.anchor
  const lines: PlanLine[] = []
  let [start, end, cost, parts] = [0, isRestart ? now : row.end, 0n, idle.parts]
  let [count, isAll] = [0, true]
  while (end <= now) {
    const next = endOf(anchor, terms.period, end)
    const period = periodLines(view, terms, end, next)
    const total = costOf(period)
    isAll = isCovered(total, money - cost)
    if (!isAll) break
    count += 1
    cost += total
    lines.push(...period)
    parts = period.flatMap(({ part }) => part ?? [])
    start = end
    end = next
  }
  if (count === 0) return { ...idle, row: dunned(shared.terms, row, row.unpaid_since ?? row.end, now) }
  const renewed: SeenSubscription = {
    ...row,
    ...{ plan_id: terms.planId, period: terms.period, extra_slots: terms.extraSlots },
    ...waitsForNothing,
    ...{ state: 'active', anchor, start, end, unpaid_since: null, deletion_at: null },
  }
  return { row: isAll ? renewed : dunned(shared.terms, renewed, end, now), lines, cost, parts }
}

const waitsForNothing = { next_plan_id: null, next_period: null, next_extra_slots: null }

function ended(row: SeenSubscription): SeenSubscription {
  return { ...row, ...waitsForNothing, state: 'canceled' }
}

const dayMs = 86_400_000

/** What the operator's terms make of one that is not paid. What was not announced is not deleted. */
function dunned(terms: Terms, row: SeenSubscription, unpaidSince: number, now: number): SeenSubscription {
  const deleteAt = unpaidSince + terms.deleteAfterDays * dayMs
  const noticeMs = terms.deleteNoticeDays * dayMs
  const isAnnounced = now >= Math.max(unpaidSince, deleteAt - noticeMs)
  const deletionAt = row.deletion_at ?? (isAnnounced ? Math.max(deleteAt, now + noticeMs) : null)
  const isGrace = now - unpaidSince < terms.suspendAfterDays * dayMs
  const state = isGrace ? 'past_due' : 'suspended'
  const after = { ...row, state, unpaid_since: unpaidSince, deletion_at: deletionAt }
  return deletionAt !== null && now >= deletionAt ? ended(after) : after
}

export function isPlanGone({ state }: SeenSubscription): boolean {
  return state === 'canceled'
}

/** What a call makes of a subscription, or why it is refused. What is due is done before. */
export function called(
  view: View,
  before: SeenSubscription,
  call: Exclude<PlanCall, { kind: 'subscribe' }>,
  money: bigint,
): Step | { refusal: string } {
  const step = advanced(view, before, money)
  const { row } = step
  if (isPlanGone(row)) return { refusal: 'subscription_state_conflict' }
  if (call.kind === 'keep') return { ...step, row: { ...row, cancel_at_period_end: false } }
  if (call.kind === 'cancel') {
    const isNow = call.isNow || row.unpaid_since !== null
    return { ...step, row: isNow ? ended(row) : { ...row, cancel_at_period_end: true } }
  }
  return changed(view, step, { ...termsOf(row), ...call.wish }, money - step.cost)
}

function changed(view: View, step: Step, to: PlanTerms, money: bigint): Step | { refusal: string } {
  const { row, parts } = step
  const { account, now, shared } = view
  const from = termsOf(row)
  const isSame = from.planId === to.planId && from.period === to.period && from.extraSlots === to.extraSlots
  if (!isSame && partsOf(to).some((part) => priceOf(view, to, part, now) === null))
    return { refusal: 'item_not_priced' }
  const waits: SeenSubscription = {
    ...row,
    next_plan_id: to.planId === from.planId ? null : to.planId,
    next_period: to.period === from.period ? null : to.period,
    next_extra_slots: to.extraSlots === from.extraSlots ? null : to.extraSlots,
  }
  if (isSame) return { ...step, row: waits }
  // What is not paid is paid as it is wished for.
  if (row.state !== 'active')
    return behind(step, advanced({ ...view, account: withParts(view, step) }, waits, money))
  const lines = changeLines(view, row, parts, to)
  if (!isAtOnce(from, to, lines)) return { ...step, row: waits }
  const slots = (shared.plans.get(to.planId)?.slots ?? 0) + to.extraSlots
  if (slots < usedSlots(account.mailboxes.values())) return { refusal: 'slots_in_use' }
  const cost = costOf(lines)
  if (!isCovered(cost, money)) return { refusal: unpaidCode(account) }
  const isNewPeriod = from.period !== to.period
  const items = new Set(lines.map(({ item }) => item))
  const kept = isNewPeriod ? [] : parts.filter(({ item }) => !items.has(item))
  const begun = isNewPeriod ? { anchor: now, start: now, end: endOf(now, to.period, now) } : {}
  const after: SeenSubscription = {
    ...row,
    ...waitsForNothing,
    ...{ plan_id: to.planId, period: to.period, extra_slots: to.extraSlots },
    ...begun,
  }
  const news = lines.flatMap(({ part }) => part ?? [])
  return behind(step, { row: after, lines: lines.filter(isWritten), cost, parts: [...kept, ...news] })
}

function withParts({ account }: View, { parts }: Step): View['account'] {
  return { ...account, paidParts: parts }
}

function behind(first: Step, second: Step): Step {
  return { ...second, lines: [...first.lines, ...second.lines], cost: first.cost + second.cost }
}

function isWritten({ unitAmounts: [unit] }: PlanLine): boolean {
  return unit !== 0n
}

/** Why a plan is not had, or what its first period costs. */
export function subscribed(view: View, terms: PlanTerms, money: bigint): PlanLine[] | { refusal: string } {
  const { account, now } = view
  if ([...account.subscriptions.values()].some((row) => !isPlanGone(row)))
    return { refusal: 'subscription_exists' }
  if (partsOf(terms).some((part) => priceOf(view, terms, part, now) === null))
    return { refusal: 'item_not_priced' }
  const lines = periodLines(view, terms, now, endOf(now, terms.period, now))
  return isCovered(costOf(lines), money) ? lines : { refusal: unpaidCode(account) }
}
