/** What stands in an invoice's document, as text, and where. Lengths are in points. */
import { formatMoney } from '../../platform/money.ts'
import type { InvoiceParty } from '../tables.ts'
import type { LineGroup } from './groups.ts'
import type { Invoice } from './store.ts'

const margin = 50
// A4 is 595.28 by 841.89.
export const page = {
  margins: { top: margin, bottom: 60, left: margin, right: margin },
  left: margin,
  width: 595 - 2 * margin,
  bottom: 841 - 60,
} as const

type Column = { title: string; x: number; width: number; align: 'left' | 'right' }

export const columns: readonly Column[] = [
  { title: 'Description', x: margin, width: 235, align: 'left' },
  { title: 'Quantity', x: margin + 240, width: 50, align: 'right' },
  { title: 'Unit price', x: margin + 295, width: 65, align: 'right' },
  { title: 'Discount', x: margin + 365, width: 60, align: 'right' },
  { title: 'Amount', x: margin + 430, width: 65, align: 'right' },
]

/** The cells of a group, in the order of the columns; its amount is without the discount and before tax. */
export function lines(group: LineGroup, currency: string): string[] {
  const { description, period_start: start, period_end: end, quantity, unit_amount: unitAmount } = group
  const period = start === null || end === null ? '' : `\n${start} to ${end}`
  return [
    shortened(description) + period,
    String(quantity),
    unitAmount === null ? '' : moneyText(unitAmount, currency),
    group.discount === 0 ? '' : moneyText(-group.discount, currency),
    moneyText(group.amount - group.discount, currency),
  ]
}

/** `-1,234.50`, without the currency. */
export function moneyText(amount: number, currency: string): string {
  const text = formatMoney({ amount: Math.abs(amount), currency })
  const [whole = '', fraction] = text.split('.')
  const grouped = whole.replace(/\B(?=(?:\d{3})+$)/g, ',')
  return `${amount < 0 ? '-' : ''}${grouped}${fraction === undefined ? '' : `.${fraction}`}`
}

/** `19%`, `7.25%`. */
export function rateText(basisPoints: number): string {
  return `${basisPoints / 100}%`
}

export function day(at: Date): string {
  return at.toISOString().slice(0, 10)
}

export function issuedAt({ numbered_at, created_at }: Invoice): Date {
  return numbered_at ?? created_at
}

export function partyLines(party: InvoiceParty): string[] {
  const { company, name, address_lines = [], postal_code, city, region, country, tax_id, email } = party
  const place = [postal_code, city].filter((part) => part !== undefined && part !== '').join(' ')
  const all = [company, name, ...address_lines, place, region, country, tax_id && `Tax id: ${tax_id}`, email]
  return all.flatMap((line) => (line ? [shortened(line)] : []))
}

const charactersMax = 400

/** What a customer has written, on one line and of a bounded length. */
export function shortened(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cs}]+/gu, ' ').trim()
  const characters = [...plain.slice(0, 2 * charactersMax)]
  return characters.length <= charactersMax ? plain : `${characters.slice(0, charactersMax).join('')}…`
}
