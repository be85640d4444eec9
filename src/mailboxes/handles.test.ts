import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHandle, requireHandle } from './handles.ts'
import { randomName } from './new-address.ts'
import { reservedHandles } from './reserved-handles.ts'

const valid: [text: string, handle: string][] = [
  ['quote-desk', 'quote-desk'],
  ['@quote-desk', 'quote-desk'],
  ['Quote.Desk_2', 'quote.desk_2'],
  ['a1', 'a1'],
  ['0x', '0x'],
  ['a'.repeat(63), 'a'.repeat(63)],
]
for (const [text, handle] of valid) {
  test(`${text.slice(0, 20)} is ${handle.slice(0, 20)}`, () => assert.equal(requireHandle(text), handle))
}

const invalid = [
  '',
  '@',
  'a',
  '@a',
  '@@ab',
  '-ab',
  '.ab',
  '_ab',
  'a b',
  'ab@',
  'ab@demo.test',
  'ab\n',
  'a'.repeat(64),
  'jörg',
  '\u212Aelvin', // the Kelvin sign, a k in lower case
  'ｑuote', // a full-width letter
  'аgent', // a Cyrillic а
  '00000000-0000-7000-8000-000000000000',
]
for (const text of invalid) {
  test(`${JSON.stringify(text.slice(0, 40))} is no handle`, () => {
    assert.equal(parseHandle(text), null)
    assert.throws(() => requireHandle(text), { code: 'handle_invalid' })
  })
}

test('reserved ones are known by their name, and nobody gets them', () => {
  for (const word of reservedHandles) {
    assert.equal(parseHandle(word), word)
    assert.throws(() => requireHandle(`@${word.toUpperCase()}`), { code: 'handle_invalid' }, word)
  }
})

test('what is a handle is one in its canonical form too, and plain ASCII', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^@?[A-Za-z0-9._-]{1,70}$/)), (text) => {
      const handle = parseHandle(text)
      if (handle === null) return
      assert.match(handle, /^[a-z0-9][a-z0-9._-]{1,62}$/)
      assert.equal(parseHandle(handle), handle)
      assert.equal(handle.normalize('NFKC'), handle)
    }),
  )
})

test('a random name is one', () => {
  const name = randomName()
  assert.equal(requireHandle(name), name)
})
