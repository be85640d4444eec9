/** /v1/wallet/coupons: coupons that the workspace redeems. */
import { type Static, Type } from 'typebox'
import { requireWorkspace, requireWrite } from '../accounts/principals.ts'
import { listRedemptions, type Redemption, redeemCoupon } from '../billing/catalogue/redemptions.ts'
import { Refusal } from '../platform/errors.ts'
import { formatSigned } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { createRateLimiter } from '../platform/rate-limit.ts'
import { callerOf, scopeOf } from './caller.ts'
import { CouponCode, couponFields } from './coupon-fields.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { PreviewView, preview } from './preview.ts'
import { postProblems, readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Moment,
  momentOrNull,
  Nullable,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'

const RedemptionView = Type.Object(
  {
    ...couponFields,
    redeemed_at: Moment,
    ends_at: Nullable(Moment, 'Until when a share is taken off; null: for ever.'),
  },
  { title: 'CouponRedemption' },
)
const tags = ['billing']

export function walletCouponRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/wallet/coupons',
    {
      schema: {
        summary: 'List redeemed coupons',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(RedemptionView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(await listRedemptions(platform, scopeOf(request), pageRequest(request.query)), redemptionView),
  )
  redeemRoute(app, platform)
}

function redeemRoute(app: Api, platform: Platform): void {
  const guesses = createRateLimiter({
    perMinute: apiLimits.refusedCouponsPerMinute,
    entriesMax: apiLimits.rateEntriesMax,
  })
  app.post(
    '/v1/wallet/coupons',
    {
      schema: {
        summary: 'Redeem a coupon',
        description:
          'A share is off what is bought from now on, each renewal too; of several the best counts. An amount is in the wallet at once. Codes that are refused are counted: after some, the organization has to wait.',
        tags,
        body: Type.Object(
          {
            code: CouponCode,
            preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
          },
          closed,
        ),
        response: {
          200: PreviewView,
          201: RedemptionView,
          ...postProblems(
            'coupon_not_found',
            'coupon_ended',
            'coupon_used_up',
            'coupon_redeemed',
            'coupon_currency_differs',
          ),
        },
      },
    },
    async (request, reply) => {
      const { scope, principal } = callerOf(request)
      requireWrite(scope)
      requireWorkspace(scope)
      const { code } = request.body
      // Taken before it is looked up, so that many guesses at once are counted too.
      const rate = guesses.take(principal.organizationId)
      if (!rate.ok) {
        throw new Refusal('rate_limited', 'Too many codes were refused.', {
          retryAfterSeconds: rate.resetSeconds,
        })
      }
      const done =
        request.body.preview === true
          ? await preview(platform, reply, async (tx) => {
              const { redemption, payer } = await redeemCoupon(platform, tx, scope, code)
              const { coupon } = redemption
              const { balance, currency } = payer.wallet
              return {
                objects: [
                  { type: 'coupon', action: 'redeem', id: coupon.id, name: coupon.code, state: 'redeemed' },
                ],
                notes: [
                  coupon.kind === 'percent'
                    ? shareNote(redemption)
                    : `The balance would be ${formatSigned({ amount: balance, currency })} ${currency}.`,
                ],
              }
            })
          : await mutate(platform, request, reply, async (tx) => ({
              status: 201,
              body: redemptionView((await redeemCoupon(platform, tx, scope, code)).redemption),
            }))
      guesses.giveBack(principal.organizationId)
      return done
    },
  )
}

function shareNote({ coupon, ends_at }: Redemption): string {
  const percent = (coupon.percent_basis_points ?? 0) / 100
  const of = coupon.items === null ? 'everything' : coupon.items.join(', ')
  return `${percent} % off ${of}, ${ends_at === null ? 'for ever' : `until ${ends_at.toISOString()}`}.`
}

function redemptionView({ coupon, redeemed_at, ends_at }: Redemption): Static<typeof RedemptionView> {
  return {
    code: coupon.code,
    kind: coupon.kind,
    percent_basis_points: coupon.percent_basis_points,
    amount: coupon.amount,
    currency: coupon.currency,
    items: coupon.items,
    redeemed_at: redeemed_at.toISOString(),
    ends_at: momentOrNull(ends_at),
  }
}
