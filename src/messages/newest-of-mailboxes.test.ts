/** The newest messages of many mailboxes: their order, what is left out, and where a page begins. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { append, folderIdOf, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { type FoldersOfMany, newestOfMailboxes } from './newest-of-mailboxes.ts'
import { readSummariesOfMany } from './read-message.ts'

let t: TestPlatform
before(async () => (t = await startTestPlatform()))
after(() => t[Symbol.asyncDispose]())

const dayOf = (day: number): Date => new Date(Date.UTC(2024, 0, day))

async function add(box: TestMailbox, path: string, ...days: number[]): Promise<void> {
  const folderId = await folderIdOf(t.platform, box.mailboxId, path)
  for (const day of days) {
    const raw = mail({ id: `${path}${day}@x` })
    await append(t.platform, box.owner, folderId, [raw], { internalDate: dayOf(day) })
  }
}

const everything: FoldersOfMany = { withoutUses: [] }

test('folders and mailboxes are merged by date, whatever was stored when', async () => {
  const [one, two, other] = [await t.createMailbox(), await t.createMailbox(), await t.createMailbox()]
  await add(one, 'INBOX', 1, 9, 5)
  await add(two, 'INBOX', 4)
  await add(two, 'Sent', 8, 2)
  await add(two, 'Trash', 10)
  await add(two, 'Junk', 11)
  await add(other, 'INBOX', 12)
  const days = async (folders: FoldersOfMany, until: Date | null = null, limit = 50, boxes = [one, two]) => {
    const ids = boxes.map(({ mailboxId }) => mailboxId)
    const found = await newestOfMailboxes(t.platform.db, ids, folders, until, limit)
    const messages = await readSummariesOfMany(t.platform, found)
    assert.deepEqual(
      messages.map(({ id, mailboxId }) => ({ id, mailboxId })),
      found,
    )
    return messages.map(({ internalDate }) => internalDate.getUTCDate())
  }
  assert.deepEqual(await days(everything), [11, 10, 9, 8, 5, 4, 2, 1])
  assert.deepEqual(await days({ withoutUses: ['trash', 'junk'] }), [9, 8, 5, 4, 2, 1])
  assert.deepEqual(await days(everything, dayOf(9), 3), [8, 5, 4])
  assert.deepEqual(await days({ folder: 'inbox' }), [9, 5, 4, 1])
  assert.deepEqual(await days({ folder: 'sent' }), [8, 2])
  assert.deepEqual(await days({ folder: 'SPAM' }), [11])
  assert.deepEqual(await days({ folder: 'none' }), [])
  assert.deepEqual(await days(everything, null, 50, []), [])
})
