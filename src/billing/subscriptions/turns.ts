/**
 * What becomes of a subscription at a moment: reckoned, not yet paid or written (advance.ts).
 *
 * active: its period is paid. past_due: the next one has begun and is not; it works on in its days of grace. suspended:
 * those are over, and its slots count no more. canceled: over for good.
 */
import type { Tx } from '../../platform/database.ts'
import type { NewEvent } from '../../platform/events.ts'
import type { BillLine } from '../amounts.ts'
import { dunningAt } from '../dunning.ts'
import { payableInOrder } from '../in-order.ts'
import { noticeOf } from '../notices.ts'
import type { Payer } from '../payers.ts'
import { periodsSince, type Span } from '../periods.ts'
import type { BillingSettings } from '../settings.ts'
import type { Item } from '../tables.ts'
import { nextTermsOf, nextTotal, periodLines, periodsAtOnceMax } from './charges.ts'
import { type CancelReason, dataOf, subjectOf } from './events.ts'
import { type Plans, planOf, type Subscription } from './rows.ts'

export type TurnContext = {
  tx: Tx
  now: Date
  settings: BillingSettings
  plans: Plans
  goneWorkspaces: ReadonlySet<string>
  payers: ReadonlyMap<string, Payer>
}

export type Turn = {
  before: Subscription
  /** The same object where nothing is to be done. */
  after: Subscription
  events: NewEvent[]
  /** What is paid for it, and what of that is the last period's. */
  bill: { payer: Payer; lines: BillLine[]; lastItems: Item[]; description: string } | null
}

export function turnOf(context: TurnContext, before: Subscription): Turn {
  const { now, goneWorkspaces } = context
  const isPaid = before.unpaid_since === null
  if (before.state === 'canceled') return { before, after: before, events: [], bill: null }
  if (goneWorkspaces.has(before.workspace_id)) return ended(context, before, now, 'workspace_deleted')
  if (isPaid && before.period_ends_at > now) return announced(context, before)
  // What stood when the period ended counts, however late this is.
  if (isPaid && before.cancel_at_period_end) return ended(context, before, before.period_ends_at, 'asked_for')
  return renewed(context, before)
}

function payerOf({ payers }: TurnContext, { workspace_id }: Subscription): Payer {
  const payer = payers.get(workspace_id)
  if (!payer) throw new Error('a subscription is of no wallet')
  return payer
}

/** Over for good. */
export function endedRow(subscription: Subscription, endedAt: Date): Subscription {
  return {
    ...subscription,
    state: 'canceled',
    ended_at: endedAt,
    next_plan_id: null,
    next_period: null,
    next_extra_slots: null,
    next_payment_at: null,
  }
}

function ended({ plans }: TurnContext, before: Subscription, endedAt: Date, reason: CancelReason): Turn {
  const after = endedRow(before, endedAt)
  const data = { ...dataOf(after, planOf(plans, after.plan_id)), reason }
  return {
    before,
    after,
    events: [{ type: 'billing.subscription_canceled', ...subjectOf(after), data }],
    bill: null,
  }
}

/** When a subscription whose period is paid is looked at next; null: when the period ends. */
export function nextLookOf(settings: BillingSettings, subscription: Subscription, now: Date): Date | null {
  if (subscription.cancel_at_period_end) return null
  const { days, nextAt } = noticeFor(settings, subscription, now)
  return days === null ? nextAt : now
}

function noticeFor({ notice_days }: BillingSettings, subscription: Subscription, now: Date) {
  const { period_started_at: startsAt, period_ends_at: endsAt, noticed_days: noticedDays } = subscription
  return noticeOf(notice_days, { startsAt, endsAt, noticedDays }, now)
}

/** Its period still runs: its renewal may have to be announced. */
function announced(context: TurnContext, before: Subscription): Turn {
  const { now, settings, plans } = context
  const idle = { before, after: before, events: [], bill: null }
  if (before.next_payment_at === null || before.next_payment_at > now) return idle
  if (before.cancel_at_period_end) return { ...idle, after: { ...before, next_payment_at: null } }
  const { days, nextAt } = noticeFor(settings, before, now)
  if (days === null) return { ...idle, after: { ...before, next_payment_at: nextAt } }
  const after = { ...before, noticed_days: days, next_payment_at: nextAt }
  const payer = payerOf(context, before)
  const amount = nextTotal(payer, before, plans)
  const { currency } = payer.wallet
  const data = { ...dataOf(after, planOf(plans, after.plan_id)), days, amount, currency }
  return { ...idle, after, events: [{ type: 'billing.subscription_renewal_due', ...subjectOf(after), data }] }
}

/** Its period is over: those that have begun since are paid, in their order, as far as the money goes. */
function renewed(context: TurnContext, before: Subscription): Turn {
  const { tx, now, plans } = context
  const payer = payerOf(context, before)
  const terms = nextTermsOf(before, plans)
  // The time of a suspension is not paid: a new period begins with the payment.
  const isRestart = before.state === 'suspended'
  const anchor = isRestart ? now : before.period_anchor_at
  const from = isRestart ? now : before.period_ends_at
  const spans = periodsSince(anchor, terms.period, from, { now, max: periodsAtOnceMax })
  const lines = spans.map((span) => periodLines(payer, before.id, terms, span))
  const count = payableInOrder(tx, payer, lines)
  const last = spans[count - 1]
  if (!last) return unpaid(context, { before, after: before, events: [], bill: null })
  const paidLines = lines.slice(0, count)
  const after: Subscription = {
    ...before,
    plan_id: terms.plan.id,
    period: terms.period,
    extra_slots: terms.extraSlots,
    next_plan_id: null,
    next_period: null,
    next_extra_slots: null,
    period_anchor_at: anchor,
    period_started_at: last.startsAt,
    period_ends_at: last.endsAt,
    noticed_days: null,
    unpaid_since: null,
    deletion_at: null,
    payment_attempts: 0,
  }
  const turn: Turn = {
    before,
    after,
    events: [],
    bill: {
      payer,
      lines: paidLines.flat(),
      lastItems: paidLines[count - 1]?.map(({ item }) => item) ?? [],
      description: `Renewal of the plan ${terms.plan.name}`,
    },
  }
  const told = (state: Turn): Turn => ({
    ...state,
    events: [...renewals(context, state, from, count), ...state.events],
  })
  if (last.endsAt <= now && count < spans.length) return told(unpaid(context, turn))
  return told(active(context, turn, last))
}

function active({ settings, plans, now }: TurnContext, turn: Turn, { endsAt }: Span): Turn {
  const { before } = turn
  const paid: Subscription = { ...turn.after, state: 'active' }
  const after = { ...paid, next_payment_at: endsAt > now ? nextLookOf(settings, paid, now) : null }
  if (before.state === 'active') return { ...turn, after }
  const data = dataOf(after, planOf(plans, after.plan_id))
  return { ...turn, after, events: [{ type: 'billing.subscription_reactivated', ...subjectOf(after), data }] }
}

/** The events of periods that have begun, and of what waited for them. */
function renewals({ plans }: TurnContext, { before, after }: Turn, from: Date, periods: number): NewEvent[] {
  const data = dataOf(after, planOf(plans, after.plan_id))
  const subject = subjectOf(after)
  const waited = [before.next_plan_id, before.next_period, before.next_extra_slots].some(
    (next) => next !== null,
  )
  const none = { next_plan: null, next_period: null, next_extra_slots: null }
  return [
    ...(waited
      ? [{ type: 'billing.subscription_changed' as const, ...subject, data: { ...data, ...none } }]
      : []),
    {
      type: 'billing.subscription_renewed',
      ...subject,
      data: { ...data, periods, began_at: from.toISOString() },
    },
  ]
}

/** The next period cannot be paid: what the operator's terms make of it. */
function unpaid({ settings, plans, now }: TurnContext, turn: Turn): Turn {
  const { before } = turn
  const unpaidSince = turn.after.unpaid_since ?? turn.after.period_ends_at
  const wasAnnounced = turn.after.deletion_at
  const { stage, deletionAt, nextLookAt } = dunningAt(settings, unpaidSince, wasAnnounced, now)
  const state = stage === 'grace' ? 'past_due' : 'suspended'
  const dunned: Subscription = {
    ...turn.after,
    state,
    unpaid_since: unpaidSince,
    deletion_at: deletionAt,
    payment_attempts: turn.after.payment_attempts + 1,
    next_payment_at: nextLookAt,
  }
  const after = stage === 'deleted' ? endedRow(dunned, now) : dunned
  const subject = subjectOf(after)
  const data = { ...dataOf(after, planOf(plans, after.plan_id)), unpaid_since: unpaidSince.toISOString() }
  const events: NewEvent[] = []
  if (after.state === 'past_due' && before.state !== 'past_due')
    events.push({ type: 'billing.subscription_past_due', ...subject, data })
  if (after.state === 'suspended' && before.state !== 'suspended')
    events.push({ type: 'billing.subscription_suspended', ...subject, data })
  if (deletionAt !== null && wasAnnounced === null) {
    const deletion_at = deletionAt.toISOString()
    events.push({
      type: 'billing.subscription_deletion_announced',
      ...subject,
      data: { ...data, deletion_at },
    })
  }
  if (after.state === 'canceled') {
    const canceled = { ...dataOf(after, planOf(plans, after.plan_id)), reason: 'unpaid' as const }
    events.push({ type: 'billing.subscription_canceled', ...subject, data: canceled })
  }
  return { ...turn, after, events }
}
