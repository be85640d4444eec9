import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../platform/errors.ts'
import { parseJson } from './json-body.ts'

const rows: [text: string, code: string, pointer: string | null][] = [
  ['{', 'invalid_json', null],
  ['{"a": 1,}', 'invalid_json', null],
  ["{'a': 1}", 'invalid_json', null],
  ['{"a": "\\u0000"}', 'invalid_request', '/a'],
  ['{"a": [0, {"b/c": "x\\u0000y"}]}', 'invalid_request', '/a/1/b~1c'],
  ['{"a": {"\\u0000": 1}}', 'invalid_request', '/a'],
  ['{"a": "\\ud800"}', 'invalid_request', '/a'],
  ['{"a": "\\uDC00x"}', 'invalid_request', '/a'],
  ['"\\udfff"', 'invalid_request', ''],
  [`${'['.repeat(100)}"\\u0000"${']'.repeat(100)}`, 'invalid_request', null],
]
for (const [text, code, pointer] of rows) {
  test(`refused: ${text.slice(0, 40)}`, () => {
    assert.throws(
      () => parseJson(Buffer.from(text)),
      (error) =>
        error instanceof Refusal && error.code === code && (error.fields[0]?.pointer ?? null) === pointer,
    )
  })
}

test('bytes that are not UTF-8 are refused', () => {
  const bytes = Buffer.concat([Buffer.from('{"a": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
  assert.throws(
    () => parseJson(bytes),
    (error) => error instanceof Refusal && error.code === 'invalid_json',
  )
})

test('an empty body is none', () => {
  assert.equal(parseJson(Buffer.alloc(0)), undefined)
})

test('escapes that look alike and are none', () => {
  assert.deepEqual(parseJson(Buffer.from('{"a": "\\\\u0000 \\\\ud800"}')), { a: '\\u0000 \\ud800' })
  assert.deepEqual(parseJson(Buffer.from('"\\ud83d\\ude00"')), '😀')
})

test('whatever JSON can be stored comes through unchanged, whatever cannot is refused', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = JSON.stringify(value)
      const storable = !/\\u0000|\\ud[89a-f]/.test(text)
      const same = fc.stringify(JSON.parse(text))
      if (storable) assert.equal(fc.stringify(parseJson(Buffer.from(text))), same)
      else assert.throws(() => parseJson(Buffer.from(text)), Refusal)
    }),
  )
})
