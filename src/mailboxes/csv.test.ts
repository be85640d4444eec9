/** Mailboxes in CSV: bad lines by line and column, and that what is written reads back the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { csvText } from '../platform/csv-text.ts'
import { type CsvBounds, csvLinesMax, exportColumns, joinTags, readMailboxCsv } from './csv.ts'

const bounds: CsvBounds = {
  addressLengthMax: 1000,
  nameLengthMax: 200,
  passwordLengthMax: 1000,
  tagLengthMax: 100,
  tagsMax: 50,
}

function read(text: string): unknown {
  const file = readMailboxCsv(text, bounds)
  if (!file.ok) return file.problem
  return file.rows.map(({ line, item, problems }) =>
    item === null ? problems.map(({ column, reason }) => `${line} ${column}: ${reason}`) : { line, ...item },
  )
}

const nobody = {
  displayName: null,
  firstName: null,
  lastName: null,
  password: null,
  tags: [],
  service: 'local',
}

const good: [what: string, text: string, want: unknown[]][] = [
  ['only addresses', 'address\na@x.test\n', [{ line: 2, ...nobody, address: 'a@x.test' }]],
  [
    'every column, a BOM, CRLF, spaces around names of columns and addresses',
    '\ufeff Address ,Display Name,first-name,LAST_NAME,password,tags,service\r\n a@x.test ,"Lee, Ann",Ann,Lee, pass word ,a; b;;c\\;d,Google\r\n',
    [
      {
        line: 2,
        address: 'a@x.test',
        displayName: 'Lee, Ann',
        firstName: 'Ann',
        lastName: 'Lee',
        password: ' pass word ',
        tags: ['a', 'b', 'c;d'],
        service: 'google',
      },
    ],
  ],
  [
    'semicolons',
    'local_part;domain;tags\na;x.test;"p;q"',
    [{ line: 2, ...nobody, address: 'a@x.test', tags: ['p', 'q'] }],
  ],
  ['tabs', 'address\tservice\na@x.test\tlocal', [{ line: 2, ...nobody, address: 'a@x.test' }]],
  [
    'columns of an export that are not read',
    'address,state,imap_port\na@x.test,failed,x',
    [{ line: 2, ...nobody, address: 'a@x.test' }],
  ],
  [
    'guarded values',
    "address,display_name\n'+a@x.test,'=1+1",
    [{ line: 2, ...nobody, address: '+a@x.test', displayName: '=1+1' }],
  ],
  [
    'an apostrophe of its own',
    "address,last_name\na@x.test,'t Hooft",
    [{ line: 2, ...nobody, address: 'a@x.test', lastName: "'t Hooft" }],
  ],
  ['empty values too many', 'address,tags\na@x.test,,,', [{ line: 2, ...nobody, address: 'a@x.test' }]],
]
for (const [what, text, want] of good) test(`read: ${what}`, () => assert.deepEqual(read(text), want))

const badFiles: [text: string, want: RegExp][] = [
  ['', /no line that names the columns/],
  ['address\n\n', /no line after the one/],
  ['address,colour,"x""y"\n', /unknown columns: "colour", "x\\"y"\. Known are address, /],
  ['address,address\n', /address occurs twice/],
  ['display_name\n', /either the column address, or local_part and domain/],
  ['address,local_part,domain\n', /either the column address/],
  ['local_part\n', /need each other/],
  ['"address\n', /^Line 1 has a quote that is never closed/],
  [`address\n${'a@x.test\n'.repeat(csvLinesMax + 1)}`, /more than 10000 lines/],
]
for (const [text, want] of badFiles) {
  test(`refused: ${JSON.stringify(text.slice(0, 40))}`, () => assert.match(String(read(text)), want))
}

test('every bad line is named with its columns, and the good ones between them are read', () => {
  const long = 'x'.repeat(201)
  const text = [
    'address,display_name,tags,service',
    `a@x.test,${long},,yahoo`,
    'b@x.test,,,',
    ',"two\nlines",,',
    'c@x.test,"a" b,,',
    'd@x.test',
    'e@x.test,1,2,local,5',
    `f@x.test,a\0b,${'t;'.repeat(51)},`,
    `g@x.test,,${'t'.repeat(101)},`,
  ].join('\n')
  assert.deepEqual(read(text), [
    ['2 display_name: is longer than 200 characters', '2 service: must be one of: local, google, microsoft'],
    { line: 3, ...nobody, address: 'b@x.test' },
    ['4 address: is empty'],
    ['6 null: has text after the quote that closes a value'],
    ['7 null: has 1 values for 4 columns'],
    ['8 null: has 5 values for 4 columns'],
    ['9 display_name: has a NUL character', '9 tags: has more than 50 tags'],
    ['10 tags: has a tag that is longer than 100 characters'],
  ])
})

const formulas: [value: string, written: string][] = [
  ['=1+1', "'=1+1"],
  ['+x', "'+x"],
  ['-x', "'-x"],
  ['@x', "'@x"],
  ['\tx', "'\tx"],
  ["'=x", "''=x"],
  ["'t", "'t"],
  ['\uff1dx', "'\uff1dx"],
  ['a=b', 'a=b'],
  ['1;2', '1;2'],
]
for (const [value, written] of formulas) {
  test(`${JSON.stringify(value)} is written as ${JSON.stringify(written)}`, () => {
    assert.equal(csvText([[value]], false), `${written}\r\n`)
    assert.equal(csvText([[value]], true), `${value}\r\n`)
  })
}

const anyText = (maxLength: number) =>
  fc
    .oneof(
      fc.string({ unit: 'binary', maxLength }),
      fc.string({
        unit: fc.constantFrom("'", '=', '+', '-', '@', '\t', '\r', '\n', '"', ',', ';', '\\', ' ', 'a'),
        maxLength,
      }),
    )
    .map((text) => text.replaceAll('\0', ''))
const orNull = fc.option(anyText(100)).map((text) => (text === '' ? null : text))
const tags = fc.array(
  anyText(50).filter((text) => text !== ''),
  { maxLength: 10 },
)

test('what is exported reads back the same, whatever it holds', () => {
  fc.assert(
    fc.property(
      orNull,
      orNull,
      orNull,
      tags,
      fc.constantFrom('local', 'google', 'microsoft'),
      (...values) => {
        const [displayName, firstName, lastName, ownTags, service] = values
        const line = [
          '+a@x.test',
          displayName,
          firstName,
          lastName,
          joinTags(ownTags),
          service,
          'active',
          '2026',
        ]
        const [row] = [read(csvText([exportColumns, line], false))].flat()
        assert.deepEqual(row, {
          line: 2,
          address: '+a@x.test',
          displayName,
          firstName,
          lastName,
          password: null,
          tags: ownTags,
          service,
        })
      },
    ),
  )
})

test('any text is read without an error', () => {
  fc.assert(fc.property(anyText(200), (text) => void read(`address,tags\n${text}`)))
  fc.assert(fc.property(anyText(200), (text) => void read(text)))
})
