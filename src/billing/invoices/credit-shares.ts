/** How much of a line a credit takes: discount and tax go with it in proportion, and the last part takes what is left. */

/** What is left of a line, or a part of it, in minor units. Of a proration for what was paid before, all are negative. */
export type Share = { amount: number; discount: number; tax: number }

export function shareTotal({ amount, discount, tax }: Share): number {
  return amount - discount + tax
}

/** A part that takes so much of the line's amount, before discount and tax. */
export function shareOfAmount(left: Share, amount: number): Share {
  if (amount === left.amount) return left
  return { amount, ...proportion(left, amount, left.amount) }
}

/** A part that comes to this total, with its tax. @param total more than nothing, and at most that of what is left. */
export function shareOfTotal(left: Share, total: number): Share {
  const whole = shareTotal(left)
  if (total === whole) return left
  const { discount, tax } = proportion(left, total, whole)
  // Rounding may ask for a unit more than there is: then the tax takes the difference.
  const amount = Math.min(left.amount, total + discount - tax)
  return { amount, discount, tax: total - amount + discount }
}

function proportion({ discount, tax }: Share, part: number, whole: number): Omit<Share, 'amount'> {
  return { discount: scaled(discount, part, whole), tax: scaled(tax, part, whole) }
}

/** Rounded to the nearest, halves up; amounts and wholes are not negative. */
function scaled(value: number, part: number, whole: number): number {
  return Number((2n * BigInt(value) * BigInt(part) + BigInt(whole)) / (2n * BigInt(whole)))
}
