import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from './ids.ts'
import { decodeCursor, encodeCursor, toPage } from './pages.ts'

const rows = Array.from({ length: 4 }, () => ({ id: newId() }))

test('the row too many is cut off and becomes a cursor', () => {
  const page = toPage(rows, { limit: 3, after: null })
  assert.deepEqual(page.rows, rows.slice(0, 3))
  assert.ok(page.nextCursor)
  assert.equal(decodeCursor(page.nextCursor), rows[2]?.id)
})

test('the last page has no cursor', () => {
  assert.equal(toPage(rows, { limit: 4, after: null }).nextCursor, null)
  assert.deepEqual(toPage([], { limit: 4, after: null }), { rows: [], nextCursor: null })
})

test('a cursor reads back as the id that it was made of', () => {
  for (const { id } of rows) assert.equal(decodeCursor(encodeCursor(id)), id)
})

for (const cursor of [
  '',
  'x',
  '!!!!',
  encodeCursor(newId()).slice(1),
  `${encodeCursor(newId())}AAAA`,
  newId(),
]) {
  test(`the cursor ${JSON.stringify(cursor)} is refused`, () => {
    assert.throws(() => decodeCursor(cursor), { code: 'invalid_cursor' })
  })
}
