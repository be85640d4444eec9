/** Invoices and credit notes as the API shows them. */
import { type Static, Type } from 'typebox'
import type { LineGroup } from '../billing/invoices/groups.ts'
import type { Invoice, InvoiceLine } from '../billing/invoices/store.ts'
import { Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const PartyView = Type.Object({
  name: Type.Optional(Type.String()),
  company: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
  tax_id: Type.Optional(Type.String()),
  address_lines: Type.Optional(Type.Array(Type.String())),
  postal_code: Type.Optional(Type.String()),
  city: Type.Optional(Type.String()),
  region: Type.Optional(Type.String()),
  country: Type.Optional(Type.String()),
  tax_name: Type.Optional(Type.String()),
})

const invoiceFields = {
  id: Id,
  workspace_id: Id,
  kind: OneOf(['invoice', 'credit_note']),
  number: Nullable(Type.String(), 'Without a gap; null for moments, until it has one.'),
  credited_invoice_id: Nullable(Id, 'Of a credit note.'),
  currency: Type.String({ description: 'ISO 4217.' }),
  subtotal: Type.Integer({ description: 'Amounts are in minor units; those of credit notes are negative.' }),
  discount: Type.Integer(),
  tax: Type.Integer(),
  total: Type.Integer(),
  credited: Type.Integer({ description: 'What credit notes gave back of it, with tax.' }),
  tax_rate_basis_points: Type.Integer(),
  reason: Nullable(Type.String(), 'Of a credit note.'),
  created_at: Moment,
  numbered_at: Nullable(Moment),
}

export const InvoiceView = Type.Object(invoiceFields, { title: 'Invoice' })

const amounts = {
  amount: Type.Integer({ description: 'Before discount and tax.' }),
  discount: Type.Integer(),
  tax: Type.Integer(),
}

export const InvoiceDetailsView = Type.Object(
  {
    ...invoiceFields,
    issuer: Type.Union([PartyView, Type.Null()]),
    customer: PartyView,
    groups: Type.Array(
      Type.Object({
        kind: OneOf(['period', 'proration', 'once', 'credit', 'rest'], 'rest: what many groups leave over.'),
        item: Nullable(Type.String()),
        description: Type.String(),
        lines: Type.Integer({ description: 'How many lines it stands for.' }),
        quantity: Type.Integer(),
        unit_amount: Nullable(Type.Integer()),
        ...amounts,
        period_start: Nullable(Type.String(), 'A day of UTC.'),
        period_end: Nullable(Type.String()),
      }),
      { description: 'The lines, those of one item, price and period as one.' },
    ),
  },
  { title: 'InvoiceDetails' },
)

export const InvoiceLineView = Type.Object(
  {
    id: Id,
    kind: OneOf(['period', 'proration', 'once', 'credit']),
    item: Type.String(),
    subject_id: Nullable(Id, 'The mailbox, domain or subscription.'),
    description: Type.String(),
    quantity: Type.Integer(),
    unit_amount: Type.Integer(),
    ...amounts,
    period_started_at: Nullable(Moment),
    period_ends_at: Nullable(Moment),
    credited_line_id: Nullable(Id),
  },
  { title: 'InvoiceLine' },
)

export function invoiceView(invoice: Invoice, credited: number): Static<typeof InvoiceView> {
  const { id, workspace_id, kind, number, credited_invoice_id, currency, reason } = invoice
  const { subtotal, discount, tax, total, tax_rate_basis_points, created_at, numbered_at } = invoice
  const sums = { currency, subtotal, discount, tax, total, credited, tax_rate_basis_points }
  const times = { created_at: created_at.toISOString(), numbered_at: momentOrNull(numbered_at) }
  return { id, workspace_id, kind, number, credited_invoice_id, ...sums, reason, ...times }
}

export function invoiceDetailsView(
  invoice: Invoice,
  credited: number,
  groups: LineGroup[],
): Static<typeof InvoiceDetailsView> {
  const { issuer, customer } = invoice
  return { ...invoiceView(invoice, credited), issuer, customer, groups }
}

export function invoiceLineView(line: InvoiceLine): Static<typeof InvoiceLineView> {
  const { id, kind, item, subject_id, description, quantity, unit_amount, amount, discount, tax } = line
  return {
    ...{ id, kind, item, subject_id, description, quantity, unit_amount, amount, discount, tax },
    period_started_at: momentOrNull(line.period_started_at),
    period_ends_at: momentOrNull(line.period_ends_at),
    credited_line_id: line.credited_line_id,
  }
}
