/** Money in requests and replies. */
import { Type } from 'typebox'
import type { Money } from '../platform/money.ts'
import { closed } from './schemas.ts'

export const MoneyView = Type.Object(
  {
    amount: Type.Integer({ minimum: 0, maximum: 1e12, description: 'In minor units.' }),
    currency: Type.String({ pattern: '^[A-Z]{3}$', maxLength: 3, description: 'ISO 4217.' }),
  },
  { ...closed, title: 'Money' },
)

/** In minor units, never negative. */
export const Amount = Type.Integer({ minimum: 0, maximum: 1e12, description: 'In minor units.' })

/** The same where it may be negative, as a balance. */
export const SignedMoney = Type.Object(
  {
    amount: Type.Integer({ description: 'In minor units; it may be negative.' }),
    currency: Type.String({ description: 'ISO 4217.' }),
  },
  { title: 'SignedMoney' },
)

export const NullableMoney = Type.Union([MoneyView, Type.Null()])

export function moneyOrNull(amount: number | null, currency: string | null): Money | null {
  return amount === null || currency === null ? null : { amount, currency }
}
