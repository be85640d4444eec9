import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { createBodyHash, relaxedField } from './relaxed.ts'

const fields: [raw: string, relaxed: string][] = [
  // RFC 6376 §3.4.5
  ['A: X\r\n', 'a:X'],
  ['B : Y\t\r\n\tZ  \r\n', 'b:Y Z'],
  ['Subject:\r\n folded\r\n\t twice \r\n', 'subject:folded twice'],
  ['X:\r\n', 'x:'],
  ['X:  \t \r\n', 'x:'],
  ['Bare: one\n two\n', 'bare:one two'],
  ['Colon: a : b\r\n', 'colon:a : b'],
  ['UTF8: \xc3\xa9\r\n', 'utf8:\xc3\xa9'],
]
for (const [raw, relaxed] of fields) {
  test(`field ${JSON.stringify(raw)}`, () => assert.equal(relaxedField(Buffer.from(raw, 'latin1')), relaxed))
}

const bodies: [raw: string, relaxed: string][] = [
  // RFC 6376 §3.4.5, §3.4.4
  [' C \r\nD \t E\r\n\r\n\r\n', ' C\r\nD E\r\n'],
  ['', ''],
  ['\r\n', ''],
  ['\r\n\r\n \r\n\t\r\n', ''],
  ['no line end', 'no line end\r\n'],
  ['a\r\n\r\n\r\nb', 'a\r\n\r\n\r\nb\r\n'],
  ['a \t ', 'a\r\n'],
  ['a\nb\n\n', 'a\r\nb\r\n'],
  ['a\rb \r c\r\r\n', 'a\rb \r c\r\r\n'],
  ['a\r', 'a\r\n'],
  [' \r\n\t x', '\r\n x\r\n'],
  ['\r\n \rx', '\r\n \rx\r\n'],
]
for (const [raw, relaxed] of bodies) {
  test(`body ${JSON.stringify(raw)}, whole and byte by byte`, () => {
    const expected = createHash('sha256').update(relaxed, 'latin1').digest('base64')
    const whole = createBodyHash()
    whole.update(Buffer.from(raw, 'latin1'))
    assert.equal(whole.digest(), expected)
    const pieces = createBodyHash()
    for (const byte of Buffer.from(raw, 'latin1')) pieces.update(Buffer.from([byte]))
    assert.equal(pieces.digest(), expected)
  })
}

test('a million line ends in the middle count, and take no memory', () => {
  const hash = createBodyHash()
  const ends = Buffer.from('\r\n'.repeat(10_000))
  hash.update(Buffer.from('a'))
  for (let count = 0; count < 100; count++) hash.update(ends)
  hash.update(Buffer.from('b'))
  const expected = createHash('sha256').update(`a${'\r\n'.repeat(1_000_000)}b\r\n`)
  assert.equal(hash.digest(), expected.digest('base64'))
})
