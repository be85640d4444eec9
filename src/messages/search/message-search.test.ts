import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeCursor } from '../../platform/pages.ts'
import { append, folderIdOf } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { flagBits } from '../flags.ts'
import { parseMessageQuery } from './message-query.ts'
import { searchMailbox } from './message-search.ts'
import { indexFolder } from './search-index-jobs.ts'

let t: TestPlatform
let box: TestMailbox

type Message = [folder: string, day: number, from: string, subject: string, text: string, flags?: number]
const messages: Message[] = [
  ['INBOX', 1, 'Ann <ann@a.test>', 'first invoice', 'please pay 100 coins'],
  ['INBOX', 2, 'Bob <bob@b.test>', 'lunch', 'the invoice came with ann', flagBits.seen],
  ['Archive', 3, 'Ann <ann@a.test>', 'old news', 'pay attention', flagBits.flagged],
  ['Sent', 4, 'Me <me@demo.test>', 'Re: invoice', 'paid in full', flagBits.seen],
  ['Trash', 5, 'Spam <spam@s.test>', 'invoice for you', 'click'],
]

function raw([, , from, subject, text]: Message): Buffer {
  const plain = `Content-Type: text/plain\r\n\r\n${text}\r\n`
  if (subject !== 'old news') return Buffer.from(`From: ${from}\r\nSubject: ${subject}\r\n${plain}`)
  const file = 'Content-Type: application/pdf; name="a.pdf"\r\nContent-Disposition: attachment\r\n\r\nx\r\n'
  return Buffer.from(
    `From: ${from}\r\nSubject: ${subject}\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\n${plain}--q\r\n${file}--q--\r\n`,
  )
}

before(async () => {
  t = await startTestPlatform()
  box = await t.createMailbox()
  for (const message of messages) {
    const folderId = await folderIdOf(t.platform, box.mailboxId, message[0])
    const internalDate = new Date(Date.UTC(2024, 0, message[1]))
    await append(t.platform, box.owner, folderId, [raw(message)], { internalDate, flags: message[5] ?? 0 })
  }
})
after(() => t[Symbol.asyncDispose]())

/** The days of what is found. */
async function find(text: string, limit = 50): Promise<number[]> {
  const parsed = parseMessageQuery(text)
  assert.ok(parsed.ok)
  const days: number[] = []
  for (let cursor: string | null = null; ; ) {
    const page = await searchMailbox(t.platform, box.mailboxId, parsed.query, {
      limit,
      after: cursor === null ? null : decodeCursor(cursor),
    })
    days.push(...page.rows.map(({ internalDate }) => internalDate.getUTCDate()))
    cursor = page.nextCursor
    if (cursor === null) return days
  }
}

const rows: [query: string, days: number[]][] = [
  ['', [4, 3, 2, 1]],
  ['invoice', [4, 2, 1]],
  ['INVOICE ann', [2, 1]],
  ['"first invoice"', [1]],
  ['"invoice first"', []],
  ['from:ann', [3, 1]],
  ['from:ann pay', [3, 1]],
  ['-from:ann', [4, 2]],
  ['subject:invoice', [4, 1]],
  ['after:2024-01-02 before:2024-01-04', [3, 2]],
  ['is:unread', [3, 1]],
  ['is:flagged', [3]],
  ['has:attachment', [3]],
  ['-has:attachment is:unread', [1]],
  ['in:trash invoice', [5]],
  ['in:anywhere invoice', [5, 4, 2, 1]],
  ['in:Archive', [3]],
  ['in:nowhere', []],
]
for (const [query, days] of rows) {
  test(`${query} finds ${days.length}`, async () => {
    assert.deepEqual(await find(query), days)
    assert.deepEqual(await find(query, 1), days, 'one at a time')
  })
}

test('the same with an index', async () => {
  for (const path of ['INBOX', 'Archive', 'Sent', 'Trash']) {
    const folderId = await folderIdOf(t.platform, box.mailboxId, path)
    await indexFolder(t.platform, { mailboxId: box.mailboxId, folderId })
  }
  for (const [query, days] of rows) assert.deepEqual(await find(query), days, query)
})
