/** /v1/invoices: what was bought, as JSON and as PDF, and the operator's credit notes. */
import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { type Static, Type } from 'typebox'
import { requireOperator } from '../accounts/operator.ts'
import { requireWrite } from '../accounts/principals.ts'
import { type CreditRequest, creditInvoice } from '../billing/invoices/credit-notes.ts'
import { groupLines } from '../billing/invoices/groups.ts'
import { invoicePdf } from '../billing/invoices/pdf.ts'
import { creditedOf, findInvoice, getInvoice, listInvoices, listLines } from '../billing/invoices/store.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { Of, reachOf } from './billing-reach.ts'
import { callerOf } from './caller.ts'
import { sendFile } from './file-reply.ts'
import {
  InvoiceDetailsView,
  InvoiceLineView,
  InvoiceView,
  invoiceDetailsView,
  invoiceLineView,
  invoiceView,
} from './invoice-view.ts'
import { mutate } from './mutate.ts'
import { PreviewView, preview } from './preview.ts'
import { postProblems, readProblems } from './problem-view.ts'
import {
  type Api,
  closed,
  Id,
  Moment,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
  readMomentOrNull,
} from './schemas.ts'

const tags = ['billing']
const InvoicePath = Type.Object({
  invoice: Type.String({ minLength: 1, maxLength: 64, description: 'Its id or its number.' }),
})
const ofQuery = Type.Object({ of: Type.Optional(Of) }, closed)

const InvoicesQuery = Type.Object(
  {
    ...pageQuery,
    of: Type.Optional(Of),
    kind: Type.Optional(OneOf(['invoice', 'credit_note'])),
    since: Type.Optional(Moment),
    until: Type.Optional(Moment),
  },
  closed,
)

export function invoiceRoutes(app: Api, platform: Platform): void {
  listRoutes(app, platform)
  readRoutes(app, platform)
  creditRoute(app, platform)
}

function listRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/invoices',
    {
      schema: {
        summary: 'List invoices',
        description: 'Invoices and credit notes, the newest first.',
        tags,
        querystring: InvoicesQuery,
        response: { 200: PageOf(InvoiceView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) => {
      const { kind = null, since, until } = request.query
      const filter = {
        kind,
        since: readMomentOrNull(since, '/since'),
        until: readMomentOrNull(until, '/until'),
      }
      const reach = await reachOf(platform, request)
      const page = await listInvoices(platform, reach, filter, pageRequest(request.query))
      const credited = await creditedOf(
        platform.db,
        page.rows.map(({ id }) => id),
      )
      return pageView(page, (invoice) => invoiceView(invoice, credited.get(invoice.id) ?? 0))
    },
  )
  app.get(
    '/v1/invoices/:invoice/lines',
    {
      schema: {
        summary: 'List the lines of an invoice',
        tags,
        params: InvoicePath,
        querystring: Type.Object({ ...pageQuery, of: Type.Optional(Of) }, closed),
        response: { 200: PageOf(InvoiceLineView), ...readProblems('invalid_cursor', 'invoice_not_found') },
      },
    },
    async (request) => {
      const reach = await reachOf(platform, request)
      const invoice = await findInvoice(platform.db, reach, request.params.invoice)
      return pageView(await listLines(platform, invoice, pageRequest(request.query)), invoiceLineView)
    },
  )
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/invoices/:invoice',
    {
      schema: {
        summary: 'Get an invoice',
        description: 'Customer and issuer are as they were when it was written.',
        tags,
        params: InvoicePath,
        querystring: ofQuery,
        response: { 200: InvoiceDetailsView, ...readProblems('invoice_not_found') },
      },
    },
    async (request) => {
      const invoice = await getInvoice(platform, await reachOf(platform, request), request.params.invoice)
      const credited = await creditedOf(platform.db, [invoice.id])
      const groups = await groupLines(platform.db, invoice)
      return invoiceDetailsView(invoice, credited.get(invoice.id) ?? 0, groups)
    },
  )
  app.get(
    '/v1/invoices/:invoice/pdf',
    {
      schema: {
        summary: 'Get an invoice as PDF',
        description: 'The same invoice is the same file.',
        tags,
        params: InvoicePath,
        querystring: ofQuery,
        response: {
          200: Type.Unsafe<Readable>({
            description: 'The file.',
            content: { 'application/pdf': { schema: { type: 'string' } } },
          }),
          ...readProblems('invoice_not_found', 'range_not_satisfiable'),
        },
      },
    },
    async (request, reply) => {
      const invoice = await getInvoice(platform, await reachOf(platform, request), request.params.invoice)
      const { credited_invoice_id: creditedId } = invoice
      const credited = creditedId === null ? null : await getInvoice(platform, 'platform', creditedId)
      const groups = await groupLines(platform.db, invoice)
      const bytes = await invoicePdf({ invoice, creditedNumber: credited?.number ?? null, groups })
      return await sendFile(request, reply, {
        sizeBytes: bytes.length,
        etag: `"${createHash('sha256').update(bytes).digest('base64url')}"`,
        contentType: 'application/pdf',
        filename: `${invoice.number ?? invoice.id}.pdf`,
        async *read(start, end) {
          yield bytes.subarray(start, end)
        },
      })
    },
  )
}

const Amount = Type.Integer({ minimum: 1, maximum: 1e12, description: 'In minor units, with tax.' })

const CreditBody = Type.Object(
  {
    whole: Type.Optional(Type.Literal(true, { description: 'All that is left of it.' })),
    amount: Type.Optional(Amount),
    lines: Type.Optional(
      Type.Array(
        Type.Object(
          {
            line_id: Id,
            quantity: Type.Optional(Type.Integer({ minimum: 1, maximum: 1e6 })),
            amount: Type.Optional(Amount),
          },
          closed,
        ),
        { minItems: 1, maxItems: 1000 },
      ),
    ),
    reason: Type.String({ minLength: 1, maxLength: 500, description: 'It stands on the credit note.' }),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would be given back.' })),
  },
  closed,
)

function creditRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/invoices/:invoice/credit-notes',
    {
      schema: {
        summary: 'Credit an invoice',
        description:
          'Takes the whole of it, an amount or some lines back: the money goes to the wallet. Give one of `whole`, `amount` and `lines`. For keys of the organization that runs the platform, and invoices of every workspace.',
        tags,
        params: InvoicePath,
        body: CreditBody,
        response: {
          200: PreviewView,
          201: InvoiceView,
          ...postProblems('invoice_not_found', 'credit_too_large'),
        },
      },
      config: { documented: { replies: { 200: PreviewView } } },
    },
    async (request, reply) => {
      const { principal } = callerOf(request)
      await requireOperator(platform.db, principal)
      requireWrite(principal)
      const wanted = creditOf(request.body)
      const { invoice: ref } = request.params
      if (request.body.preview === true) {
        return preview(platform, reply, async (tx) => {
          const note = await creditInvoice(platform, tx, ref, wanted)
          return {
            charge: { amount: note.total, currency: note.currency },
            objects: [
              { type: 'invoice', action: 'create', id: null, name: 'A credit note', state: 'credit_note' },
            ],
          }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await requireOperator(tx, principal)
        const note = await creditInvoice(platform, tx, ref, wanted)
        const headers = { location: `/v1/invoices/${note.id}` }
        return { status: 201, body: invoiceView(note, 0), headers }
      })
    },
  )
}

/** @throws Refusal invalid_request unless it says exactly one thing, and so does each line. */
function creditOf({ whole, amount, lines, reason }: Static<typeof CreditBody>): CreditRequest {
  const given = [whole, amount, lines].filter((one) => one !== undefined)
  if (given.length !== 1) throw new Refusal('invalid_request', 'Give one of whole, amount and lines.')
  if (amount !== undefined) return { reason, what: { amount } }
  if (lines === undefined) return { reason, what: { whole: true } }
  const parts = lines.map(({ line_id: lineId, quantity, amount: part }, index) => {
    if (quantity !== undefined && part === undefined) return { lineId, quantity }
    if (part !== undefined && quantity === undefined) return { lineId, amount: part }
    const detail = 'has one of quantity and amount'
    throw new Refusal('invalid_request', undefined, { fields: [{ pointer: `/lines/${index}`, detail }] })
  })
  return { reason, what: { lines: parts } }
}
