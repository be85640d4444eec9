/**
 * Credit notes: what was billed is taken back, in whole or in part, and the money goes back to the wallet. Their lines are
 * negative, with the tax and discount of those that they credit, and are never more than what is left of them.
 */
import { sql } from 'kysely'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import { formatMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import { addSettleJob } from '../credits.ts'
import { postTransfers } from '../ledger.ts'
import { lockPayer } from '../payers.ts'
import { type Share, shareOfAmount, shareOfTotal, shareTotal } from './credit-shares.ts'
import { findInvoice, type Invoice, type InvoiceLine } from './store.ts'

/** `amount` is in minor units with tax; `quantity` of the line's units. */
export type CreditedLine = { lineId: string } & ({ quantity: number } | { amount: number })

export type CreditRequest = {
  reason: string
  what: { whole: true } | { amount: number } | { lines: readonly CreditedLine[] }
}

/** A line with what earlier credit notes have left of it. */
type OpenLine = InvoiceLine & { left: Share }

type Part = { line: OpenLine; share: Share; quantity: number }

/**
 * @param ref of the invoice; whoever calls may credit those of every workspace.
 * @throws Refusal invoice_not_found; invalid_request for a credit note, for a line that is not the invoice's or cannot be
 *   credited by itself; credit_too_large.
 */
export async function creditInvoice(
  platform: Platform,
  tx: Tx,
  ref: string,
  { reason, what }: CreditRequest,
): Promise<Invoice> {
  const { id } = await findInvoice(tx, 'platform', ref)
  const invoice = await tx
    .selectFrom('invoices')
    .selectAll()
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow()
  if (invoice.kind !== 'invoice') throw new Refusal('invalid_request', 'A credit note is not credited.')
  const open = await openLines(tx, id)
  const parts = partsOf(open, what).filter(({ share }) => share.amount !== 0 || shareTotal(share) !== 0)
  const total = sum(parts.map(({ share }) => shareTotal(share)))
  const left = sum(open.map((line) => shareTotal(line.left)))
  if (parts.length === 0 || total > left) throw tooLarge(invoice, left)
  return await write(platform, tx, invoice, reason, parts)
}

async function openLines(tx: Tx, invoiceId: string): Promise<OpenLine[]> {
  const { rows } = await sql<InvoiceLine & { credited: Share }>`
    select line.*, (select json_build_object('amount', coalesce(sum(amount), 0), 'discount', coalesce(sum(discount), 0),
        'tax', coalesce(sum(tax), 0)) from invoice_lines as credit where credit.credited_line_id = line.id) as credited
    from invoice_lines as line where invoice_id = ${invoiceId}::uuid order by id`.execute(tx)
  return rows.map(({ credited, ...line }) => ({
    ...line,
    left: {
      amount: line.amount + credited.amount,
      discount: line.discount + credited.discount,
      tax: line.tax + credited.tax,
    },
  }))
}

function partsOf(open: readonly OpenLine[], what: CreditRequest['what']): Part[] {
  if ('whole' in what) return open.map(allOf)
  if ('lines' in what) return linesOf(open, what.lines)
  if (what.amount === sum(open.map((line) => shareTotal(line.left)))) return open.map(allOf)
  const parts: Part[] = []
  let rest = what.amount
  for (const line of open) {
    const total = Math.min(rest, shareTotal(line.left))
    if (total <= 0) continue
    parts.push(total === shareTotal(line.left) ? allOf(line) : partOf(line, shareOfTotal(line.left, total)))
    rest -= total
  }
  if (rest > 0) throw new Refusal('credit_too_large')
  return parts
}

function linesOf(open: readonly OpenLine[], wanted: readonly CreditedLine[]): Part[] {
  const byId = new Map(open.map((line) => [line.id, line]))
  return wanted.map((one, index) => {
    const line = byId.get(one.lineId.toLowerCase())
    // Each once: what is left of it is reckoned for one part.
    byId.delete(one.lineId.toLowerCase())
    if (line === undefined || line.amount < 0) {
      const detail = 'is no line of the invoice that can be credited, or is named twice'
      throw new Refusal('invalid_request', undefined, {
        fields: [{ pointer: `/lines/${index}/line_id`, detail }],
      })
    }
    const { left } = line
    if ('quantity' in one) {
      const amount = one.quantity * line.unit_amount
      if (amount > left.amount) throw new Refusal('credit_too_large')
      return { line, share: shareOfAmount(left, amount), quantity: one.quantity }
    }
    if (one.amount > shareTotal(left)) throw new Refusal('credit_too_large')
    return partOf(line, shareOfTotal(left, one.amount))
  })
}

/** All that is left; of a line that was never credited, in its own units. */
function allOf(line: OpenLine): Part {
  return partOf(line, line.left)
}

function partOf(line: OpenLine, share: Share): Part {
  return { line, share, quantity: share.amount === line.amount ? line.quantity : 1 }
}

function tooLarge({ currency }: Invoice, left: number): Refusal {
  const rest = formatMoney({ amount: left, currency })
  return new Refusal('credit_too_large', `There are ${rest} ${currency} left of the invoice.`)
}

async function write(
  platform: Platform,
  tx: Tx,
  invoice: Invoice,
  reason: string,
  parts: readonly Part[],
): Promise<Invoice> {
  const owner = { organizationId: invoice.organization_id, workspaceId: invoice.workspace_id }
  const payer = await lockPayer(platform, tx, owner, [])
  const subtotal = -sum(parts.map(({ share }) => share.amount))
  const discount = -sum(parts.map(({ share }) => share.discount))
  const tax = -sum(parts.map(({ share }) => share.tax))
  const total = subtotal - discount + tax
  const note = await tx
    .insertInto('invoices')
    .values({
      id: newId(),
      organization_id: invoice.organization_id,
      workspace_id: invoice.workspace_id,
      kind: 'credit_note',
      credited_invoice_id: invoice.id,
      currency: invoice.currency,
      ...{ subtotal, discount, tax, total, reason },
      tax_rate_basis_points: invoice.tax_rate_basis_points,
      customer: sql`${JSON.stringify(invoice.customer)}::jsonb`,
      created_at: platform.clock.now(),
    })
    .returningAll()
    .executeTakeFirstOrThrow()
  await insertLines(tx, note, parts)
  const { currency } = invoice
  const description = `Credited of an invoice: ${reason}`
  await postTransfers(platform, tx, [
    {
      ...owner,
      currency,
      key: `credit_note:${note.id}`,
      kind: 'credit',
      cause: 'invoice',
      causeId: invoice.id,
      invoiceId: note.id,
      forced: true,
      description,
      entries: { wallet: -total, revenue: subtotal - discount, tax },
    },
  ])
  payer.wallet.balance -= total
  const { balance } = payer.wallet
  const data = { kind: 'credit' as const, amount: -total, currency, balance, description }
  await appendEvents(platform, tx, [{ type: 'billing.credited', ...owner, data }])
  if (total < 0) await addSettleJob(tx, owner.workspaceId)
  return note
}

async function insertLines(tx: Tx, note: Invoice, parts: readonly Part[]): Promise<void> {
  const rows = parts.map(({ line, share, quantity }) => ({
    id: newId(),
    item: line.item,
    subject_id: line.subject_id,
    description: line.description,
    quantity,
    unit_amount: -share.amount / quantity,
    amount: -share.amount,
    discount: -share.discount,
    tax: -share.tax,
    period_started_at: line.period_started_at,
    period_ends_at: line.period_ends_at,
    credited_line_id: line.id,
  }))
  await sql`insert into invoice_lines (id, invoice_id, workspace_id, kind, item, subject_id, description, quantity,
      unit_amount, amount, discount, tax, period_started_at, period_ends_at, credited_line_id)
    select id, ${note.id}::uuid, ${note.workspace_id}::uuid, 'credit', item, subject_id, description, quantity,
      unit_amount, amount, discount, tax, period_started_at, period_ends_at, credited_line_id
    from json_to_recordset(${JSON.stringify(rows)}::json) as new (id uuid, item text, subject_id uuid,
      description text, quantity integer, unit_amount bigint, amount bigint, discount bigint, tax bigint,
      period_started_at timestamptz, period_ends_at timestamptz, credited_line_id uuid)`.execute(tx)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0)
}
