/** Amounts as Stripe counts them: nearly the minor units of ISO 4217, and not quite. */
import { Refusal } from '../../../platform/errors.ts'
import { formatMoney, type Money, minorDigits } from '../../../platform/money.ts'

// Stripe counts these in hundredths, though they have no minor unit; of whole units only.
const hundredfold = new Set(['ISK', 'UGX'])
// And these in whole units, though ISO 4217 has a minor unit.
const wholeUnits = new Set(['MGA'])

/** The most that one charge may be, in Stripe's units: eight digits. */
const amountMax = 99_999_999

/** @throws Refusal top_up_invalid for what Stripe cannot charge in this currency. */
export function toStripeAmount({ amount, currency }: Money): number {
  const wanted = hundredfold.has(currency) ? amount * 100 : wholeUnits.has(currency) ? amount / 100 : amount
  // Of currencies with three digits the last one has to be zero.
  const step = minorDigits(currency) === 3 ? 10 : 1
  if (!Number.isInteger(wanted) || wanted % step !== 0 || wanted < 1 || wanted > amountMax) {
    const text = formatMoney({ amount, currency })
    throw new Refusal('top_up_invalid', `${text} ${currency} is no amount that a card can be charged with.`)
  }
  return wanted
}

/** @param currency in any case, as Stripe's is in lower case. */
export function fromStripeAmount(amount: number, currency: string): Money {
  const upper = currency.toUpperCase()
  const own = hundredfold.has(upper) ? amount / 100 : wholeUnits.has(upper) ? amount * 100 : amount
  return { amount: Math.trunc(own), currency: upper }
}
