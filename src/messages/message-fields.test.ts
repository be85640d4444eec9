import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fieldsOf, type MessageFields, peopleInListsMax } from './message-fields.ts'
import { parseMessage } from './mime/structure.ts'

function fields(header: string, extent?: 'whole' | 'short'): MessageFields {
  const { envelope, references } = parseMessage(Buffer.from(`${header}\r\n\r\n`))
  return fieldsOf({ ...envelope, references }, extent)
}

const rows: [header: string, want: Partial<MessageFields>][] = [
  [
    'X: y',
    { subject: null, from: [], to: [], sentAt: null, messageId: null, inReplyTo: null, references: [] },
  ],
  ['Subject:', { subject: '' }],
  ['Subject: =?utf-8?q?a=20=E2=82=AC?=', { subject: 'a €' }],
  ['Subject: =?utf-8?q?broken', { subject: '=?utf-8?q?broken' }],
  ['From: "A. Nn" <ann@a.test>', { from: [{ name: 'A. Nn', address: 'ann@a.test' }] }],
  [
    'From: =?utf-8?q?A=2C_B?= <ann@a.test>, bob@b.test',
    {
      from: [
        { name: 'A, B', address: 'ann@a.test' },
        { name: null, address: 'bob@b.test' },
      ],
    },
  ],
  ['To: root', { to: [{ name: null, address: 'root' }] }],
  [
    'To: friends: a@a.test, b@b.test;',
    {
      to: [
        { name: null, address: 'a@a.test' },
        { name: null, address: 'b@b.test' },
      ],
    },
  ],
  ['To: undisclosed-recipients:;', { to: [] }],
  [
    'To: a@a.test\r\nTo: b@b.test',
    {
      to: [
        { name: null, address: 'a@a.test' },
        { name: null, address: 'b@b.test' },
      ],
    },
  ],
  [
    'From: a@a.test',
    { replyTo: [{ name: null, address: 'a@a.test' }], sender: [{ name: null, address: 'a@a.test' }] },
  ],
  ['From: a@a.test\r\nReply-To: b@b.test', { replyTo: [{ name: null, address: 'b@b.test' }] }],
  ['Date: Mon, 2 Mar 2026 10:00:00 +0100', { sentAt: new Date('2026-03-02T09:00:00Z') }],
  ['Date: yesterday', { sentAt: null }],
  ['Date: 31 Feb 2026', { sentAt: null }],
  ['Message-ID: <a@x>', { messageId: 'a@x' }],
  ['Message-ID: a@x', { messageId: 'a@x' }],
  ['In-Reply-To: <a@x> <b@x>', { inReplyTo: 'a@x' }],
  ['In-Reply-To: Your message of Monday', { inReplyTo: null }],
  ['References: <a@x>\r\n <b@x>', { references: ['a@x', 'b@x'] }],
]
for (const [header, want] of rows) {
  test(`the fields of ${header.slice(0, 70)}`, () => {
    const found = fields(header)
    assert.deepEqual(Object.fromEntries(Object.keys(want).map((name) => [name, Object(found)[name]])), want)
  })
}

test('a list has the beginning of what is long', () => {
  const people = Array.from({ length: 200 }, (_, n) => `${'n'.repeat(500)} <p${n}@x.test>`).join(', ')
  const header = `Subject: ${'s'.repeat(5000)}\r\nTo: ${people}`
  const [whole, short] = [fields(header), fields(header, 'short')]
  assert.deepEqual([whole.to.length, whole.subject?.length], [200, 5000])
  assert.deepEqual([short.to.length, short.subject?.length], [peopleInListsMax, 1000])
  assert.equal(short.to[0]?.name?.length, 200)
})

test('nothing makes it throw, and all of it is well-formed', () => {
  const line = fc.tuple(
    fc.constantFrom('Subject', 'From', 'To', 'Date', 'Message-ID', 'In-Reply-To', 'References'),
    fc.string({ unit: 'binary' }),
  )
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const found = fields(lines.map(([name, value]) => `${name}: ${value}`).join('\r\n'))
      assert.ok(JSON.stringify(found).isWellFormed())
      if (found.sentAt !== null) assert.ok(!Number.isNaN(found.sentAt.getTime()))
    }),
  )
})
