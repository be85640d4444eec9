import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseMessageUrl } from './imap-url.ts'
import type { MailboxName } from './mailbox-name.ts'

const whole = { part: [], text: 'all' }
const url = (mailbox: string, uid: number, more = {}) => ({
  server: null,
  mailbox,
  uidvalidity: null,
  uid,
  section: whole,
  partial: null,
  ...more,
})
const ours = { host: 'mail.example.test', port: null, user: null }

const rows: [url: string, base: string | null, want: unknown][] = [
  ['/INBOX/;UID=7', null, url('INBOX', 7)],
  ['/inbox/;uid=7', null, url('INBOX', 7)],
  [
    '/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER',
    'INBOX',
    url('Drafts', 20, { uidvalidity: 385759045, section: { part: [], text: 'header' } }),
  ],
  [
    '/A/B%20C;UIDVALIDITY=1/;UID=1/;SECTION=1.2',
    null,
    url('A/B C', 1, { uidvalidity: 1, section: { part: [1, 2], text: 'all' } }),
  ],
  [
    '/Entw%C3%BCrfe/;UID=1/;SECTION=1.2.MIME',
    null,
    url('Entwürfe', 1, { section: { part: [1, 2], text: 'mime' } }),
  ],
  [
    '/a/;UID=1/;SECTION=2.HEADER.FIELDS%20(Subject%20%22To%22)',
    null,
    url('a', 1, { section: { part: [2], text: 'header-fields', names: ['Subject', 'To'] } }),
  ],
  [
    '/a/;UID=1/;SECTION=TEXT/;PARTIAL=5.7',
    null,
    url('a', 1, { section: { part: [], text: 'text' }, partial: { offsetBytes: 5, countBytes: 7 } }),
  ],
  [
    '/a/;UID=1/;PARTIAL=5',
    null,
    url('a', 1, { partial: { offsetBytes: 5, countBytes: Number.MAX_SAFE_INTEGER } }),
  ],
  [';UID=3', 'Lists/dev', url('Lists/dev', 3)],
  [';UID=3/;SECTION=1', 'INBOX', url('INBOX', 3, { section: { part: [1], text: 'all' } })],
  ['ops/;UID=3', 'Lists/dev', url('Lists/ops', 3)],
  ['ops/;UID=3', null, url('ops', 3)],
  ['imap://mail.example.test/a/;UID=1', 'b', url('a', 1, { server: ours })],
  ['IMAP://Mail.Example.Test:2143/a/;UID=1', null, url('a', 1, { server: { ...ours, port: 2143 } })],
  [
    'imap://ann%40example.test@mail.example.test/a/;UID=1',
    null,
    url('a', 1, { server: { ...ours, user: 'ann@example.test' } }),
  ],
  ['imap://ann;AUTH=*@mail.example.test/a/;UID=1', null, url('a', 1, { server: { ...ours, user: 'ann' } })],
  ['//mail.example.test/a/;UID=1', null, url('a', 1, { server: ours })],

  ['', 'INBOX', null],
  ['/', 'INBOX', null],
  ['/INBOX', null, null], // a folder is no message
  ['/INBOX/;UID=0', null, null],
  ['/INBOX/;UID=4294967296', null, null],
  ['/INBOX/;UID=*', null, null],
  ['/INBOX;UIDVALIDITY=0/;UID=1', null, null],
  ['/INBOX/;UID=1/;SECTION=', null, null],
  ['/INBOX/;UID=1/;SECTION=1.FOO', null, null],
  ['/INBOX/;UID=1/;SECTION=MIME', null, null],
  ['/INBOX/;UID=1/;SECTION=1%5D%20x', null, null],
  ['/INBOX/;UID=1/;PARTIAL=0.0', null, null],
  ['/INBOX/;UID=1;EXPIRE=2030-01-01T00:00:00Z;URLAUTH=anonymous', null, null],
  ['/INBOX/;UID=1/', null, null],
  ['/;UID=1', 'INBOX', null],
  [';UID=1', null, null],
  ['/../x/;UID=1', null, null],
  ['/a//b/;UID=1', null, null],
  ['/%ff/;UID=1', null, null],
  ['/%0d%0a/;UID=1', null, null],
  ['/a b/;UID=1', null, null],
  ['/ü/;UID=1', null, null],
  ['http://mail.example.test/a/;UID=1', null, null],
  ['imap:///a/;UID=1', null, null],
  [`/${'a'.repeat(2_000)}/;UID=1`, null, null],
]

describe('parseMessageUrl', () => {
  for (const [text, base, want] of rows) {
    test(`${text.slice(0, 60)} from ${base}`, () =>
      assert.deepEqual(parseMessageUrl(text, base as MailboxName | null), want))
  }

  test('never throws, and takes little time', () => {
    const piece = fc.constantFrom(
      '/',
      ';UID=',
      '1',
      ';',
      '%',
      '%41',
      'imap://',
      '@',
      '/;SECTION=',
      '/;PARTIAL=',
      '.',
      'a',
      ':',
      'é',
      ']',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 300 }), (pieces) => {
        const before = process.cpuUsage() // what else the machine does is not counted
        parseMessageUrl(pieces.join(''), 'INBOX' as MailboxName)
        assert.ok(process.cpuUsage(before).user / 1000 < 200)
      }),
      { numRuns: 1_000 },
    )
  })
})
