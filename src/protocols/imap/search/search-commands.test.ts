/** SEARCH over the wire: ESEARCH, SEARCHRES, PARTIAL and CONDSTORE, after the examples of their RFCs. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../../testing/test-imap.ts'

let imap: TestImap
let client: RawClient
before(async () => {
  imap = await startTestImap()
  client = await imap.logIn()
  await client.ok('CREATE Other')
  for (const [at, subject] of ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven'].entries()) {
    await client.append('INBOX', mail(`${subject} of eight`), at % 2 === 0 ? '(\\Flagged) ' : '(keyw) ')
  }
  await client.ok('SELECT INBOX')
  // UIDs 1 to 8; message numbers 1 to 7, and no UID 3.
  await client.ok('UID STORE 3 +FLAGS.SILENT (\\Deleted)')
  await client.ok('EXPUNGE')
})
after(() => imap[Symbol.asyncDispose]())

/** What comes untagged, with T for the tag, and the tagged answer. */
async function ask(command: string, on = client): Promise<string[]> {
  const { untagged, tagged } = await on.run(command)
  return [...untagged.map((line) => line.replace(/TAG "t\d+"/, 'TAG "T"')), tagged.replace(/ .*/, '')]
}

// Flagged: UIDs 1 5 7, numbers 1 4 6.
const rows: [command: string, untagged: string[]][] = [
  ['SEARCH FLAGGED', ['* SEARCH 1 4 6']],
  ['UID SEARCH FLAGGED', ['* SEARCH 1 5 7']],
  ['SEARCH DRAFT', ['* SEARCH']],
  // RFC 4731 §3.1
  ['SEARCH RETURN (MIN COUNT) FLAGGED', ['* ESEARCH (TAG "T") MIN 1 COUNT 3']],
  ['SEARCH RETURN () FLAGGED', ['* ESEARCH (TAG "T") ALL 1,4,6']],
  ['SEARCH RETURN (MIN) UNFLAGGED', ['* ESEARCH (TAG "T") MIN 2']],
  ['UID SEARCH RETURN (MIN MAX) 1:5000', ['* ESEARCH (TAG "T") UID MIN 1 MAX 8']],
  ['SEARCH RETURN (COUNT) DELETED', ['* ESEARCH (TAG "T") COUNT 0']],
  ['SEARCH RETURN (MIN MAX ALL) DELETED', ['* ESEARCH (TAG "T")']],
  ['UID SEARCH RETURN (ALL) ALL', ['* ESEARCH (TAG "T") UID ALL 1:2,4:8']],
  // RFC 9394 §3.1
  ['UID SEARCH RETURN (PARTIAL -1:-2) UNDELETED', ['* ESEARCH (TAG "T") UID PARTIAL (-1:-2 7:8)']],
  ['UID SEARCH RETURN (PARTIAL 6:500) UNDELETED', ['* ESEARCH (TAG "T") UID PARTIAL (6:500 7:8)']],
  ['UID SEARCH RETURN (PARTIAL 1:3) UNDELETED', ['* ESEARCH (TAG "T") UID PARTIAL (1:3 1:2,4)']],
  ['UID SEARCH RETURN (PARTIAL 24000:24500) ALL', ['* ESEARCH (TAG "T") UID PARTIAL (24000:24500 NIL)']],
  ['SEARCH RETURN (PARTIAL 1:2 COUNT) ALL', ['* ESEARCH (TAG "T") COUNT 7 PARTIAL (1:2 1:2)']],
  // RFC 5032
  ['SEARCH YOUNGER 3600', ['* SEARCH 1 2 3 4 5 6 7']],
  ['SEARCH OLDER 3600', ['* SEARCH']],
  // RFC 8514, RFC 8474
  ['SEARCH SAVEDATESUPPORTED SAVEDSINCE 1-Jan-2020 FLAGGED', ['* SEARCH 1 4 6']],
  ['SEARCH EMAILID Mnone', ['* SEARCH']],
  ['SEARCH CHARSET UTF-8 SUBJECT two', ['* SEARCH']],
  ['SEARCH CHARSET koi8-r SUBJECT three', ['* SEARCH 3']],
]
describe('results', () => {
  for (const [command, untagged] of rows) {
    test(command, async () => assert.deepEqual(await ask(command), [...untagged, 'OK']))
  }

  test('unknown charsets', async () => {
    const answer = await client.run('SEARCH CHARSET X-NO TEXT x')
    assert.deepEqual(answer, { untagged: [], tagged: 'NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset' })
    assert.match((await client.run('SORT (DATE) X-NO ALL')).tagged, /^NO \[BADCHARSET /)
    assert.match((await client.run('THREAD REFERENCES X-NO ALL')).tagged, /^NO \[BADCHARSET /)
  })
})

// RFC 5182 §2.2 to §2.4, RFC 9394 §3.2: what is saved, and then what $ finds.
const saving: [command: string, untagged: string[], saved: string][] = [
  ['SEARCH RETURN (SAVE) FLAGGED', [], '1 5 7'],
  ['UID SEARCH RETURN (SAVE) UNFLAGGED', [], '2 4 6 8'],
  ['SEARCH RETURN (SAVE) DRAFT', [], ''],
  ['SEARCH RETURN (SAVE MIN) FLAGGED', ['* ESEARCH (TAG "T") MIN 1'], '1'],
  ['UID SEARCH RETURN (SAVE MAX) FLAGGED', ['* ESEARCH (TAG "T") UID MAX 7'], '7'],
  ['SEARCH RETURN (MIN SAVE MAX) FLAGGED', ['* ESEARCH (TAG "T") MIN 1 MAX 6'], '1 7'],
  ['SEARCH RETURN (SAVE COUNT MIN) FLAGGED', ['* ESEARCH (TAG "T") MIN 1 COUNT 3'], '1 5 7'],
  ['SEARCH RETURN (SAVE ALL) FLAGGED', ['* ESEARCH (TAG "T") ALL 1,4,6'], '1 5 7'],
  ['SEARCH RETURN (SAVE PARTIAL -1:-2) FLAGGED', ['* ESEARCH (TAG "T") PARTIAL (-1:-2 4,6)'], '5 7'],
  ['SEARCH RETURN (SAVE PARTIAL 2:2 MIN) FLAGGED', ['* ESEARCH (TAG "T") MIN 1 PARTIAL (2:2 4)'], '1 5'],
  ['SORT RETURN (SAVE) (REVERSE ARRIVAL) UTF-8 FLAGGED', [], '1 5 7'],
]
describe('the saved result', () => {
  for (const [command, untagged, saved] of saving) {
    test(command, async () => {
      assert.deepEqual(await ask(command), [...untagged, 'OK'])
      assert.deepEqual(await ask('UID SEARCH $'), [`* SEARCH ${saved}`.trim(), 'OK'])
      assert.deepEqual(await ask('UID SEARCH UID $'), [`* SEARCH ${saved}`.trim(), 'OK'])
    })
  }

  test('commands that take a set take it, sent ahead or not', async () => {
    const other = await imap.logIn()
    await other.ok('SELECT INBOX')
    other.send(
      'a SEARCH RETURN (SAVE) FLAGGED\r\nb FETCH $ UID\r\nc UID FETCH $ UID\r\nd UID COPY $ Other\r\n',
    )
    assert.deepEqual((await other.answer('a')).untagged, [])
    const fetched = ['* 1 FETCH (UID 1)', '* 4 FETCH (UID 5)', '* 6 FETCH (UID 7)']
    assert.deepEqual((await other.answer('b')).untagged, fetched)
    assert.deepEqual((await other.answer('c')).untagged, fetched)
    assert.match((await other.answer('d')).tagged, /^OK \[COPYUID \d+ 1,5,7 1:3\]/)
    assert.deepEqual(await ask('SEARCH OR $ 2', other), ['* SEARCH 1 2 4 6', 'OK'])
    assert.deepEqual(await ask('SEARCH NOT $', other), ['* SEARCH 2 3 5 7', 'OK'])
    assert.deepEqual(await ask('SEARCH RETURN (SAVE) $ 4:*', other), ['OK'])
    assert.deepEqual(await ask('SEARCH $', other), ['* SEARCH 4 6', 'OK'])
    assert.deepEqual(await ask('STORE $ +FLAGS.SILENT (done)', other), ['OK'])
    assert.deepEqual(await ask('UID SEARCH KEYWORD done', other), ['* SEARCH 5 7', 'OK'])
    await other.ok('EXAMINE INBOX')
    assert.deepEqual(await ask('SEARCH $', other), ['* SEARCH', 'OK'])
    assert.deepEqual(await ask('FETCH $ UID', other), ['OK'])
    other.close()
  })

  test('what fails with NO empties it, what is BAD or does not save leaves it', async () => {
    await client.ok('SEARCH RETURN (SAVE) FLAGGED')
    for (const command of [
      'SEARCH RETURN (SAVE) X-NO',
      'SEARCH RETURN (SAVE X) ALL',
      'SEARCH CHARSET X-NO ALL',
      'SEARCH ALL',
    ]) {
      await client.run(command)
      assert.deepEqual(await ask('UID SEARCH $'), ['* SEARCH 1 5 7', 'OK'], command)
    }
    assert.match((await client.run('SEARCH RETURN (SAVE) CHARSET X-NO $')).tagged, /^NO \[BADCHARSET /)
    assert.deepEqual(await ask('UID SEARCH $'), ['* SEARCH', 'OK'])
  })

  test('expunged messages fall out of it', async () => {
    const session = await imap.logIn()
    await session.ok('SELECT Other')
    for (const subject of ['a', 'b', 'c']) await session.append('Other', mail(subject))
    await session.ok('UID SEARCH RETURN (SAVE) ALL')
    const [, ...before] = (await session.ok('UID SEARCH $'))[0]?.split(' ').slice(1) ?? []
    await session.ok('STORE 2 +FLAGS.SILENT (\\Deleted)')
    await session.ok('EXPUNGE')
    assert.deepEqual(await ask('UID SEARCH $', session), [
      `* SEARCH ${before.filter((_, at) => at !== 1).join(' ')}`,
      'OK',
    ])
    await session.ok('STORE $ +FLAGS.SILENT (\\Deleted)')
    await session.ok('UID EXPUNGE $')
    assert.deepEqual(await ask('SEARCH RETURN (COUNT) $', session), ['* ESEARCH (TAG "T") COUNT 0', 'OK'])
    session.close()
  })
})

test('MODSEQ', async () => {
  const session = await imap.logIn()
  await session.ok('CREATE Modseqs')
  for (const subject of ['a', 'bb', 'ccc']) await session.append('Modseqs', mail(subject))
  await session.ok('SELECT Modseqs')
  const answer = await session.ok('SEARCH MODSEQ 1')
  assert.match(answer[0] ?? '', /^\* OK \[HIGHESTMODSEQ 4\]/) // RFC 7162 §3.1: it enables CONDSTORE
  assert.equal(answer[1], '* SEARCH 1 2 3 (MODSEQ 4)')
  await session.ok('STORE 1 +FLAGS.SILENT (\\Seen)')
  const later: [command: string, untagged: string][] = [
    ['SEARCH MODSEQ "/flags/\\\\draft" all 3', '* SEARCH 1 2 3 (MODSEQ 5)'],
    ['SEARCH MODSEQ 4 UNSEEN', '* SEARCH 3 (MODSEQ 4)'],
    ['SEARCH MODSEQ 99', '* SEARCH'],
    ['SEARCH OR NOT MODSEQ 720162338 LARGER 50000', '* SEARCH 1 2 3 (MODSEQ 5)'],
    ['SEARCH RETURN (ALL) MODSEQ 4', '* ESEARCH (TAG "T") ALL 1,3 MODSEQ 5'],
    // RFC 4731 §3.2
    ['SEARCH RETURN (MIN) MODSEQ 1', '* ESEARCH (TAG "T") MIN 1 MODSEQ 5'],
    ['SEARCH RETURN (MAX) MODSEQ 1', '* ESEARCH (TAG "T") MAX 3 MODSEQ 4'],
    ['SEARCH RETURN (MIN MAX) MODSEQ 1', '* ESEARCH (TAG "T") MIN 1 MAX 3 MODSEQ 5'],
    ['SEARCH RETURN (MAX COUNT) MODSEQ 1', '* ESEARCH (TAG "T") MAX 3 COUNT 3 MODSEQ 5'],
    ['SEARCH RETURN (PARTIAL 2:3) MODSEQ 1', '* ESEARCH (TAG "T") PARTIAL (2:3 2:3) MODSEQ 4'],
    ['SEARCH RETURN (COUNT) MODSEQ 99', '* ESEARCH (TAG "T") COUNT 0'],
    ['SORT (REVERSE SIZE) UTF-8 MODSEQ 4', '* SORT 3 1 (MODSEQ 5)'],
    ['SORT RETURN (ALL) (REVERSE SIZE) UTF-8 MODSEQ 4', '* ESEARCH (TAG "T") ALL 3,1 MODSEQ 5'],
    ['THREAD REFERENCES UTF-8 MODSEQ 4', '* THREAD (1)(3)'], // RFC 7162 §3.1.9
    ['SEARCH ALL', '* SEARCH 1 2 3'],
  ]
  for (const [command, untagged] of later) {
    assert.deepEqual(await ask(command, session), [untagged, 'OK'], command)
  }
  session.close()
})

test('IMAP4rev2 answers with ESEARCH, UTF8=ACCEPT knows no other charset', async () => {
  const session = await imap.logIn()
  await session.ok('ENABLE IMAP4rev2 UTF8=ACCEPT')
  await session.ok('SELECT INBOX')
  assert.deepEqual(await ask('SEARCH FLAGGED', session), ['* ESEARCH (TAG "T") ALL 1,4,6', 'OK'])
  assert.deepEqual(await ask('UID SEARCH DRAFT', session), ['* ESEARCH (TAG "T") UID', 'OK'])
  assert.deepEqual(await ask('SORT (ARRIVAL) UTF-8 FLAGGED', session), ['* SORT 1 4 6', 'OK'])
  assert.deepEqual(await ask('SEARCH CHARSET UTF-8 2', session), ['* ESEARCH (TAG "T") ALL 2', 'OK'])
  assert.deepEqual(await ask('SEARCH CHARSET koi8-r 2', session), ['BAD']) // RFC 6855 §3
  assert.deepEqual(await ask('SORT (ARRIVAL) koi8-r 2', session), ['BAD'])
  assert.deepEqual(await ask('THREAD REFERENCES koi8-r 2', session), ['BAD'])
  session.close()
})
