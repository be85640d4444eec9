/** Whether a mailbox got a message or sent it, by where it lies and who wrote it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addAlias } from '../mailboxes/aliases.ts'
import { append, folderIdOf, inTransaction, messagesIn } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { copyMessages } from './copies.ts'
import { type Direction, directionOfFolder, directionsOf } from './direction.ts'
import { createFolder, listFolders } from './folders.ts'

let t: TestPlatform
let box: TestMailbox
before(async () => {
  t = await startTestPlatform()
  box = await t.createMailbox('own@demo.test')
  const { platform, scope } = t
  await inTransaction(platform, (tx) => addAlias(platform, tx, scope, box.address, 'alias@demo.test'))
  await inTransaction(platform, (tx) => createFolder(platform, tx, box.owner, 'Blocked'))
})
after(() => t[Symbol.asyncDispose]())

const letter = (from: string): Buffer => Buffer.from(`From: X <${from}>\r\nSubject: x\r\n\r\nHello\r\n`)

async function stored(folder: string, from: string): Promise<string> {
  const folderId = await folderIdOf(t.platform, box.mailboxId, folder)
  const [message] = await append(t.platform, box.owner, folderId, [letter(from)])
  return message?.id ?? ''
}

const rows: [folder: string, from: string, want: Direction][] = [
  ['INBOX', 'bob@far.test', 'inbound'],
  ['INBOX', 'own@demo.test', 'inbound'],
  ['Junk', 'own@demo.test', 'inbound'],
  ['Blocked', 'own@demo.test', 'inbound'],
  ['Sent', 'own@demo.test', 'outbound'],
  ['Sent', 'bob@far.test', 'outbound'],
  ['Archive', 'bob@far.test', 'inbound'],
  ['Archive', 'own@demo.test', 'outbound'],
  ['Archive', 'OWN@Demo.Test', 'outbound'],
  ['Archive', 'alias@demo.test', 'outbound'],
  ['Trash', 'bob@far.test', 'inbound'],
  ['Trash', 'alias@demo.test', 'outbound'],
]

test('by the folder, and elsewhere by the author', async () => {
  const ids: string[] = []
  for (const [folder, from] of rows) ids.push(await stored(folder, from))
  const found = await directionsOf(t.platform.db, box.mailboxId, ids)
  for (const [index, [folder, from, want]] of rows.entries()) {
    assert.equal(found.get(ids[index] ?? ''), want, `${folder} ${from}`)
  }
})

test('a folder says it for all that is in it, or leaves it open', async () => {
  const folders = await listFolders(t.platform, box.mailboxId)
  const said = Object.fromEntries(folders.map((folder) => [folder.path, directionOfFolder(folder)]))
  assert.deepEqual(said, {
    INBOX: 'inbound',
    Junk: 'inbound',
    Blocked: 'inbound',
    Sent: 'outbound',
    Archive: null,
    Drafts: null,
    Trash: null,
  })
})

test('what it got from itself came in: Sent has the copy', async () => {
  const [sentId, archiveId] = [
    await folderIdOf(t.platform, box.mailboxId, 'Sent'),
    await folderIdOf(t.platform, box.mailboxId, 'Archive'),
  ]
  const [sent] = await append(t.platform, box.owner, sentId, [letter('own@demo.test')])
  assert.ok(sent)
  const { destinationUids } = await inTransaction(t.platform, (tx) =>
    copyMessages(t.platform, tx, box.owner, sentId, [{ first: sent.uid, last: sent.uid }], archiveId),
  )
  const archived = await messagesIn(t.platform, box.mailboxId, archiveId)
  const copy = archived.find(({ uid }) => uid === destinationUids[0])?.id ?? ''
  const found = await directionsOf(t.platform.db, box.mailboxId, [sent.id, copy])
  assert.deepEqual([found.get(sent.id), found.get(copy)], ['outbound', 'inbound'])
})

test('ids of another mailbox, of nobody, and none at all', async () => {
  const other = await t.createMailbox()
  const id = await stored('INBOX', 'bob@far.test')
  const nobody = '00000000-0000-7000-8000-000000000000'
  assert.equal((await directionsOf(t.platform.db, other.mailboxId, [id, nobody])).size, 0)
  assert.equal((await directionsOf(t.platform.db, box.mailboxId, [])).size, 0)
})
