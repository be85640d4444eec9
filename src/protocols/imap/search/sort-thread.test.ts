/** SORT and THREAD over the wire: RFC 5256, RFC 5957 and the ESORT of RFC 5267. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import { type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

/** Message numbers 1 to 6, UIDs 2 to 7. */
const messages = [
  {
    from: '"Zoe Z" <ann@b.test>',
    to: 'team: x@b.test, y@b.test;',
    cc: 'Late <late@b.test>',
    subject: 'Re: trip',
    date: 'Tue, 2 Jan 2024 10:00:00 +0000',
    more: 'Message-ID: <2@x>\r\nReferences: <1@x>\r\n',
    size: 10,
  },
  {
    from: 'carl@b.test',
    to: '=?utf-8?Q?=C3=89mile?= <emile@b.test>',
    cc: 'early@b.test',
    subject: 'Trip',
    date: 'Tue, 2 Jan 2024 10:30:00 +0100',
    more: 'Message-ID: <1@x>\r\n',
    size: 500,
  },
  {
    from: 'Bob <bob@b.test>',
    to: 'Ernst <ernst@b.test>',
    cc: null,
    subject: 'agenda',
    date: 'Mon, 1 Jan 2024 00:00:00 +0000',
    more: 'Message-ID: <3@x>\r\n',
    size: 200,
  },
  {
    from: 'bob@a.test',
    to: 'Eva <eva@b.test>',
    cc: null,
    subject: '[team] Re: Agenda (fwd)',
    date: 'Wed, 3 Jan 2024 00:00:00 +0000',
    more: 'Message-ID: <4@x>\r\nIn-Reply-To: Your mail of yesterday <2@x>\r\n',
    size: 10,
  },
  { from: null, to: null, cc: null, subject: null, date: null, more: '', size: 300 },
  {
    from: 'Ann <zed@b.test>',
    to: 'a@b.test',
    cc: null,
    subject: 'Re: agenda',
    date: 'Thu, 4 Jan 2024 00:00:00 +0000',
    more: 'Message-ID: <5@x>\r\nReferences: <gone@x>\r\n',
    size: 100,
  },
]

function write({ from, to, cc, subject, date, more, size }: (typeof messages)[number]): string {
  const fields = Object.entries({ From: from, To: to, Cc: cc, Subject: subject, Date: date })
  const written = fields.map(([name, value]) => (value === null ? '' : `${name}: ${value}\r\n`)).join('')
  return `${written}${more}\r\n${'x'.repeat(size)}\r\n`
}

let imap: TestImap
let client: RawClient
before(async () => {
  imap = await startTestImap()
  client = await imap.logIn()
  await client.append('INBOX', 'Subject: to be removed\r\n\r\n')
  await client.ok('SELECT INBOX')
  await client.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await client.ok('EXPUNGE')
  for (const [at, message] of messages.entries()) {
    await client.append('INBOX', write(message), `"0${6 - at}-Feb-2024 00:00:00 +0000" `)
  }
  await client.ok('NOOP')
})
after(() => imap[Symbol.asyncDispose]())

async function ask(command: string): Promise<string[]> {
  const { untagged, tagged } = await client.run(command)
  return [...untagged.map((line) => line.replace(/TAG "t\d+"/, 'TAG "T"')), tagged.replace(/ .*/, '')]
}

const rows: [command: string, untagged: string][] = [
  ['SORT (ARRIVAL) UTF-8 ALL', '* SORT 6 5 4 3 2 1'],
  ['UID SORT (ARRIVAL) UTF-8 ALL', '* SORT 7 6 5 4 3 2'],
  ['SORT (REVERSE ARRIVAL) UTF-8 ALL', '* SORT 1 2 3 4 5 6'],
  ['SORT (DATE) UTF-8 ALL', '* SORT 3 2 1 4 6 5'], // 5 has none: its internal date is in February
  ['SORT (SUBJECT) UTF-8 ALL', '* SORT 5 3 4 6 1 2'],
  ['SORT (SUBJECT REVERSE DATE) UTF-8 ALL', '* SORT 5 6 4 3 1 2'],
  ['SORT (REVERSE SUBJECT) UTF-8 ALL', '* SORT 1 2 3 4 6 5'],
  ['SORT (SIZE) UTF-8 SMALLER 400', '* SORT 4 1 6 5 3'],
  ['SORT (FROM) UTF-8 ALL', '* SORT 5 1 3 4 2 6'],
  ['SORT (TO) UTF-8 ALL', '* SORT 5 6 2 3 4 1'], // the group's name stands for its start
  ['SORT (CC REVERSE ARRIVAL) UTF-8 ALL', '* SORT 3 4 5 6 2 1'],
  ['SORT (DISPLAYFROM) UTF-8 ALL', '* SORT 5 6 3 4 2 1'],
  ['SORT (DISPLAYTO) UTF-8 ALL', '* SORT 5 6 3 4 2 1'],
  ['SORT (SUBJECT) US-ASCII TEXT "not in mailbox"', '* SORT'],
  ['SORT (SUBJECT) UTF-8 2:4', '* SORT 3 4 2'],
  ['SORT RETURN () (DATE) UTF-8 ALL', '* ESEARCH (TAG "T") ALL 3,2,1,4,6,5'],
  ['UID SORT RETURN (MIN MAX COUNT) (DATE) UTF-8 ALL', '* ESEARCH (TAG "T") UID MIN 4 MAX 6 COUNT 6'],
  ['SORT RETURN (PARTIAL 2:4) (DATE) UTF-8 ALL', '* ESEARCH (TAG "T") PARTIAL (2:4 2,1,4)'],
  ['SORT RETURN (PARTIAL -1:-2) (DATE) UTF-8 ALL', '* ESEARCH (TAG "T") PARTIAL (-1:-2 6,5)'],
  ['SORT RETURN (ALL) (REVERSE ARRIVAL) UTF-8 ALL', '* ESEARCH (TAG "T") ALL 1:6'],
  // 3, 4 and 6 are of one subject, but 4 is a reply to 1 and so no thread of its own.
  ['THREAD REFERENCES UTF-8 ALL', '* THREAD (3 6)(2 1 4)(5)'],
  ['UID THREAD REFERENCES UTF-8 ALL', '* THREAD (4 7)(3 2 5)(6)'],
  ['THREAD REFERENCES UTF-8 1,4', '* THREAD (1 4)'],
  ['THREAD REFERENCES UTF-8 DRAFT', '* THREAD'],
  ['THREAD ORDEREDSUBJECT UTF-8 ALL', '* THREAD (3 (4)(6))(2 1)(5)'],
  ['UID THREAD ORDEREDSUBJECT UTF-8 ALL', '* THREAD (4 (5)(7))(3 2)(6)'],
]
describe('SORT and THREAD', () => {
  for (const [command, untagged] of rows) {
    test(command, async () => assert.deepEqual(await ask(command), [untagged, 'OK']))
  }

  test('a sorted result is not kept up to date', async () => {
    const { untagged, tagged } = await client.run('SORT RETURN (UPDATE COUNT) (DATE) UTF-8 ALL')
    assert.match(untagged[0] ?? '', /^\* ESEARCH \(TAG "t\d+"\) COUNT 6$/)
    assert.match(untagged[1] ?? '', /^\* NO \[NOUPDATE "t\d+"\] /)
    assert.match(tagged, /^OK /)
  })

  test('references of a body that was stored without them are read from its header', async () => {
    await sql`update bodies set envelope = (envelope::jsonb - 'references')::json`.execute(
      imap.test.platform.db,
    )
    assert.deepEqual(await ask('THREAD REFERENCES UTF-8 ALL'), ['* THREAD (3 6)(2 1 4)(5)', 'OK'])
  })
})
