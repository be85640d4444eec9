import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import iconv from 'iconv-lite'
import { parseCommand } from './parse-command.ts'
import { parseBody, segmentsOf } from './testing.ts'

const search = { name: 'SEARCH', uid: false, returns: null, charset: null, charsetKnown: true }
const noReturns = {
  min: false,
  max: false,
  all: false,
  count: false,
  save: false,
  update: false,
  partial: null,
}
const flag = (name: string, present = true) => ({ kind: 'flag', flag: `\\${name}`, present })
const one = { kind: 'sequence', set: { kind: 'ranges', ranges: [{ from: 1, to: 1 }] } }
const uids = {
  kind: 'ranges',
  ranges: [
    { from: 1, to: 3 },
    { from: '*', to: '*' },
  ],
}
const day = '1994-02-01'

const keyRows: [keys: string, want: unknown][] = [
  ['ALL', { kind: 'all' }],
  ['1:3,*', { kind: 'sequence', set: uids }],
  ['$', { kind: 'sequence', set: { kind: 'saved' } }],
  ['UID 1:3,*', { kind: 'uid', set: uids }],
  ['UID $', { kind: 'uid', set: { kind: 'saved' } }],
  ...['Answered', 'Deleted', 'Draft', 'Flagged', 'Seen'].flatMap((name): [string, unknown][] => [
    [name.toUpperCase(), flag(name)],
    [`un${name}`, flag(name, false)],
  ]),
  ['RECENT', { kind: 'recent' }],
  ['OLD', { kind: 'not', key: { kind: 'recent' } }],
  ['NEW', { kind: 'and', keys: [{ kind: 'recent' }, flag('Seen', false)] }],
  ['KEYWORD $Forwarded', { kind: 'keyword', keyword: '$Forwarded', present: true }],
  ['UNKEYWORD x', { kind: 'keyword', keyword: 'x', present: false }],
  ['FROM ann', { kind: 'envelope', field: 'from', value: 'ann' }],
  ['TO "a b"', { kind: 'envelope', field: 'to', value: 'a b' }],
  ['CC {2}\r\nhi', { kind: 'envelope', field: 'cc', value: 'hi' }],
  ['BCC ""', { kind: 'envelope', field: 'bcc', value: '' }],
  ['SUBJECT "grün"', { kind: 'envelope', field: 'subject', value: 'grün' }],
  ['HEADER Message-ID "<1@x>"', { kind: 'header', field: 'message-id', value: '<1@x>' }],
  ['BODY x', { kind: 'body', value: 'x' }],
  ['TEXT x', { kind: 'text', value: 'x' }],
  ['BEFORE 1-Feb-1994', { kind: 'internal-date', relation: 'before', date: day }],
  ['ON "01-feb-1994"', { kind: 'internal-date', relation: 'on', date: day }],
  ['SINCE 1-Feb-1994', { kind: 'internal-date', relation: 'since', date: day }],
  ['SENTBEFORE 1-Feb-1994', { kind: 'sent-date', relation: 'before', date: day }],
  ['SENTON 1-Feb-1994', { kind: 'sent-date', relation: 'on', date: day }],
  ['SENTSINCE 1-Feb-1994', { kind: 'sent-date', relation: 'since', date: day }],
  ['SAVEDBEFORE 1-Feb-1994', { kind: 'save-date', relation: 'before', date: day }],
  ['SAVEDON 1-Feb-1994', { kind: 'save-date', relation: 'on', date: day }],
  ['SAVEDSINCE 1-Feb-1994', { kind: 'save-date', relation: 'since', date: day }],
  ['SAVEDATESUPPORTED', { kind: 'save-date-supported' }],
  ['LARGER 0', { kind: 'size', relation: 'larger', sizeBytes: 0 }],
  ['SMALLER 9223372036854775807', { kind: 'size', relation: 'smaller', sizeBytes: Number.MAX_SAFE_INTEGER }],
  ['OLDER 60', { kind: 'age', relation: 'older', seconds: 60 }],
  ['YOUNGER 60', { kind: 'age', relation: 'younger', seconds: 60 }],
  ['MODSEQ 620162338', { kind: 'modseq', modSeq: 620162338n, entry: null }],
  [
    'MODSEQ "/flags/\\\\draft" all 6',
    { kind: 'modseq', modSeq: 6n, entry: { name: '/flags/\\draft', type: 'all' } },
  ],
  ['EMAILID M6d99ac3275bb4e', { kind: 'email-id', id: 'M6d99ac3275bb4e' }],
  ['THREADID T-_4', { kind: 'thread-id', id: 'T-_4' }],
  ['NOT SEEN', { kind: 'not', key: flag('Seen') }],
  ['NOT NOT SEEN', { kind: 'not', key: { kind: 'not', key: flag('Seen') } }],
  ['SEEN 1', { kind: 'and', keys: [flag('Seen'), one] }],
  ['(SEEN)', flag('Seen')],
  ['(SEEN 1) DRAFT', { kind: 'and', keys: [{ kind: 'and', keys: [flag('Seen'), one] }, flag('Draft')] }],
  ['OR SEEN (1 DRAFT)', { kind: 'or', keys: [flag('Seen'), { kind: 'and', keys: [one, flag('Draft')] }] }],
  ['OR SEEN OR DRAFT 1', { kind: 'or', keys: [flag('Seen'), flag('Draft'), one] }],
  ['OR OR SEEN DRAFT 1', { kind: 'or', keys: [{ kind: 'or', keys: [flag('Seen'), flag('Draft')] }, one] }],
  ['OR SEEN DRAFT 1', { kind: 'and', keys: [{ kind: 'or', keys: [flag('Seen'), flag('Draft')] }, one] }],
  ['OR SEEN NOT DRAFT', { kind: 'or', keys: [flag('Seen'), { kind: 'not', key: flag('Draft') }] }],
  [`${'OR SEEN '.repeat(500)}1`, { kind: 'or', keys: [...Array(500).fill(flag('Seen')), one] }],
  ['', 'BAD Expected a search key'],
  ['X', 'BAD Unknown search key'],
  ['UNRECENT', 'BAD Unknown search key'],
  ['SEEN ', 'BAD Expected a search key'],
  ['(SEEN', 'BAD Expected )'],
  ['()', 'BAD Expected a search key'],
  ['OR SEEN', 'BAD Expected a space'],
  ['NOT', 'BAD Expected a space'],
  ['0', 'BAD Malformed sequence set'],
  ['KEYWORD \\Seen', 'BAD Expected an atom'],
  ['FROM', 'BAD Expected a space'],
  ['HEADER Subject', 'BAD Expected a space'],
  ['ON 31-Feb-1994', 'BAD No such day'],
  ['ON 1-Foo-1994', 'BAD No such day'],
  ['ON "1-Feb-1994', 'BAD Expected "'],
  ['ON 1-Feb-94', 'BAD Expected a date'],
  ['OLDER 0', 'BAD Expected a number above 0'],
  ['OLDER 4294967296', 'BAD Number too large'],
  ['LARGER 9223372036854775808', 'BAD Number too large'],
  ['LARGER -1', 'BAD Expected a number'],
  ['MODSEQ "/flags/x" any 6', 'BAD Unknown entry type'],
  ['EMAILID "a b"', 'BAD Malformed object id'],
  [`${'NOT '.repeat(65)}SEEN`, 'BAD Search keys nested too deep'],
  [`${'('.repeat(65)}SEEN${')'.repeat(65)}`, 'BAD Search keys nested too deep'],
  [`${'1 '.repeat(2000)}1`, 'BAD Too many search keys'],
]

const lineRows: [line: string, want: unknown][] = [
  ['UID SEARCH 1', { ...search, uid: true, criteria: one }],
  ['SEARCH CHARSET utf-8 1', { ...search, charset: 'utf-8', criteria: one }],
  ['SEARCH CHARSET "US-ASCII" 1', { ...search, charset: 'US-ASCII', criteria: one }],
  ['SEARCH CHARSET X-UNKNOWN 1', { ...search, charset: 'X-UNKNOWN', charsetKnown: false, criteria: one }],
  [
    'SEARCH CHARSET hex TEXT 41',
    { ...search, charset: 'hex', charsetKnown: false, criteria: { kind: 'text', value: '41' } },
  ],
  ['SEARCH CHARSET X-UNKNOWN X', 'BAD Unknown search key'],
  ['SEARCH CHARSET utf-8', 'BAD Expected a space'],
  ['SEARCH RETURN () 1', { ...search, returns: { ...noReturns, all: true }, criteria: one }],
  ['SEARCH RETURN (SAVE) 1', { ...search, returns: { ...noReturns, save: true }, criteria: one }],
  [
    'SEARCH RETURN (MIN max COUNT ALL SAVE) CHARSET UTF-8 1',
    {
      ...search,
      charset: 'UTF-8',
      criteria: one,
      returns: { ...noReturns, min: true, max: true, all: true, count: true, save: true },
    },
  ],
  [
    'UID SEARCH RETURN (PARTIAL -1:-100 COUNT) 1',
    {
      ...search,
      uid: true,
      criteria: one,
      returns: { ...noReturns, count: true, partial: { from: -1, to: -100 } },
    },
  ],
  ['SEARCH RETURN (UPDATE CONTEXT) 1', { ...search, returns: { ...noReturns, update: true }, criteria: one }],
  ['SEARCH RETURN (ALL PARTIAL 1:2) 1', 'BAD ALL and PARTIAL exclude each other'],
  ['SEARCH RETURN (PARTIAL 1:2 PARTIAL 1:2) 1', 'BAD Unknown or repeated RETURN option'],
  ['SEARCH RETURN (X) 1', 'BAD Unknown or repeated RETURN option'],
  ['SEARCH RETURN (MIN)', 'BAD Expected a space'],
  ['SEARCH', 'BAD Expected a space'],
]

describe('SEARCH keys', () => {
  for (const [keys, want] of keyRows) {
    test(keys.slice(0, 80), () => {
      assert.deepEqual(
        parseBody(`SEARCH ${keys}`),
        typeof want === 'string' ? want : { ...search, criteria: want },
      )
    })
  }
})

describe('SEARCH lines', () => {
  for (const [line, want] of lineRows) test(line, () => assert.deepEqual(parseBody(line), want))

  test('text is decoded from the charset', () => {
    for (const charset of ['ISO-8859-1', 'windows-1251', 'GB18030', 'KOI8-R']) {
      const word = charset === 'ISO-8859-1' ? 'grün' : charset === 'GB18030' ? '邮件' : 'почта'
      const bytes = iconv.encode(word, charset)
      const [first] = segmentsOf(`a SEARCH CHARSET ${charset} TEXT \r\n`)
      assert.ok(first !== undefined)
      const result = parseCommand([
        first,
        { kind: 'literal', bytes, binary: false },
        { kind: 'text', bytes: Buffer.alloc(0) },
      ])
      assert.ok(result.ok && result.command.name === 'SEARCH')
      assert.deepEqual(result.command.criteria, { kind: 'text', value: word })
    }
  })

  test('octets that are not UTF-8 are refused', () => {
    const result = parseCommand([{ kind: 'text', bytes: Buffer.from('a SEARCH TEXT "\xfc"', 'latin1') }])
    assert.deepEqual(!result.ok && result.text, 'Search text is not UTF-8')
  })
})
