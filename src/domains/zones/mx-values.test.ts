import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mxParts, mxValue } from './mx-values.ts'

test('an MX is taken apart, and nothing else is', () => {
  assert.deepEqual(mxParts('10 mx.example.com.'), { preference: 10, exchange: 'mx.example.com.' })
  assert.deepEqual(mxParts(' 0  . '), { preference: 0, exchange: '.' })
  for (const text of ['mx.example.com', '10', '10 ', '-1 mx.example.com', '5 10 mx.example.com', ''])
    assert.equal(mxParts(text), null, text)
})

test('a preference stands in front of what has none, and two that differ are no MX', () => {
  assert.equal(mxValue('mx.example.com', undefined), '10 mx.example.com')
  assert.equal(mxValue(' mx.example.com ', 0), '0 mx.example.com')
  assert.equal(mxValue('mx.example.com', undefined, 20), '20 mx.example.com')
  assert.equal(mxValue('5 mx.example.com', undefined, 20), '5 mx.example.com')
  assert.equal(mxValue('5 mx.example.com', 5), '5 mx.example.com')
  assert.equal(mxParts(mxValue('5 mx.example.com', 7)), null)
})
