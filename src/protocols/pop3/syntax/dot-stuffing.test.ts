import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDotStuffer } from './dot-stuffing.ts'

function stuffed(chunks: readonly Buffer[]): string {
  const stuffer = createDotStuffer()
  const pieces = chunks.map((chunk) => stuffer.write(chunk).toString('latin1'))
  return pieces.join('') + stuffer.end()
}

const rows: [message: string, want: string][] = [
  ['', '.\r\n'],
  ['a\r\n', 'a\r\n.\r\n'],
  ['a', 'a\r\n.\r\n'],
  ['.', '..\r\n.\r\n'],
  ['.\r\n', '..\r\n.\r\n'],
  ['..\r\n', '...\r\n.\r\n'],
  ['a\r\n.\r\n.b\r\n', 'a\r\n..\r\n..b\r\n.\r\n'],
  ['a.b\r\n', 'a.b\r\n.\r\n'],
  ['a\r\n\r\n', 'a\r\n\r\n.\r\n'],
  // A line end of LF alone ends a line for most clients, and for the others it does not close the last one.
  ['a\n.\nb\n', 'a\n..\nb\n\r\n.\r\n'],
  ['a\n.\r\nb\r\n', 'a\n..\r\nb\r\n.\r\n'],
  ['a\r.\r\n', 'a\r.\r\n.\r\n'],
  ['a\r', 'a\r\r\n.\r\n'],
  ['\n', '\n\r\n.\r\n'],
]
for (const [message, want] of rows) {
  test(JSON.stringify(message), () => assert.equal(stuffed([Buffer.from(message)]), want))
}

const message = fc
  .array(
    fc.oneof(fc.constantFrom('\r\n', '\n', '.', '\r\n.', 'text', '\r'), fc.string({ unit: 'binary-ascii' })),
  )
  .map((pieces) => Buffer.from(pieces.join(''), 'latin1'))

test('where the message is cut does not matter', () => {
  fc.assert(
    fc.property(message, fc.array(fc.nat(60), { maxLength: 4 }), (bytes, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
      assert.equal(stuffed(chunks), stuffed([bytes]))
    }),
  )
})

/** A client that knows CRLF only, and one that takes LF for a line end. @returns the lines before the dot. */
function read(response: string, lineEnd: '\r\n' | '\n'): { lines: string[]; left: string } {
  const lines: string[] = []
  for (let rest = response; ; ) {
    const end = rest.indexOf(lineEnd)
    assert.notEqual(end, -1, 'the response never ends')
    const line = rest.slice(0, end)
    rest = rest.slice(end + lineEnd.length)
    if (line === '.' || line === '.\r') return { lines, left: rest }
    lines.push(line.startsWith('.') ? line.slice(1) : line)
  }
}

test('every client finds the end where it is, and a client of LF gets the very bytes', () => {
  fc.assert(
    fc.property(message, (bytes) => {
      const response = stuffed([bytes])
      assert.equal(read(response, '\r\n').left, '')
      const { lines, left } = read(response, '\n')
      assert.equal(left, '')
      const got = lines.map((line) => `${line}\n`).join('')
      const raw = bytes.toString('latin1')
      assert.equal(got, raw.endsWith('\r\n') || raw === '' ? raw : `${raw}\r\n`)
    }),
  )
})
