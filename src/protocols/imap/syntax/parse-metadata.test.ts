import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { encodeString } from './encode.ts'
import { parseBody, parseLine } from './testing.ts'

const get = { name: 'GETMETADATA', mailbox: 'INBOX', maxSizeBytes: null, depth: 0 }
const both = ['/shared/comment', '/private/comment']
const set = { name: 'SETMETADATA', mailbox: 'INBOX' }

// The first ones are the examples of RFC 5464 §4.
const rows: [line: string, want: unknown][] = [
  ['GETMETADATA "" /shared/comment', { ...get, mailbox: null, entries: ['/shared/comment'] }],
  ['GETMETADATA "INBOX" /private/comment', { ...get, entries: ['/private/comment'] }],
  ['GETMETADATA "INBOX" (/shared/comment /private/comment)', { ...get, entries: both }],
  [
    'GETMETADATA "INBOX" (MAXSIZE 1024) (/shared/comment /private/comment)',
    { ...get, maxSizeBytes: 1024, entries: both },
  ],
  [
    'GETMETADATA "INBOX" (DEPTH 1) (/private/filters/values)',
    { ...get, depth: 1, entries: ['/private/filters/values'] },
  ],
  [
    'GETMETADATA (depth Infinity MAXSIZE 5) inbox ("/private/a b")',
    { ...get, depth: 'infinity', maxSizeBytes: 5, entries: ['/private/a b'] },
  ],
  ['GETMETADATA (DEPTH 0) {5}\r\nINBOX {8}\r\n/private', { ...get, entries: ['/private'] }],
  ['GETMETADATA INBOX (/a /a)', { ...get, entries: ['/a'] }],
  ['GETMETADATA INBOX ("MAXSIZE" "x")', { ...get, entries: ['MAXSIZE', 'x'] }],
  ['GETMETADATA INBOX', 'BAD Expected a space'],
  ['GETMETADATA INBOX ()', 'BAD The list is empty'],
  ['GETMETADATA (DEPTH 2) INBOX /a', 'BAD DEPTH is 0, 1 or infinity'],
  ['GETMETADATA (DEPTH) INBOX /a', 'BAD Expected a space'],
  ['GETMETADATA (MAXSIZE x) INBOX /a', 'BAD Expected a number'],
  ['GETMETADATA (FULL 1) INBOX /a', 'BAD Unknown option'],
  ['GETMETADATA () INBOX /a', 'BAD The list is empty'],
  ['GETMETADATA (DEPTH 1) INBOX (DEPTH 1) (/a)', 'BAD Unexpected text after the arguments'],
  ['GETMETADATA "a//b" /a', 'NO [CANNOT] No mailbox can have that name'],
  [
    'SETMETADATA INBOX (/private/comment {33+}\r\nMy new comment across\r\ntwo lines.)',
    { ...set, values: [{ entry: '/private/comment', value: 'My new comment across\r\ntwo lines.' }] },
  ],
  [
    'SETMETADATA INBOX (/private/comment NIL)',
    { ...set, values: [{ entry: '/private/comment', value: null }] },
  ],
  [
    'SETMETADATA INBOX (/private/comment "My new comment" /shared/comment "This one is for you!")',
    {
      ...set,
      values: [
        { entry: '/private/comment', value: 'My new comment' },
        { entry: '/shared/comment', value: 'This one is for you!' },
      ],
    },
  ],
  ['SETMETADATA "" (/a "NIL")', { ...set, mailbox: null, values: [{ entry: '/a', value: 'NIL' }] }],
  [
    'SETMETADATA "" (/a ~{3}\r\n\0\x01\n)',
    { ...set, mailbox: null, values: [{ entry: '/a', value: '\0\x01\n' }] },
  ],
  ['SETMETADATA "" (/a {1}\r\n\0)', 'BAD NUL needs a literal8'],
  ['SETMETADATA "" (/a nothing)', 'BAD Expected a value'],
  ['SETMETADATA "" (/a)', 'BAD Expected a space'],
  ['SETMETADATA "" /a "b"', 'BAD Expected ('],
  ['SETMETADATA "" ()', 'BAD The list is empty'],
]
for (const [line, want] of rows) {
  test(JSON.stringify(line), () => assert.deepEqual(readable(parseBody(line)), want))
}

/** Values as text. */
function readable(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (_key, value) =>
    value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value,
  )
}

test('LIST RETURN (METADATA (...)), RFC 9590', () => {
  const metadataOf = (line: string): unknown => {
    const result = parseLine(line)
    return result.ok && result.command.name === 'LIST' ? result.command.returns.metadata : result
  }
  assert.deepEqual(metadataOf('LIST "" % RETURN (METADATA ("/shared/a" /private/b) CHILDREN)'), [
    '/shared/a',
    '/private/b',
  ])
  assert.deepEqual(metadataOf('LIST "" % RETURN (CHILDREN)'), null)
  assert.equal(parseBody('LIST "" % RETURN (METADATA)'), 'BAD Expected a space')
})

test('a value that is written reads back the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 50 }), (text) => {
      if (text.includes('\0')) return
      const wire = Buffer.from(encodeString(text), 'latin1').toString('utf8')
      const values = [{ entry: '/private/a', value: text }]
      assert.deepEqual(readable(parseBody(`SETMETADATA INBOX (/private/a ${wire})`)), { ...set, values })
    }),
  )
})
