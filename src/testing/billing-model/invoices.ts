/** What the model knows of invoices: their lines, and what credit notes have left of each. */
import { divide } from './money.ts'
import type { SeenLine } from './observe.ts'

export type Share = { amount: bigint; discount: bigint; tax: bigint }

export type KnownLine = Share & { id: string; quantity: number; unitAmount: bigint; left: Share }

export type KnownInvoice = { id: string; lines: KnownLine[] }

export function totalOf({ amount, discount, tax }: Share): bigint {
  return amount - discount + tax
}

export type KnownInvoices = { invoices: Map<string, KnownInvoice>; lines: Map<string, KnownLine> }

/** Notes a line that was checked. */
export function remember(books: KnownInvoices, line: SeenLine): void {
  const share = { amount: BigInt(line.amount), discount: BigInt(line.discount), tax: BigInt(line.tax) }
  const { id, quantity, unit_amount } = line
  const known = { id, quantity, unitAmount: BigInt(unit_amount), ...share, left: share }
  books.lines.set(id, known)
  const invoice = books.invoices.get(line.invoice_id) ?? { id: line.invoice_id, lines: [] }
  books.invoices.set(invoice.id, invoice)
  invoice.lines.push(known)
  invoice.lines.sort((a, b) => (a.id < b.id ? -1 : 1))
}

export type Credit = Share & { lineId: string; quantity: number }

export type Wanted = { whole: true } | { amount: bigint } | { lineId: string; quantity: number }

/** What a credit note of an invoice gives back; null: there is not so much left. */
export function creditsOf({ lines }: KnownInvoice, wanted: Wanted): Credit[] | null {
  const left = lines.reduce((sum, line) => sum + totalOf(line.left), 0n)
  const parts = partsOf(lines, wanted, left)
  if (parts === null) return null
  const real = parts.filter((part) => part.amount !== 0n || totalOf(part) !== 0n)
  const total = real.reduce((sum, part) => sum + totalOf(part), 0n)
  return real.length === 0 || total > left ? null : real
}

function partsOf(lines: readonly KnownLine[], wanted: Wanted, left: bigint): Credit[] | null {
  if ('whole' in wanted || ('amount' in wanted && wanted.amount === left)) return lines.map(all)
  if ('lineId' in wanted) {
    const line = lines.find(({ id }) => id === wanted.lineId)
    if (line === undefined) return null
    const amount = BigInt(wanted.quantity) * line.unitAmount
    if (amount > line.left.amount) return null
    const { discount, tax } = proportion(line.left, amount, line.left.amount)
    const share = amount === line.left.amount ? line.left : { amount, discount, tax }
    return [{ ...share, lineId: line.id, quantity: wanted.quantity }]
  }
  let rest = wanted.amount
  const parts: Credit[] = []
  for (const line of lines) {
    const whole = totalOf(line.left)
    const total = rest < whole ? rest : whole
    if (total <= 0n) continue
    parts.push(total === whole ? all(line) : part(line, total))
    rest -= total
  }
  return rest > 0n ? null : parts
}

function all(line: KnownLine): Credit {
  return { ...line.left, lineId: line.id, quantity: line.left.amount === line.amount ? line.quantity : 1 }
}

/** A part of a line that comes to a total; where the rounding asks for more than there is, the tax takes the difference. */
function part(line: KnownLine, total: bigint): Credit {
  const { discount, tax } = proportion(line.left, total, totalOf(line.left))
  const asked = total + discount - tax
  const amount = asked < line.left.amount ? asked : line.left.amount
  const quantity = amount === line.amount ? line.quantity : 1
  return { amount, discount, tax: total - amount + discount, lineId: line.id, quantity }
}

function proportion({ discount, tax }: Share, part: bigint, whole: bigint): Pick<Share, 'discount' | 'tax'> {
  if (whole === 0n) return { discount, tax }
  return { discount: divide(discount * part, whole), tax: divide(tax * part, whole) }
}
