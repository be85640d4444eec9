import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sortKeys } from './search-key.ts'
import { parseBody } from './testing.ts'

const all = { kind: 'all' }
const sort = { name: 'SORT', uid: false, returns: null, charset: 'UTF-8', charsetKnown: true, criteria: all }
const none = { min: false, max: false, all: false, count: false, save: false, update: false, partial: null }
const up = (key: string) => ({ key, reverse: false })
const down = (key: string) => ({ key, reverse: true })
const thread = { name: 'THREAD', uid: false, charset: 'UTF-8', charsetKnown: true, criteria: all }

const rows: [line: string, want: unknown][] = [
  ['SORT (SUBJECT) UTF-8 ALL', { ...sort, order: [up('subject')] }],
  ['UID SORT (DATE) UTF-8 ALL', { ...sort, uid: true, order: [up('date')] }],
  ['sort (reverse date) "utf-8" all', { ...sort, charset: 'utf-8', order: [down('date')] }],
  ['SORT (SUBJECT REVERSE DATE) UTF-8 ALL', { ...sort, order: [up('subject'), down('date')] }],
  [
    'SORT (ARRIVAL CC FROM SIZE TO DISPLAYFROM REVERSE DISPLAYTO) UTF-8 ALL',
    {
      ...sort,
      order: [...['arrival', 'cc', 'from', 'size', 'to', 'display-from'].map(up), down('display-to')],
    },
  ],
  ['SORT RETURN () (DATE) UTF-8 ALL', { ...sort, returns: { ...none, all: true }, order: [up('date')] }],
  [
    'SORT RETURN (COUNT PARTIAL 1:5) (DATE) UTF-8 ALL',
    { ...sort, returns: { ...none, count: true, partial: { from: 1, to: 5 } }, order: [up('date')] },
  ],
  ['SORT (DATE) KOI8-R ALL', { ...sort, charset: 'KOI8-R', order: [up('date')] }],
  ['SORT (DATE) X-NO ALL', { ...sort, charset: 'X-NO', charsetKnown: false, order: [up('date')] }],
  [
    'SORT (DATE) UTF-8 OR SEEN DRAFT 1',
    {
      ...sort,
      order: [up('date')],
      criteria: {
        kind: 'and',
        keys: [
          {
            kind: 'or',
            keys: [
              { kind: 'flag', flag: '\\Seen', present: true },
              { kind: 'flag', flag: '\\Draft', present: true },
            ],
          },
          { kind: 'sequence', set: { kind: 'ranges', ranges: [{ from: 1, to: 1 }] } },
        ],
      },
    },
  ],
  ['SORT () UTF-8 ALL', 'BAD The list is empty'],
  ['SORT (REVERSE) UTF-8 ALL', 'BAD Expected a space'],
  ['SORT (REVERSE REVERSE DATE) UTF-8 ALL', 'BAD Unknown sort key'],
  ['SORT (DISPLAY-FROM) UTF-8 ALL', 'BAD Unknown sort key'],
  ['SORT DATE UTF-8 ALL', 'BAD Expected ('],
  ['SORT (DATE) UTF-8', 'BAD Expected a space'],
  ['SORT (DATE) UTF-8 ', 'BAD Expected a search key'],
  ['SORT (DATE)', 'BAD Expected a space'],
  [`SORT (${'DATE '.repeat(32)}DATE) UTF-8 ALL`, 'BAD List too long'],

  ['THREAD REFERENCES UTF-8 ALL', { ...thread, algorithm: 'references' }],
  ['UID THREAD orderedsubject UTF-8 ALL', { ...thread, uid: true, algorithm: 'orderedsubject' }],
  ['THREAD REFS UTF-8 ALL', 'BAD Unknown threading algorithm'],
  ['THREAD REFERENCES ALL', 'BAD Expected a space'],
  ['THREAD RETURN () REFERENCES UTF-8 ALL', 'BAD Unknown threading algorithm'],

  ['CANCELUPDATE "B01"', { name: 'CANCELUPDATE', tags: ['B01'] }],
  ['CANCELUPDATE "B01" "b 2"', { name: 'CANCELUPDATE', tags: ['B01', 'b 2'] }],
  ['CANCELUPDATE', 'BAD Expected a space'],
  ['CANCELUPDATE B01', 'BAD Expected a string'],
  ['UID CANCELUPDATE "B01"', 'BAD Unknown UID command'],
  [`CANCELUPDATE${' "x"'.repeat(101)}`, 'BAD Too many tags'],
]

describe('SORT, THREAD and CANCELUPDATE', () => {
  for (const [line, want] of rows) {
    test(line.slice(0, 80), () => assert.deepEqual(parseBody(line), want))
  }
})

test('every order reads back', () => {
  const criterion = fc.record(
    { key: fc.constantFrom(...sortKeys), reverse: fc.boolean() },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(fc.array(criterion, { minLength: 1, maxLength: 32 }), (order) => {
      const written = order.map(
        ({ key, reverse }) => `${reverse ? 'REVERSE ' : ''}${key.replace('-', '').toUpperCase()}`,
      )
      assert.deepEqual(parseBody(`SORT (${written.join(' ')}) UTF-8 ALL`), { ...sort, order })
    }),
  )
})

test('no line makes the parser throw', () => {
  const word = fc.constantFrom(
    ...[
      'SORT',
      'THREAD',
      'UID',
      'RETURN',
      '(',
      ')',
      'DATE',
      'REVERSE',
      'UTF-8',
      'ALL',
      '"x"',
      'PARTIAL',
      '1:2',
      '',
    ],
  )
  fc.assert(fc.property(fc.array(word, { maxLength: 12 }), (words) => void parseBody(words.join(' '))))
})
