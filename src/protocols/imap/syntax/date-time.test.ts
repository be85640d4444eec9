import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { encodeDateTime, readDateTime } from './date-time.ts'
import { Reader, SyntaxFault } from './reader.ts'

function read(text: string): string {
  const reader = new Reader([{ kind: 'text', bytes: Buffer.from(text) }], 'utf-8')
  try {
    const at = readDateTime(reader)
    reader.end()
    return at.toISOString()
  } catch (error) {
    if (error instanceof SyntaxFault) return error.message
    throw error
  }
}

describe('date-time', () => {
  const rows: [text: string, want: string][] = [
    ['"17-Jul-1996 02:44:25 -0700"', '1996-07-17T09:44:25.000Z'],
    ['" 7-jul-1996 02:44:25 +0530"', '1996-07-06T21:14:25.000Z'],
    ['"29-Feb-2024 00:00:00 +0000"', '2024-02-29T00:00:00.000Z'],
    ['"31-Dec-2016 23:59:60 +0000"', '2017-01-01T00:00:00.000Z'],
    ['"01-Jan-0001 00:00:00 +0000"', '0001-01-01T00:00:00.000Z'],
    ['"29-Feb-2023 00:00:00 +0000"', 'No such day'],
    ['" 0-Feb-2023 00:00:00 +0000"', 'No such day'],
    ['"01-Foo-2023 00:00:00 +0000"', 'No such day'],
    ['"01-Feb-2023 24:00:00 +0000"', 'No such time'],
    ['"01-Feb-2023 00:60:00 +0000"', 'No such time'],
    ['"01-Feb-2023 00:00:61 +0000"', 'No such time'],
    ['"01-Feb-2023 00:00:00 +2400"', 'No such zone'],
    ['"01-Feb-2023 00:00:00 +0060"', 'No such zone'],
    ['"1-Feb-2023 00:00:00 +0000"', 'Expected a date-time'],
    ['"01-Feb-2023 00:00:00 GMT"', 'Expected a date-time'],
    ['01-Feb-2023 00:00:00 +0000', 'Expected a date-time'],
  ]
  for (const [text, want] of rows) test(text, () => assert.equal(read(text), want))

  test('is written as in RFC 9051', () => {
    const at = new Date('1996-07-07T09:44:25.900Z')
    assert.equal(encodeDateTime(at), '" 7-Jul-1996 09:44:25 +0000"')
    assert.equal(encodeDateTime(at, -7 * 60), '" 7-Jul-1996 02:44:25 -0700"')
    assert.equal(encodeDateTime(at, 5 * 60 + 30), '" 7-Jul-1996 15:14:25 +0530"')
  })

  test('reads back in every zone', () => {
    const seconds = fc.integer({ min: -2_000_000_000, max: 10_000_000_000 })
    const zone = fc.integer({ min: -14 * 60, max: 14 * 60 })
    fc.assert(
      fc.property(seconds, zone, (second, zoneMinutes) => {
        const at = new Date(second * 1000)
        assert.equal(read(encodeDateTime(at, zoneMinutes)), at.toISOString())
      }),
    )
  })
})
