/** What APPEND and REPLACE take: CATENATE, UTF8 data and literal8, whole and while a literal is only announced. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Segment } from './framing.ts'
import { classifyLiteral } from './parse-append.ts'
import { parseBody } from './testing.ts'

const noFlags = { system: [], keywords: [] }
const literal = (text: string, binary = false) => ({ kind: 'literal', bytes: Buffer.from(text), binary })
const text = (content: string) => ({ kind: 'text', literal: literal(content), utf8: false })
const catenated = (...parts: unknown[]) => ({
  flags: noFlags,
  internalDate: null,
  data: { kind: 'catenate', parts },
})
const plain = (content: string) => ({
  flags: noFlags,
  internalDate: null,
  data: { kind: 'message', literal: literal(content), utf8: false },
})
const append = (...messages: unknown[]) => ({ name: 'APPEND', mailbox: 'a', messages })

const rows: [line: string, want: unknown][] = [
  ['APPEND a CATENATE (URL /a/;UID=1)', append(catenated({ kind: 'url', url: '/a/;UID=1' }))],
  [
    'append a catenate (url "/a b" text {2}\r\nhi URL {3}\r\n;;;)',
    append(catenated({ kind: 'url', url: '/a b' }, text('hi'), { kind: 'url', url: ';;;' })),
  ],
  [
    'APPEND a CATENATE (TEXT {1}\r\nx) {1}\r\ny CATENATE (TEXT {1}\r\nz)',
    append(catenated(text('x')), plain('y'), catenated(text('z'))),
  ],
  ['APPEND a CATENATE (TEXT ~{1}\r\nx)', append(catenated({ ...text(''), literal: literal('x', true) }))],
  [
    'APPEND a CATENATE (UTF8 (~{1}\r\nx))',
    append(catenated({ kind: 'text', literal: literal('x', true), utf8: true })),
  ],
  ['APPEND a CATENATE ()', 'BAD Expected TEXT or URL'],
  ['APPEND a CATENATE', 'BAD Expected a space'],
  ['APPEND a CATENATE (TEXT "x")', 'BAD Expected a literal'],
  ['APPEND a CATENATE (TEXT {1}\r\nx', 'BAD Expected )'],
  ['APPEND a CATENATE (TEXT {1}\r\nx )', 'BAD Expected TEXT or URL'],
  ['APPEND a CATENATE (URL)', 'BAD Expected a space'],
  ['APPEND a CATENATE (UTF8 ({1}\r\nx))', 'BAD Expected a literal8'],

  ['REPLACE 3 a {1}\r\nx', { name: 'REPLACE', uid: false, message: 3, mailbox: 'a', messages: [plain('x')] }],
  [
    'UID REPLACE * {1}\r\na {1}\r\nx',
    { name: 'REPLACE', uid: true, message: '*', mailbox: 'a', messages: [plain('x')] },
  ],
  [
    'UID REPLACE 3 a CATENATE (URL x)',
    {
      name: 'REPLACE',
      uid: true,
      message: 3,
      mailbox: 'a',
      messages: [catenated({ kind: 'url', url: 'x' })],
    },
  ],
  ['REPLACE 0 a {1}\r\nx', 'BAD Expected a number above 0'],
  ['REPLACE 1:2 a {1}\r\nx', 'BAD Expected a space'],
  ['REPLACE $ a {1}\r\nx', 'BAD Expected a number'],
  ['REPLACE 1 a {1}\r\nx {1}\r\ny', 'BAD Unexpected text after the arguments'],
  ['REPLACE 1 a', 'BAD Expected a space'],
]
describe('parseCommand of messages', () => {
  for (const [line, want] of rows) test(line.slice(0, 60), () => assert.deepEqual(parseBody(line), want))
})

/** `\u0001` stands for an earlier literal of a message, which was streamed. */
const announcements: [before: string, want: string][] = [
  ['a APPEND b CATENATE (TEXT ', 'append-message APPEND 1.1'],
  ['a APPEND b CATENATE (URL x TEXT ', 'append-message APPEND 1.2'],
  ['a APPEND b CATENATE (TEXT \u0001 URL x) (\\Seen) ', 'append-message APPEND 2.1'],
  ['a APPEND b \u0001 CATENATE (UTF8 (', 'append-message APPEND 2.1'],
  ['a APPEND b CATENATE (URL ', 'argument a'],
  ['a APPEND b CATENATE (TEXT \u0001 URL ', 'argument a'],
  ['a APPEND ', 'argument a'],
  ['a REPLACE 1 ', 'argument a'],
  ['a UID REPLACE 1 ', 'argument a'],
  ['a UID STORE 1 ', 'argument a'],
  ['a REPLACE 1 b ', 'append-message REPLACE 1.1'],
  ['a uid replace * b (\\Seen) CATENATE (URL x TEXT ', 'append-message REPLACE 1.2'],
  ['a APPEND b CATENATE (FILE ', 'fault BAD'],
  ['a APPEND b CATENATE ', 'fault BAD'],
  ['a REPLACE x b ', 'fault BAD'],
  ['a REPLACE 1 b \u0001 ', 'fault BAD'],
]
describe('classifyLiteral', () => {
  for (const [before, want] of announcements) {
    test(before, () => {
      const texts = before.split('\u0001')
      const segmentsSoFar = texts.flatMap((piece, at): Segment[] => {
        const streamed: Segment[] = at === 0 ? [] : [{ kind: 'streamed', sizeBytes: 9, binary: true }]
        return [...streamed, { kind: 'text', bytes: Buffer.from(piece) }]
      })
      const use = classifyLiteral({ segmentsSoFar, sizeBytes: 5, binary: true })
      if (use.kind === 'argument') return assert.equal(`argument ${use.tag}`, want)
      if (use.kind === 'fault') return assert.equal(`fault ${use.fault.condition}`, want)
      const { name, messages } = use.command
      const data = messages.at(-1)?.data
      const parts = data?.kind === 'catenate' ? data.parts.length : 1
      assert.equal(`append-message ${name} ${messages.length}.${parts}`, want)
    })
  }
})
