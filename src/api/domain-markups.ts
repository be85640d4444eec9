/** /v1/domain-markups: what is added to registrars' prices. For operators: it holds for all tenants. */
import { type Static, Type } from 'typebox'
import { requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import { deleteMarkup, listMarkups, type Markup, putMarkup } from '../domains/orders/markups.ts'
import type { Platform } from '../platform/platform.ts'
import { callerOf } from './caller.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Moment } from './schemas.ts'

const fields = {
  percent_basis_points: Type.Integer({ minimum: 0, maximum: 1_000_000, description: '2500 is 25 %.' }),
  fixed_amount: Type.Integer({ minimum: 0, maximum: 1e9, description: 'In minor units.' }),
  currency: Type.String({
    pattern: '^[A-Z]{3}$',
    maxLength: 3,
    description: 'Of the registrar’s prices: names that cost another one are not sold.',
  }),
  rounding_amount: Type.Integer({
    minimum: 1,
    maximum: 1e6,
    description: 'Prices are rounded up to a multiple of it, in minor units.',
  }),
}

const MarkupBody = Type.Object(
  {
    percent_basis_points: Type.Optional(fields.percent_basis_points),
    fixed_amount: Type.Optional(fields.fixed_amount),
    currency: fields.currency,
    rounding_amount: Type.Optional(fields.rounding_amount),
  },
  closed,
)
const MarkupView = Type.Object(
  { tld: Type.String(), ...fields, updated_at: Moment },
  { title: 'DomainMarkup' },
)
const MarkupPath = Type.Object({ tld: Type.String({ description: 'A suffix, or * for all without a row.' }) })
const tags = ['domains']
const forOperators = 'For keys of the organization that runs the platform.'

export function domainMarkupRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domain-markups',
    {
      schema: {
        summary: 'List markups',
        description: `What is added to registrars’ prices. ${forOperators}`,
        tags,
        response: { 200: Type.Object({ data: Type.Array(MarkupView) }), ...readProblems() },
      },
    },
    async (request) => {
      await requireOperator(platform.db, callerOf(request).principal)
      return { data: (await listMarkups(platform)).map(markupView) }
    },
  )
  app.put(
    '/v1/domain-markups/:tld',
    {
      schema: {
        summary: 'Set the markup of a suffix',
        description: `A suffix without a row takes that of *, else nothing is added. Quotes that were given keep their price. ${forOperators}`,
        tags,
        params: MarkupPath,
        body: MarkupBody,
        response: { 200: MarkupView, ...writeProblems('markup_limit_reached') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal, scope } = callerOf(request)
        await requireOperator(tx, principal)
        requireWrite(principal)
        const presets = { percent_basis_points: 0, fixed_amount: 0, rounding_amount: 1 }
        const row = await putMarkup(platform, tx, scope, request.params.tld, { ...presets, ...request.body })
        return { status: 200, body: markupView(row) }
      }),
  )
  app.delete(
    '/v1/domain-markups/:tld',
    {
      schema: {
        summary: 'Remove the markup of a suffix',
        description: forOperators,
        tags,
        params: MarkupPath,
        response: { 204: Type.Null(), ...writeProblems('markup_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const { principal, scope } = callerOf(request)
        await requireOperator(tx, principal)
        requireWrite(principal)
        await deleteMarkup(platform, tx, scope, request.params.tld)
        return { status: 204, body: undefined }
      }),
  )
}

function markupView(markup: Markup): Static<typeof MarkupView> {
  return { ...markup, updated_at: markup.updated_at.toISOString() }
}
