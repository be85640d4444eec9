import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dateTime, receivedField, returnPathField, type Trace } from './trace.ts'

const plain: Trace = {
  helo: 'mail.example.net',
  remoteAddress: '192.0.2.1',
  by: 'mx.example.org',
  protocol: 'ESMTPS',
  id: 'id-1',
  recipient: null,
  at: new Date('2026-01-02T03:04:05.678Z'),
}
const field = (from: string, rest = '') =>
  `Received: from ${from}\r\n\tby mx.example.org (Mailwright) with ESMTPS id id-1${rest};\r\n\tFri, 02 Jan 2026 03:04:05 +0000\r\n`

const rows: [what: string, change: Partial<Trace>, want: string][] = [
  ['several recipients', {}, field('mail.example.net ([192.0.2.1])')],
  [
    'one recipient',
    { recipient: 'ann@example.org' },
    field('mail.example.net ([192.0.2.1])', ' for <ann@example.org>'),
  ],
  ['IPv6', { remoteAddress: '2001:db8::1' }, field('mail.example.net ([IPv6:2001:db8::1])')],
  ['IPv4 in IPv6', { remoteAddress: '::ffff:192.0.2.1' }, field('mail.example.net ([192.0.2.1])')],
  ['a client without a name', { helo: '' }, field('unknown ([192.0.2.1])')],
  ['a name of nothing printable', { helo: '\r\n\t' }, field('unknown ([192.0.2.1])')],
  ['a name with a line end', { helo: 'x\r\nBcc: y' }, field('xBcc:y ([192.0.2.1])')],
  ['a name with a comment', { helo: 'x (y\\) ; z' }, field('xyz ([192.0.2.1])')],
  ['a name beyond ASCII', { helo: 'bücher.example' }, field('bcher.example ([192.0.2.1])')],
  ['an address literal', { helo: '[192.0.2.9]' }, field('[192.0.2.9] ([192.0.2.1])')],
]
for (const [what, change, want] of rows) {
  test(`Received: ${what}`, () => assert.equal(receivedField({ ...plain, ...change }), want))
}

test('whatever a client calls itself, Received is one field of three lines within 998 bytes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (helo) => {
      const lines = receivedField({
        ...plain,
        helo,
        recipient: `${'a'.repeat(64)}@${'b'.repeat(180)}.org`,
      }).split('\r\n')
      assert.equal(lines.length, 4)
      assert.equal(lines[3], '')
      assert.match(lines[0] ?? '', /^Received: from \S+ \(\[192\.0\.2\.1\]\)$/)
      for (const [index, line] of lines.entries()) {
        assert.ok(Buffer.byteLength(line) <= 998 && !/[\r\n\0]/.test(line))
        if (index === 1 || index === 2) assert.match(line, /^\t/)
      }
    }),
  )
})

test('Return-Path, also of a report', () => {
  assert.equal(returnPathField('a@example.org'), 'Return-Path: <a@example.org>\r\n')
  assert.equal(returnPathField(''), 'Return-Path: <>\r\n')
})

// RFC 5322 §3.3: date-time = [ day-of-week "," ] date time; year 4*DIGIT, zone (+/-) 4DIGIT.
test('dates follow RFC 5322 and read back', () => {
  const grammar =
    /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} \+0000$/
  fc.assert(
    fc.property(
      fc.date({ min: new Date('1970-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
      (at) => {
        const text = dateTime(at)
        assert.match(text, grammar)
        assert.equal(Date.parse(text), Math.floor(at.getTime() / 1000) * 1000)
      },
    ),
  )
})
