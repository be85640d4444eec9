/** Money of this API: numbers of whole units, such as 42.5. */
import { Refusal } from '../../platform/errors.ts'
import { formatSigned, type Money, parseMoney } from '../../platform/money.ts'

export function unitsOf(money: Money): number {
  return Number(formatSigned(money))
}

/** In minor units. @throws Refusal invalid_request for what is more exact than the currency. */
export function minorOf(units: number, currency: string, name: string): number {
  const money = parseMoney(String(units), currency)
  if (money === null) throw new Refusal('invalid_request', `${name} is no amount of ${currency}.`)
  return money.amount
}
