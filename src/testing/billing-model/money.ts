/** The model's own arithmetic of money, by integers of any size: shares, taxes, discounts. */

/** The nearest integer of a fraction, halves away from zero. */
export function divide(numerator: bigint, denominator: bigint): bigint {
  const isNegative = numerator < 0n !== denominator < 0n
  const [top, bottom] = [abs(numerator), abs(denominator)]
  const rounded = (2n * top + bottom) / (2n * bottom)
  return isNegative ? -rounded : rounded
}

function abs(value: bigint): bigint {
  return value < 0n ? -value : value
}

export function share(amount: bigint, basisPoints: number): bigint {
  return divide(amount * BigInt(basisPoints), 10_000n)
}

export type Reckoned = { amount: bigint; discount: bigint; tax: bigint; total: bigint }

/** What a line comes to. */
export function reckon(
  quantity: number,
  unitAmount: bigint,
  rates: { discountBasisPoints: number; taxBasisPoints: number },
): Reckoned {
  const amount = BigInt(quantity) * unitAmount
  const discount = share(amount, rates.discountBasisPoints)
  const tax = share(amount - discount, rates.taxBasisPoints)
  return { amount, discount, tax, total: amount - discount + tax }
}
