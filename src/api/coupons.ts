/** /v1/coupons: codes that the operator gives out. How a workspace redeems one is in wallet-coupons.ts. */
import { type Static, Type } from 'typebox'
import {
  type Coupon,
  createCoupon,
  deleteCoupon,
  listCoupons,
  requireCoupon,
  updateCoupon,
} from '../billing/catalogue/coupons.ts'
import { items } from '../billing/catalogue/things.ts'
import type { Platform } from '../platform/platform.ts'
import { CouponCode, couponFields } from './coupon-fields.ts'

import { mutate } from './mutate.ts'
import { forOperators, operatorScope, requireOperatorCall } from './operators.ts'
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
  readMomentOrNull,
} from './schemas.ts'

const RedemptionsMax = Nullable(
  Type.Integer({ minimum: 1, maximum: 1e9 }),
  'How many workspaces may redeem it; null: any number.',
)
const ValidUntil = Nullable(Moment, 'When it can be redeemed no more.')
const Months = Nullable(
  Type.Integer({ minimum: 1, maximum: 120 }),
  'Of a share: how long it is taken off, in calendar months; null: for ever.',
)

const CouponView = Type.Object(
  {
    id: Id,
    ...couponFields,
    months: Months,
    redemptions_max: RedemptionsMax,
    redemptions: Type.Integer(),
    valid_from: Moment,
    valid_until: ValidUntil,
    created_at: Moment,
  },
  { title: 'Coupon' },
)

const NewCouponBody = Type.Object(
  {
    code: Type.Optional({ ...CouponCode, description: 'Default: one that nobody guesses.' }),
    percent_basis_points: Type.Optional(
      Nullable(Type.Integer({ minimum: 1, maximum: 10_000 }), 'Either this: 2500 takes a quarter off.'),
    ),
    amount: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 1e12 }), 'Or this, for the wallet.')),
    currency: Type.Optional(Nullable(Type.String({ pattern: '^[A-Z]{3}$', maxLength: 3 }), 'Of the amount.')),
    items: Type.Optional(
      Type.Unsafe<Coupon['items']>({
        ...Type.Array(OneOf(items), { minItems: 1, maxItems: items.length, uniqueItems: true }),
        type: ['array', 'null'],
        description: 'Of a share: what it is off; null: everything.',
      }),
    ),
    months: Type.Optional(Months),
    redemptions_max: Type.Optional(RedemptionsMax),
    valid_from: Type.Optional({ ...Moment, description: 'Default: now.' }),
    valid_until: Type.Optional(ValidUntil),
  },
  { ...closed, title: 'NewCoupon' },
)

const CouponChangesBody = Type.Object(
  { valid_until: Type.Optional(ValidUntil), redemptions_max: Type.Optional(RedemptionsMax) },
  { ...closed, title: 'CouponChanges' },
)
const CouponPath = Type.Object({ coupon: Type.String({ description: 'Its id.' }) })
const tags = ['billing']

export function couponRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/coupons',
    {
      schema: {
        summary: 'List coupons',
        description: forOperators,
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(CouponView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      return pageView(await listCoupons(platform, pageRequest(request.query)), couponView)
    },
  )
  app.get(
    '/v1/coupons/:coupon',
    {
      schema: {
        summary: 'Get a coupon',
        description: forOperators,
        tags,
        params: CouponPath,
        response: { 200: CouponView, ...readProblems('coupon_not_found') },
      },
    },
    async (request) => {
      await requireOperatorCall(platform.db, request)
      return couponView(await requireCoupon(platform.db, request.params.coupon))
    },
  )
  app.post(
    '/v1/coupons',
    {
      schema: {
        summary: 'Make a coupon',
        description: `A share is off what is bought, the best one of a workspace’s counts; an amount is put into the wallet. ${forOperators}`,
        tags,
        body: NewCouponBody,
        response: { 201: CouponView, ...postProblems('coupon_code_taken', 'coupon_limit_reached') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const { body } = request
        const coupon = await createCoupon(platform, tx, scope, {
          code: body.code ?? null,
          percentBasisPoints: body.percent_basis_points ?? null,
          amount: body.amount ?? null,
          currency: body.currency ?? null,
          items: body.items ?? null,
          months: body.months ?? null,
          redemptionsMax: body.redemptions_max ?? null,
          validFrom: readMomentOrNull(body.valid_from, '/valid_from'),
          validUntil: readMomentOrNull(body.valid_until, '/valid_until'),
        })
        return { status: 201, body: couponView(coupon), headers: { location: `/v1/coupons/${coupon.id}` } }
      }),
  )
  changeRoutes(app, platform)
}

function changeRoutes(app: Api, platform: Platform): void {
  app.patch(
    '/v1/coupons/:coupon',
    {
      schema: {
        summary: 'Edit a coupon',
        description: `Who has redeemed it keeps what he has. ${forOperators}`,
        tags,
        params: CouponPath,
        body: CouponChangesBody,
        response: { 200: CouponView, ...writeProblems('coupon_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        const { valid_until, redemptions_max } = request.body
        const coupon = await updateCoupon(platform, tx, scope, request.params.coupon, {
          ...(valid_until === undefined ? {} : { validUntil: readMomentOrNull(valid_until, '/valid_until') }),
          ...(redemptions_max === undefined ? {} : { redemptionsMax: redemptions_max }),
        })
        return { status: 200, body: couponView(coupon) }
      }),
  )
  app.delete(
    '/v1/coupons/:coupon',
    {
      schema: {
        summary: 'End a coupon',
        description: `One that nobody has redeemed is removed. ${forOperators}`,
        tags,
        params: CouponPath,
        response: { 204: Type.Null(), ...writeProblems('coupon_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const scope = await operatorScope(tx, request)
        await deleteCoupon(platform, tx, scope, request.params.coupon)
        return { status: 204, body: undefined }
      }),
  )
}

function couponView(coupon: Coupon): Static<typeof CouponView> {
  return {
    id: coupon.id,
    code: coupon.code,
    kind: coupon.kind,
    percent_basis_points: coupon.percent_basis_points,
    amount: coupon.amount,
    currency: coupon.currency,
    items: coupon.items,
    months: coupon.months,
    redemptions_max: coupon.redemptions_max,
    redemptions: coupon.redemptions,
    valid_from: coupon.valid_from.toISOString(),
    valid_until: momentOrNull(coupon.valid_until),
    created_at: coupon.created_at.toISOString(),
  }
}
