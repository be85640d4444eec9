import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { append, assertCounters, folderIdOf, inTransaction, mail, messagesIn } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted } from './changes.ts'
import { copyMessages, moveMessages } from './copies.ts'
import { flagBits } from './flags.ts'
import { readFolderIndex } from './folder-index.ts'
import { hasNews, readFolderNews } from './folder-news.ts'
import { findFolder } from './folders.ts'
import { readLightMessages } from './light-messages.ts'
import { rangesOfUids, type UidRange } from './uid-ranges.ts'
import { claimRecent, type MessageParts, messageRowsMax, readMessages } from './view.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { inboxId: string }

async function boxOf(count: number): Promise<Box> {
  const mailbox = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, mailbox.mailboxId, 'INBOX')
  const raws = Array.from({ length: count }, () => mail())
  if (count > 0) await append(t.platform, mailbox.owner, inboxId, raws)
  return { ...mailbox, inboxId }
}

test('the index of a folder has its UIDs and its row', async () => {
  const box = await boxOf(3)
  const index = await readFolderIndex(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual(index?.uids, Uint32Array.of(1, 2, 3))
  assert.deepEqual(index?.folder, await findFolder(t.platform, box.mailboxId, 'INBOX'))
  assert.equal(await readFolderIndex(t.platform, box.mailboxId, newId()), null)
  const empty = await boxOf(0)
  assert.deepEqual(
    (await readFolderIndex(t.platform, empty.mailboxId, empty.inboxId))?.uids,
    new Uint32Array(),
  )
})

test('an index is of one moment while others write', async () => {
  const box = await boxOf(0)
  const writers = Array.from({ length: 30 }, () =>
    append(t.platform, box.owner, box.inboxId, [mail(), mail()]),
  )
  const readers = Array.from({ length: 30 }, () => readFolderIndex(t.platform, box.mailboxId, box.inboxId))
  await Promise.all(writers)
  for (const index of await Promise.all(readers)) {
    assert.equal(index?.uids.length, index?.folder.message_count)
    assert.equal(index?.uids.at(-1) ?? 0, (index?.folder.uidnext ?? 0) - 1)
  }
})

test('the news since a MODSEQ are exactly what changed', async () => {
  const box = await boxOf(6)
  const modseq = (await findFolder(t.platform, box.mailboxId, 'INBOX'))?.highest_modseq ?? 0
  const known = { mailboxId: box.mailboxId, folderId: box.inboxId, modseq, uidnext: 7 }
  const none = new Uint32Array()
  assert.equal(await hasNews(t.platform, known), false)
  assert.deepEqual(await readFolderNews(t.platform, known), {
    highestModseq: modseq,
    uidnext: 7,
    added: none,
    expunged: none,
    expungedFrom: null,
    isForgotten: false,
    changed: [],
  })
  await inTransaction(t.platform, async (tx) => {
    const flags = (first: number, last: number, bit: number) =>
      changeFlags(t.platform, tx, box.owner, box.inboxId, [{ first, last }], {
        mode: 'add',
        flags: bit,
        keywords: bit === flagBits.flagged ? ['k'] : [],
      })
    await flags(2, 3, flagBits.flagged)
    await flags(5, 5, flagBits.deleted)
    await expungeDeleted(t.platform, tx, box.owner, box.inboxId, null)
  })
  await append(t.platform, box.owner, box.inboxId, [mail()])
  assert.equal(await hasNews(t.platform, known), true)
  assert.deepEqual(await readFolderNews(t.platform, known), {
    highestModseq: modseq + 4,
    uidnext: 8,
    added: Uint32Array.of(7),
    expunged: Uint32Array.of(5),
    expungedFrom: modseq + 3,
    isForgotten: false,
    changed: [
      { uid: 2, flags: flagBits.flagged, keywords: ['k'], modseq: modseq + 1 },
      { uid: 3, flags: flagBits.flagged, keywords: ['k'], modseq: modseq + 1 },
    ],
  })
  const gone = { ...known, folderId: newId() }
  assert.equal(await hasNews(t.platform, gone), true)
  assert.equal(await readFolderNews(t.platform, gone), null)
})

test('recent messages are claimed once', async () => {
  const box = await boxOf(3)
  const claims = await Promise.all(
    Array.from({ length: 5 }, () => claimRecent(t.platform, box.mailboxId, box.inboxId)),
  )
  assert.deepEqual(
    claims.filter((first) => first !== null),
    [1],
  )
  await append(t.platform, box.owner, box.inboxId, [mail()])
  assert.equal(await claimRecent(t.platform, box.mailboxId, box.inboxId), 4)
  assert.equal(await claimRecent(t.platform, box.mailboxId, box.inboxId), null)
  assert.equal(await claimRecent(t.platform, box.mailboxId, newId()), null)
})

test('messages are read in UID order, a page at a time, whatever the ranges', async () => {
  const count = messageRowsMax + 20
  const box = await boxOf(count)
  const read = (ranges: UidRange[], afterUid: number, parts: MessageParts = 'none') =>
    readMessages(t.platform.db, box.mailboxId, box.inboxId, ranges, { parts, afterUid })
  const uidsOf = async (ranges: UidRange[], afterUid: number) =>
    (await read(ranges, afterUid)).map(({ uid }) => uid)
  const upTo = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, n) => first + n)

  assert.deepEqual(await uidsOf([{ first: 1, last: 2 ** 32 }], 0), upTo(1, messageRowsMax))
  assert.deepEqual(
    await uidsOf([{ first: 1, last: 2 ** 32 }], messageRowsMax),
    upTo(messageRowsMax + 1, count),
  )
  assert.deepEqual(await uidsOf([{ first: 1, last: 10 }], 10), [])
  const overlapping = [
    { first: 9, last: 12 },
    { first: 3, last: 3 },
    { first: 11, last: 14 },
    { first: 2, last: 4 },
  ]
  assert.deepEqual(await uidsOf(overlapping, 0), [2, 3, 4, 9, 10, 11, 12, 13, 14])
  assert.deepEqual(await uidsOf(overlapping, 9), [10, 11, 12, 13, 14])
  const everyOther = upTo(1, count).flatMap((uid) => (uid % 2 === 0 ? [{ first: uid, last: uid }] : []))
  assert.deepEqual(
    await uidsOf(everyOther, 0),
    upTo(1, count).filter((uid) => uid % 2 === 0),
  )
  const [plain] = await read([{ first: 1, last: 1 }], 0)
  const [wide] = await read([{ first: 1, last: 1 }], 0, 'both')
  assert.deepEqual([plain?.envelope, plain?.structure], [null, null])
  assert.deepEqual([wide?.envelope?.subject, wide?.structure?.subtype], ['test', 'plain'])
})

/** What a session knows of a folder, kept up to date by readFolderNews alone. */
type Follower = { known: Map<number, string>; modseq: number; uidnext: number }

async function catchUp(box: Box, folderId: string, follower: Follower): Promise<void> {
  const { modseq, uidnext } = follower
  const news = await readFolderNews(t.platform, { mailboxId: box.mailboxId, folderId, modseq, uidnext })
  assert.ok(news?.changed)
  assert.ok(news.highestModseq >= modseq && news.uidnext >= uidnext, 'they never go back')
  for (const uid of news.expunged) follower.known.delete(uid)
  const added = rangesOfUids(news.added)
  for await (const page of readLightMessages(t.platform.db, box.mailboxId, folderId, added)) {
    for (const { uid, flags, keywords } of page) follower.known.set(uid, `${flags} ${keywords.join(' ')}`)
  }
  let last = 0
  for (const message of news.changed) {
    assert.ok(message.modseq > modseq && message.modseq <= news.highestModseq)
    assert.ok(message.uid > last && message.uid < uidnext)
    follower.known.set(message.uid, `${message.flags} ${message.keywords.join(' ')}`)
    last = message.uid
  }
  follower.modseq = news.highestModseq
  follower.uidnext = news.uidnext
}

const operationsPerWorker = 35

test('a follower of changes ends equal to the database, whatever several workers do at once', async () => {
  const box = await boxOf(5)
  const archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
  const folderIds = [box.inboxId, archiveId]
  let seed = 12345
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 8) % below
  }
  const pick = () => folderIds[random(2)] ?? box.inboxId
  const range = (): UidRange[] => {
    const first = 1 + random(60)
    return [{ first, last: first + random(6) }]
  }
  const operate = async (): Promise<void> => {
    const [from, to, ranges] = [pick(), pick(), range()]
    const { platform } = t
    const mode = (['add', 'remove', 'replace'] as const)[random(3)] ?? 'add'
    const wanted = { mode, flags: random(32), keywords: random(2) === 0 ? [] : [`k${random(4)}`] }
    await transaction(platform.db, async (tx) => {
      switch (random(7)) {
        case 0:
          return await copyMessages(platform, tx, box.owner, from, ranges, to)
        case 1:
          return await moveMessages(platform, tx, box.owner, from, ranges, to)
        case 2:
          return await expungeDeleted(platform, tx, box.owner, from, random(2) === 0 ? null : ranges)
        case 3:
        case 4:
          return await changeFlags(platform, tx, box.owner, from, ranges, wanted)
        default:
          return null
      }
    })
    if (random(2) === 0) await append(platform, box.owner, from, [mail(), mail()].slice(random(2)))
  }
  let working = true
  const follow = async (folderId: string): Promise<void> => {
    const index = await readFolderIndex(t.platform, box.mailboxId, folderId)
    assert.ok(index)
    const follower: Follower = {
      known: new Map(Array.from(index.uids, (uid) => [uid, '?'])),
      modseq: index.folder.highest_modseq,
      uidnext: index.folder.uidnext,
    }
    const states = await messagesIn(t.platform, box.mailboxId, folderId)
    for (const { uid, flags, keywords } of states) follower.known.set(uid, `${flags} ${keywords.join(' ')}`)
    while (working) await catchUp(box, folderId, follower)
    await catchUp(box, folderId, follower)
    const truth = await messagesIn(t.platform, box.mailboxId, folderId)
    assert.deepEqual(
      [...follower.known].toSorted(([a], [b]) => a - b),
      truth.map(({ uid, flags, keywords }) => [uid, `${flags} ${keywords.join(' ')}`]),
    )
  }
  const worker = async (): Promise<void> => {
    for (let n = 0; n < operationsPerWorker; n++) await operate()
  }
  const workers = Promise.all(Array.from({ length: 4 }, worker)).finally(() => {
    working = false
  })
  await Promise.all([workers, ...folderIds.map(follow)])
  await assertCounters(t.platform, box.mailboxId)
})
