/** Lines of an invoice that differ in nothing that matters, as one: a renewal has one for each of thousands of mailboxes. */
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import type { InvoiceLineKind, Item } from '../tables.ts'
import type { Invoice } from './store.ts'

export type LineGroup = {
  kind: InvoiceLineKind | 'rest'
  item: Item | null
  description: string
  /** How many lines it stands for. */
  lines: number
  quantity: number
  /** null: of different prices. */
  unit_amount: number | null
  amount: number
  discount: number
  tax: number
  /** Days of UTC: `2026-01-31`. */
  period_start: string | null
  period_end: string | null
}

type Row = Omit<LineGroup, 'description' | 'item' | 'kind'> & {
  kind: InvoiceLineKind
  item: Item
  description: string | null
}

/** As many as a document shows; what is left over is one more. */
export const groupsMax = 300

const names: Readonly<Record<Item, string>> = {
  mailbox: 'Mailboxes',
  domain_register: 'Domain registrations',
  domain_renew: 'Domain renewals',
  plan: 'Plan',
  plan_slot: 'Plan: further mailboxes',
}

/**
 * The lines by kind, item, price and the days of their period, in the order of the invoice; what is bought once also by
 * its description. Their sums are the invoice's.
 */
export async function groupLines(db: Db, invoice: Invoice): Promise<LineGroup[]> {
  const { rows } = await sql<Row>`
    select kind, item, unit_amount, period_start, period_end, count(*)::int as lines, sum(quantity)::int as quantity,
      case when count(*) = 1 or kind = 'once' then min(description) end as description,
      sum(amount)::bigint as amount, sum(discount)::bigint as discount, sum(tax)::bigint as tax
    from (select *, ((period_started_at at time zone 'UTC')::date)::text as period_start,
        ((period_ends_at at time zone 'UTC')::date)::text as period_end
      from invoice_lines where invoice_id = ${invoice.id}::uuid) as line
    group by kind, item, unit_amount, period_start, period_end, case when kind = 'once' then description end
    order by min(id::text) limit ${groupsMax}`.execute(db)
  const groups = rows.map((row): LineGroup => ({ ...row, description: row.description ?? nameOf(row) }))
  const rest = groups.length < groupsMax ? null : await restOf(db, invoice, groups)
  return rest === null ? groups : [...groups, rest]
}

function nameOf({ kind, item }: Row): string {
  switch (kind) {
    case 'proration':
      return `${names[item]}: change within a period`
    case 'credit':
      return `${names[item]}: credited`
    default:
      return names[item]
  }
}

/** What the groups leave over; null: nothing. */
async function restOf(db: Db, invoice: Invoice, groups: readonly LineGroup[]): Promise<LineGroup | null> {
  const { rows } = await sql<{ lines: number; quantity: number }>`
    select count(*)::int as lines, coalesce(sum(quantity), 0)::int as quantity
    from invoice_lines where invoice_id = ${invoice.id}::uuid`.execute(db)
  const [all = { lines: 0, quantity: 0 }] = rows
  const shown = { lines: 0, quantity: 0, amount: 0, discount: 0, tax: 0 }
  for (const group of groups) {
    shown.lines += group.lines
    shown.quantity += group.quantity
    shown.amount += group.amount
    shown.discount += group.discount
    shown.tax += group.tax
  }
  const lines = all.lines - shown.lines
  if (lines === 0) return null
  return {
    kind: 'rest',
    item: null,
    description: `${lines} further lines`,
    lines,
    quantity: all.quantity - shown.quantity,
    unit_amount: null,
    amount: invoice.subtotal - shown.amount,
    discount: invoice.discount - shown.discount,
    tax: invoice.tax - shown.tax,
    period_start: null,
    period_end: null,
  }
}
