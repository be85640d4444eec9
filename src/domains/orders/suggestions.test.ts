/** Names that are made of a word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suggestNames } from './suggestions.ts'

test('the word itself comes first, under each suffix, and pages go on where the last one ended', () => {
  const first = suggestNames('North Wind!', ['com', 'net'], { offset: 0, limit: 3 })
  assert.deepEqual(first, ['northwind.com', 'northwind.net', 'getnorthwind.com'])
  const next = suggestNames('northwind', ['com', 'net'], { offset: 3, limit: 2 })
  assert.deepEqual(next, ['getnorthwind.net', 'trynorthwind.com'])
  const all = suggestNames('northwind', ['com', 'net'], { offset: 0, limit: 1000 })
  assert.equal(new Set(all).size, all.length)
  assert.deepEqual(suggestNames('northwind', ['com'], { offset: all.length, limit: 10 }), [])
})

test('what is no word gives nothing, and what would be too long is left out', () => {
  for (const text of ['', ' ', '...', '--']) {
    assert.deepEqual(suggestNames(text, ['com'], { offset: 0, limit: 10 }), [], text)
  }
  const long = suggestNames('a'.repeat(61), ['com'], { offset: 0, limit: 1000 })
  assert.ok(long.length > 1 && long.every((name) => name.length <= 63 + 4), String(long))
  assert.deepEqual(suggestNames('münchen', ['test'], { offset: 0, limit: 1 }), ['xn--mnchen-3ya.test'])
})
