/** /v1/prices: what things cost. The operator sets them; a tenant sees those that hold for it. */
import { type Static, Type } from 'typebox'
import { requireWorkspace } from '../accounts/principals.ts'
import { listPricesFor } from '../billing/catalogue/price-book.ts'
import {
  createPrice,
  deletePrice,
  listPrices,
  type Price,
  requirePrice,
  updatePrice,
} from '../billing/catalogue/prices.ts'
import { items } from '../billing/catalogue/things.ts'
import { periods } from '../billing/periods.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { mailboxServices } from './mailbox-view.ts'
import { Amount } from './money-schemas.ts'
import { mutate } from './mutate.ts'
import { forOperators, isOperatorCall, operatorScope, requireOperatorCall } from './operators.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  OneOfOrNull,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
  readMoment,
  readMomentOrNull,
} from './schemas.ts'

const Step = Type.Object(
  { from: Type.Integer({ minimum: 2, maximum: 1e9 }), unit_amount: Amount },
  { ...closed, title: 'PriceStep' },
)
const Steps = Type.Array(Step, {
  maxItems: 50,
  description: 'From this count of units on, each of all of them costs so much; `from` rises.',
})
const Service = OneOfOrNull(mailboxServices, 'Of a mailbox: who runs it.')
const PeriodField = OneOfOrNull(periods, 'Of a mailbox, a plan or a slot: for how long it is paid at a time.')
const Tld = Nullable(
  Type.String({ minLength: 1, maxLength: 255 }),
  'Of a domain: a suffix such as `co.uk`, or * for all without one. The price is of a year.',
)
const WorkspaceId = Nullable(Id, 'A special price of this workspace; null: everybody’s.')
const Currency = Type.String({ pattern: '^[A-Z]{3}$', maxLength: 3, description: 'ISO 4217.' })

const PriceView = Type.Object(
  {
    id: Id,
    item: OneOf(items),
    service: Service,
    period: PeriodField,
    plan_id: Nullable(Id, 'Of a plan, or of a slot beside those of a plan.'),
    tld: Tld,
    workspace_id: WorkspaceId,
    currency: Currency,
    unit_amount: Type.Integer({ description: 'In minor units, without tax.' }),
    steps: Steps,
    valid_from: Moment,
    valid_until: Nullable(Moment, 'Null: until another one begins.'),
    created_at: Moment,
  },
  { title: 'Price' },
)

const NewPriceBody = Type.Object(
  {
    item: OneOf(items),
    service: Type.Optional(Service),
    period: Type.Optional(PeriodField),
    plan: Type.Optional(Nullable(Type.String({ maxLength: 40 }), 'Of a plan or a slot: its id or code.')),
    tld: Type.Optional(Tld),
    workspace_id: Type.Optional(WorkspaceId),
    currency: Type.Optional({ ...Currency, description: 'Default: the platform’s.' }),
    unit_amount: Amount,
    steps: Type.Optional(Steps),
    valid_from: Type.Optional({ ...Moment, description: 'Default: now. Not in the past.' }),
    valid_until: Type.Optional(Nullable(Moment, 'After it, what held before goes on.')),
  },
  { ...closed, title: 'NewPrice' },
)

const PriceChangesBody = Type.Object(
  {
    unit_amount: Type.Optional(Amount),
    steps: Type.Optional(Steps),
    valid_from: Type.Optional(Moment),
    valid_until: Type.Optional(Nullable(Moment, 'Null: until another one begins.')),
  },
  { ...closed, title: 'PriceChanges' },
)

const PricesQuery = Type.Object(
  {
    ...pageQuery,
    item: Type.Optional(OneOf(items)),
    workspace_id: Type.Optional({
      ...Id,
      description: 'Special prices of this workspace; for the operator.',
    }),
    at: Type.Optional({ ...Moment, description: 'Those that hold then; for the operator.' }),
  },
  closed,
)
const PricePath = Type.Object({ price: Type.String({ description: 'Its id.' }) })
const tags = ['billing']

export function priceRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/prices',
    {
      schema: {
        summary: 'List prices',
        description:
          'What holds now for the workspace, its special prices before everybody’s. The operator sees all prices, also those that are over and those to come.',
        tags,
        querystring: PricesQuery,
        response: { 200: PageOf(PriceView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const scope = scopeOf(request)
      requireWorkspace(scope)
      const { item = null, workspace_id: workspaceId = null, at } = request.query
      const page = pageRequest(request.query)
      if (await isOperatorCall(platform.db, request)) {
        const filter = { item, workspaceId, at: readMomentOrNull(at, '/at') }
        return pageView(await listPrices(platform, filter, page), priceView)
      }
      if (workspaceId !== null || at !== undefined)
        throw new Refusal('forbidden', 'Only the operator sees prices of other times and workspaces.')
      return pageView(await listPricesFor(platform, scope.workspaceId, item, page), priceView)
    },
  )
  app.get(
    '/v1/prices/:price',
    {
      schema: {
        summary: 'Get a price',
        description: forOperators,
        tags,
        params: PricePath,
        response: { 200: PriceView, ...readProblems('price_not_found') },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      return priceView(await requirePrice(platform.db, request.params.price))
    },
  )
  createRoute(app, platform)
  changeRoutes(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/prices',
    {
      schema: {
        summary: 'Set a price',
        description: `It ends the price of the same thing that holds when it begins. What began before keeps its price until its next period. ${forOperators}`,
        tags,
        body: NewPriceBody,
        response: {
          201: PriceView,
          ...postProblems('plan_not_found', 'price_overlap', 'price_limit_reached'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const { body } = request
        const price = await createPrice(platform, tx, scope, {
          item: body.item,
          service: body.service ?? null,
          period: body.period ?? null,
          plan: body.plan ?? null,
          tld: body.tld ?? null,
          workspaceId: body.workspace_id ?? null,
          currency: body.currency ?? null,
          unitAmount: body.unit_amount,
          steps: body.steps ?? [],
          validFrom: readMomentOrNull(body.valid_from, '/valid_from'),
          validUntil: readMomentOrNull(body.valid_until, '/valid_until'),
        })
        return { status: 201, body: priceView(price), headers: { location: `/v1/prices/${price.id}` } }
      }),
  )
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/prices/:price',
    {
      schema: {
        summary: 'Change a price that is to come, or end one that holds',
        description: `Of a price that holds only \`valid_until\` can be set. ${forOperators}`,
        tags,
        params: PricePath,
        body: PriceChangesBody,
        response: {
          200: PriceView,
          ...writeProblems('price_not_found', 'price_overlap', 'price_state_conflict'),
        },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const { unit_amount, steps, valid_from, valid_until } = request.body
        const price = await updatePrice(platform, tx, scope, request.params.price, {
          ...(unit_amount === undefined ? {} : { unitAmount: unit_amount }),
          ...(steps === undefined ? {} : { steps }),
          ...(valid_from === undefined ? {} : { validFrom: readMoment(valid_from, '/valid_from') }),
          ...(valid_until === undefined ? {} : { validUntil: readMomentOrNull(valid_until, '/valid_until') }),
        })
        return { status: 200, body: priceView(price) }
      }),
  )
  app.delete(
    '/v1/prices/:price',
    {
      schema: {
        summary: 'Take back a price that is to come',
        description: `The one that it would have ended goes on. ${forOperators}`,
        tags,
        params: PricePath,
        response: { 204: Type.Null(), ...writeProblems('price_not_found', 'price_state_conflict') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        await deletePrice(platform, tx, scope, request.params.price)
        return { status: 204, body: undefined }
      }),
  )
}

const serviceOf = (text: string | null) => mailboxServices.find((service) => service === text) ?? null

function priceView(price: Price): Static<typeof PriceView> {
  return {
    id: price.id,
    item: price.item,
    service: serviceOf(price.service),
    period: price.period,
    plan_id: price.plan_id,
    tld: price.tld,
    workspace_id: price.workspace_id,
    currency: price.currency,
    unit_amount: price.unit_amount,
    steps: price.steps,
    valid_from: price.valid_from.toISOString(),
    valid_until: momentOrNull(price.valid_until),
    created_at: price.created_at.toISOString(),
  }
}
