/** Plans, and the subscription to one. */

import { Type } from 'typebox'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { type Plan, planPrices, plansCalled, plansOnSale } from '../../billing/catalogue/plans.ts'
import { priceBookOf } from '../../billing/catalogue/price-book.ts'
import { cancelSubscription } from '../../billing/subscriptions/cancellation.ts'
import { changeSubscription } from '../../billing/subscriptions/changes.ts'
import { livingSubscription } from '../../billing/subscriptions/rows.ts'
import { subscribe } from '../../billing/subscriptions/subscribe.ts'
import { listPaidPlans } from '../../mailboxes/payment/paid-things.ts'
import { usedSlots } from '../../mailboxes/payment/slots.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { creditsOf, payingScope } from './credits.ts'
import { closed, DoneView, done, errors, Moment, Ok, ok } from './schemas.ts'

const Cycle = OneOf(['monthly', 'yearly'])

const PlanView = Type.Object({ name: Type.String(), cycle: Cycle, price: Type.Number() }, { title: 'Plan' })

const SubscriptionView = Type.Object(
  {
    plan: Type.String(),
    cycle: Cycle,
    status: Type.String({ description: 'active, past_due, or suspended.' }),
    renews_at: Nullable(Moment, 'Null: it ends instead.'),
    cancel_at_period_end: Type.Boolean(),
  },
  { title: 'Subscription' },
)

const ChangeBody = Type.Object(
  {
    plan: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        description: 'Its name, code or id. Default: the present one.',
      }),
    ),
    cycle: Type.Optional(
      OneOf(
        ['monthly', 'month', 'yearly', 'year', 'annual', 'annually'],
        'Default: the present one, or monthly.',
      ),
    ),
  },
  closed,
)

const periodOf = {
  monthly: 'monthly',
  month: 'monthly',
  yearly: 'yearly',
  year: 'yearly',
  annual: 'yearly',
  annually: 'yearly',
} as const

const tags = ['Billing']
const config = { ofTeam: true }

export function planRoutes(app: Api, platform: Platform): void {
  app.get(
    '/billing/pricing-plans',
    {
      config,
      schema: {
        summary: 'List the plans that are sold',
        tags,
        response: { 200: Ok({ plans: Type.Array(PlanView) }), ...errors() },
      },
    },
    async (request) => {
      const scope = await payingScope(platform, request)
      requireWorkspace(scope)
      const book = await priceBookOf(platform, platform.db, scope.workspaceId, ['plan', 'plan_slot'])
      const { currency } = book
      const plans = (await plansOnSale(platform)).flatMap(({ id, name }) =>
        planPrices(book, id).map(({ period, unitAmount: amount }) => {
          return { name, cycle: period, price: creditsOf({ amount, currency }) }
        }),
      )
      return ok('Plans retrieved successfully', { plans })
    },
  )
  app.get(
    '/billing/subscription',
    {
      config,
      schema: {
        summary: 'Get the subscription',
        tags,
        response: { 200: Ok({ subscription: SubscriptionView }), ...errors() },
      },
    },
    async (request) => {
      const [found] = await listPaidPlans(platform, await payingScope(platform, request))
      if (!found?.plan) throw new Refusal('subscription_not_found')
      const { plan, period, state, endsAt, cancelAtPeriodEnd } = found
      return ok('Subscription retrieved successfully', {
        subscription: {
          plan: plan.name,
          cycle: period,
          status: state,
          renews_at: cancelAtPeriodEnd ? null : endsAt.toISOString(),
          cancel_at_period_end: cancelAtPeriodEnd,
        },
      })
    },
  )
  changeRoutes(app, platform)
  cancelRoutes(app, platform)
}

function changeRoutes(app: Api, platform: Platform): void {
  const change = {
    config: { ...config, takesMoney: true },
    schema: {
      summary: 'Subscribe to a plan, or change to another one',
      description:
        'The first period is paid at once, and so is what costs more for the rest of one. What costs less waits for its end.',
      tags,
      body: ChangeBody,
      response: { 200: DoneView, ...errors(400, 402) },
    },
  }
  for (const path of ['/billing/subscription/change', '/billing/change-plan']) {
    app.post(path, change, async (request) => {
      await changePlan(platform, callerOf(request), await payingScope(platform, request), request.body)
      return done('Subscription updated successfully')
    })
  }
  app.put('/billing/subscription', change, async (request) => {
    await changePlan(platform, callerOf(request), await payingScope(platform, request), request.body)
    return done('Subscription updated successfully')
  })
}

async function changePlan(
  platform: Platform,
  caller: Parameters<typeof transact>[1],
  scope: Scope,
  { plan: name, cycle }: { plan?: string; cycle?: keyof typeof periodOf },
): Promise<void> {
  const period = cycle === undefined ? undefined : periodOf[cycle]
  const plan = name === undefined ? undefined : planNamed(await plansOnSale(platform), name)
  await transact(platform, caller, async (tx) => {
    const present = await livingSubscription(tx, scope.workspaceId)
    if (present === null) {
      if (plan === undefined) throw new Refusal('invalid_request', 'plan is required')
      return await subscribe(platform, tx, scope, { plan, period: period ?? 'monthly', extraSlots: 0 })
    }
    const wish = {
      ...(plan === undefined ? {} : { plan }),
      ...(period === undefined ? {} : { period }),
    }
    const options = { countUsed: usedSlots, versions: null }
    return await changeSubscription(platform, tx, scope, present.id, wish, options)
  })
}

function planNamed(onSale: readonly Plan[], wanted: string): string {
  const [plan, other] = plansCalled(onSale, wanted)
  if (other)
    throw new Refusal('invalid_request', `Several plans are named "${wanted}": give the code of one.`)
  if (!plan) throw new Refusal('invalid_request', `There is no plan "${wanted}".`)
  return plan.id
}

function cancelRoutes(app: Api, platform: Platform): void {
  const cancel = {
    config,
    preValidation: emptyBodyIsObject,
    schema: {
      summary: 'Cancel the plan',
      description: 'It ends with its period.',
      tags,
      body: Type.Object({}, closed),
      response: { 200: DoneView, ...errors(400) },
    },
  }
  const work = async (caller: Parameters<typeof transact>[1], scope: Scope) => {
    await transact(platform, caller, async (tx) => {
      const present = await livingSubscription(tx, scope.workspaceId)
      if (present === null) throw new Refusal('subscription_not_found')
      await cancelSubscription(platform, tx, scope, present.id, 'period_end')
    })
    return done('Subscription cancelled successfully')
  }
  for (const path of ['/billing/subscription/cancel', '/billing/cancel-subscription']) {
    app.post(path, cancel, async (request) => work(callerOf(request), await payingScope(platform, request)))
  }
  app.delete('/billing/subscription', cancel, async (request) =>
    work(callerOf(request), await payingScope(platform, request)),
  )
}
