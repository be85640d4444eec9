/** Ledger entries and invoices of a month as CSV, a page at a time, so that a large month needs the memory of one page. */
import { type RawBuilder, sql } from 'kysely'
import { type CsvLine, csvText } from '../../platform/csv-text.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Reach } from '../invoices/store.ts'
import type { Range } from './months.ts'

const pageRows = 1000

/** A place between two rows: nothing of what was written later is in front of it. */
type Row = { at: Date; id: string; cells: (string | number | null)[] }

const columns = {
  ledger: [
    'transfer_id',
    'created_at',
    'workspace_id',
    'kind',
    'account',
    'amount',
    'currency',
    'cause',
    'cause_id',
    'invoice_id',
    'description',
  ],
  invoices: [
    'id',
    'number',
    'kind',
    'created_at',
    'numbered_at',
    'workspace_id',
    'credited_invoice_id',
    'customer',
    'currency',
    'subtotal',
    'discount',
    'tax',
    'total',
    'tax_rate_basis_points',
  ],
} as const

export type ExportName = keyof typeof columns

/** The file in pieces, the first with the names of the columns; amounts are in minor units. */
export async function* exportMonth(
  platform: Platform,
  name: ExportName,
  reach: Reach,
  range: Range,
): AsyncGenerator<string> {
  let lines: CsvLine[] = [columns[name]]
  for (let after: Row | null = null; ; ) {
    const rows: Row[] = await page(platform, name, reach, range, after)
    yield csvText([...lines, ...rows.map(({ cells }) => cells)], false)
    lines = []
    after = rows.at(-1) ?? null
    if (after === null) return
  }
}

async function page(
  { db }: Platform,
  name: ExportName,
  reach: Reach,
  { since, until }: Range,
  after: Row | null,
): Promise<Row[]> {
  const own = reach === 'platform' ? sql`` : sql`and source.workspace_id = ${reach.workspaceId}::uuid`
  const place =
    after === null ? sql`` : sql`and (source.created_at, source.id) > (${after.at}, ${after.id}::uuid)`
  const which = sql`source.created_at >= ${since} and source.created_at < ${until} ${own} ${place}
    order by source.created_at, source.id`
  return name === 'ledger' ? await transfers(db, which) : await invoices(db, which)
}

type Query = RawBuilder<unknown>

/** Pages are of transfers: all entries of one stand together. */
async function transfers(db: Platform['db'], which: Query): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select source.created_at as at, source.id, json_build_array(source.id, source.created_at, source.workspace_id,
      source.kind, entry.account, entry.amount, source.currency, source.cause, source.cause_id, source.invoice_id,
      source.description) as cells
    from (select * from ledger_transfers as source where ${which} limit ${pageRows}) as source
      join ledger_entries as entry on entry.transfer_id = source.id
    order by source.created_at, source.id, entry.account`.execute(db)
  return rows
}

async function invoices(db: Platform['db'], which: Query): Promise<Row[]> {
  const { rows } = await sql<Row>`
    select source.created_at as at, source.id, json_build_array(source.id, source.number, source.kind,
      source.created_at, source.numbered_at, source.workspace_id, source.credited_invoice_id,
      coalesce(source.customer ->> 'company', source.customer ->> 'name'), source.currency, source.subtotal,
      source.discount, source.tax, source.total, source.tax_rate_basis_points) as cells
    from invoices as source where ${which} limit ${pageRows}`.execute(db)
  return rows
}
