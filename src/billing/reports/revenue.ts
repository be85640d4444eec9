/** What was sold, credited and what it cost, from invoices and their lines. */
import { type RawBuilder, sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'
import type { Reach } from '../invoices/store.ts'
import type { Range } from './months.ts'

export const revenueGroups = ['month', 'workspace', 'item'] as const
export type RevenueGroup = (typeof revenueGroups)[number]

/** Amounts are in minor units of `currency`. */
export type RevenueRow = {
  /** The month, the workspace's id or the item. */
  key: string
  currency: string
  invoices: number
  credit_notes: number
  /** Before discounts, tax and credit notes. */
  gross: number
  discount: number
  /** Without tax: what credit notes took back, and what is left of gross then. */
  credited: number
  revenue: number
  /** Less that of credit notes. */
  tax: number
  /** What it cost the platform, of the lines that say so. */
  cost: number
  margin: number
}

const rowsMax = 10_000

/**
 * One row for each month, workspace or item, and currency; at most 10,000, those with the largest keys left out.
 * @param reach what costs are counted of, too; it is for the caller not to show them.
 */
export async function revenueReport(
  { db }: Platform,
  reach: Reach,
  { since, until }: Range,
  group: RevenueGroup,
): Promise<RevenueRow[]> {
  const keys: Record<RevenueGroup, RawBuilder<string>> = {
    month: sql`to_char(invoice.created_at at time zone 'UTC', 'YYYY-MM')`,
    workspace: sql`invoice.workspace_id::text`,
    item: sql`line.item`,
  }
  const own = reach === 'platform' ? sql`` : sql`and invoice.workspace_id = ${reach.workspaceId}::uuid`
  const { rows } = await sql<RevenueRow>`
    select *, gross - discount - credited as revenue, gross - discount - credited - cost as margin from (
      select ${keys[group]} as key, invoice.currency,
        count(distinct invoice.id) filter (where invoice.kind = 'invoice') as invoices,
        count(distinct invoice.id) filter (where invoice.kind = 'credit_note') as credit_notes,
        coalesce(sum(line.amount) filter (where invoice.kind = 'invoice'), 0)::bigint as gross,
        coalesce(sum(line.discount) filter (where invoice.kind = 'invoice'), 0)::bigint as discount,
        coalesce(-sum(line.amount - line.discount) filter (where invoice.kind = 'credit_note'), 0)::bigint as credited,
        sum(line.tax)::bigint as tax, coalesce(sum(line.cost), 0)::bigint as cost
      from invoices as invoice join invoice_lines as line on line.invoice_id = invoice.id
      where invoice.created_at >= ${since} and invoice.created_at < ${until} ${own}
      group by 1, 2
    ) as sums
    order by key, currency limit ${rowsMax}`.execute(db)
  return rows
}
