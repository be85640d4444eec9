import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrations } from './migrations.ts'

test('the folders’ migrations are one list without gaps', () => {
  const numbers = Object.keys(migrations)
    .sort()
    .map((name) => Number(name.slice(0, 4)))
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  )
  assert.ok(numbers.length > 0)
})
