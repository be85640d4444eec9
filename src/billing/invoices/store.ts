/** Invoices as rows: found, listed, with their lines one by one or grouped. */
import { type Selectable, sql } from 'kysely'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { isId } from '../../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../../platform/pages.ts'
import type { Platform } from '../../platform/platform.ts'
import type { InvoiceLinesTable, InvoicesTable } from '../tables.ts'
import { numberOnDemand } from './numbers.ts'

export type Invoice = Selectable<InvoicesTable>
export type InvoiceLine = Selectable<InvoiceLinesTable>

/** Whose invoices: those of one workspace, or of all, which is the operator's to ask for. */
export type Reach = { workspaceId: string } | 'platform'

/** @throws Refusal forbidden for a key that is bound to a mailbox. */
export function ownReach(scope: Scope): Reach {
  requireWorkspace(scope)
  return { workspaceId: scope.workspaceId }
}

export type InvoiceFilter = {
  kind: Invoice['kind'] | null
  /** Written at this moment or later, and before that one. */
  since: Date | null
  until: Date | null
}

/** The newest first. Those without a number get theirs. */
export async function listInvoices(
  platform: Platform,
  reach: Reach,
  filter: InvoiceFilter,
  page: PageRequest,
): Promise<Page<Invoice>> {
  const { kind, since, until } = filter
  const read = async (): Promise<Invoice[]> =>
    await within(platform.db, reach)
      .$if(kind !== null, (query) => query.where(sql<boolean>`kind = ${kind}`))
      .$if(since !== null, (query) => query.where(sql<boolean>`created_at >= ${since}`))
      .$if(until !== null, (query) => query.where(sql<boolean>`created_at < ${until}`))
      .$if(page.after !== null, (query) => query.where(sql<boolean>`id < ${page.after}::uuid`))
      .orderBy('id', 'desc')
      .limit(page.limit + 1)
      .execute()
  const rows = await read()
  if (rows.every(({ number }) => number !== null)) return toPage(rows, page)
  await numberOnDemand(platform)
  return toPage(await read(), page)
}

/** @param ref its id or its number. @throws Refusal invoice_not_found. */
export async function getInvoice(platform: Platform, reach: Reach, ref: string): Promise<Invoice> {
  const found = await findInvoice(platform.db, reach, ref)
  if (found.number !== null) return found
  await numberOnDemand(platform)
  return await findInvoice(platform.db, reach, found.id)
}

/** The same as it is. @throws Refusal invoice_not_found. */
export async function findInvoice(db: Db, reach: Reach, ref: string): Promise<Invoice> {
  const found = await within(db, reach)
    .where(isId(ref) ? 'id' : 'number', '=', ref)
    .executeTakeFirst()
  if (!found) throw new Refusal('invoice_not_found')
  return found
}

function within(db: Db, reach: Reach) {
  const query = db.selectFrom('invoices').selectAll()
  return reach === 'platform' ? query : query.where('workspace_id', '=', reach.workspaceId)
}

/** What was credited of an invoice, in minor units with tax; of a credit note 0. */
export async function creditedOf(db: Db, invoiceIds: readonly string[]): Promise<Map<string, number>> {
  if (invoiceIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('invoices')
    .select(['credited_invoice_id', sql<number>`(-sum(total))::bigint`.as('credited')])
    .where('credited_invoice_id', 'in', [...invoiceIds])
    .groupBy('credited_invoice_id')
    .execute()
  return new Map(
    rows.flatMap((row) => (row.credited_invoice_id ? [[row.credited_invoice_id, row.credited]] : [])),
  )
}

/** The lines of an invoice in their order. */
export async function listLines(
  platform: Platform,
  { id }: Invoice,
  page: PageRequest,
): Promise<Page<InvoiceLine>> {
  const rows = await platform.db
    .selectFrom('invoice_lines')
    .selectAll()
    .where('invoice_id', '=', id)
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id > ${page.after}::uuid`))
    .orderBy('id')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}
