import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentTime } from './sort-sent-date.ts'

const rows: [field: string | null, instant: string | null][] = [
  ['31 Dec 2000 16:01:33 -0800', '2001-01-01T00:01:33Z'], // RFC 5256 §2.2
  ['Mon, 1 Jan 2001 00:01:33 +0000', '2001-01-01T00:01:33Z'],
  ['Mon, 1 Jan 2001 00:01 +0130', '2000-12-31T22:31:00Z'],
  ['1 Jan 2001 10:00:00 EST', '2001-01-01T15:00:00Z'],
  ['1 Jan 2001 10:00:00 pdt', '2001-01-01T17:00:00Z'],
  ['1 Jan 2001 10:00:00 GMT', '2001-01-01T10:00:00Z'],
  ['1 Jan 2001 10:00:00 Z', '2001-01-01T10:00:00Z'],
  ['1 Jan 2001 10:00:00 K', '2001-01-01T10:00:00Z'],
  ['1 Jan 2001 10:00:00 MEZ', '2001-01-01T10:00:00Z'], // an invalid zone is UTC
  ['1 Jan 2001 10:00:00 +0199', '2001-01-01T10:00:00Z'],
  ['1 Jan 2001 10:00:00', '2001-01-01T10:00:00Z'],
  ['1 Jan 2001 25:00:00 +0100', '2001-01-01T00:00:00Z'], // an invalid time is midnight
  ['1 Jan 2001', '2001-01-01T00:00:00Z'],
  ['1 Jan 2001 23:59:60 +0000', '2001-01-02T00:00:00Z'], // a leap second
  ['Fri (x 09:00:00), 1 Jan 01 10:00:00 (noon) +0100 (CET)', '2001-01-01T09:00:00Z'],
  ['Mon Jan  1 10:00:00 2001', '2001-01-01T10:00:00Z'],
  ['Mon Jan  1 10:00:00 +0100 2001', '2001-01-01T09:00:00Z'],
  ['2001-01-01T10:00:00+02:00', '2001-01-01T08:00:00Z'],
  ['Thu, 1 Jan 1970 00:00:00 +0100', '1969-12-31T23:00:00Z'],
  ['nonsense', null],
  ['31 Feb 2001 10:00:00 +0000', null],
  ['', null],
  [null, null],
]
for (const [field, instant] of rows) {
  test(`the sent date of ${JSON.stringify(field)}`, () => {
    const time = sentTime(field)
    assert.equal(time === null ? null : new Date(time).toISOString().replace('.000', ''), instant)
  })
}
