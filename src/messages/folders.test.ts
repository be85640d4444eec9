import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import {
  append,
  assertCounters,
  eventsOf,
  folderIdOf,
  inTransaction,
  mail,
  messagesIn,
} from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { listDeletedMessages } from './deleted-messages.ts'
import {
  canonicalPath,
  createFolder,
  deleteFolder,
  type Folder,
  findFolder,
  findInboxId,
  foldersPerMailboxMax,
  listFolders,
  requireFolderPath,
  setSubscribed,
} from './folders.ts'
import { listLostSubscriptions, lostSubscriptionsMax } from './lost-subscriptions.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const create = (box: TestMailbox, path: string): Promise<Folder> =>
  inTransaction(t.platform, (tx) => createFolder(t.platform, tx, box.owner, path))
const remove = (box: TestMailbox, path: string): Promise<void> =>
  inTransaction(t.platform, (tx) => deleteFolder(t.platform, tx, box.owner, path))
const pathsOf = async (box: TestMailbox): Promise<string[]> =>
  (await listFolders(t.platform, box.mailboxId)).map(({ path }) => path)
const isRefusal = (code: ErrorCode) => (error: unknown) => error instanceof Refusal && error.code === code

const standard = ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash']

const canonical: [path: string, want: string][] = [
  ['inbox', 'INBOX'],
  ['InBoX/sub', 'INBOX/sub'],
  ['a/inbox', 'a/inbox'],
  ['Inboxes', 'Inboxes'],
  ['e\u0301', '\u00e9'],
]
for (const [path, want] of canonical) {
  test(`canonical path of ${JSON.stringify(path)}`, () => assert.equal(canonicalPath(path), want))
}

const validPaths = [
  'a',
  'a/b/c',
  'with space',
  ' ',
  'a\\b',
  'ü/日本/🐎',
  '&AOk-',
  '.hidden',
  'a..b',
  '"',
  '(x)',
]
for (const path of validPaths) {
  test(`the folder name ${JSON.stringify(path)} is valid`, () => assert.equal(requireFolderPath(path), path))
}

const invalidPaths: [what: string, path: string][] = [
  ['nothing', ''],
  ['a level of nothing', 'a//b'],
  ['a leading delimiter', '/a'],
  ['a trailing delimiter', 'a/'],
  ['a dot', '.'],
  ['two dots as a level', 'a/../b'],
  ['a percent sign', 'a%'],
  ['an asterisk', 'a*b'],
  ['NUL', 'a\0b'],
  ['a line end', 'a\r\nb'],
  ['DEL', 'a\x7f'],
  ['a C1 control', 'a\u0085'],
  ['a line separator', 'a\u2028b'],
  ['half a surrogate pair', 'a\ud800'],
  ['too many bytes', 'ü'.repeat(501)],
  ['too many levels', Array.from({ length: 21 }, () => 'a').join('/')],
]
for (const [what, path] of invalidPaths) {
  test(`a folder name with ${what} is refused`, () => {
    assert.throws(() => requireFolderPath(path), isRefusal('folder_name_invalid'))
  })
}

test('what is accepted as a name is a name again, and never throws anything but a refusal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (path) => {
      try {
        const once = requireFolderPath(path)
        assert.equal(requireFolderPath(once), once)
      } catch (error) {
        assert.ok(error instanceof Refusal)
      }
    }),
  )
})

test('a new mailbox has the standard folders, subscribed, with UIDVALIDITY above zero', async () => {
  const box = await t.createMailbox()
  const folders = await listFolders(t.platform, box.mailboxId)
  assert.deepEqual(
    folders.map(({ path }) => path),
    standard,
  )
  for (const folder of folders) {
    assert.equal(folder.special_use, folder.path.toLowerCase())
    assert.ok(folder.subscribed && folder.uidvalidity > 0 && folder.uidvalidity < 2 ** 32)
    assert.deepEqual(
      [folder.uidnext, folder.message_count, folder.unseen_count, folder.size_bytes],
      [1, 0, 0, 0],
    )
  }
})

test('a folder is found by any spelling of INBOX and by its own path only', async () => {
  const box = await t.createMailbox()
  const inboxId = await findInboxId(t.platform, box.mailboxId)
  for (const path of ['INBOX', 'inbox', 'Inbox']) {
    assert.equal((await findFolder(t.platform, box.mailboxId, path))?.id, inboxId)
  }
  assert.equal(await findFolder(t.platform, box.mailboxId, 'sent'), null)
  assert.equal(await findInboxId(t.platform, newId()), null)
})

test('a folder is made with the levels above it, each with its event', async () => {
  const box = await t.createMailbox()
  await create(box, 'a/b/c')
  await create(box, 'inbox/d')
  assert.deepEqual(await pathsOf(box), [
    'Archive',
    'Drafts',
    'INBOX',
    'INBOX/d',
    'Junk',
    'Sent',
    'Trash',
    'a',
    'a/b',
    'a/b/c',
  ])
  const created = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'folder.created')
  assert.equal(created.length, 4)
})

test('an existing name is refused, INBOX in any case too', async () => {
  const box = await t.createMailbox()
  await create(box, 'a/b')
  for (const path of ['a', 'a/b', 'inbox', 'Sent']) {
    await assert.rejects(create(box, path), isRefusal('folder_exists'), path)
  }
})

test('of many who make the same folder at once, one does', async () => {
  const box = await t.createMailbox()
  const results = await Promise.allSettled(Array.from({ length: 8 }, (_, n) => create(box, `p/x${n % 2}`)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 2)
  for (const result of results) {
    if (result.status === 'rejected')
      assert.ok(isRefusal('folder_exists')(result.reason), String(result.reason))
  }
  assert.deepEqual(await pathsOf(box), [...standard, 'p', 'p/x0', 'p/x1'])
})

test('a mailbox has a limit of folders, missing levels counted', async () => {
  const box = await t.createMailbox()
  await sql`insert into folders (mailbox_id, id, path, subscribed, uidvalidity, created_at)
    select ${box.mailboxId}::uuid, gen_random_uuid(), 'f' || n, false, 1, now()
    from generate_series(1, ${foldersPerMailboxMax - standard.length - 1}::int) n`.execute(t.platform.db)
  await assert.rejects(create(box, 'x/y'), isRefusal('folder_limit_reached'))
  await create(box, 'x')
  await assert.rejects(create(box, 'y'), isRefusal('folder_limit_reached'))
})

test('deleting a folder removes its messages, to be restored, and leaves the folders below it', async () => {
  const box = await t.createMailbox()
  const { id } = await create(box, 'a')
  const child = await create(box, 'a/b')
  const [message] = await append(t.platform, box.owner, id, [mail(), mail()])
  await append(t.platform, box.owner, child.id, [mail()])
  await remove(box, 'a')
  assert.deepEqual(await pathsOf(box), [...standard, 'a/b'])
  assert.equal((await messagesIn(t.platform, box.mailboxId, id)).length, 0)
  assert.equal((await messagesIn(t.platform, box.mailboxId, child.id)).length, 1)
  const { rows: restorable } = await listDeletedMessages(t.platform, box.mailboxId, {
    limit: 9,
    cursor: null,
  })
  assert.deepEqual(
    restorable.map((row) => [row.folder_id, row.folder_path]),
    [
      [id, 'a'],
      [id, 'a'],
    ],
  )
  assert.ok(message)
  const deleted = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'folder.deleted')
  assert.deepEqual(
    deleted.map(({ data }) => data),
    [{ folder_id: id, path: 'a' }],
  )
  await assertCounters(t.platform, box.mailboxId)
})

test('INBOX and what does not exist cannot be deleted', async () => {
  const box = await t.createMailbox()
  await assert.rejects(remove(box, 'inbox'), isRefusal('folder_is_inbox'))
  await assert.rejects(remove(box, 'nothing'), isRefusal('folder_not_found'))
  assert.deepEqual(await pathsOf(box), standard)
})

test('UIDVALIDITY rises when a name comes back, also within one second', async () => {
  const box = await t.createMailbox()
  let last = 0
  for (let round = 0; round < 4; round++) {
    const { uidvalidity } = await create(box, 'again')
    assert.ok(uidvalidity > last, `${uidvalidity} after ${last}`)
    last = uidvalidity
    await remove(box, 'again')
  }
})

test('messages that arrive while their folder is deleted are stored nowhere', async () => {
  const box = await t.createMailbox()
  const { id } = await create(box, 'busy')
  const arrivals = Array.from({ length: 10 }, () => append(t.platform, box.owner, id, [mail()]))
  const results = await Promise.allSettled([...arrivals, remove(box, 'busy')])
  assert.equal(results.at(-1)?.status, 'fulfilled')
  for (const result of results) {
    if (result.status === 'rejected')
      assert.ok(isRefusal('folder_not_found')(result.reason), String(result.reason))
  }
  assert.equal((await messagesIn(t.platform, box.mailboxId, id)).length, 0)
})

const subscribe = (box: TestMailbox, path: string, subscribed = true): Promise<void> =>
  inTransaction(t.platform, (tx) => setSubscribed(t.platform, tx, box.owner, path, subscribed))

test('subscriptions are switched and told, also of names without a folder', async () => {
  const box = await t.createMailbox()
  await subscribe(box, 'inbox', false)
  await subscribe(box, 'inbox', false)
  assert.equal((await findFolder(t.platform, box.mailboxId, 'INBOX'))?.subscribed, false)
  await subscribe(box, 'INBOX')
  assert.equal((await findFolder(t.platform, box.mailboxId, 'INBOX'))?.subscribed, true)
  await subscribe(box, 'later')
  await subscribe(box, 'later')
  await subscribe(box, 'never', false)
  assert.deepEqual(await listLostSubscriptions(t.platform, box.mailboxId), ['later'])
  const folderId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const events = (await eventsOf(t.platform, box.mailboxId)).filter(
    ({ type }) => type === 'folder.subscription_changed',
  )
  assert.deepEqual(
    events.map(({ data }) => data),
    [
      { folder_id: folderId, path: 'INBOX', subscribed: false },
      { folder_id: folderId, path: 'INBOX', subscribed: true },
      { folder_id: null, path: 'later', subscribed: true },
    ],
  )
})

test('a subscription outlives its folder, and waits for the next of its name', async () => {
  const box = await t.createMailbox()
  await create(box, 'a/b')
  await subscribe(box, 'a/b')
  await remove(box, 'a/b')
  assert.deepEqual(await listLostSubscriptions(t.platform, box.mailboxId), ['a/b'])
  assert.equal((await create(box, 'a/b')).subscribed, true)
  assert.deepEqual(await listLostSubscriptions(t.platform, box.mailboxId), [])
  await remove(box, 'a/b')
  await subscribe(box, 'a/b', false)
  assert.equal((await create(box, 'a/b')).subscribed, false)
})

test('subscriptions without a folder have a limit, and an invalid name has none', async () => {
  const box = await t.createMailbox()
  await sql`insert into lost_subscriptions (mailbox_id, path)
    select ${box.mailboxId}::uuid, 'f' || n from generate_series(1, ${lostSubscriptionsMax}::int) n`.execute(
    t.platform.db,
  )
  await assert.rejects(subscribe(box, 'one more'), isRefusal('folder_limit_reached'))
  await subscribe(box, 'f1')
  await assert.rejects(subscribe(box, 'a\0'), isRefusal('folder_name_invalid'))
})

test('what no folder can be called is not found, and never reaches the database', async () => {
  const box = await t.createMailbox()
  for (const [what, path] of invalidPaths) {
    assert.equal(await findFolder(t.platform, box.mailboxId, path), null, what)
    await assert.rejects(remove(box, path), isRefusal('folder_not_found'), what)
  }
})

test('a mailbox that is gone takes no folder', async () => {
  const box = await t.createMailbox()
  const gone = { ...box, owner: { ...box.owner, mailboxId: newId() } }
  await assert.rejects(create(gone, 'a'), isRefusal('mailbox_not_found'))
})

test('a special use belongs to one folder of a mailbox', async () => {
  const { owner } = await t.createMailbox()
  const create = (path: string, use: 'sent' | null) =>
    inTransaction(t.platform, (tx) => createFolder(t.platform, tx, owner, path, use))
  await assert.rejects(create('Outgoing', 'sent'), { code: 'special_use_taken' })
  await inTransaction(t.platform, (tx) => deleteFolder(t.platform, tx, owner, 'Sent'))
  assert.equal((await create('Outgoing', 'sent')).special_use, 'sent')
})
