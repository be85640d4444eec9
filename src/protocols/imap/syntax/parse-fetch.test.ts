import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type FetchItem, fetchItemName } from './fetch-item.ts'
import { parseBody, parseLine } from './testing.ts'

const fetch = {
  name: 'FETCH',
  uid: false,
  set: { kind: 'ranges', ranges: [{ from: 1, to: '*' }] },
  changedSince: null,
  vanished: false,
  partial: null,
}
const all: FetchItem[] = [
  { item: 'FLAGS' },
  { item: 'INTERNALDATE' },
  { item: 'RFC822.SIZE' },
  { item: 'ENVELOPE' },
]
const body = (section: object, more = {}) => ({
  item: 'BODY[]',
  section,
  partial: null,
  peek: false,
  ...more,
})

/** The items, and the name that the response gives a single one. */
const itemRows: [items: string, want: unknown[] | string, name?: string][] = [
  ['ALL', all],
  ['fast', all.slice(0, 3)],
  ['FULL', [...all, { item: 'BODY' }]],
  ['(ALL)', 'BAD Unknown FETCH item'],
  ['BODYSTRUCTURE', [{ item: 'BODYSTRUCTURE' }], 'BODYSTRUCTURE'],
  [
    '(uid Flags RFC822 RFC822.HEADER RFC822.TEXT)',
    ['UID', 'FLAGS', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT'].map((item) => ({ item })),
  ],
  [
    '(MODSEQ EMAILID THREADID SAVEDATE BODY)',
    ['MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE', 'BODY'].map((item) => ({ item })),
  ],
  ['PREVIEW', [{ item: 'PREVIEW', lazy: false }], 'PREVIEW'],
  ['(PREVIEW (lazy) UID)', [{ item: 'PREVIEW', lazy: true }, { item: 'UID' }]],
  ['(PREVIEW (EAGER))', 'BAD Expected a FETCH item'],
  ['PREVIEW (LAZY)', [{ item: 'PREVIEW', lazy: true }], 'PREVIEW'],
  ['BODY[]', [body({ part: [], text: 'all' })], 'BODY[]'],
  ['body.peek[header]', [body({ part: [], text: 'header' }, { peek: true })], 'BODY[HEADER]'],
  [
    'BODY[TEXT]<0.100>',
    [body({ part: [], text: 'text' }, { partial: { offsetBytes: 0, countBytes: 100 } })],
    'BODY[TEXT]<0>',
  ],
  ['BODY[1]', [body({ part: [1], text: 'all' })], 'BODY[1]'],
  ['BODY[1.2.MIME]', [body({ part: [1, 2], text: 'mime' })], 'BODY[1.2.MIME]'],
  ['BODY[3.HEADER]', [body({ part: [3], text: 'header' })], 'BODY[3.HEADER]'],
  ['BODY[3.TEXT]', [body({ part: [3], text: 'text' })], 'BODY[3.TEXT]'],
  [
    'BODY.PEEK[HEADER.FIELDS (From "X-A b")]',
    [body({ part: [], text: 'header-fields', names: ['From', 'X-A b'] }, { peek: true })],
    'BODY[HEADER.FIELDS (From "X-A b")]',
  ],
  [
    'BODY[2.HEADER.FIELDS.NOT ({2}\r\nTo)]<5.1>',
    [
      body(
        { part: [2], text: 'header-fields-not', names: ['To'] },
        { partial: { offsetBytes: 5, countBytes: 1 } },
      ),
    ],
    'BODY[2.HEADER.FIELDS.NOT (To)]<5>',
  ],
  [
    'BINARY[1.2]<3.4>',
    [{ item: 'BINARY[]', part: [1, 2], partial: { offsetBytes: 3, countBytes: 4 }, peek: false }],
    'BINARY[1.2]<3>',
  ],
  ['BINARY.PEEK[]', [{ item: 'BINARY[]', part: [], partial: null, peek: true }], 'BINARY[]'],
  ['BINARY.SIZE[1]', [{ item: 'BINARY.SIZE', part: [1] }], 'BINARY.SIZE[1]'],
  ['BODY[MIME]', 'BAD Unknown section'],
  ['BODY[X]', 'BAD Unknown section'],
  ['BODY[1.]', 'BAD Expected a section'],
  ['BODY[0]', 'BAD Expected a section'],
  ['BODY[1', 'BAD Expected .'],
  ['BODY[1]<0.0>', 'BAD A partial range has at least one octet'],
  ['BODY[1]<0>', 'BAD Expected .'],
  ['BODY[HEADER.FIELDS]', 'BAD Expected a space'],
  ['BODY[HEADER.FIELDS ()]', 'BAD The list is empty'],
  ['BINARY[1.TEXT]', 'BAD Expected ]'],
  ['BINARY', 'BAD Unknown FETCH item'],
  ['BODY.PEEK', 'BAD Unknown FETCH item'],
  ['RFC822.SIZE[]', 'BAD Unexpected text after the arguments'],
  ['()', 'BAD The list is empty'],
  ['(UID  FLAGS)', 'BAD Expected a FETCH item'],
  ['(UID', 'BAD Expected )'],
  ['', 'BAD Expected a FETCH item'],
  [`(${Array(201).fill('UID').join(' ')})`, 'BAD List too long'],
  [`BODY[HEADER.FIELDS (${Array(257).fill('a').join(' ')})]`, 'BAD List too long'],
  [`BODY[${Array(101).fill('1').join('.')}]`, 'BAD Part number too deep'],
]

const lineRows: [line: string, want: unknown][] = [
  ['UID FETCH $ UID', { ...fetch, uid: true, set: { kind: 'saved' }, items: [{ item: 'UID' }] }],
  [
    'FETCH 1:* UID (CHANGEDSINCE 12345678901234567)',
    { ...fetch, items: [{ item: 'UID' }], changedSince: 12345678901234567n },
  ],
  [
    'UID FETCH 1:* UID (CHANGEDSINCE 1 VANISHED)',
    { ...fetch, uid: true, items: [{ item: 'UID' }], changedSince: 1n, vanished: true },
  ],
  [
    'UID FETCH 1:* (UID) (PARTIAL -1:-30)',
    { ...fetch, uid: true, items: [{ item: 'UID' }], partial: { from: -1, to: -30 } },
  ],
  [
    'UID FETCH 1:* ALL (PARTIAL 1:30 CHANGEDSINCE 5)',
    { ...fetch, uid: true, items: all, changedSince: 5n, partial: { from: 1, to: 30 } },
  ],
  ['FETCH 1:* UID (CHANGEDSINCE 1 VANISHED)', 'BAD VANISHED needs UID FETCH and CHANGEDSINCE'],
  ['UID FETCH 1:* UID (VANISHED)', 'BAD VANISHED needs UID FETCH and CHANGEDSINCE'],
  ['FETCH 1:* UID (PARTIAL 1:2)', 'BAD Unknown FETCH modifier'],
  ['UID FETCH 1:* UID (PARTIAL 1:-2)', 'BAD Both ends of a partial range have the same sign'],
  ['UID FETCH 1:* UID (PARTIAL 0:2)', 'BAD Expected a partial range'],
  ['UID FETCH 1:* UID (PARTIAL 1:4294967296)', 'BAD Number too large in a partial range'],
  ['FETCH 1:* UID ()', 'BAD The list is empty'],
  ['FETCH 1:* UID (X)', 'BAD Unknown FETCH modifier'],
  ['FETCH 1:*', 'BAD Expected a space'],
  ['FETCH UID', 'BAD Expected a sequence set'],
]

function responseName(items: string): string | undefined {
  const result = parseLine(`FETCH 1:* ${items}`)
  return result.ok && result.command.name === 'FETCH' ? result.command.items.map(fetchItemName)[0] : undefined
}

describe('FETCH items', () => {
  for (const [items, want, name] of itemRows) {
    test(items.slice(0, 80), () => {
      assert.deepEqual(
        parseBody(`FETCH 1:* ${items}`),
        typeof want === 'string' ? want : { ...fetch, items: want },
      )
      if (name !== undefined) assert.equal(responseName(items), name)
    })
  }
})

describe('FETCH lines', () => {
  for (const [line, want] of lineRows) test(line, () => assert.deepEqual(parseBody(line), want))
})
