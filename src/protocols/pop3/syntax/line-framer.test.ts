import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createLineFramer, type LineFramer } from './line-framer.ts'

const limits = { lineBytesMax: 10, discardBytesMax: 30 }

function drain(framer: LineFramer): string[] {
  const events: string[] = []
  for (let event = framer.next(); event !== null; event = framer.next()) {
    events.push(event.kind === 'line' ? `"${event.bytes.toString('latin1')}"` : event.kind)
    if (event.kind === 'out-of-step') return events
  }
  return events
}

function eventsOf(chunks: readonly Uint8Array[]): string[] {
  const framer = createLineFramer(limits)
  const events: string[] = []
  for (const chunk of chunks) {
    framer.push(Buffer.from(chunk))
    events.push(...drain(framer))
    if (events.at(-1) === 'out-of-step') break
  }
  return events
}

const rows: [input: string, want: string[]][] = [
  ['', []],
  ['NOOP', []],
  ['NOOP\r\n', ['"NOOP"']],
  ['NOOP\n', ['"NOOP"']],
  ['\r\n\n', ['""', '""']],
  ['a\rb\r\r\n', ['"a\rb\r"']],
  ['a\r\nb\r\nc', ['"a"', '"b"']],
  ['12345678\r\n', ['"12345678"']],
  ['123456789\r\n', ['line-too-long']],
  ['123456789\n', ['"123456789"']],
  ['1234567890', []],
  ['1234567890\r\nNOOP\r\n', ['line-too-long', '"NOOP"']],
  [`${'x'.repeat(28)}\r\nNOOP\r\n`, ['line-too-long', '"NOOP"']],
  [`${'x'.repeat(29)}\r\nNOOP\r\n`, ['out-of-step']],
  ['x'.repeat(31), ['out-of-step']],
]
for (const [input, want] of rows) {
  test(JSON.stringify(input), () => assert.deepEqual(eventsOf([Buffer.from(input)]), want))
}

test('where the network cuts the bytes does not matter', () => {
  const piece = fc.oneof(fc.constantFrom('\r\n', '\n', 'QUIT', '\r'), fc.string({ unit: 'binary-ascii' }))
  const input = fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join('')))
  fc.assert(
    fc.property(input, fc.array(fc.nat(100), { maxLength: 5 }), (bytes, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
      const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end))
      assert.deepEqual(eventsOf(chunks), eventsOf([bytes]))
    }),
  )
})

test('what was sent ahead can be forgotten', () => {
  const framer = createLineFramer(limits)
  framer.push(Buffer.from('STLS\r\nUSER ann\r\nPA'))
  assert.equal(framer.next()?.kind, 'line')
  framer.discardBuffered()
  assert.equal(framer.bufferedBytes, 0)
  framer.push(Buffer.from('SS x\r\n'))
  assert.deepEqual(drain(framer), ['"SS x"'])
})
