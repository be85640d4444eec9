import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { assertBooks } from '../../testing/test-billing.ts'
import { writeInvoice } from '../../testing/test-invoices.ts'
import { openSecondNode } from '../../testing/test-node.ts'
import { startTestPlatform } from '../../testing/test-platform.ts'
import { creditInvoice } from './credit-notes.ts'
import { numberInvoices } from './numbers.ts'
import { getInvoice, listInvoices } from './store.ts'

test('numbers follow the order of creation, each kind in its own series', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  const reach = { workspaceId: scope.workspaceId }
  const [first, second] = [
    await writeInvoice(platform, scope, [{}]),
    await writeInvoice(platform, scope, [{}]),
  ]
  await platform.db
    .updateTable('billing_settings')
    .set({ issuer: sql`'{"company":"Before"}'::jsonb` })
    .execute()
  // Whoever reads one sees its number, and those before it have theirs.
  assert.equal((await getInvoice(platform, reach, second)).number, 'INV-000002')
  assert.equal((await getInvoice(platform, reach, 'INV-000001')).id, first)
  await platform.db
    .updateTable('billing_settings')
    .set({ invoice_prefix: '2027-', issuer: sql`'{"company":"After"}'::jsonb` })
    .execute()
  const third = await writeInvoice(platform, scope, [{}])
  const credit = { reason: 'x', what: { whole: true } } as const
  const note = await transaction(platform.db, (tx) => creditInvoice(platform, tx, third, credit))
  const everything = { kind: null, since: null, until: null }
  const { rows } = await listInvoices(platform, reach, everything, { limit: 10, after: null })
  assert.deepEqual(
    rows.map(({ id, number, issuer }) => [id, number, issuer?.company]),
    [
      [note.id, 'CN-000001', 'After'],
      [third, '2027-000003', 'After'],
      [second, 'INV-000002', 'Before'],
      [first, 'INV-000001', 'Before'],
    ],
  )
  const events = await sql<{
    type: string
    number: string
  }>`select type, data ->> 'number' as number from events
    where type in ('billing.invoice_issued', 'billing.credit_note_issued') order by data ->> 'number'`.execute(
    platform.db,
  )
  assert.deepEqual(
    events.rows.map(({ type, number }) => `${type} ${number}`),
    [
      'billing.invoice_issued 2027-000003',
      'billing.credit_note_issued CN-000001',
      'billing.invoice_issued INV-000001',
      'billing.invoice_issued INV-000002',
    ],
  )
  await assertBooks(platform)
})

test('two nodes number while others buy, and one of them is cut off: no gap, none twice', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  await using stack = new AsyncDisposableStack()
  const other = await openSecondNode(stack, test)
  const buying = Array.from({ length: 30 }, () => writeInvoice(platform, scope, [{}]))
  const numbering = Array.from({ length: 20 }, (_, at) => numberInvoices(at % 2 === 0 ? platform : other))
  await Promise.all([...buying, ...numbering])
  for (let number = 0; number < 5; number++) await writeInvoice(platform, scope, [{}])
  // A node that dies with the lock in its hand, when the numbers are written and not committed.
  await assert.rejects(
    transaction(other.db, async (tx) => {
      await sql`select kind from invoice_series for update`.execute(tx)
      await sql`update invoice_series set last_sequence = last_sequence + 5`.execute(tx)
      await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)
    }),
  )
  await Promise.all([numberInvoices(platform), numberInvoices(other), numberInvoices(platform)])
  const { rows } = await sql<{ count: number; first: number; last: number; numbers: number }>`
    select count(*)::int as count, min(sequence) as first, max(sequence) as last, count(distinct number)::int as numbers
    from invoices`.execute(platform.db)
  assert.deepEqual(rows, [{ count: 35, first: 1, last: 35, numbers: 35 }])
  await assertBooks(platform)
})
