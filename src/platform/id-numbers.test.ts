/** Numbers of ids. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { idsOfNumber, numberOfId } from './id-numbers.ts'
import { newId, newIdAt } from './ids.ts'

test('ids made one after the other have numbers that rise, and lie within what their number names', () => {
  const ids = Array.from({ length: 5000 }, newId)
  const numbers = ids.map(numberOfId)
  for (const [at, id] of ids.entries()) {
    const number = numbers[at] ?? 0
    assert.ok(Number.isSafeInteger(number))
    assert.ok(at === 0 || number > (numbers[at - 1] ?? 0))
    const range = idsOfNumber(number)
    assert.ok(range && range.first <= id && id <= range.last)
  }
})

test('they are exact until 2039', () => {
  const id = newIdAt(new Date('2039-01-01T00:00:00Z'))
  const range = idsOfNumber(numberOfId(id))
  assert.ok(range && range.first <= id && id <= range.last)
})

for (const wrong of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
  test(`${wrong} is the number of no id`, () => assert.equal(idsOfNumber(wrong), null))
}
