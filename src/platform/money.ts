/** Money: whole minor units and a currency. A decimal text is cut into digits; it never becomes a fraction. */

export type Money = {
  /** In minor units: cents of USD, yen of JPY. */
  amount: number
  /** ISO 4217, upper case. */
  currency: string
}

const currencyPattern = /^[A-Z]{3}$/
// ISO 4217 table A.1: those whose minor unit is not a hundredth.
const otherDigits: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    [
      'BIF',
      'CLP',
      'DJF',
      'GNF',
      'ISK',
      'JPY',
      'KMF',
      'KRW',
      'PYG',
      'RWF',
      'UGX',
      'VND',
      'VUV',
      'XAF',
      'XOF',
      'XPF',
    ].map((currency) => [currency, 0]),
  ),
  ...Object.fromEntries(['BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'].map((currency) => [currency, 3])),
}

export function isCurrency(text: string): boolean {
  return currencyPattern.test(text)
}

/** How many digits of a currency stand behind the point. */
export function minorDigits(currency: string): number {
  return otherDigits[currency] ?? 2
}

const decimal = /^(\d{1,15})(?:\.(\d{1,20}))?$/

/**
 * A price as others write it (`11.08`, `7`, `12.5`) in minor units.
 * @returns null for what is no such number, is more exact than the currency, or is too large to be counted exactly.
 */
export function parseMoney(text: string, currency: string): Money | null {
  const match = decimal.exec(text)
  if (!match || !isCurrency(currency)) return null
  const [, whole = '', fraction = ''] = match
  const digits = minorDigits(currency)
  if (/[^0]/.test(fraction.slice(digits))) return null
  const amount = Number(whole + fraction.slice(0, digits).padEnd(digits, '0'))
  return Number.isSafeInteger(amount) ? { amount, currency } : null
}

/** The other way round: `11.08`. */
export function formatMoney({ amount, currency }: Money): string {
  const digits = minorDigits(currency)
  const text = String(amount).padStart(digits + 1, '0')
  return digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

/** The same of an amount that may be negative: `-11.08`. */
export function formatSigned({ amount, currency }: Money): string {
  return `${amount < 0 ? '-' : ''}${formatMoney({ amount: Math.abs(amount), currency })}`
}

export function sameMoney(a: Money, b: Money): boolean {
  return a.amount === b.amount && a.currency === b.currency
}
