import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Segment } from './framing.ts'
import { classifyLiteral } from './parse-append.ts'
import { parseCommand, readTag } from './parse-command.ts'
import { isIdleDone, parseSaslLine } from './parse-session-commands.ts'
import { parseBody, parseLine, segmentsOf } from './testing.ts'

const noSelect = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false }
const noReturns = { subscribed: false, children: false, specialUse: false, status: null, metadata: null }
const basicList = { name: 'LIST', extended: false, select: noSelect, reference: '', returns: noReturns }
const extendedList = { ...basicList, extended: true, patterns: ['*'] }
const ranges = (...pairs: [number | '*', number | '*'][]) => pairs.map(([from, to]) => ({ from, to }))
const set = (...pairs: [number | '*', number | '*'][]) => ({ kind: 'ranges', ranges: ranges(...pairs) })
const select = { name: 'SELECT', mailbox: 'INBOX', condStore: false, qresync: null }
const store = {
  name: 'STORE',
  uid: false,
  set: set([1, 1]),
  unchangedSince: null,
  change: 'replace',
  silent: false,
}
const seen = { system: ['\\Seen'], keywords: [] }

type Row = [line: string, want: unknown]

const sessionRows: Row[] = [
  ['CAPABILITY', { name: 'CAPABILITY' }],
  ['capability', { name: 'CAPABILITY' }],
  ['CAPABILITY ', 'BAD Unexpected text after the arguments'],
  ['NOOP', { name: 'NOOP' }],
  ['NOOP x', 'BAD Unexpected text after the arguments'],
  ['LOGOUT', { name: 'LOGOUT' }],
  ['STARTTLS', { name: 'STARTTLS' }],
  ['IDLE', { name: 'IDLE' }],
  ['NAMESPACE', { name: 'NAMESPACE' }],
  ['CHECK', { name: 'CHECK' }],
  ['CLOSE', { name: 'CLOSE' }],
  ['UNSELECT', { name: 'UNSELECT' }],
  ['EXPUNGE', { name: 'EXPUNGE', uid: false, set: null }],
  ['EXPUNGE 1', 'BAD Unexpected text after the arguments'],
  ['UID EXPUNGE 1:3,*', { name: 'EXPUNGE', uid: true, set: set([1, 3], ['*', '*']) }],
  ['UID EXPUNGE', 'BAD Expected a space'],
  ['UID NOOP', 'BAD Unknown UID command'],
  ['XYZZY 1', 'BAD Unknown command'],
  ['__proto__', 'BAD Expected a command'],
  ['constructor', 'BAD Unknown command'],
  ['', 'BAD Expected a command'],
  ['ID NIL', { name: 'ID', fields: null }],
  ['ID ()', { name: 'ID', fields: [] }],
  [
    'ID ("name" "x" "os" NIL)',
    {
      name: 'ID',
      fields: [
        ['name', 'x'],
        ['os', null],
      ],
    },
  ],
  ['ID ("name" {3}\r\nx\r\n)', { name: 'ID', fields: [['name', 'x\r\n']] }],
  ['ID ("name")', 'BAD Expected a space'],
  ['ID (name "x")', 'BAD Expected a string'],
  [`ID ("${'n'.repeat(31)}" NIL)`, 'BAD ID field name too long'],
  [`ID (${Array(31).fill('"a" NIL').join(' ')})`, 'BAD List too long'],
  ['AUTHENTICATE plain', { name: 'AUTHENTICATE', mechanism: 'PLAIN', initialResponse: null }],
  [
    'AUTHENTICATE PLAIN AGEAYg==',
    { name: 'AUTHENTICATE', mechanism: 'PLAIN', initialResponse: Buffer.from('\0a\0b') },
  ],
  [
    'AUTHENTICATE EXTERNAL =',
    { name: 'AUTHENTICATE', mechanism: 'EXTERNAL', initialResponse: Buffer.alloc(0) },
  ],
  ['AUTHENTICATE PLAIN AGEAYg', 'BAD Unexpected text after the arguments'],
  ['AUTHENTICATE PLAIN ', 'BAD Expected ='],
  ['AUTHENTICATE PLAIN ====', 'BAD Unexpected text after the arguments'],
  ['LOGIN ann secret', { name: 'LOGIN', username: 'ann', password: 'secret' }],
  ['LOGIN "a\\"n\\\\n" {3}\r\np w', { name: 'LOGIN', username: 'a"n\\n', password: 'p w' }],
  ['LOGIN ann@x.test "grün"', { name: 'LOGIN', username: 'ann@x.test', password: 'grün' }],
  ['LOGIN ann {5+}\r\ngrün', { name: 'LOGIN', username: 'ann', password: 'grün' }],
  ['LOGIN ann ""', { name: 'LOGIN', username: 'ann', password: '' }],
  ['LOGIN NIL NIL', { name: 'LOGIN', username: 'NIL', password: 'NIL' }],
  ['LOGIN ann x]', { name: 'LOGIN', username: 'ann', password: 'x]' }],
  ['LOGIN ann', 'BAD Expected a space'],
  ['LOGIN ann "x', 'BAD Expected a string'],
  ['LOGIN ann "x\\y"', 'BAD Expected a string'],
  ['LOGIN ann x*', 'BAD Unexpected text after the arguments'],
  ['LOGIN ann grün', 'BAD Unexpected text after the arguments'],
  ['LOGIN  ann x', 'BAD Expected a string'],
  ['LOGIN ann {1}\r\n\0', 'BAD NUL and literal8 are not allowed here'],
  ['LOGIN ann ~{1}\r\nx', 'BAD NUL and literal8 are not allowed here'],
  ['LOGIN ann x{1}\r\ny', 'BAD Unexpected text after the arguments'],
  ['ENABLE condstore UTF8=ACCEPT', { name: 'ENABLE', capabilities: ['CONDSTORE', 'UTF8=ACCEPT'] }],
  ['ENABLE', 'BAD Expected a space'],
  ['COMPRESS deflate', { name: 'COMPRESS', mechanism: 'DEFLATE' }],
  ['COMPRESS', 'BAD Expected a space'],
  ['UNAUTHENTICATE', { name: 'UNAUTHENTICATE' }],
  ['UNAUTHENTICATE now', 'BAD Unexpected text after the arguments'],
]

const mailboxRows: Row[] = [
  ['SELECT inbox', select],
  ['SELECT "iNbOx"', select],
  ['SELECT {5}\r\nINBOX', select],
  ['SELECT inbox/Kept', { ...select, mailbox: 'INBOX/Kept' }],
  ['SELECT inboxes', { ...select, mailbox: 'inboxes' }],
  ['EXAMINE "a b"', { ...select, name: 'EXAMINE', mailbox: 'a b' }],
  ['SELECT Entw&APw-rfe', { ...select, mailbox: 'Entwürfe' }],
  ['SELECT a (CONDSTORE)', { ...select, mailbox: 'a', condStore: true }],
  ['SELECT a ()', 'BAD The list is empty'],
  ['SELECT a (X)', 'BAD Unknown or repeated SELECT parameter'],
  [
    'SELECT a (QRESYNC (67890007 20050715194045000 41:211,215:*))',
    {
      ...select,
      mailbox: 'a',
      qresync: {
        uidValidity: 67890007,
        modSeq: 20050715194045000n,
        knownUids: ranges([41, 211], [215, '*']),
        sequenceMatch: null,
      },
    },
  ],
  [
    'SELECT a (CONDSTORE QRESYNC (1 2 (1:2 3:4)))',
    {
      ...select,
      mailbox: 'a',
      condStore: true,
      qresync: {
        uidValidity: 1,
        modSeq: 2n,
        knownUids: null,
        sequenceMatch: { sequences: ranges([1, 2]), uids: ranges([3, 4]) },
      },
    },
  ],
  [
    'SELECT a (QRESYNC (1 2 7 (1 3)))',
    {
      ...select,
      mailbox: 'a',
      qresync: {
        uidValidity: 1,
        modSeq: 2n,
        knownUids: ranges([7, 7]),
        sequenceMatch: { sequences: ranges([1, 1]), uids: ranges([3, 3]) },
      },
    },
  ],
  ['SELECT a (QRESYNC (1 0))', 'BAD QRESYNC needs a modification sequence above 0'],
  ['SELECT a (QRESYNC (1))', 'BAD Expected a space'],
  ['SELECT a (QRESYNC (1 2 ))', 'BAD Expected a sequence set'],
  ['SELECT', 'BAD Expected a space'],
  ['SELECT ""', 'NO [CANNOT] No mailbox can have that name'],
  ['SELECT a//b', 'NO [CANNOT] No mailbox can have that name'],
  ['SELECT /a', 'NO [CANNOT] No mailbox can have that name'],
  ['SELECT a/', 'NO [CANNOT] No mailbox can have that name'],
  ['SELECT a&b', 'NO [CANNOT] Mailbox name is not well encoded'],
  ['SELECT "grün"', 'NO [CANNOT] Mailbox name is not well encoded'],
  ['SELECT "a\tb"', 'NO [CANNOT] Mailbox name is not well encoded'],
  ['SELECT &AAk-', 'NO [CANNOT] No mailbox can have that name'],
  [`SELECT ${'x'.repeat(1001)}`, 'NO [CANNOT] No mailbox can have that name'],
  ['CREATE a/', { name: 'CREATE', mailbox: 'a', specialUses: [] }],
  ['CREATE a/b/', { name: 'CREATE', mailbox: 'a/b', specialUses: [] }],
  ['CREATE a//', 'NO [CANNOT] No mailbox can have that name'],
  ['CREATE /', 'NO [CANNOT] No mailbox can have that name'],
  ['CREATE a (USE (\\sent \\Other))', { name: 'CREATE', mailbox: 'a', specialUses: ['\\Sent', '\\Other'] }],
  ['CREATE a (USE ())', { name: 'CREATE', mailbox: 'a', specialUses: [] }],
  ['CREATE a (USE (Sent))', 'BAD Expected \\'],
  ['CREATE a (USED (\\Sent))', 'BAD Unknown CREATE parameter'],
  ['DELETE a', { name: 'DELETE', mailbox: 'a' }],
  ['DELETE a b', 'BAD Unexpected text after the arguments'],
  ['SUBSCRIBE a', { name: 'SUBSCRIBE', mailbox: 'a' }],
  ['UNSUBSCRIBE a', { name: 'UNSUBSCRIBE', mailbox: 'a' }],
  ['UNSUBSCRIBE %', 'BAD Expected a string'],
  ['RENAME a "b c"', { name: 'RENAME', from: 'a', to: 'b c' }],
  ['RENAME a', 'BAD Expected a space'],
  ['STATUS a (messages UIDNEXT MESSAGES)', { name: 'STATUS', mailbox: 'a', items: ['MESSAGES', 'UIDNEXT'] }],
  [
    'STATUS a (RECENT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT DELETED-STORAGE)',
    {
      name: 'STATUS',
      mailbox: 'a',
      items: [
        'RECENT',
        'UIDVALIDITY',
        'UNSEEN',
        'DELETED',
        'SIZE',
        'HIGHESTMODSEQ',
        'MAILBOXID',
        'APPENDLIMIT',
        'DELETED-STORAGE',
      ],
    },
  ],
  ['STATUS a ()', 'BAD The list is empty'],
  ['STATUS a (X)', 'BAD Unknown STATUS item'],
  ['STATUS a MESSAGES', 'BAD Expected ('],
]

const listRows: Row[] = [
  ['LIST "" *', { ...basicList, patterns: ['*'] }],
  ['LIST "" ""', { ...basicList, patterns: [''] }],
  ['LIST a/ %', { ...basicList, reference: 'a/', patterns: ['%'] }],
  ['LIST "" "Entw&APw-rfe/%"', { ...basicList, patterns: ['Entwürfe/%'] }],
  ['LIST "" a&b*', { ...basicList, patterns: ['a&b*'] }],
  ['LIST "" {3}\r\na*]', { ...basicList, patterns: ['a*]'] }],
  ['LIST () "" *', extendedList],
  ['LIST "" (*)', extendedList],
  ['LIST "" * RETURN ()', extendedList],
  ['LIST "" (INBOX "a b/%")', { ...extendedList, patterns: ['INBOX', 'a b/%'] }],
  [
    'LIST (SUBSCRIBED REMOTE RECURSIVEMATCH SPECIAL-USE) "" *',
    {
      ...extendedList,
      select: { subscribed: true, remote: true, recursiveMatch: true, specialUse: true },
    },
  ],
  [
    'LIST (subscribed) "" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UNSEEN))',
    {
      ...extendedList,
      select: { ...noSelect, subscribed: true },
      returns: {
        ...noReturns,
        subscribed: true,
        children: true,
        specialUse: true,
        status: ['MESSAGES', 'UNSEEN'],
      },
    },
  ],
  ['LIST (RECURSIVEMATCH) "" *', 'BAD RECURSIVEMATCH needs another selection option'],
  ['LIST (RECURSIVEMATCH REMOTE) "" *', 'BAD RECURSIVEMATCH needs another selection option'],
  ['LIST (X) "" *', 'BAD Unknown selection option'],
  ['LIST "" * RETURN (X)', 'BAD Unknown return option'],
  ['LIST "" * (CHILDREN)', 'BAD Expected RETURN'],
  ['LIST "" ()', 'BAD The list is empty'],
  ['LIST ""', 'BAD Expected a space'],
  ['LIST "" * RETURN (STATUS)', 'BAD Expected a space'],
  [`LIST "" (${Array(33).fill('a').join(' ')})`, 'BAD List too long'],
  [`LIST "" ${'a'.repeat(1001)}`, 'BAD Pattern too long'],
  ['LSUB "" %', { name: 'LSUB', reference: '', pattern: '%' }],
  ['LSUB "" (%)', 'BAD Expected a list pattern'],
]

const selectedRows: Row[] = [
  ['STORE 1 FLAGS (\\seen)', { ...store, flags: seen }],
  ['STORE 1 +flags.silent \\Seen', { ...store, change: 'add', silent: true, flags: seen }],
  [
    'STORE 1 -FLAGS (\\Deleted $Forwarded $forwarded \\DELETED)',
    {
      ...store,
      change: 'remove',
      flags: { system: ['\\Deleted'], keywords: ['$Forwarded'] },
    },
  ],
  ['STORE 1 FLAGS ()', { ...store, flags: { system: [], keywords: [] } }],
  [
    'STORE 1 FLAGS \\Seen \\Flagged x',
    { ...store, flags: { system: ['\\Seen', '\\Flagged'], keywords: ['x'] } },
  ],
  ['STORE 1 FLAGS (\\Recent \\Seen)', { ...store, flags: seen }],
  [
    'UID STORE $ (UNCHANGEDSINCE 0) FLAGS.SILENT (\\Seen)',
    {
      ...store,
      uid: true,
      set: { kind: 'saved' },
      unchangedSince: 0n,
      silent: true,
      flags: seen,
    },
  ],
  [
    'STORE 1 (UNCHANGEDSINCE 9223372036854775807) FLAGS (\\Seen)',
    { ...store, unchangedSince: 9223372036854775807n, flags: seen },
  ],
  ['STORE 1 (UNCHANGEDSINCE 9223372036854775808) FLAGS (\\Seen)', 'BAD Number too large'],
  ['STORE 1 FLAGS (\\Foo)', 'BAD Unknown system flag'],
  ['STORE 1 FLAGS (\\*)', 'BAD Expected an atom'],
  ['STORE 1 FLAGS', 'BAD Expected FLAGS'],
  ['STORE 1 FLAGS ', 'BAD Expected an atom'],
  ['STORE 1 *FLAGS (\\Seen)', 'BAD Expected FLAGS'],
  ['STORE 0 FLAGS (\\Seen)', 'BAD Malformed sequence set'],
  ['STORE 1, FLAGS (\\Seen)', 'BAD Malformed sequence set'],
  ['STORE 1:2:3 FLAGS (\\Seen)', 'BAD Malformed sequence set'],
  ['STORE 4294967296 FLAGS (\\Seen)', 'BAD Number too large in a sequence set'],
  [`STORE ${Array(20_001).fill('1').join(',')} FLAGS (\\Seen)`, 'BAD Too many ranges in a sequence set'],
  [`STORE 1 FLAGS (${Array(101).fill('a').join(' ')})`, 'BAD List too long'],
  [`STORE 1 FLAGS ${Array(101).fill('a').join(' ')}`, 'BAD Too many flags'],
  [`STORE 1 FLAGS (${'k'.repeat(256)})`, 'NO [LIMIT] Keyword too long'],
  ['COPY 2:4 "a b"', { name: 'COPY', uid: false, set: set([2, 4]), mailbox: 'a b' }],
  ['UID COPY *:4 INBOX', { name: 'COPY', uid: true, set: set(['*', 4]), mailbox: 'INBOX' }],
  ['MOVE 4294967295 a', { name: 'MOVE', uid: false, set: set([4294967295, 4294967295]), mailbox: 'a' }],
  ['UID MOVE $ a', { name: 'MOVE', uid: true, set: { kind: 'saved' }, mailbox: 'a' }],
  ['COPY 1', 'BAD Expected a space'],
  ['COPY a b', 'BAD Expected a sequence set'],
  ['COPY $,1 b', 'BAD Expected a space'],
]

const message = (text: string, extra = {}) => ({
  flags: { system: [], keywords: [] },
  internalDate: null,
  data: {
    kind: 'message',
    literal: { kind: 'literal', bytes: Buffer.from(text), binary: false },
    utf8: false,
  },
  ...extra,
})
const at = new Date('1994-02-07T21:52:25-08:00')

const appendRows: Row[] = [
  ['APPEND a {2}\r\nhi', { name: 'APPEND', mailbox: 'a', messages: [message('hi')] }],
  [
    'APPEND {1}\r\na (\\Seen) " 7-Feb-1994 21:52:25 -0800" {2+}\r\nhi',
    {
      name: 'APPEND',
      mailbox: 'a',
      messages: [message('hi', { flags: seen, internalDate: at })],
    },
  ],
  [
    'APPEND a "07-Feb-1994 21:52:25 -0800" {0}\r\n',
    { name: 'APPEND', mailbox: 'a', messages: [message('', { internalDate: at })] },
  ],
  [
    'APPEND a {1}\r\nx (\\Seen) {1}\r\ny',
    { name: 'APPEND', mailbox: 'a', messages: [message('x'), message('y', { flags: seen })] },
  ],
  [
    'APPEND a ~{2}\r\n\0y',
    {
      name: 'APPEND',
      mailbox: 'a',
      messages: [
        message('', {
          data: {
            kind: 'message',
            literal: { kind: 'literal', bytes: Buffer.from('\0y'), binary: true },
            utf8: false,
          },
        }),
      ],
    },
  ],
  [
    'APPEND a UTF8 (~{1}\r\ny)',
    {
      name: 'APPEND',
      mailbox: 'a',
      messages: [
        message('', {
          data: {
            kind: 'message',
            literal: { kind: 'literal', bytes: Buffer.from('y'), binary: true },
            utf8: true,
          },
        }),
      ],
    },
  ],
  ['APPEND a UTF8 (~{1}\r\ny', 'BAD Expected )'],
  ['APPEND a UTF8 ({1}\r\ny)', 'BAD Expected a literal8'],
  ['APPEND a', 'BAD Expected a space'],
  ['APPEND a "hi"', 'BAD Expected a date-time'],
  ['APPEND a hi', 'BAD Expected a literal'],
  ['APPEND a "31-Feb-1994 21:52:25 -0800" {1}\r\nx', 'BAD No such day'],
  ['APPEND a {1}\r\nx y', 'BAD Expected a literal'],
  ['APPEND a {1}\r\nxx', 'BAD Expected a space'],
]

for (const [name, rows] of Object.entries({ sessionRows, mailboxRows, listRows, selectedRows, appendRows })) {
  describe(`parseCommand: ${name}`, () => {
    for (const [line, want] of rows) test(line.slice(0, 80), () => assert.deepEqual(parseBody(line), want))
  })
}

describe('parseCommand', () => {
  test('UTF-8 mode takes names as UTF-8 and & as itself', () => {
    assert.deepEqual(parseBody('SELECT "Entwürfe"', 'utf-8'), { ...select, mailbox: 'Entwürfe' })
    assert.deepEqual(parseBody('SELECT a&b', 'utf-8'), { ...select, mailbox: 'a&b' })
    assert.deepEqual(parseBody('LIST "" "ü*"', 'utf-8'), { ...basicList, patterns: ['ü*'] })
    const latin1: Segment[] = [{ kind: 'text', bytes: Buffer.from('a SELECT "\xfc"', 'latin1') }]
    assert.equal(parseCommand(latin1, 'utf-8').ok, false)
  })

  const tagRows: [line: string, tag: string | null][] = [
    ['a1 XYZZY', 'a1'],
    ['a1', 'a1'],
    ['a.1] XYZZY', 'a.1]'],
    ['', null],
    [' NOOP', null],
    ['a+ NOOP', null],
    ['* NOOP', null],
    ['(a NOOP', null],
  ]
  for (const [line, tag] of tagRows) {
    test(`the tag of ${JSON.stringify(line)}`, () => {
      const result = parseCommand(segmentsOf(`${line}\r\n`))
      assert.deepEqual(result.ok ? 'ok' : result.tag, tag)
    })
  }

  test('readTag wants a space after the tag', () => {
    assert.equal(readTag(segmentsOf('a1 X\r\n')), 'a1')
    assert.equal(readTag(segmentsOf('a1\r\n')), null)
    assert.equal(readTag([]), null)
  })

  test('a refusal never repeats what the client sent', () => {
    const result = parseLine('SELECT "\r* OK injected')
    assert.ok(!result.ok && /^[\x20-\x7e]+$/.test(result.text) && !result.text.includes('injected'))
  })

  test('arbitrary bytes and arbitrary segments never throw', () => {
    const text = fc
      .uint8Array({ maxLength: 60 })
      .map((bytes) => ({ kind: 'text', bytes: Buffer.from(bytes) }) as const)
    const literal = fc.record({
      kind: fc.constant('literal' as const),
      bytes: fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
      binary: fc.boolean(),
    })
    const streamed = fc.record({
      kind: fc.constant('streamed' as const),
      sizeBytes: fc.nat(),
      binary: fc.boolean(),
    })
    const segments = fc.array(fc.oneof(text, literal, streamed), { maxLength: 6 })
    fc.assert(
      fc.property(segments, (input) => void parseCommand(input)),
      { numRuns: 1000 },
    )
  })

  test('grammatical pieces in any order never throw', () => {
    const words =
      'a UID FETCH STORE SEARCH LIST SELECT APPEND OR NOT ( ) [ ] < > " \\ {1}\r\nx BODY[ 1:* $ RETURN * % + - . FLAGS NIL'
    const piece = fc.constantFrom(' ', ' ', ' ', ...words.split(' '))
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        (pieces) => void parseCommand(segmentsOf(`a ${pieces.join('')}\r\n`)),
      ),
      { numRuns: 2000 },
    )
  })

  test('a line of the largest size is parsed in little time', () => {
    const started = performance.now()
    for (const open of [
      'SEARCH (',
      'SEARCH NOT ',
      'SEARCH OR 1 ',
      'FETCH 1 ((',
      'LIST "" (* ',
      'LOGIN "\\"',
      'LOGIN "x"',
    ]) {
      const repeats = Math.floor(65_000 / open.length)
      parseLine(
        open +
          open
            .slice(open.indexOf(' ') + 1)
            .repeat(repeats)
            .slice(0, 65_000),
      )
    }
    assert.ok(performance.now() - started < 2_000)
  })
})

describe('classifyLiteral', () => {
  const announce = (text: string) => {
    const segments = segmentsOf(`${text}\r\n`)
    return classifyLiteral({ segmentsSoFar: segments, sizeBytes: 50, binary: false })
  }
  const coming = { kind: 'message', literal: { kind: 'streamed', sizeBytes: 50, binary: false }, utf8: false }

  test('a message of APPEND', () => {
    const use = announce('a1 APPEND inbox (\\Seen) ')
    const messages = [{ flags: seen, internalDate: null, data: coming }]
    const command = { name: 'APPEND', mailbox: 'INBOX', messages }
    assert.deepEqual(use, { kind: 'append-message', tag: 'a1', command })
  })

  test('the second message of MULTIAPPEND, and the mailbox as a literal before it', () => {
    const before: Segment[] = [
      { kind: 'text', bytes: Buffer.from('a1 append ') },
      { kind: 'literal', bytes: Buffer.from('Sent'), binary: false },
      { kind: 'text', bytes: Buffer.from(' ') },
      { kind: 'streamed', sizeBytes: 7, binary: false },
      { kind: 'text', bytes: Buffer.from(' ') },
    ]
    const use = classifyLiteral({ segmentsSoFar: before, sizeBytes: 50, binary: false })
    assert.ok(use.kind === 'append-message' && use.command.mailbox === 'Sent')
    assert.deepEqual(
      use.command.messages.map(({ data }) => data.kind === 'message' && data.literal),
      [before[3], coming.literal],
    )
  })

  test('UTF8 before its parenthesis is closed', () => {
    const segmentsSoFar = segmentsOf('a1 APPEND a UTF8 (\r\n')
    const use = classifyLiteral({ segmentsSoFar, sizeBytes: 50, binary: true })
    assert.ok(use.kind === 'append-message')
    const data = use.command.messages[0]?.data
    assert.ok(data?.kind === 'message' && data.utf8)
  })

  const argumentRows: [text: string, tag: string | null][] = [
    ['a1 APPEND ', 'a1'],
    ['a1 LOGIN ', 'a1'],
    ['a1 APPENDX a ', 'a1'],
    ['+', null],
  ]
  for (const [text, tag] of argumentRows) {
    test(`an argument: ${text}`, () => assert.deepEqual(announce(text), { kind: 'argument', tag }))
  }

  test('an APPEND that is already wrong', () => {
    for (const text of ['a1 APPEND a (\\Foo) ', 'a1 APPEND a', 'a1 APPEND a//b ', 'a1 APPEND a "x" ']) {
      const use = announce(text)
      assert.ok(use.kind === 'fault' && use.fault.tag === 'a1', text)
    }
  })

  test('arbitrary text never throws', () => {
    const text = fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => Buffer.concat([Buffer.from('a APPEND a '), bytes]))
    fc.assert(
      fc.property(text, (bytes) => {
        classifyLiteral({ segmentsSoFar: [{ kind: 'text', bytes }], sizeBytes: 1, binary: false })
      }),
    )
  })
})

describe('raw lines', () => {
  test('SASL', () => {
    assert.deepEqual(parseSaslLine(Buffer.from('*')), { kind: 'cancelled' })
    assert.deepEqual(parseSaslLine(Buffer.from('')), { kind: 'response', bytes: Buffer.alloc(0) })
    assert.deepEqual(parseSaslLine(Buffer.from('aGk=')), { kind: 'response', bytes: Buffer.from('hi') })
    for (const line of ['aGk', 'aGk= ', '=', 'a*==']) {
      assert.deepEqual(parseSaslLine(Buffer.from(line)), { kind: 'malformed', text: 'Not base64' }, line)
    }
  })

  test('DONE', () => {
    assert.equal(isIdleDone(Buffer.from('done')), true)
    assert.equal(isIdleDone(Buffer.from('DONE ')), false)
  })
})
