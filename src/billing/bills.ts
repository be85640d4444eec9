/**
 * Bills: what is bought and paid at once. Each becomes an invoice, its lines, and a transfer from the wallet, in the
 * transaction of what is bought.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import type { NewEvent } from '../platform/events.ts'
import { newId } from '../platform/ids.ts'
import { formatMoney } from '../platform/money.ts'
import type { Platform } from '../platform/platform.ts'
import { type BillLine, lineTotal, priceLine, sumsOf } from './amounts.ts'
import { type NewTransfer, transferStatements } from './ledger.ts'
import { lowBalanceEvents, topUpStatements } from './low-balance.ts'
import type { Payer } from './payers.ts'
import type { Cause, InvoiceParty, PricedLine } from './tables.ts'
import { countCharge, countShortfall, tallyOf } from './trials.ts'
import { noWrites, send, type Writes } from './writes.ts'

declare module '../platform/events.ts' {
  interface EventTypes {
    /** `amount`: what was taken from the wallet, in minor units; `balance`: what is left. */
    'billing.charged': {
      invoice_id: string
      amount: number
      currency: string
      balance: number
      description: string
    }
  }
}

export type Bill = {
  payer: Payer
  cause: Cause
  causeId: string | null
  description: string
  lines: readonly BillLine[]
  /** all: everything or nothing. each: in their order, what the wallet has enough for. */
  take: 'all' | 'each'
}

export type Billed = {
  /** null when nothing was to be paid, or nothing could be. */
  invoiceId: string | null
  /** For each line whether it is paid. */
  paid: boolean[]
  /** What is missing for the rest, in minor units. */
  shortfall: number
  total: number
}

/**
 * Takes what bills come to from their wallets, as far as it is there. In a trial everything is paid, and counted.
 * Lines that cost nothing are not written.
 * @param bills of payers that this transaction has locked; one for each payer.
 * @returns a result for each, in their order.
 */
export async function payBills(platform: Platform, tx: Tx, bills: readonly Bill[]): Promise<Billed[]> {
  const { billed, writes } = draftBills(platform, tx, bills)
  await send(platform, tx, writes)
  return billed
}

/** The same without writing it: the wallets are as they then will be, and the caller sends what is to be written. */
export function draftBills(
  platform: Platform,
  tx: Tx,
  bills: readonly Bill[],
): { billed: Billed[]; writes: Writes } {
  const drafts = bills.map((bill) => draftOf(tx, bill))
  const writes = invoiceWrites(
    platform,
    tx,
    drafts.flatMap(({ bill, paidLines, billed }) =>
      billed.invoiceId === null
        ? []
        : [{ ...bill, id: billed.invoiceId, lines: paidLines, source: 'wallet' as const }],
    ),
  )
  return { billed: drafts.map(({ billed }) => billed), writes }
}

/** The same of one bill that has to be paid. @throws Refusal insufficient_funds, wallet_locked. */
export async function payBill(platform: Platform, tx: Tx, bill: Omit<Bill, 'take'>): Promise<Billed> {
  const [billed] = await payBills(platform, tx, [{ ...bill, take: 'all' }])
  if (!billed) throw new Error('a bill has no result')
  if (billed.shortfall > 0 || billed.paid.includes(false)) throw notEnough(bill.payer, billed.shortfall)
  return billed
}

/** Why something is not sold to this payer. */
export function notEnough({ wallet }: Payer, shortfall: number): Refusal {
  if (wallet.locked_at !== null)
    return new Refusal('wallet_locked', 'Nothing is sold to this wallet until it is unlocked.')
  const { currency } = wallet
  const missing = formatMoney({ amount: shortfall, currency })
  return new Refusal(
    'insufficient_funds',
    `The wallet lacks ${missing} ${currency}: top it up, and ask again.`,
  )
}

/** What a payer can spend now, in minor units; in a trial as much as it takes, unless nothing is sold to it. */
export function spendable(tx: Tx, { wallet }: Payer): number {
  if (wallet.locked_at !== null) return 0
  return tallyOf(tx) !== null ? Number.MAX_SAFE_INTEGER : wallet.balance + wallet.credit_limit
}

type Draft = { bill: Bill; paidLines: PricedLine[]; billed: Billed }

function draftOf(tx: Tx, bill: Bill): Draft {
  const { payer, take } = bill
  const priced = bill.lines.map((line) => priceLine(payer, line))
  const whole = sumsOf(priced).total
  const limit = spendable(tx, payer)
  let left = limit
  const paid = priced.map((line) => {
    const total = lineTotal(line)
    // Of a bill that is taken whole, a credit is not given alone.
    const isPaid = take === 'all' ? whole <= Math.max(0, limit) : total <= left
    if (isPaid) left -= total
    return isPaid || total === 0 || (take === 'each' && total < 0)
  })
  const paidLines = priced.filter((line, index) => paid[index] && line.unit_amount !== 0)
  const { total } = sumsOf(paidLines)
  const missing = whole - total
  const billed: Billed = {
    invoiceId: paidLines.length > 0 ? newId() : null,
    paid,
    shortfall: missing > 0 ? Math.max(1, whole - Math.max(0, limit)) : 0,
    total,
  }
  return { bill, paidLines, billed }
}

/** Lines that are paid and become an invoice. */
export type NewInvoice = {
  payer: Payer
  id: string
  cause: Cause
  causeId: string | null
  description: string
  lines: readonly PricedLine[]
  /** Where the money is taken from: the balance, or what was put aside for it. */
  source: 'wallet' | 'held'
  /** Of lines that were priced before; default: the payer's. */
  taxRateBasisPoints?: number
}

/** What writes invoices that the wallets have enough for, and moves the money. */
export function invoiceWrites(platform: Platform, tx: Tx, invoices: readonly NewInvoice[]): Writes {
  if (invoices.length === 0) return noWrites
  const events: NewEvent[] = []
  const transfers: NewTransfer[] = []
  const charged: { payer: Payer; before: number }[] = []
  for (const invoice of invoices) {
    const { payer, source } = invoice
    const { total } = sumsOf(invoice.lines)
    const before = payer.wallet.balance
    if (source === 'wallet') takeFrom(tx, payer, total)
    else payer.wallet.held -= total
    transfers.push(transferOf(tx, invoice))
    const { organizationId, workspaceId, wallet } = payer
    const { id: invoice_id, description } = invoice
    const data = {
      invoice_id,
      amount: total,
      currency: wallet.currency,
      balance: wallet.balance,
      description,
    }
    events.push({ type: 'billing.charged', organizationId, workspaceId, data })
    events.push(...lowBalanceEvents(payer, before))
    charged.push({ payer, before })
  }
  const statements = [
    invoicesStatement(platform, invoices),
    ...transferStatements(platform, tx, transfers),
    ...topUpStatements(tx, charged),
  ]
  return { statements, events }
}

/** Takes an amount from the wallet that is held here, and counts it where it is a trial. */
export function takeFrom(tx: Tx, { wallet }: Payer, amount: number): void {
  const { currency } = wallet
  countCharge(tx, { amount, currency })
  const missing = amount - Math.max(0, wallet.balance + wallet.credit_limit)
  if (amount > 0 && missing > 0) countShortfall(tx, { amount: Math.min(missing, amount), currency })
  wallet.balance -= amount
}

function transferOf(tx: Tx, invoice: NewInvoice): NewTransfer {
  const { payer, source, id, cause, causeId, description } = invoice
  const { subtotal, discount, tax, total } = sumsOf(invoice.lines)
  return {
    organizationId: payer.organizationId,
    workspaceId: payer.workspaceId,
    currency: payer.wallet.currency,
    key: `invoice:${id}`,
    kind: source === 'wallet' ? 'charge' : 'capture',
    cause,
    causeId,
    invoiceId: id,
    forced: tallyOf(tx) !== null,
    description,
    entries: { [source]: -total, revenue: subtotal - discount, tax },
  }
}

function invoicesStatement(platform: Platform, invoices: readonly NewInvoice[]): RawBuilder<unknown> {
  const now = platform.clock.now()
  const rows = invoices.map(({ payer, id, lines, taxRateBasisPoints }) => ({
    id,
    organization_id: payer.organizationId,
    workspace_id: payer.workspaceId,
    currency: payer.wallet.currency,
    ...sumsOf(lines),
    tax_rate_basis_points: taxRateBasisPoints ?? payer.taxRateBasisPoints,
    customer: payer.customer satisfies InvoiceParty,
  }))
  const lines = invoices.flatMap(({ payer, id, lines }) =>
    lines.map((line) => ({
      ...line,
      id: newId(),
      invoice_id: id,
      workspace_id: payer.workspaceId,
      amount: line.quantity * line.unit_amount,
    })),
  )
  return sql`/* prepared insert_invoices */
    with made as (
      insert into invoices (id, organization_id, workspace_id, kind, currency, subtotal, discount, tax, total,
        tax_rate_basis_points, customer, created_at)
      select id, organization_id, workspace_id, 'invoice', currency, subtotal, discount, tax, total,
        tax_rate_basis_points, customer, ${now}::timestamptz
      from json_to_recordset(${JSON.stringify(rows)}::json) as new (id uuid, organization_id uuid, workspace_id uuid,
        currency text, subtotal bigint, discount bigint, tax bigint, total bigint, tax_rate_basis_points integer,
        customer jsonb)
    )
    insert into invoice_lines (id, invoice_id, workspace_id, kind, item, subject_id, description, quantity, unit_amount,
      amount, discount, tax, cost, period_started_at, period_ends_at)
    select id, invoice_id, workspace_id, kind, item, subject_id, description, quantity, unit_amount, amount, discount,
      tax, cost, period_started_at, period_ends_at
    from json_to_recordset(${JSON.stringify(lines)}::json) as new (id uuid, invoice_id uuid, workspace_id uuid,
      kind text, item text, subject_id uuid, description text, quantity integer, unit_amount bigint, amount bigint,
      discount bigint, tax bigint, cost bigint, period_started_at timestamptz, period_ends_at timestamptz)`
}
