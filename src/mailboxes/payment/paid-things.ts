/** What a workspace pays for by periods: its plan, and its mailboxes, of which each has its own period. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { lineTotal, priceLine } from '../../billing/amounts.ts'
import { type Payer, readPayer } from '../../billing/payers.ts'
import { periodBefore } from '../../billing/periods.ts'
import { isBilling } from '../../billing/settings.ts'
import { slotsOf } from '../../billing/slots.ts'
import { type NextCharge, nextChargeOf } from '../../billing/subscriptions/charges.ts'
import {
  getSubscription,
  livingSubscription,
  type Plan,
  type Plans,
  planOf,
  plansOf,
  type Subscription,
} from '../../billing/subscriptions/rows.ts'
import type { Period, SubscriptionState } from '../../billing/tables.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { MailboxesTable, Service } from '../tables.ts'
import { slotRoom, usedSlots } from './slots.ts'
import { periodLine, unitPrices } from './units.ts'

export type PaidThing = {
  id: string
  kind: 'plan' | 'mailbox'
  state: SubscriptionState
  plan: Plan | null
  nextPlan: Plan | null
  mailbox: { id: string; address: string; service: Service } | null
  extraSlots: number
  nextExtraSlots: number | null
  slots: { allocated: number; used: number; remaining: number } | null
  period: Period
  nextPeriod: Period | null
  startsAt: Date
  endsAt: Date
  cancelAtPeriodEnd: boolean
  nextCharge: NextCharge | null
  unpaidSince: Date | null
  deletionAt: Date | null
  /** Of a plan: what whoever pays has noted. */
  notes: string | null
  createdAt: Date
  endedAt: Date | null
}

type PaidMailbox = Selectable<MailboxesTable> & { period_anchor_at: Date; period_ends_at: Date }

const isPaidMailbox = sql<boolean>`period_ends_at is not null and period_anchor_at is not null
  and state not in ('deleted', 'deletion_scheduled', 'failed')`

/** What is not over, in the order in which it was made. @throws Refusal forbidden. */
export async function listPaidThings(
  platform: Platform,
  scope: Scope,
  page: PageRequest,
): Promise<Page<PaidThing>> {
  requireWorkspace(scope)
  const { workspaceId } = scope
  const { after, limit } = page
  const { rows } = await sql<{ id: string }>`
    (select id from subscriptions where workspace_id = ${workspaceId}::uuid and state <> 'canceled'
      and (${after}::uuid is null or id > ${after}::uuid) order by id limit ${limit + 1})
    union all
    (select id from mailboxes where workspace_id = ${workspaceId}::uuid and ${isPaidMailbox}
      and (${after}::uuid is null or id > ${after}::uuid) order by id limit ${limit + 1})
    order by id limit ${limit + 1}`.execute(platform.db)
  const { rows: kept, nextCursor } = toPage(rows, page)
  const ids = kept.map(({ id }) => id)
  const things = ids.length === 0 ? [] : await thingsOf(platform, scope, ids)
  const byId = new Map(things.map((thing) => [thing.id, thing]))
  // What has gone since is left out.
  return { rows: ids.flatMap((id) => byId.get(id) ?? []), nextCursor }
}

/** Its plans that are not over: one at most. @throws Refusal forbidden. */
export async function listPaidPlans(platform: Platform, scope: Scope): Promise<PaidThing[]> {
  requireWorkspace(scope)
  const living = await livingSubscription(platform.db, scope.workspaceId)
  return living === null ? [] : await thingsOf(platform, scope, [living.id])
}

/** A plan's subscription, also one that is over, or a mailbox. @throws Refusal subscription_not_found, forbidden. */
export async function getPaidThing(platform: Platform, scope: Scope, id: string): Promise<PaidThing> {
  requireWorkspace(scope)
  const [thing] = isId(id) ? await thingsOf(platform, scope, [id.toLowerCase()]) : []
  if (!thing) throw new Refusal('subscription_not_found')
  return thing
}

/** The same of a subscription that this transaction has changed. */
export async function paidThingOf(platform: Platform, tx: Tx, scope: Scope, id: string): Promise<PaidThing> {
  const subscription = await getSubscription(tx, scope, id)
  const [thing] = await describe(platform, tx, scope, [subscription], [])
  if (!thing) throw new Error('a subscription is not there')
  return thing
}

async function thingsOf(platform: Platform, scope: Scope, ids: readonly string[]): Promise<PaidThing[]> {
  return await transaction(platform.db, async (tx) => {
    const subscriptions = await tx
      .selectFrom('subscriptions')
      .selectAll()
      .where('workspace_id', '=', scope.workspaceId)
      .where('id', 'in', ids)
      .execute()
    const mailboxes = await tx
      .selectFrom('mailboxes')
      .selectAll()
      .where('workspace_id', '=', scope.workspaceId)
      .where('id', 'in', ids)
      .where(isPaidMailbox)
      .execute()
    const withPeriods = mailboxes.flatMap((mailbox) => {
      const { period_anchor_at, period_ends_at } = mailbox
      return period_anchor_at && period_ends_at ? [{ ...mailbox, period_anchor_at, period_ends_at }] : []
    })
    return await describe(platform, tx, scope, subscriptions, withPeriods)
  })
}

// The next charges are told by what charges them.
async function describe(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  subscriptions: readonly Subscription[],
  mailboxes: readonly PaidMailbox[],
): Promise<PaidThing[]> {
  const payer = isBilling(platform)
    ? await readPayer(platform, tx, scope, ['plan', 'plan_slot', 'mailbox'])
    : null
  const plans = await plansOf(tx, subscriptions)
  const used = subscriptions.length === 0 ? 0 : await usedSlots(tx, scope.workspaceId)
  const charges = payer === null ? new Map<string, NextCharge>() : await mailboxCharges(tx, payer, mailboxes)
  return [
    ...subscriptions.map((subscription) => planThing(payer, subscription, plans, used)),
    ...mailboxes.map((mailbox) => mailboxThing(mailbox, charges.get(mailbox.id) ?? null)),
  ]
}

function planThing(payer: Payer | null, row: Subscription, plans: Plans, used: number): PaidThing {
  const plan = planOf(plans, row.plan_id)
  const counts = row.state === 'active' || row.state === 'past_due'
  const allocated = counts ? plan.slots + row.extra_slots : 0
  return {
    id: row.id,
    kind: 'plan',
    state: row.state,
    plan,
    nextPlan: row.next_plan_id === null ? null : planOf(plans, row.next_plan_id),
    mailbox: null,
    extraSlots: row.extra_slots,
    nextExtraSlots: row.next_extra_slots,
    slots: { allocated, used, remaining: Math.max(0, allocated - used) },
    period: row.period,
    nextPeriod: row.next_period,
    startsAt: row.period_started_at,
    endsAt: row.period_ends_at,
    cancelAtPeriodEnd: row.cancel_at_period_end,
    nextCharge: payer === null ? null : nextChargeOf(payer, row, plans),
    unpaidSince: row.unpaid_since,
    deletionAt: row.deletion_at,
    notes: row.notes,
    createdAt: row.created_at,
    endedAt: row.ended_at,
  }
}

function mailboxThing(row: PaidMailbox, nextCharge: NextCharge | null): PaidThing {
  const { id, address, service } = row
  return {
    id,
    kind: 'mailbox',
    state: row.payment_suspension !== null ? 'suspended' : row.unpaid_since !== null ? 'past_due' : 'active',
    plan: null,
    nextPlan: null,
    mailbox: { id, address, service },
    extraSlots: 0,
    nextExtraSlots: null,
    slots: null,
    period: row.period,
    nextPeriod: row.next_period,
    startsAt: periodBefore(row.period_anchor_at, row.period, row.period_ends_at),
    endsAt: row.period_ends_at,
    cancelAtPeriodEnd: row.cancel_at_period_end,
    nextCharge,
    unpaidSince: row.unpaid_since,
    deletionAt: row.deletion_announced_for,
    notes: null,
    createdAt: row.created_at,
    endedAt: null,
  }
}

async function mailboxCharges(
  tx: Tx,
  payer: Payer,
  mailboxes: readonly PaidMailbox[],
): Promise<Map<string, NextCharge>> {
  const { now, workspaceId, wallet } = payer
  const kept = mailboxes.filter(({ cancel_at_period_end }) => !cancel_at_period_end)
  if (kept.length === 0) return new Map()
  const room = await slotRoom(tx, [workspaceId])
  const takers = await nextTakers(tx, workspaceId)
  const asked = kept.map((mailbox) => {
    const { period, next_period, unpaid_since, payment_suspension, period_ends_at } = mailbox
    const at = payment_suspension === null ? (unpaid_since ?? period_ends_at) : now
    return { mailbox, unit: { ...mailbox, period: next_period ?? period }, at }
  })
  const prices = await unitPrices(tx, new Map([[workspaceId, payer]]), asked, [])
  return new Map(
    asked.map(({ mailbox, unit, at }) => {
      const hasSlot = mailbox.in_slot ? room.take(mailbox) : takers.has(mailbox.id)
      const unitAmount = hasSlot ? 0 : (prices(unit, at) ?? 0)
      // Discounts are of the period's start.
      const line = { ...periodLine(unit, unitAmount), period: { startsAt: at, endsAt: at } }
      const amount = lineTotal(priceLine(payer, line))
      const when = mailbox.unpaid_since === null ? mailbox.period_ends_at : (mailbox.next_payment_at ?? now)
      return [mailbox.id, { at: when, amount, currency: wallet.currency }]
    }),
  )
}

/** The mailboxes that will take the slots that are free: those whose period ends first. */
async function nextTakers(tx: Tx, workspaceId: string): Promise<Set<string>> {
  const slots = await slotsOf(tx, workspaceId)
  const free = (slots?.allocated ?? 0) - (await usedSlots(tx, workspaceId))
  if (slots === null || free <= 0) return new Set()
  const { rows } = await sql<{ id: string }>`select id from mailboxes
    where workspace_id = ${workspaceId}::uuid and ${isPaidMailbox} and not in_slot and not cancel_at_period_end
      and service = any(${slots.services}::text[])
    order by period_ends_at, id limit ${free}`.execute(tx)
  return new Set(rows.map(({ id }) => id))
}
