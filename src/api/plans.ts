/** /v1/plans: so many mailboxes for one price a period. The operator makes them; everybody reads them. */
import { type Static, Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import {
  createPlan,
  listPlans,
  type Plan,
  planPrices,
  requirePlan,
  updatePlan,
} from '../billing/catalogue/plans.ts'
import { type PriceBook, priceBookOf } from '../billing/catalogue/price-book.ts'
import { periods } from '../billing/periods.ts'
import type { Db } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { mailboxServices } from './mailbox-view.ts'
import { MoneyView, NullableMoney } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { forOperators, operatorScope } from './operators.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const fields = {
  name: Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax }),
  description: Nullable(Type.String({ maxLength: apiLimits.descriptionLengthMax })),
  slots: Type.Integer({ minimum: 0, maximum: 10_000_000, description: 'Mailboxes that it pays for.' }),
  services: Type.Array(OneOf(mailboxServices), {
    minItems: 1,
    maxItems: 3,
    uniqueItems: true,
    description: 'Of the mailboxes that the slots are for.',
  }),
}

const PlanView = Type.Object(
  {
    id: Id,
    code: Type.String(),
    ...fields,
    prices: Type.Array(
      Type.Object({
        period: OneOf(periods),
        price: MoneyView,
        slot_price: { ...NullableMoney, description: 'Of one slot more; null: none can be bought.' },
      }),
      {
        description: 'What it costs this workspace now, without tax. A period that is not here is not sold.',
      },
    ),
    archived_at: Nullable(Moment, 'Nobody can subscribe to it any more.'),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Plan' },
)

const NewPlanBody = Type.Object(
  {
    code: Type.String({
      pattern: '^[a-z0-9][a-z0-9-]*$',
      maxLength: 32,
      description: 'Its name for programs; it never changes.',
    }),
    name: fields.name,
    description: Type.Optional(fields.description),
    slots: fields.slots,
    services: Type.Optional({ ...fields.services, description: 'Default: local.' }),
  },
  { ...closed, title: 'NewPlan' },
)

const PlanChangesBody = Type.Object(
  {
    name: Type.Optional(fields.name),
    description: Type.Optional(fields.description),
    slots: Type.Optional(fields.slots),
    services: Type.Optional(fields.services),
    archived: Type.Optional(Type.Boolean({ description: 'False: it can be subscribed to again.' })),
  },
  { ...closed, title: 'PlanChanges' },
)

const PlanPath = Type.Object({ plan: Type.String({ description: 'Its id or code.' }) })
const PlansQuery = Type.Object(
  {
    ...pageQuery,
    archived: Type.Optional(Type.Boolean({ description: 'Also those that are archived.' })),
  },
  closed,
)
const tags = ['billing']

export function planRoutes(app: Api, platform: Platform): void {
  const bookOf = (workspaceId: string, db: Db = platform.db): Promise<PriceBook> =>
    priceBookOf(platform, db, workspaceId, ['plan', 'plan_slot'])
  app.get(
    '/v1/plans',
    {
      schema: {
        summary: 'List plans',
        tags,
        querystring: PlansQuery,
        response: { 200: PageOf(PlanView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      const { archived = false } = request.query
      const book = await bookOf(scope.workspaceId)
      const page = await listPlans(platform, archived, pageRequest(request.query))
      return pageView(page, (plan) => planView(plan, book))
    },
  )
  app.get(
    '/v1/plans/:plan',
    {
      schema: {
        summary: 'Get a plan',
        tags,
        params: PlanPath,
        response: { 200: PlanView, ...readProblems('plan_not_found') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      const plan = await requirePlan(platform.db, request.params.plan)
      return planView(plan, await bookOf(scope.workspaceId))
    },
  )
  app.post(
    '/v1/plans',
    {
      schema: {
        summary: 'Make a plan',
        description: `It is sold once it has a price: POST /v1/prices with the item \`plan\`. ${forOperators}`,
        tags,
        body: NewPlanBody,
        response: { 201: PlanView, ...postProblems('plan_code_taken', 'plan_limit_reached') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const { description = null, services = ['local'], ...body } = request.body
        const plan = await createPlan(platform, tx, scope, { ...body, description, services })
        return {
          status: 201,
          body: planView(plan, await bookOf(scope.workspaceId, tx)),
          headers: { location: `/v1/plans/${plan.id}` },
        }
      }),
  )
  app.patch(
    '/v1/plans/:plan',
    {
      schema: {
        summary: 'Edit a plan',
        description: `It holds at once, also for who has subscribed. ${forOperators}`,
        tags,
        params: PlanPath,
        body: PlanChangesBody,
        response: { 200: PlanView, ...writeProblems('plan_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const plan = await updatePlan(platform, tx, scope, request.params.plan, request.body)
        return { status: 200, body: planView(plan, await bookOf(scope.workspaceId, tx)) }
      }),
  )
  app.delete(
    '/v1/plans/:plan',
    {
      schema: {
        summary: 'Archive a plan',
        description: `Nobody can subscribe to it any more; who has, keeps it. PATCH with \`archived: false\` takes it back. ${forOperators}`,
        tags,
        params: PlanPath,
        response: { 204: Type.Null(), ...writeProblems('plan_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        await updatePlan(platform, tx, scope, request.params.plan, { archived: true })
        return { status: 204, body: undefined }
      }),
  )
}

function planView(plan: Plan, book: PriceBook): Static<typeof PlanView> {
  const { currency } = book
  return {
    id: plan.id,
    code: plan.code,
    name: plan.name,
    description: plan.description,
    slots: plan.slots,
    services: mailboxServices.filter((service) => plan.services.includes(service)),
    prices: planPrices(book, plan.id).map(({ period, unitAmount: amount, slotAmount }) => ({
      period,
      price: { amount, currency },
      slot_price: slotAmount === null ? null : { amount: slotAmount, currency },
    })),
    archived_at: momentOrNull(plan.archived_at),
    created_at: plan.created_at.toISOString(),
    updated_at: plan.updated_at.toISOString(),
  }
}
