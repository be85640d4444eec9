/** The records of CSV files, and that csv-parse reads what is well-formed in the same way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'csv-parse/sync'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import { type Delimiter, readRecords } from './csv-records.ts'

function brief(text: string, delimiter: Delimiter = ','): string[] {
  return [...readRecords(text, delimiter)].map((record) =>
    'problem' in record
      ? `${record.line} ! ${record.problem}`
      : `${record.line} ${JSON.stringify(record.values)}`,
  )
}

const unclosed = 'has a quote that is never closed'
const within = 'has a quote within a value that does not begin with one'
const afterQuote = 'has text after the quote that closes a value'

const rows: [text: string, want: string[]][] = [
  ['', []],
  ['a', ['1 ["a"]']],
  ['a,b\r\n1,2\r\n', ['1 ["a","b"]', '2 ["1","2"]']],
  ['a\n\n\r\nb\rc', ['1 ["a"]', '4 ["b"]', '5 ["c"]']],
  [',,\n,x,', ['2 ["","x",""]']],
  ['"a,b","say ""hi""",""', ['1 ["a,b","say \\"hi\\"",""]']],
  ['"x\r\ny\nz",1\nnext', ['1 ["x\\r\\ny\\nz","1"]', '4 ["next"]']],
  ['a\nb"c\nd', ['1 ["a"]', `2 ! ${within}`, '3 ["d"]']],
  ['"a" b\nc', [`1 ! ${afterQuote}`, '2 ["c"]']],
  ['a\n"b\nc\nd', ['1 ["a"]', `2 ! ${unclosed}`, '3 ["c"]', '4 ["d"]']],
  ['"b\nc" x\nd', [`1 ! ${afterQuote}`, `2 ! ${within}`, '3 ["d"]']],
]
for (const [text, want] of rows) {
  test(JSON.stringify(text), () => assert.deepEqual(brief(text), want))
}

test('other delimiters', () => {
  assert.deepEqual(brief('a;b,c\n"x;y";z', ';'), ['1 ["a","b,c"]', '2 ["x;y","z"]'])
  assert.deepEqual(brief('a\tb', '\t'), ['1 ["a","b"]'])
})

const cell = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', ',', ';', '\t', '\r', '\n', 'a', ' ') }),
)
const table = fc.array(fc.array(cell, { minLength: 1, maxLength: 5 }), { maxLength: 6 })

test('what csv-stringify writes is read back, and as csv-parse reads it', () => {
  fc.assert(
    fc.property(
      table,
      fc.constantFrom<Delimiter>(',', ';', '\t'),
      fc.constantFrom('\r\n', '\n'),
      (lines, delimiter, end) => {
        const text = stringify(lines, {
          delimiter,
          record_delimiter: end,
          quoted_empty: true,
          quote_record_delimiter: true,
        })
        const read = [...readRecords(text, delimiter)].map((record) =>
          'values' in record ? record.values : record.problem,
        )
        const filled = (values: readonly string[]): boolean => values.some((value) => value !== '')
        assert.deepEqual(read, lines.filter(filled))
        const theirs = parse(text, { delimiter, record_delimiter: end, relax_column_count: true })
        assert.deepEqual(read, theirs.filter(filled))
      },
    ),
  )
})

test('any text is read without an error, its lines rise, and every value is in the text', () => {
  const noise = fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', 'a', 'ü'), maxLength: 60 })
  fc.assert(
    fc.property(noise, (text) => {
      let last = 0
      for (const record of readRecords(text, ',')) {
        assert.ok(record.line > last && record.line <= text.split(/\r\n|\r|\n/).length)
        last = record.line
        if ('values' in record) {
          for (const value of record.values) assert.ok(text.includes(value.replaceAll('"', '""')))
        }
      }
    }),
  )
})

for (const line of ['a,"\n', 'a,"b\n', '"""x\n', '""""\n', '"a""\n', 'a"\n']) {
  test(`the time for many lines ${JSON.stringify(line)} grows with their number alone`, () => {
    const text = line.repeat(100_000) // a reader that looked at the rest for each line would not come to an end
    assert.ok([...readRecords(text, ',')].length > 0)
  })
}
