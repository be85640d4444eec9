import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentDay } from './search-sent-date.ts'

const rows: [field: string, day: string | null][] = [
  ['Mon, 1 Jan 2024 23:59:59 -1100', '2024-01-01'], // the zone is disregarded, RFC 9051 §6.4.4
  ['1 Jan 2024 00:00 +0000', '2024-01-01'],
  ['Thu,  29 FEB 2024 10:00:00 GMT', '2024-02-29'],
  ['Fri (day), 02 (of) Feb 2024 10:00:00 +0000 (UTC)', '2024-02-02'],
  ['Mon, 1 Jan 24 10:00:00 GMT', '2024-01-01'], // RFC 5322 §4.3
  ['Mon, 1 Jan 99 10:00:00 GMT', '1999-01-01'],
  ['Mon, 1 Jan 102 10:00:00 GMT', '2002-01-01'],
  ['Monday, 15-Jul-2024 10:00:00 GMT', '2024-07-15'],
  ['3 September 2024 10:00:00 +0200', '2024-09-03'],
  ['Mon Jan  1 10:00:00 2024', '2024-01-01'],
  ['Mon Jan 01 10:00:00 +0000 2024', '2024-01-01'],
  ['Jan 2, 2024', '2024-01-02'],
  ['2024-01-31T10:00:00Z', '2024-01-31'],
  ['Fri, 30 Feb 2024 10:00:00 +0000', null],
  ['Fri, 30 Foo 2024 10:00:00 +0000', null],
  ['1 Jan 10:00:00', null],
  ['yesterday', null],
  ['', null],
  [`1 Jan 2024${' '.repeat(200)}`, null],
]
for (const [field, day] of rows) {
  test(field.trimEnd() || 'nothing', () => assert.equal(sentDay(field), day))
}
