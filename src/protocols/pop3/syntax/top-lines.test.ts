import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTopCutter } from './top-lines.ts'

function top(chunks: readonly Buffer[], lines: number): string {
  const cutter = createTopCutter(lines)
  let text = ''
  for (const chunk of chunks) {
    text += cutter.take(chunk).toString('latin1')
    if (cutter.isDone) break
  }
  return text
}

const message = 'A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n\r\nfour\r\n'
const rows: [message: string, lines: number, want: string][] = [
  [message, 0, 'A: 1\r\nB: 2\r\n\r\n'],
  [message, 1, 'A: 1\r\nB: 2\r\n\r\none\r\n'],
  [message, 3, 'A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n\r\n'],
  [message, 4, message],
  [message, 1000, message],
  ['A: 1\r\n', 0, 'A: 1\r\n'],
  ['A: 1\r\nno body', 5, 'A: 1\r\nno body'],
  ['\r\nbody\r\n', 0, '\r\n'],
  ['A: 1\n\none\ntwo\n', 1, 'A: 1\n\none\n'],
  ['A: 1\r\n \r\n\r\none\r\n', 0, 'A: 1\r\n \r\n\r\n'],
  ['A: 1\r\n\r\r\n\r\none\r\n', 0, 'A: 1\r\n\r\r\n\r\n'],
  ['', 3, ''],
]
for (const [raw, lines, want] of rows) {
  test(`${lines} of ${JSON.stringify(raw)}`, () => assert.equal(top([Buffer.from(raw)], lines), want))
}

test('where the message is cut does not matter', () => {
  const raw = fc
    .array(fc.constantFrom('\r\n', '\n', '\r', 'x', 'A: 1\r\n'), { maxLength: 30 })
    .map((pieces) => Buffer.from(pieces.join('')))
  fc.assert(
    fc.property(raw, fc.nat(5), fc.array(fc.nat(60), { maxLength: 4 }), (bytes, lines, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
      assert.equal(top(chunks, lines), top([bytes], lines))
    }),
  )
})
