import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { decodeCursor } from '../../platform/pages.ts'
import { append, folderIdOf, inTransaction, mail } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { copyMessages } from '../copies.ts'
import { flagBits } from '../flags.ts'
import { getThread, listThreads, readHiddenFolders, type ThreadFilter } from './thread-list.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const everything: ThreadFilter = { withoutFolders: [] }

async function add(
  box: TestMailbox,
  path: string,
  day: number,
  id: string,
  inReplyTo?: string,
  flags = 0,
): Promise<string> {
  const folderId = await folderIdOf(t.platform, box.mailboxId, path)
  const raw = mail(inReplyTo === undefined ? { id } : { id, inReplyTo })
  const internalDate = new Date(Date.UTC(2024, 0, day))
  const [stored] = await append(t.platform, box.owner, folderId, [raw], { internalDate, flags })
  assert.ok(stored)
  return stored.threadId
}

async function listAll(box: TestMailbox, limit: number, filter = everything) {
  const threads = []
  for (let cursor: string | null = null; ; ) {
    const page = await listThreads(t.platform, box.mailboxId, filter, {
      limit,
      after: cursor === null ? null : decodeCursor(cursor),
    })
    threads.push(...page.rows)
    cursor = page.nextCursor
    if (cursor === null) return threads
  }
}

test('threads stand where their newest message does, whatever was stored when, and each once', async () => {
  const box = await t.createMailbox()
  const first = await add(box, 'INBOX', 10, 'a@x')
  const second = await add(box, 'INBOX', 5, 'b@x', undefined, flagBits.seen)
  const third = await add(box, 'Archive', 20, 'c@x') // stored before the reply that is older
  assert.equal(await add(box, 'Sent', 12, 'a2@x', 'a@x', flagBits.seen | flagBits.flagged), first)
  assert.equal(await add(box, 'INBOX', 1, 'c0@x', 'c@x'), third)
  const expected = [third, first, second]
  for (const limit of [1, 2, 3, 50]) {
    assert.deepEqual(
      (await listAll(box, limit)).map(({ id }) => id),
      expected,
      `pages of ${limit}`,
    )
  }
  const threads = await listAll(box, 50)
  assert.deepEqual(
    threads.map(({ messageCount, unseenCount, isFlagged }) => [messageCount, unseenCount, isFlagged]),
    [
      [2, 2, false],
      [2, 1, true],
      [1, 0, false],
    ],
  )
  assert.equal(threads[1]?.newest.envelope.messageId, '<a2@x>')
})

test('a copy is no activity and no message of its own', async () => {
  const box = await t.createMailbox()
  const thread = await add(box, 'INBOX', 3, 'a@x')
  await add(box, 'INBOX', 9, 'b@x')
  await add(box, 'INBOX', 4, 'a2@x', 'a@x')
  const [inbox, archive] = await Promise.all(
    ['INBOX', 'Archive'].map((path) => folderIdOf(t.platform, box.mailboxId, path)),
  )
  assert.ok(inbox && archive)
  await inTransaction(t.platform, (tx) =>
    copyMessages(t.platform, tx, box.owner, inbox, [{ first: 1, last: 3 }], archive),
  )
  const threads = await listAll(box, 1)
  assert.deepEqual(
    threads.map(({ id, messageCount }) => [id === thread, messageCount]),
    [
      [false, 1],
      [true, 2],
    ],
  )
  const messages = await getThread(t.platform, box.mailboxId, thread)
  assert.deepEqual(
    messages?.map(({ envelope, folderId }) => [envelope.messageId, folderId === inbox]),
    [
      ['<a@x>', true],
      ['<a2@x>', true],
    ],
  )
})

test('Trash and Junk are left out of a list, and a thread is whole', async () => {
  const box = await t.createMailbox()
  const thread = await add(box, 'INBOX', 3, 'a@x')
  await add(box, 'Trash', 9, 'a2@x', 'a@x')
  const junk = await add(box, 'Junk', 8, 'spam@x')
  const hidden = await readHiddenFolders(t.platform, box.mailboxId)
  assert.equal(hidden.length, 2)
  const threads = await listAll(box, 5, { withoutFolders: hidden })
  assert.deepEqual(
    threads.map(({ id, messageCount }) => [id, messageCount]),
    [[thread, 1]],
  )
  assert.equal((await getThread(t.platform, box.mailboxId, thread))?.length, 2)
  assert.equal((await getThread(t.platform, box.mailboxId, junk))?.length, 1)
})

test('a thread of another mailbox is none', async () => {
  const [box, other] = [await t.createMailbox(), await t.createMailbox()]
  const thread = await add(box, 'INBOX', 3, 'a@x')
  assert.equal(await getThread(t.platform, other.mailboxId, thread), null)
  assert.deepEqual(await listAll(other, 5), [])
})
