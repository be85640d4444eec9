import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { countStatements } from '../testing/count-statements.ts'
import { append, folderIdOf, mail } from '../testing/test-mail.ts'
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { createFolder, deleteFolder, findFolder, listFolders, setSubscribed } from './folders.ts'
import { currentFolder, currentFolders, folderNamed } from './known-folders.ts'
import { localEngine } from './local-engine.ts'
import { renameFolder } from './rename.ts'
import { claimRecent } from './view.ts'

let t: TestPlatform
let other: Platform
const stack = new AsyncDisposableStack()
before(async () => {
  t = await startTestPlatform()
  other = await openSecondNode(stack, t)
})
after(async () => {
  await stack.disposeAsync()
  await t[Symbol.asyncDispose]()
})

async function assertCurrent({ mailboxId }: TestMailbox): Promise<void> {
  const stored = await listFolders(t.platform, mailboxId)
  assert.deepEqual(await currentFolders(t.platform, mailboxId, { counted: true }), stored)
  for (const folder of stored) {
    assert.deepEqual(await currentFolder(t.platform, mailboxId, folder.path), folder)
  }
}

const changes: readonly [string, (node: Platform, box: TestMailbox) => Promise<unknown>][] = [
  ['made', (node, { owner }) => transaction(node.db, (tx) => createFolder(node, tx, owner, 'New/Below'))],
  [
    'renamed',
    (node, { owner }) => transaction(node.db, (tx) => renameFolder(node, tx, owner, 'Archive', 'Old')),
  ],
  ['deleted', (node, { owner }) => transaction(node.db, (tx) => deleteFolder(node, tx, owner, 'Sent'))],
  [
    'deleted and made again',
    (node, { owner }) =>
      transaction(node.db, async (tx) => {
        await deleteFolder(node, tx, owner, 'Sent')
        await createFolder(node, tx, owner, 'sent')
      }),
  ],
  [
    'unsubscribed',
    (node, { owner }) => transaction(node.db, (tx) => setSubscribed(node, tx, owner, 'Junk', false)),
  ],
  [
    'filled',
    async (node, { owner, mailboxId }) =>
      append(node, owner, await folderIdOf(node, mailboxId, 'Sent'), [mail(), mail()]),
  ],
]
for (const [what, change] of changes) {
  for (const [where, isOther] of [
    ['here', false],
    ['by another node', true],
  ] as const) {
    test(`folders that are ${what} ${where} are known so`, async () => {
      const box = await t.createMailbox()
      await assertCurrent(box)
      await change(isOther ? other : t.platform, box)
      await assertCurrent(box)
    })
  }
}

test('what is known costs no statement, but for the look at what other nodes did', async () => {
  const box = await t.createMailbox()
  await assertCurrent(box)
  const named = await countStatements(() => folderNamed(t.platform, box.mailboxId, 'inbox'))
  assert.equal(named, 0)
  assert.equal(await countStatements(() => currentFolder(t.platform, box.mailboxId, 'Sent')), 1)
  assert.equal(await countStatements(() => currentFolders(t.platform, box.mailboxId, { counted: true })), 1)
})

test('all who ask at once for a folder that changed get it as it is', async () => {
  const box = await t.createMailbox()
  await assertCurrent(box)
  await append(t.platform, box.owner, await folderIdOf(t.platform, box.mailboxId, 'Sent'), [mail()])
  const ask = async () => (await currentFolder(t.platform, box.mailboxId, 'Sent'))?.message_count
  assert.deepEqual(await Promise.all([ask(), ask(), ask()]), [1, 1, 1])
  await assertCurrent(box)
})

test('a folder that another node has just made is found by its name', async () => {
  const box = await t.createMailbox()
  assert.equal(await folderNamed(t.platform, box.mailboxId, 'Fresh'), null)
  const made = await transaction(other.db, (tx) => createFolder(other, tx, box.owner, 'Fresh'))
  assert.equal((await folderNamed(t.platform, box.mailboxId, 'Fresh'))?.id, made.id)
})

test('mailboxes do not see each other, and one that is purged has no folders', async () => {
  const [box, neighbour] = [await t.createMailbox(), await t.createMailbox()]
  await assertCurrent(box)
  await assertCurrent(neighbour)
  const own = await findFolder(t.platform, box.mailboxId, 'Sent')
  const theirs = await currentFolder(t.platform, neighbour.mailboxId, 'Sent')
  assert.notEqual(own?.id, theirs?.id)
  await transaction(t.platform.db, (tx) => localEngine.purge(t.platform, tx, box.mailboxId))
  const purged = { ...box.owner, mailboxId: box.mailboxId }
  t.platform.bus.publish([{ type: 'mailbox.purged', ...purged, data: {} }])
  assert.deepEqual(await currentFolders(t.platform, box.mailboxId, { counted: false }), [])
  assert.equal(await currentFolder(t.platform, box.mailboxId, 'Sent'), null)
})

test('after a connection broke nothing is taken for known', async () => {
  const box = await t.createMailbox()
  await assertCurrent(box)
  // Committed, and nobody was told.
  await t.platform.db
    .updateTable('folders')
    .set({ path: 'Other', message_count: 7 })
    .where('mailbox_id', '=', box.mailboxId)
    .where('path', '=', 'Sent')
    .execute()
  t.platform.bus.doubt()
  await assertCurrent(box)
})

test('what a session took as \\Recent is counted at once', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail()])
  await assertCurrent(box)
  assert.equal(await claimRecent(t.platform, box.mailboxId, inbox), 1)
  assert.equal((await currentFolder(t.platform, box.mailboxId, 'INBOX'))?.first_recent_uid, 2)
})
