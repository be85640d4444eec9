import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { type ErrorCode, Refusal } from '../platform/errors.ts'
import { countStatements } from '../testing/count-statements.ts'
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
import { readAnnotations, writeAnnotations } from './annotations.ts'
import {
  createFolder,
  deleteFolder,
  type Folder,
  findFolder,
  foldersPerMailboxMax,
  listFolders,
  setSubscribed,
} from './folders.ts'
import { listLostSubscriptions } from './lost-subscriptions.ts'
import { type RenamedSubscriptions, renameFolder } from './rename.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function boxWith(...paths: string[]): Promise<TestMailbox> {
  const box = await t.createMailbox()
  for (const path of paths) await create(box, path)
  return box
}

const create = (box: TestMailbox, path: string): Promise<Folder> =>
  inTransaction(t.platform, (tx) => createFolder(t.platform, tx, box.owner, path))
const remove = (box: TestMailbox, path: string): Promise<void> =>
  inTransaction(t.platform, (tx) => deleteFolder(t.platform, tx, box.owner, path))
const rename = (box: TestMailbox, from: string, to: string): Promise<void> =>
  inTransaction(t.platform, (tx) => renameFolder(t.platform, tx, box.owner, from, to))
const isRefusal = (code: ErrorCode) => (error: unknown) => error instanceof Refusal && error.code === code

/** The paths beside the standard ones. */
async function ownPaths(box: TestMailbox): Promise<string[]> {
  const folders = await listFolders(t.platform, box.mailboxId)
  return folders.filter((folder) => folder.special_use === null).map(({ path }) => path)
}

async function uidvalidityOf(box: TestMailbox, path: string): Promise<number> {
  return (await findFolder(t.platform, box.mailboxId, path))?.uidvalidity ?? 0
}

const renames: [what: string, has: string[], from: string, to: string, want: string[]][] = [
  ['a folder', ['a'], 'a', 'b', ['b']],
  ['a tree', ['a/b/c', 'a/d', 'ab'], 'a', 'x', ['ab', 'x', 'x/b', 'x/b/c', 'x/d']],
  ['the middle of a tree', ['a/b/c'], 'a/b', 'a/z', ['a', 'a/z', 'a/z/c']],
  ['to a place whose levels are missing', ['a/b'], 'a', 'p/q/a', ['p', 'p/q', 'p/q/a', 'p/q/a/b']],
  ['to below another', ['a', 'b'], 'a', 'b/a', ['b', 'b/a']],
  ['in its case only', ['work'], 'work', 'Work', ['Work']],
  ['below INBOX, in any case', ['a'], 'a', 'inbox/a', ['INBOX/a']],
  [
    'characters that LIKE would take as patterns',
    ['a_b/c', 'axb/c'],
    'a_b',
    'n',
    ['axb', 'axb/c', 'n', 'n/c'],
  ],
]
for (const [what, has, from, to, want] of renames) {
  test(`rename ${what}`, async () => {
    const box = await boxWith(...has)
    await rename(box, from, to)
    assert.deepEqual(await ownPaths(box), want)
  })
}

const refusals: [what: string, has: string[], from: string, to: string, code: ErrorCode][] = [
  ['of nothing', [], 'a', 'b', 'folder_not_found'],
  ['into itself', ['a/b'], 'a', 'a/c', 'folder_name_invalid'],
  ['to itself', ['a'], 'a', 'a', 'folder_name_invalid'],
  ['to a name that exists', ['a', 'b'], 'a', 'b', 'folder_exists'],
  ['whose inferior would meet an existing one', ['a/x', 'b/x'], 'a', 'b', 'folder_exists'],
  ['to INBOX', ['a'], 'a', 'Inbox', 'folder_exists'],
  ['of INBOX to a name that exists', ['a'], 'inbox', 'a', 'folder_exists'],
  ['of INBOX to INBOX', [], 'inbox', 'INBOX', 'folder_exists'],
  ['to an invalid name', ['a'], 'a', 'b//c', 'folder_name_invalid'],
  [
    'that makes an inferior too deep',
    ['a/1/2/3'],
    'a',
    Array.from({ length: 18 }, () => 'd').join('/'),
    'folder_name_invalid',
  ],
]
for (const [what, has, from, to, code] of refusals) {
  test(`rename ${what}: ${code}, and nothing changes`, async () => {
    const box = await boxWith(...has)
    const before = await listFolders(t.platform, box.mailboxId)
    await assert.rejects(rename(box, from, to), isRefusal(code))
    assert.deepEqual(await listFolders(t.platform, box.mailboxId), before)
  })
}

test('a renamed folder keeps its id, messages, UIDVALIDITY and special use, and tells of it', async () => {
  const box = await boxWith()
  const before = await findFolder(t.platform, box.mailboxId, 'Sent')
  assert.ok(before)
  await append(t.platform, box.owner, before.id, [mail()])
  await rename(box, 'Sent', 'Gone out')
  const after = await findFolder(t.platform, box.mailboxId, 'Gone out')
  assert.deepEqual(
    [after?.id, after?.uidvalidity, after?.special_use, after?.message_count],
    [before.id, before.uidvalidity, 'sent', 1],
  )
  const events = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'folder.renamed')
  assert.deepEqual(
    events.map(({ data }) => data),
    [{ folder_id: before.id, from: 'Sent', path: 'Gone out' }],
  )
})

test('the old name, made anew within the same second, has a higher UIDVALIDITY', async () => {
  const box = await boxWith('a/b')
  const before = { a: await uidvalidityOf(box, 'a'), b: await uidvalidityOf(box, 'a/b') }
  await rename(box, 'a', 'c')
  await create(box, 'a/b')
  assert.ok((await uidvalidityOf(box, 'a')) > before.a)
  assert.ok((await uidvalidityOf(box, 'a/b')) > before.b)
})

test('a name that once had a higher UIDVALIDITY gets a still higher one', async () => {
  const box = await boxWith('old', 'name')
  await sql`update folders set uidvalidity = uidvalidity + 1000
    where mailbox_id = ${box.mailboxId}::uuid and path = 'name'`.execute(t.platform.db)
  const once = await uidvalidityOf(box, 'name')
  await remove(box, 'name')
  await rename(box, 'old', 'name')
  assert.ok((await uidvalidityOf(box, 'name')) > once)
})

test('renaming INBOX moves its messages and leaves INBOX and what is below it', async () => {
  const box = await boxWith('INBOX/sub')
  const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inboxId, [mail(), mail()])
  const ids = (await messagesIn(t.platform, box.mailboxId, inboxId)).map(({ id }) => id)
  await rename(box, 'inbox', 'old/mail')
  assert.deepEqual(await ownPaths(box), ['INBOX/sub', 'old', 'old/mail'])
  assert.equal((await findFolder(t.platform, box.mailboxId, 'INBOX'))?.id, inboxId)
  assert.equal((await messagesIn(t.platform, box.mailboxId, inboxId)).length, 0)
  const target = await folderIdOf(t.platform, box.mailboxId, 'old/mail')
  assert.deepEqual(
    (await messagesIn(t.platform, box.mailboxId, target)).map(({ id }) => id),
    ids,
  )
  await assertCounters(t.platform, box.mailboxId)
})

test('the levels that a rename makes count against the limit', async () => {
  const box = await boxWith('a')
  await sql`insert into folders (mailbox_id, id, path, subscribed, uidvalidity, created_at)
    select ${box.mailboxId}::uuid, gen_random_uuid(), 'f' || n, false, 1, now()
    from generate_series(1, ${foldersPerMailboxMax - 7}::int) n`.execute(t.platform.db)
  await assert.rejects(rename(box, 'a', 'b/a'), isRefusal('folder_limit_reached'))
  await rename(box, 'a', 'b')
})

const lostOf = (box: TestMailbox): Promise<string[]> => listLostSubscriptions(t.platform, box.mailboxId)

async function subscribedOf(box: TestMailbox): Promise<string[]> {
  const folders = await listFolders(t.platform, box.mailboxId)
  return folders
    .filter(({ special_use, subscribed }) => special_use === null && subscribed)
    .map(({ path }) => path)
}

const subscriptions: [how: RenamedSubscriptions, folders: string[], lost: string[]][] = [
  ['follow', ['z', 'z/b', 'z/d'], []],
  ['stay', ['z/d'], ['a', 'a/b']],
]
for (const [how, folders, lost] of subscriptions) {
  test(`subscriptions ${how} when a tree is renamed; one that waited for the new name is kept`, async () => {
    const box = await boxWith('a/b', 'a/c', 'a/d')
    await inTransaction(t.platform, async (tx) => {
      for (const path of ['a', 'a/b', 'z/d']) await setSubscribed(t.platform, tx, box.owner, path, true)
    })
    await inTransaction(t.platform, (tx) => renameFolder(t.platform, tx, box.owner, 'a', 'z', how))
    assert.deepEqual(await subscribedOf(box), folders)
    assert.deepEqual(await lostOf(box), lost)
  })
}

test('a tree of thousands is renamed in a few statements, and all its names move', async () => {
  const box = await boxWith('a')
  await sql`insert into folders (mailbox_id, id, path, subscribed, uidvalidity, created_at)
    select ${box.mailboxId}::uuid, gen_random_uuid(), 'a/f' || n, true, n, now()
    from generate_series(1, 4000) n`.execute(t.platform.db)
  const statements = await countStatements(() =>
    inTransaction(t.platform, (tx) => renameFolder(t.platform, tx, box.owner, 'a', 'b/c', 'stay')),
  )
  assert.ok(statements > 5 && statements <= 20, `${statements} statements`)
  const paths = await ownPaths(box)
  assert.equal(paths.length, 4002)
  assert.ok(paths.every((path) => path === 'b' || path === 'b/c' || path.startsWith('b/c/f')))
  assert.equal((await lostOf(box)).length, 4000)
  assert.equal(await uidvalidityOf(box, 'b/c/f77'), 77)
})

test('annotations move with their folder, and INBOX keeps its own and gives a copy', async () => {
  const box = await boxWith('a')
  const annotate = async (path: string, value: string): Promise<string> => {
    const folderId = await folderIdOf(t.platform, box.mailboxId, path)
    const changes = [{ entry: '/private/comment', value: Buffer.from(value) }]
    await inTransaction(t.platform, (tx) => writeAnnotations(t.platform, tx, box.owner, folderId, changes))
    return folderId
  }
  const comment = async (path: string): Promise<string | undefined> => {
    const folder = await findFolder(t.platform, box.mailboxId, path)
    const [found] = await readAnnotations(t.platform.db, box.mailboxId, {
      folderIds: [folder?.id ?? null],
      entries: ['/private/comment'],
      depth: 0,
      valueBytesMax: null,
    })
    return found?.value?.toString()
  }
  await annotate('a', 'of a')
  await annotate('INBOX', 'of INBOX')
  await rename(box, 'a', 'b')
  await rename(box, 'inbox', 'old')
  assert.deepEqual(
    [await comment('a'), await comment('b'), await comment('INBOX'), await comment('old')],
    [undefined, 'of a', 'of INBOX', 'of INBOX'],
  )
  await remove(box, 'b')
  await create(box, 'b')
  assert.equal(await comment('b'), undefined)
})
