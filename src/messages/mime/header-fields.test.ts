import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { filterHeader, parseHeaderFields } from './header-fields.ts'

const rows: [what: string, header: string | Buffer, want: [name: string, value: string][]][] = [
  ['nothing', '', []],
  ['a blank line', '\r\n', []],
  ['a field', 'Subject: hello\r\n\r\n', [['Subject', 'hello']]],
  [
    'no space, much space',
    'A:b\r\nC: \t d \r\n',
    [
      ['A', 'b'],
      ['C', 'd'],
    ],
  ],
  ['white space before the colon', 'A \t: b\r\n', [['A', 'b']]],
  [
    'folding',
    'A: b\r\n c\r\n\td\r\nE: f\r\n',
    [
      ['A', 'b c\td'],
      ['E', 'f'],
    ],
  ],
  ['folding in bare LF', 'A: b\n c\n\n', [['A', 'b c']]],
  [
    'a fold of white space only',
    'A: b\r\n \r\nC: d\r\n',
    [
      ['A', 'b'],
      ['C', 'd'],
    ],
  ],
  [
    'an empty value',
    'A:\r\nB: c\r\n',
    [
      ['A', ''],
      ['B', 'c'],
    ],
  ],
  ['what follows the blank line is no field', 'A: b\r\n\r\nC: d\r\n', [['A', 'b']]],
  ['no line end', 'A: b', [['A', 'b']]],
  [
    'no colon',
    'junk\r\nA: b\r\n',
    [
      ['', 'junk'],
      ['A', 'b'],
    ],
  ],
  [
    'a fold without a field',
    ' X: y\r\nA: b\r\n',
    [
      ['', 'X: y'],
      ['A', 'b'],
    ],
  ],
  ['colons in the value', 'A: b:c: d\r\n', [['A', 'b:c: d']]],
  ['UTF-8', 'A: ö\r\n', [['A', 'ö']]],
  ['not UTF-8', Buffer.from('A: \xf6\r\n', 'latin1'), [['A', 'ö']]],
  ['NUL and bare CR', 'A: b\0c\rd\r\n', [['A', 'b\ufffdc d']]],
]
for (const [what, header, want] of rows) {
  test(what, () => {
    assert.deepEqual(
      parseHeaderFields(Buffer.from(header)).map(({ name, value }) => [name, value]),
      want,
    )
  })
}

const header = 'To: a\r\nSubject: s\r\n folded\r\nX-To: b\r\njunk\r\nTO : c\r\n\r\n'
const filters: [names: string[], mode: 'only' | 'not', want: string][] = [
  [['to'], 'only', 'To: a\r\nTO : c\r\n\r\n'],
  [['SUBJECT', 'Missing'], 'only', 'Subject: s\r\n folded\r\n\r\n'],
  [['x'], 'only', '\r\n'],
  [[''], 'only', '\r\n'],
  [['to', 'subject'], 'not', 'X-To: b\r\njunk\r\n\r\n'],
  [[], 'not', header],
]
for (const [names, mode, want] of filters) {
  test(`HEADER.FIELDS ${mode} ${JSON.stringify(names)}`, () => {
    assert.equal(filterHeader(Buffer.from(header), names, mode).toString(), want)
  })
}

test('a last field without line end gets one', () => {
  assert.equal(filterHeader(Buffer.from('A: b'), ['a'], 'only').toString(), 'A: b\r\n\r\n')
})

test('fields cover the header up to its blank line, without gap or overlap', () => {
  const piece = fc.constantFrom('\r\n', '\n', '\r', ' ', '\t', ':', 'A', 'Name: value', '\r\n\r\n', 'ö', '\0')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(''))
      let end = 0
      for (const field of parseHeaderFields(bytes)) {
        assert.equal(field.start, end)
        assert.ok(field.end > field.start)
        end = field.end
      }
      assert.match(bytes.toString('latin1', end), /^(\r?\n|$)/)
    }),
    { numRuns: 3_000 },
  )
})
