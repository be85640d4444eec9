/** What a coupon is, as the operator and who redeems it see it. */
import { Type } from 'typebox'
import type { Coupon } from '../billing/catalogue/coupons.ts'
import { Nullable, OneOf } from './schemas.ts'

export const CouponCode = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9-]{3,}$',
  maxLength: 40,
  description: 'Letters of either case are the same.',
})

export const couponFields = {
  code: Type.String(),
  kind: OneOf(['percent', 'amount'], 'A share off what is bought, or money for the wallet.'),
  percent_basis_points: Nullable(Type.Integer(), 'Of a share: 2500 is a quarter.'),
  amount: Nullable(Type.Integer(), 'In minor units.'),
  currency: Nullable(Type.String(), 'Of the amount.'),
  items: Type.Unsafe<Coupon['items']>({
    type: ['array', 'null'],
    items: { type: 'string' },
    description: 'What the share is off; null: everything.',
  }),
}
