/** How what a workspace pays for by periods looks in JSON: its plan and its mailboxes. */
import { type Static, Type } from 'typebox'
import { periods } from '../billing/periods.ts'
import type { PaidThing } from '../mailboxes/payment/paid-things.ts'
import { MoneyView } from './money-schemas.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const states = ['active', 'past_due', 'suspended', 'canceled'] as const

const PlanPart = Type.Object({ id: Id, code: Type.String(), name: Type.String() })

export const SubscriptionView = Type.Object(
  {
    id: Id,
    kind: OneOf(['plan', 'mailbox'], 'Of a mailbox the id is the mailbox’s, and it is changed there.'),
    state: OneOf(
      states,
      'past_due: the next period has begun and is not paid, it works on for some days; suspended: those are over.',
    ),
    plan: Nullable(PlanPart, 'Null for a mailbox.'),
    mailbox: Nullable(
      Type.Object({ id: Id, address: Type.String(), service: OneOf(['local', 'google', 'microsoft']) }),
      'Null for a plan.',
    ),
    extra_slots: Type.Integer({ description: 'Bought beside those of the plan.' }),
    slots: Nullable(
      Type.Object({ allocated: Type.Integer(), used: Type.Integer(), remaining: Type.Integer() }),
      'Mailboxes that the plan pays for; null for a mailbox.',
    ),
    period: OneOf(periods),
    period_started_at: Moment,
    period_ends_at: Moment,
    next_plan: Nullable(PlanPart, 'What changes when the period ends; null: nothing.'),
    next_period: OneOfOrNull(periods, 'The same.'),
    next_extra_slots: Nullable(Type.Integer(), 'The same.'),
    cancel_at_period_end: Type.Boolean(),
    next_charge: Nullable(
      Type.Object({ at: Moment, ...MoneyView.properties }),
      'With tax, at the prices known now. Null: nothing follows, or billing is off.',
    ),
    unpaid_since: Nullable(Moment, 'The end of the last period that is paid, where the next one is not.'),
    deletion_at: Nullable(Moment, 'When it is over unless it is paid, once that is announced.'),
    notes: Nullable(Type.String(), 'Of a plan: what whoever pays has noted.'),
    created_at: Moment,
    ended_at: Nullable(Moment),
  },
  { title: 'Subscription' },
)

export function subscriptionView(thing: PaidThing): Static<typeof SubscriptionView> {
  const { nextCharge, plan, nextPlan, ...rest } = thing
  return {
    id: rest.id,
    kind: rest.kind,
    state: rest.state,
    plan: planPart(plan),
    mailbox: rest.mailbox,
    extra_slots: rest.extraSlots,
    slots: rest.slots,
    period: rest.period,
    period_started_at: rest.startsAt.toISOString(),
    period_ends_at: rest.endsAt.toISOString(),
    next_plan: planPart(nextPlan),
    next_period: rest.nextPeriod,
    next_extra_slots: rest.nextExtraSlots,
    cancel_at_period_end: rest.cancelAtPeriodEnd,
    next_charge: nextCharge === null ? null : { ...nextCharge, at: nextCharge.at.toISOString() },
    unpaid_since: momentOrNull(rest.unpaidSince),
    deletion_at: momentOrNull(rest.deletionAt),
    notes: rest.notes,
    created_at: rest.createdAt.toISOString(),
    ended_at: momentOrNull(rest.endedAt),
  }
}

function planPart(plan: PaidThing['plan']): Static<typeof PlanPart> | null {
  return plan === null ? null : { id: plan.id, code: plan.code, name: plan.name }
}
