/** Invoices over the API: shown, as documents, and credited. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { newId } from '../platform/ids.ts'
import { at, listAt, refusal, startTestApi, textAt } from '../testing/test-api.ts'
import { assertBooks, balanceOf } from '../testing/test-billing.ts'
import { pdfText, writeInvoice } from '../testing/test-invoices.ts'

const api = await startTestApi()
after(() => api[Symbol.asyncDispose]())
const { platform, scope, call } = api
const post = (path: string, body: object) => call('POST', path, { body })
const balance = async () => (await balanceOf(platform, scope.workspaceId)).balance

async function setCustomer(more: object, taxRateBasisPoints = 1900): Promise<void> {
  const row = { tax_rate_basis_points: taxRateBasisPoints, updated_at: new Date(), ...more }
  await platform.db
    .insertInto('billing_details')
    .values({ workspace_id: scope.workspaceId, ...row })
    .onConflict((conflict) => conflict.column('workspace_id').doUpdateSet(row))
    .execute()
}

async function pdfOf(ref: string): Promise<{ bytes: Buffer; headers: Headers; status: number }> {
  const response = await fetch(`${api.base}/v1/invoices/${ref}/pdf`, {
    headers: { authorization: `Bearer ${api.apiKey}` },
  })
  return {
    bytes: Buffer.from(await response.arrayBuffer()),
    headers: response.headers,
    status: response.status,
  }
}

const month = (from: string, until: string) => ({
  kind: 'period' as const,
  period: { startsAt: new Date(from), endsAt: new Date(until) },
})

test('a renewal of many mailboxes: its lines one by one, and as one', async () => {
  await setCustomer({ company: 'Acme' })
  const january = month('2026-01-31T10:00:00Z', '2026-02-28T10:00:00Z')
  const lines = Array.from({ length: 250 }, (_, number) => ({
    ...january,
    subjectId: newId(),
    description: `m${number}@acme.test`,
    unitAmount: 300,
    discount: 30,
  }))
  const domain = { item: 'domain_renew', description: 'acme.test: renewal', unitAmount: 1200 } as const
  const id = await writeInvoice(platform, scope, [...lines, domain])
  const { json } = await call('GET', `/v1/invoices/${id}`)
  assert.equal(at(json, 'number'), 'INV-000001')
  assert.deepEqual(
    listAt(json, 'groups').map((group) => [
      at(group, 'description'),
      at(group, 'lines'),
      at(group, 'amount'),
      at(group, 'period_end'),
    ]),
    [
      ['Mailboxes', 250, 75_000, '2026-02-28'],
      ['acme.test: renewal', 1, 1200, null],
    ],
  )
  assert.deepEqual(
    [at(json, 'subtotal'), at(json, 'discount'), at(json, 'tax'), at(json, 'customer', 'company')],
    [76_200, 7500, 250 * 51 + 228, 'Acme'],
  )
  const page = await call('GET', `/v1/invoices/INV-000001/lines?limit=200`)
  assert.equal(listAt(page.json, 'data').length, 200)
  const rest = await call(
    'GET',
    `/v1/invoices/${id}/lines?limit=200&cursor=${textAt(page.json, 'next_cursor')}`,
  )
  assert.equal(listAt(rest.json, 'data').length, 51)
  // What the customer changes later is not on it.
  await setCustomer({ company: 'Later' })
  assert.equal(at((await call('GET', `/v1/invoices/${id}`)).json, 'customer', 'company'), 'Acme')
})

test('lists by kind and time, and nothing of another’s', async () => {
  const { json } = await call('GET', '/v1/invoices?kind=credit_note')
  assert.deepEqual(listAt(json, 'data'), [])
  const all = await call('GET', '/v1/invoices?since=2000-01-01T00:00:00Z')
  assert.equal(listAt(all.json, 'data').length, 1)
  assert.deepEqual(listAt((await call('GET', '/v1/invoices?until=2000-01-01T00:00:00Z')).json, 'data'), [])
  const other = await api.tenant()
  assert.equal(
    refusal(await call('GET', '/v1/invoices/INV-000001', { key: other.key })),
    '404 invoice_not_found',
  )
  assert.equal(refusal(await call('GET', '/v1/invoices?of=platform', { key: other.key })), '403 forbidden')
  const theirs = await writeInvoice(platform, other, [{}])
  assert.equal((await call('GET', `/v1/invoices/${theirs}`)).status, 404)
  assert.equal((await call('GET', `/v1/invoices/${theirs}?of=platform`)).status, 200)
  assert.equal(listAt((await call('GET', '/v1/invoices?of=platform')).json, 'data').length, 2)
})

test('a document that can be read, the same each time', async () => {
  await platform.db
    .updateTable('billing_settings')
    .set({ issuer: sql`'{"company":"Mailworks GmbH","tax_id":"DE123"}'::jsonb` })
    .execute()
  await setCustomer({
    company: 'Ακμή · Акме · شركة',
    name: 'Zoë Ångström',
    address_lines: ['x'.repeat(3000), 'tab\there'],
    country: 'GR',
    tax_name: 'VAT',
  })
  const id = await writeInvoice(platform, scope, [
    { ...month('2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'), subjectId: newId(), unitAmount: 123_456 },
    { description: 'long '.repeat(60), quantity: 3, unitAmount: 100, discount: 50 },
  ])
  const { bytes, headers, status } = await pdfOf(id)
  assert.deepEqual([status, headers.get('content-type')], [200, 'application/pdf'])
  assert.match(headers.get('content-disposition') ?? '', /INV-00000\d\.pdf/)
  const [text = '', ...more] = pdfText(bytes)
  assert.deepEqual(more, [])
  for (const part of [
    'Invoice INV-',
    'Mailworks GmbH',
    'DE123',
    'Ακμή',
    'Акме',
    'Zoë Ångström',
    '1,234.56',
    '2026-01-01 to 2026-02-01',
    'VAT 19%',
    '-0.50',
    'Paid from wallet',
    'page 1 of 1',
  ]) {
    assert.ok(text.includes(part), `${part} is not in:\n${text}`)
  }
  assert.deepEqual((await pdfOf(id)).bytes, bytes)
  const etag = headers.get('etag') ?? ''
  const again = await call('GET', `/v1/invoices/${id}/pdf`, { headers: { 'if-none-match': etag } })
  assert.equal(again.status, 304)
})

test('a document of ten thousand lines is bounded, and its sums are right', async () => {
  const lines = Array.from({ length: 10_000 }, (_, number) => ({ description: `domain${number}.test` }))
  const id = await writeInvoice(platform, scope, lines)
  const { json } = await call('GET', `/v1/invoices/${id}`)
  const groups = listAt(json, 'groups')
  assert.equal(groups.length, 301)
  assert.deepEqual(
    [at(groups.at(-1), 'description'), at(groups.at(-1), 'amount')],
    ['9700 further lines', 970_000],
  )
  const pages = pdfText((await pdfOf(id)).bytes)
  assert.ok(pages.length > 3 && pages.length < 20)
  assert.ok(pages.at(-1)?.includes(`page ${pages.length} of ${pages.length}`))
})

test('currencies have their own digits', async () => {
  const other = await api.tenant()
  await platform.db.updateTable('billing_settings').set({ currency: 'JPY' }).execute()
  const id = await writeInvoice(platform, other, [{ unitAmount: 1500 }])
  await platform.db.updateTable('billing_settings').set({ currency: 'USD' }).execute()
  const response = await fetch(`${api.base}/v1/invoices/${id}/pdf`, {
    headers: { authorization: `Bearer ${other.key}` },
  })
  assert.ok(pdfText(Buffer.from(await response.arrayBuffer()))[0]?.includes('1,500 JPY'))
})

test('credited line by line and in parts, to the cent, and no more than there is', async () => {
  await setCustomer({})
  const id = await writeInvoice(platform, scope, [
    { quantity: 3, unitAmount: 333, discount: 100 },
    { unitAmount: 1000 },
  ])
  const [first, second] = listAt((await call('GET', `/v1/invoices/${id}/lines`)).json, 'data')
  const before = await balance()
  const credit = (body: object) =>
    post(`/v1/invoices/${id}/credit-notes`, { reason: 'Not as agreed', ...body })
  const units = { lines: [{ line_id: textAt(first, 'id'), quantity: 2 }] }
  const look = await credit({ ...units, preview: true })
  const note = await credit(units)
  assert.equal(note.status, 201, note.text)
  assert.deepEqual(at(look.json, 'charge'), { amount: at(note.json, 'total'), currency: 'USD' })
  // 2 of 3: 666, of the discount 67, of the tax 171 (19 % of 899) 114.
  assert.deepEqual(
    [at(note.json, 'subtotal'), at(note.json, 'discount'), at(note.json, 'tax')],
    [-666, -67, -114],
  )
  assert.equal(refusal(await credit(units)), '409 credit_too_large')
  for (const amount of [1, 7, 100]) {
    assert.equal((await credit({ lines: [{ line_id: textAt(second, 'id'), amount }] })).status, 201)
  }
  assert.equal(refusal(await credit({ amount: 100_000 })), '409 credit_too_large')
  assert.equal((await credit({ amount: 400 })).status, 201)
  const last = await credit({ whole: true })
  assert.equal(last.status, 201)
  assert.equal(refusal(await credit({ whole: true })), '409 credit_too_large')
  const { json } = await call('GET', `/v1/invoices/${id}`)
  assert.equal(at(json, 'credited'), at(json, 'total'))
  assert.equal(await balance(), before + Number(at(json, 'total')))
  const sums =
    await sql`select sum(subtotal) as subtotal, sum(discount) as discount, sum(tax) as tax from invoices
    where id = ${id} or credited_invoice_id = ${id}`.execute(platform.db)
  assert.deepEqual(sums.rows, [{ subtotal: '0', discount: '0', tax: '0' }])
  const shown = await pdfOf(textAt(last.json, 'id'))
  const [text = ''] = pdfText(shown.bytes)
  for (const part of ['Credit note CN-', 'For invoice: INV-', 'Reason: Not as agreed', 'Paid to wallet']) {
    assert.ok(text.includes(part), `${part} is not in:\n${text}`)
  }
  await assertBooks(platform)
})

test('what is refused, and who may not', async () => {
  const id = await writeInvoice(platform, scope, [{}])
  const path = `/v1/invoices/${id}/credit-notes`
  const note = await post(path, { whole: true, reason: 'x' })
  assert.equal(
    refusal(await post(`/v1/invoices/${textAt(note.json, 'id')}/credit-notes`, { whole: true, reason: 'x' })),
    '400 invalid_request',
  )
  for (const body of [
    {},
    { whole: true, amount: 1 },
    { lines: [{ line_id: newId(), quantity: 1 }] },
    { lines: [{ line_id: newId() }] },
  ]) {
    assert.equal(
      refusal(await post(path, { reason: 'x', ...body })),
      '400 invalid_request',
      JSON.stringify(body),
    )
  }
  const other = await api.tenant()
  const theirs = await writeInvoice(platform, other, [{}])
  const refused = await call('POST', `/v1/invoices/${theirs}/credit-notes`, {
    key: other.key,
    body: { whole: true, reason: 'x' },
  })
  assert.equal(refusal(refused), '403 forbidden')
  assert.equal((await post(`/v1/invoices/${theirs}/credit-notes`, { whole: true, reason: 'x' })).status, 201)
})

test('credited by many at once: once', async () => {
  const id = await writeInvoice(platform, scope, [{ unitAmount: 1000 }])
  const before = await balance()
  const replies = await Promise.all(
    Array.from({ length: 8 }, () => post(`/v1/invoices/${id}/credit-notes`, { amount: 500, reason: 'x' })),
  )
  assert.equal(replies.filter(({ status }) => status === 201).length, 2)
  assert.equal(await balance(), before + 1000)
  await assertBooks(platform)
})
