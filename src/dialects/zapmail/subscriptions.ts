/** Subscriptions: the plans of a workspace. It has one at a time; those before it are shown, too. */
import { type Static, Type } from 'typebox'
import { listInvoices, ownReach } from '../../billing/invoices/store.ts'
import { cancelSubscription, keepSubscription } from '../../billing/subscriptions/cancellation.ts'
import { changeSubscription } from '../../billing/subscriptions/changes.ts'
import { subscribe } from '../../billing/subscriptions/subscribe.ts'
import type { Period } from '../../billing/tables.ts'
import { listPlansEver, type PaidPlan, paidPlanOf } from '../../mailboxes/payment/paid-plans.ts'
import { listMailboxesInSlots, usedSlots } from '../../mailboxes/payment/slots.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { prefixedIds } from '../prefixed-ids.ts'
import { transact } from '../transact.ts'
import { unitsOf } from './amounts.ts'
import { containsInput } from './fields.ts'
import { invoiceLink, LinkView, linkOf } from './links.ts'
import { planNamed } from './plans.ts'
import { DataOf, DoneView, dataOf, done, errors, Moment } from './schemas.ts'
import { SlotMailboxView, slotMailboxView } from './slot-mailbox-view.ts'

const ids = prefixedIds({ subscription: 'sub_' })
const SubscriptionId = Type.String({ maxLength: 100, description: 'As in sub_ and the id.' })
const statuses = ['ACTIVE', 'CANCELLED', 'EXPIRED'] as const

const SubscriptionView = Type.Object(
  {
    id: Type.String(),
    subscriptionId: Type.String(),
    subscriptionStatus: OneOf(
      statuses,
      'CANCELLED: also one that runs until its period ends. EXPIRED: over, as it was not paid.',
    ),
    plan: Type.String(),
    uniquePlanKey: Type.String(),
    price: Type.Number({ description: 'Of a period, before tax, at the prices of today.' }),
    totalMailboxQuantity: Type.Integer(),
    periodStart: Moment,
    periodEnd: Moment,
    subscriptionCreationDate: Moment,
    planUpgradeCancelPossible: Type.Boolean({
      description: 'Whether another plan waits for the period’s end.',
    }),
    paymentFailureMessage: Nullable(Type.String()),
    invoiceDetails: Nullable(Type.String(), 'A link to the last invoice of the plan.'),
  },
  { title: 'Subscription' },
)

const tags = ['subscriptions']

export function subscriptionRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  cancelRoute(app, platform)
  upgradeRoute(app, platform)
  purchaseRoute(app, platform)
  mailboxRoute(app, platform)
  invoiceRoute(app, platform)
}

/** @throws Refusal subscription_not_found. */
function requireSubscriptionId(text: string): string {
  const id = ids.bareId('subscription', text)
  if (id === null) throw new Refusal('subscription_not_found')
  return id
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/subscriptions',
    {
      schema: {
        summary: 'List subscriptions, the newest first',
        tags,
        querystring: Type.Object({
          status: Type.Optional(Type.Union([OneOf(statuses), Type.Literal('')])),
          contains: containsInput,
        }),
        response: { 200: DataOf(Type.Array(SubscriptionView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { status = '', contains = '' } = request.query
      const plans = await listPlansEver(platform, scope)
      const shown = plans.map((plan) => subscriptionView(platform, plan))
      const isFound = ({ plan, subscriptionId }: Static<typeof SubscriptionView>): boolean =>
        [plan, subscriptionId].some((text) => text.toLowerCase().includes(contains.toLowerCase()))
      const found = shown.filter(
        (one) => isFound(one) && (status === '' || one.subscriptionStatus === status),
      )
      return dataOf('User subscriptions', found)
    },
  )
}

function cancelRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/subscriptions/cancel',
    {
      schema: {
        summary: 'Cancel a subscription for the end of its period, or take that back',
        description: 'One whose period is not paid ends at once.',
        tags,
        body: Type.Object({ subscriptionId: SubscriptionId, revertCancellation: Type.Boolean() }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { subscriptionId, revertCancellation: isKept } = request.body
      const id = requireSubscriptionId(subscriptionId)
      await transact(platform, caller, (tx) =>
        isKept
          ? keepSubscription(platform, tx, scope, id)
          : cancelSubscription(platform, tx, scope, id, 'period_end'),
      )
      return done(
        isKept ? 'Subscription cancellation reverted successfully' : 'Subscription cancelled successfully',
      )
    },
  )
}

function upgradeRoute(app: Api, platform: Platform): void {
  const PlanKey = Type.Optional(Type.String({ maxLength: 200, description: 'A plan’s code.' }))
  app.post(
    '/v2/subscriptions/upgrade',
    {
      schema: {
        summary: 'Move a subscription to another plan',
        description: 'One that costs more begins at once and is paid from the wallet; another one waits.',
        tags,
        body: Type.Object({ subscriptionId: SubscriptionId, lookupKey: PlanKey, uniquePlanKey: PlanKey }),
        response: { 200: Type.Object({}), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { subscriptionId, lookupKey, uniquePlanKey } = request.body
      const key = lookupKey ?? uniquePlanKey
      if (key === undefined) throw new Refusal('invalid_request', 'lookupKey is required')
      const id = requireSubscriptionId(subscriptionId)
      const plan = await planNamed(platform, key)
      const options = { countUsed: usedSlots, versions: null }
      await transact(platform, caller, (tx) =>
        changeSubscription(platform, tx, caller.scope, id, { plan: plan.id }, options),
      )
      return {}
    },
  )
}

/** @throws Refusal invalid_request. */
function periodOf(cycle: string): Period {
  const text = cycle.toUpperCase()
  if (text === 'MONTHLY' || text === '') return 'monthly'
  if (text === 'YEARLY') return 'yearly'
  const detail = 'billingCycle must be one of: MONTHLY, YEARLY. Plans are not sold for a quarter here.'
  throw new Refusal('invalid_request', detail)
}

function purchaseRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/subscriptions/purchase',
    {
      config: { providerRequired: true },
      schema: {
        summary: 'Subscribe to a plan',
        description: 'Paid from the wallet. A workspace has one plan at a time.',
        tags,
        querystring: Type.Object({
          planName: Type.String({ minLength: 1, maxLength: 200, description: 'Its name or code.' }),
          billingCycle: Type.Optional(Type.String({ maxLength: 20, description: 'MONTHLY or YEARLY.' })),
        }),
        response: { 200: LinkView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { planName, billingCycle = '' } = request.query
      const period = periodOf(billingCycle)
      const { id: plan } = await planNamed(platform, planName)
      const wish = { plan, period, extraSlots: 0 }
      const made = await transact(platform, caller, (tx) => subscribe(platform, tx, caller.scope, wish))
      return linkOf('Subscription purchased successfully', invoiceLink(platform, made.plan_invoice_id))
    },
  )
}

function mailboxRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/subscriptions/mailboxes',
    {
      schema: {
        summary: 'List the mailboxes that a subscription pays for',
        description: 'Those that have slots of the plan, without their secrets. Of one that is over: none.',
        tags,
        body: Type.Object({ subscriptionId: SubscriptionId }),
        response: { 200: DataOf(Type.Array(SlotMailboxView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const id = requireSubscriptionId(request.body.subscriptionId)
      const { endedAt } = await paidPlanOf(platform, scope, id)
      const rows = endedAt === null ? await listMailboxesInSlots(platform.db, scope.workspaceId) : []
      return dataOf('Mailboxes fetched successfully', rows.map(slotMailboxView))
    },
  )
}

/** As many of them as a reply shows. */
const invoicesMax = 100

function invoiceRoute(app: Api, platform: Platform): void {
  const InvoiceView = Type.Object({
    id: Type.String(),
    number: Nullable(Type.String()),
    total: Type.Number({ description: 'With tax; of a credit note below zero.' }),
    currency: Type.String(),
    createdAt: Moment,
    url: Type.String(),
  })
  app.post(
    '/v2/payment/invoices',
    {
      schema: {
        summary: 'Get the invoices beside a subscription',
        description:
          'Links to PDFs, which are shown with a key of the workspace: that of the plan’s last payment, and the newest of the workspace.',
        tags: ['payments & wallet'],
        body: Type.Object({ subscriptionId: SubscriptionId }),
        response: {
          200: DataOf(
            Type.Object({ invoiceUrl: Nullable(Type.String()), invoices: Type.Array(InvoiceView) }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { invoiceId } = await paidPlanOf(
        platform,
        scope,
        requireSubscriptionId(request.body.subscriptionId),
      )
      const filter = { kind: null, since: null, until: null }
      const page = { after: null, limit: invoicesMax }
      const { rows } = await listInvoices(platform, ownReach(scope), filter, page)
      const invoices = rows.map(({ id, number, total, currency, created_at }) => ({
        id,
        number,
        total: unitsOf({ amount: total, currency }),
        currency,
        createdAt: created_at.toISOString(),
        url: invoiceLink(platform, id) ?? '',
      }))
      return dataOf('Invoice fetched successfully', {
        invoiceUrl: invoiceLink(platform, invoiceId),
        invoices,
      })
    },
  )
}

function subscriptionView(platform: Platform, plan: PaidPlan): Static<typeof SubscriptionView> {
  const { code } = plan.plan
  return {
    id: plan.id,
    subscriptionId: ids.prefixedId('subscription', plan.id),
    subscriptionStatus: statusOf(plan),
    plan: code.toUpperCase(),
    uniquePlanKey: code,
    price: plan.periodPrice === null ? 0 : unitsOf(plan.periodPrice),
    totalMailboxQuantity: plan.plan.slots + plan.extraSlots,
    periodStart: plan.startsAt.toISOString(),
    periodEnd: plan.endsAt.toISOString(),
    subscriptionCreationDate: plan.createdAt.toISOString(),
    planUpgradeCancelPossible: plan.nextPlan !== null,
    paymentFailureMessage:
      plan.unpaidSince === null
        ? null
        : `The wallet has not had enough since ${plan.unpaidSince.toISOString()}.`,
    invoiceDetails: invoiceLink(platform, plan.invoiceId),
  }
}

function statusOf({ endedAt, unpaidSince, cancelAtPeriodEnd }: PaidPlan): (typeof statuses)[number] {
  if (endedAt !== null) return unpaidSince === null ? 'CANCELLED' : 'EXPIRED'
  return cancelAtPeriodEnd ? 'CANCELLED' : 'ACTIVE'
}
