/** /v1/billing-reports: revenue and costs, and the books of a month as CSV. */
import { Readable } from 'node:stream'
import { type Static, Type } from 'typebox'
import { type ExportName, exportMonth } from '../billing/reports/exports.ts'
import { monthRange, monthsMax } from '../billing/reports/months.ts'
import { type RevenueRow, revenueGroups, revenueReport } from '../billing/reports/revenue.ts'
import { csvText } from '../platform/csv-text.ts'
import type { Platform } from '../platform/platform.ts'
import { Of, reachOf } from './billing-reach.ts'
import { readProblems } from './problem-view.ts'
import { type Api, closed, noStore, OneOf } from './schemas.ts'

const csvType = 'text/csv'
const tags = ['billing']
const Month = Type.String({ pattern: '^\\d{4}-\\d{2}$', maxLength: 7, description: 'Of UTC, as 2026-01.' })

const RevenueQuery = Type.Object(
  {
    from: Month,
    until: Type.Optional(Month),
    group: Type.Optional(OneOf(revenueGroups, 'month if not given.')),
    of: Type.Optional(Of),
    format: Type.Optional(OneOf(['json', 'csv'], 'Else what `Accept` asks for.')),
  },
  closed,
)

const sums = {
  key: Type.String({ description: 'The month, the workspace’s id or the item.' }),
  currency: Type.String(),
  invoices: Type.Integer(),
  credit_notes: Type.Integer(),
  gross: Type.Integer({ description: 'Before discounts, credit notes and tax; amounts are in minor units.' }),
  discount: Type.Integer(),
  credited: Type.Integer({ description: 'What credit notes took back, without tax.' }),
  revenue: Type.Integer({ description: 'gross - discount - credited.' }),
  tax: Type.Integer({ description: 'Less that of credit notes.' }),
  cost: Type.Optional(Type.Integer({ description: 'Of what says its cost; with of=platform.' })),
  margin: Type.Optional(Type.Integer({ description: 'revenue - cost; with of=platform.' })),
}
const RevenueView = Type.Object(
  { data: Type.Array(Type.Object(sums)) },
  { title: 'RevenueReport', description: 'A row for each key and currency.' },
)

const csvReply = Type.Unsafe<Readable>({
  description: 'The file.',
  content: { [csvType]: { schema: { type: 'string' } } },
})

export function billingReportRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/billing-reports/revenue',
    {
      schema: {
        summary: 'Get revenue by month, workspace or item',
        description: `From invoices and credit notes of up to ${monthsMax} months, of the workspace or of the platform; as CSV with \`format=csv\` or \`Accept: text/csv\`.`,
        tags,
        querystring: RevenueQuery,
        response: { 200: Type.Unsafe<Static<typeof RevenueView> | string>(RevenueView), ...readProblems() },
      },
    },
    async (request, reply) => {
      const { from, until = from, group = 'month', format } = request.query
      const reach = await reachOf(platform, request)
      const rows = await revenueReport(platform, reach, monthRange(from, until), group)
      const data = rows.map((row) => (reach === 'platform' ? row : withoutCost(row)))
      void reply.headers({ ...noStore, vary: 'accept' })
      const wantsCsv = format === 'csv' || (format === undefined && acceptsCsv(request.headers.accept))
      if (!wantsCsv) return { data }
      void reply.type(`${csvType}; charset=utf-8`).serializer((body: unknown) => String(body))
      const { cost: _, margin: __, ...own } = sums
      const columns = Object.keys(reach === 'platform' ? sums : own)
      const lines = data.map((row) => columns.map((name) => cellOf(row, name)))
      return csvText([columns, ...lines], false)
    },
  )
  exportRoute(app, platform, 'ledger', 'Export the ledger of a month', 'A line for each entry of a transfer')
  exportRoute(
    app,
    platform,
    'invoices',
    'Export the invoices of a month',
    'A line for each, credit notes too',
  )
}

function withoutCost({ cost: _, margin: __, ...row }: RevenueRow): Omit<RevenueRow, 'cost' | 'margin'> {
  return row
}

function cellOf(row: object, name: string): string | number | null {
  const value: unknown = Reflect.get(row, name)
  return typeof value === 'number' || typeof value === 'string' ? value : null
}

/** Whether CSV is what was asked for, and not only taken as well (RFC 9110 §12.5.1). */
function acceptsCsv(accept = ''): boolean {
  return accept.split(',').some((range) => range.trim().toLowerCase().startsWith(csvType))
}

function exportRoute(app: Api, platform: Platform, name: ExportName, summary: string, what: string): void {
  app.get(
    `/v1/billing-reports/${name}`,
    {
      schema: {
        summary,
        description: `${what}, in the order of their writing, as CSV with amounts in minor units. It streams; when something fails on the way, the connection breaks before the end.`,
        tags,
        querystring: Type.Object({ month: Month, of: Type.Optional(Of) }, closed),
        response: { 200: csvReply, ...readProblems() },
      },
    },
    async (request, reply) => {
      const { month } = request.query
      const range = monthRange(month, month)
      const pieces = exportMonth(platform, name, await reachOf(platform, request), range)
      void reply.headers({
        ...noStore,
        'content-type': `${csvType}; charset=utf-8; header=present`, // RFC 4180 §3
        'content-disposition': `attachment; filename="${name}-${month}.csv"`,
      })
      return Readable.from(pieces, { objectMode: false, highWaterMark: 1 })
    },
  )
}
