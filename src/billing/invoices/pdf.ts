/** Invoices and credit notes as PDF: of the same invoice always the same bytes. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { InvoiceParty } from '../tables.ts'
import type { LineGroup } from './groups.ts'
import {
  columns,
  day,
  issuedAt,
  lines,
  moneyText,
  page,
  partyLines,
  rateText,
  shortened,
} from './pdf-text.ts'
import type { Invoice } from './store.ts'

export type Printed = {
  invoice: Invoice
  /** Of the invoice that a credit note is of. */
  creditedNumber: string | null
  groups: readonly LineGroup[]
}

type Fonts = { regular: Buffer; bold: Buffer }
type Document = PDFKit.PDFDocument

/** @returns the whole file, which the number of groups bounds. */
export async function invoicePdf(printed: Printed): Promise<Buffer> {
  const { default: PDFDocument } = await import('pdfkit')
  const { invoice } = printed
  const doc = new PDFDocument({
    size: 'A4',
    margins: page.margins,
    bufferPages: true,
    lang: 'en',
    info: {
      Title: titleOf(printed),
      CreationDate: issuedAt(invoice),
      ModDate: issuedAt(invoice),
      Producer: 'Mailwright',
      Creator: 'Mailwright',
    },
  })
  const pieces: Buffer[] = []
  const isWhole = new Promise<void>((resolve, reject) => {
    doc.on('data', (piece: Buffer) => pieces.push(piece))
    doc.on('end', resolve)
    doc.on('error', reject)
  })
  const { regular, bold } = await fonts()
  doc.registerFont('regular', regular)
  doc.registerFont('bold', bold)
  head(doc, printed)
  table(doc, printed)
  sums(doc, invoice)
  pageNumbers(doc, titleOf(printed))
  doc.end()
  await isWhole
  return Buffer.concat(pieces)
}

let loading: Promise<Fonts> | null = null

/** DejaVu, which has Latin, Greek, Cyrillic and Arabic letters; read when the first document is made. */
function fonts(): Promise<Fonts> {
  const { resolve } = createRequire(import.meta.url)
  const read = (name: string): Promise<Buffer> => readFile(resolve(`dejavu-fonts-ttf/ttf/${name}.ttf`))
  loading ??= Promise.all([read('DejaVuSans'), read('DejaVuSans-Bold')]).then(([regular, bold]) => ({
    regular,
    bold,
  }))
  return loading
}

function titleOf({ invoice }: Printed): string {
  const kind = invoice.kind === 'invoice' ? 'Invoice' : 'Credit note'
  return `${kind} ${invoice.number ?? 'without a number yet'}`
}

function head(doc: Document, printed: Printed): void {
  const { invoice, creditedNumber } = printed
  const { left, width } = page
  const half = width / 2 - 10
  doc.font('bold').fontSize(18).text(titleOf(printed), left, page.margins.top, { width })
  doc.moveDown(0.4).font('regular').fontSize(9)
  const facts = [
    `Date: ${day(issuedAt(invoice))}`,
    `Delivered: ${day(invoice.created_at)}`,
    ...(creditedNumber === null ? [] : [`For invoice: ${creditedNumber}`]),
    ...(invoice.reason === null ? [] : [`Reason: ${shortened(invoice.reason)}`]),
    `Reference: ${invoice.id}`,
  ]
  for (const fact of facts) doc.text(fact, { width })
  const top = doc.y + 14
  const party = (title: string, who: InvoiceParty, x: number): number => {
    doc.font('bold').fontSize(9).text(title, x, top, { width: half })
    doc.font('regular')
    for (const line of partyLines(who)) doc.text(line, x, doc.y, { width: half })
    return doc.y
  }
  const ends = [
    party('From', invoice.issuer ?? {}, left),
    party('To', invoice.customer, left + width / 2 + 10),
  ]
  doc.y = Math.max(...ends) + 20
}

function tableHead(doc: Document): void {
  const top = doc.y
  doc.font('bold').fontSize(8.5)
  for (const { title, x, width, align } of columns) doc.text(title, x, top, { width, align })
  doc.y = top + 14
  rule(doc)
  doc.font('regular')
}

function table(doc: Document, { invoice, groups }: Printed): void {
  tableHead(doc)
  for (const group of groups) {
    const cells = lines(group, invoice.currency)
    const height = Math.max(...columns.map(({ width }, at) => doc.heightOfString(cells[at] ?? '', { width })))
    if (doc.y + height > page.bottom) {
      doc.addPage()
      tableHead(doc)
    }
    const top = doc.y
    for (const [at, { x, width, align }] of columns.entries()) {
      doc.text(cells[at] ?? '', x, top, { width, align })
    }
    doc.y = top + height + 5
  }
  rule(doc)
}

function rule(doc: Document): void {
  const y = doc.y - 2
  doc
    .moveTo(page.left, y)
    .lineTo(page.left + page.width, y)
    .lineWidth(0.5)
    .strokeColor('#888')
    .stroke()
  doc.y += 3
}

function sums(doc: Document, invoice: Invoice): void {
  const { currency, subtotal, discount, tax, total, kind } = invoice
  const taxName = shortened(invoice.customer.tax_name ?? 'Tax')
  const rows: [string, number][] = [
    ['Subtotal', subtotal],
    ...(discount === 0 ? [] : [['Discount', -discount] satisfies [string, number]]),
    [`${taxName} ${rateText(invoice.tax_rate_basis_points)}`, tax],
    ['Total', total],
    [kind === 'invoice' ? 'Paid from wallet' : 'Paid to wallet', Math.abs(total)],
  ]
  if (doc.y + rows.length * 16 > page.bottom) doc.addPage()
  doc.moveDown(0.5)
  const x = page.left + page.width / 2
  for (const [label, amount] of rows) {
    const top = doc.y
    doc.font(label === 'Total' ? 'bold' : 'regular').fontSize(9.5)
    const height = doc.heightOfString(label, { width: 130 })
    doc.text(label, x, top, { width: 130 })
    const text = `${moneyText(amount, currency)} ${currency}`
    doc.text(text, x + 130, top, { width: page.width / 2 - 130, align: 'right' })
    doc.y = top + height + 4
  }
}

/** Below the margin, where a text would begin a new page. */
function pageNumbers(doc: Document, title: string): void {
  const { start, count } = doc.bufferedPageRange()
  for (let number = 0; number < count; number++) {
    doc.switchToPage(start + number)
    doc.page.margins.bottom = 0
    const text = `${title} · page ${number + 1} of ${count}`
    doc
      .font('regular')
      .fontSize(8)
      .text(text, page.left, page.bottom + 16, {
        width: page.width,
        align: 'center',
        lineBreak: false,
      })
  }
}
