import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeQuery } from '../../testing/dns-client.ts'
import { parseQuery } from './query.ts'

const question = '03777777076578616d706c650000010001' // www.example A IN
const header = (counts: string, flags = '0100'): string => `1234${flags}${counts}`
const opt = '0000290200000080000000'

const rows: [what: string, hex: string, want: 'query' | 'none' | number][] = [
  ['a plain question', `${header('0001000000000000')}${question}`, 'query'],
  ['one with EDNS', `${header('0001000000000001')}${question}${opt}`, 'query'],
  [
    'one with a cookie',
    `${header('0001000000000001')}${question}000029020000000000000c000a00080123456789abcdef`,
    'query',
  ],
  ['the root', `${header('0001000000000000')}0000060001`, 'query'],
  [
    'a request for a cookie alone',
    `${header('0000000000000001')}000029020000000000000c000a00080123456789abcdef`,
    'query',
  ],
  [
    'IXFR with what the client has',
    `${header('0001000000010000')}03777777076578616d706c650000fb0001c00c00060001000000000000`,
    'query',
  ],
  [
    'UPDATE with a record',
    `${header('0001000000010000', '2800')}076578616d706c650000060001c00c00010001000000000004c0000201`,
    'query',
  ],
  [
    'TSIG at the end',
    `${header('0001000000000001')}${question}000000fa00ff000000000000`.replace('000000fa', '0000fa'),
    'query',
  ],
  ['an answer', `${header('0001000000000000', '8180')}${question}`, 'none'],
  ['less than a header', '12340100000100000000', 'none'],
  ['nothing', '', 'none'],
  ['another opcode', `${header('0001000000000000', '1000')}${question}`, 4],
  ['no question', header('0000000000000000'), 1],
  ['two questions', `${header('0002000000000000')}${question}${question}`, 1],
  ['a question that ends too early', `${header('0001000000000000')}${question.slice(0, -2)}`, 1],
  ['a name without end', `${header('0001000000000000')}03777777`, 1],
  ['a pointer in the question', `${header('0001000000000000')}c00c00010001`, 1],
  ['a pointer to itself behind a label', `${header('0001000000000000')}03777777c00c00010001`, 1],
  ['a label of a reserved kind', `${header('0001000000000000')}4177770000010001`, 1],
  [
    'a name of more than 255 bytes',
    `${header('0001000000000000')}${`3f${'61'.repeat(63)}`.repeat(4)}0000010001`,
    1,
  ],
  [
    'a record among the answers',
    `${header('0001000100000000')}${question}c00c00010001000000000004c0000201`,
    1,
  ],
  ['more records than there are', `${header('0001000000000002')}${question}${opt}`, 1],
  ['too many records', `${header('000100000000ffff')}${question}`, 1],
  ['bytes behind the end', `${header('0001000000000000')}${question}00`, 1],
  ['two OPT records', `${header('0001000000000002')}${question}${opt}${opt}`, 1],
  ['OPT with a name', `${header('0001000000000001')}${question}0161${opt}`, 1],
  [
    'an option that is longer than its record',
    `${header('0001000000000001')}${question}0000290200000000000004000a0008`,
    1,
  ],
  [
    'a cookie of 7 bytes',
    `${header('0001000000000001')}${question}000029020000000000000b000a000701234567890abc`,
    1,
  ],
  [
    'a cookie of 9 bytes',
    `${header('0001000000000001')}${question}000029020000000000000d000a0009012345678901234567`,
    1,
  ],
  ['something behind a TSIG', `${header('0001000000000002')}${question}0000fa00ff000000000000${opt}`, 1],
]
for (const [what, hex, want] of rows) {
  test(what, () => {
    const parsed = parseQuery(Buffer.from(hex, 'hex'))
    const got = parsed === null ? 'none' : 'rcode' in parsed ? parsed.rcode : 'query'
    assert.equal(got, want)
  })
}

test('what is read is what was asked', () => {
  const bytes = encodeQuery(7, 'WWW.example', 'MX', {
    recursionDesired: true,
    edns: { payload: 100, dnssecOk: true, version: 3, cookie: Buffer.from('0123456789abcdef', 'hex') },
  })
  const query = parseQuery(bytes)
  assert.ok(query && !('rcode' in query))
  assert.equal(query.id, 7)
  assert.equal(query.recursionDesired, true)
  assert.deepEqual(query.question, { nameEnd: 25, end: 29, type: 15, class: 1, hasUpperCase: true })
  assert.deepEqual(query.edns, {
    version: 3,
    payloadBytes: 512,
    compactOk: false,
    dnssecOk: true,
    cookie: Buffer.from('0123456789abcdef', 'hex'),
  })
})

test('it never throws, whatever the bytes', () => {
  const whole = encodeQuery(1, 'some.name.example', 'TXT', { edns: { cookie: Buffer.alloc(24, 7) } })
  const mutated = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 })
    .map((changes) => {
      const bytes = Buffer.from(whole)
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes
    })
  const random = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes))
  const cut = fc.nat(whole.length).map((length) => whole.subarray(0, length))
  fc.assert(
    fc.property(fc.oneof(mutated, random, cut), (bytes) => {
      const query = parseQuery(bytes)
      if (query === null || 'rcode' in query) return
      assert.ok((query.question?.end ?? 0) <= bytes.length)
    }),
    { numRuns: 5000 },
  )
})
