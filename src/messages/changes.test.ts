import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import {
  append,
  assertCounters,
  eventsOf,
  inTransaction,
  mail,
  messagesIn,
  newsSince,
} from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted, type FlagChange, type FlagResult } from './changes.ts'
import { flagBits, keywordsPerMessageMax } from './flags.ts'
import { findFolder, findInboxId } from './folders.ts'
import type { UidRange } from './uid-ranges.ts'

const { seen, answered, flagged, deleted } = flagBits
const all: UidRange[] = [{ first: 1, last: 1000 }]

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Inbox = TestMailbox & { inboxId: string }

async function inboxOf(count: number, flags = 0, keywords: string[] = []): Promise<Inbox> {
  const mailbox = await t.createMailbox()
  const inboxId = await findInboxId(t.platform, mailbox.mailboxId)
  assert.ok(inboxId)
  const raws = Array.from({ length: count }, () => mail())
  if (count > 0) await append(t.platform, mailbox.owner, inboxId, raws, { flags, keywords })
  return { ...mailbox, inboxId }
}

function change(box: Inbox, ranges: UidRange[], wanted: FlagChange): Promise<FlagResult> {
  return inTransaction(t.platform, (tx) =>
    changeFlags(t.platform, tx, box.owner, box.inboxId, ranges, wanted),
  )
}

function expunge(box: Inbox, ranges: UidRange[] | null) {
  return inTransaction(t.platform, (tx) => expungeDeleted(t.platform, tx, box.owner, box.inboxId, ranges))
}

type Row = {
  what: string
  has: { flags: number; keywords: string[] }
  change: FlagChange
  want: { flags: number; keywords: string[] } | 'untouched'
}
const rows: Row[] = [
  {
    what: 'add',
    has: { flags: seen, keywords: ['a'] },
    change: { mode: 'add', flags: flagged, keywords: ['b'] },
    want: { flags: seen | flagged, keywords: ['a', 'b'] },
  },
  {
    what: 'add what is there, in another case',
    has: { flags: seen, keywords: ['$Junk'] },
    change: { mode: 'add', flags: seen, keywords: ['$JUNK'] },
    want: 'untouched',
  },
  {
    what: 'add one keyword in two cases',
    has: { flags: 0, keywords: [] },
    change: { mode: 'add', flags: 0, keywords: ['Work', 'WORK'] },
    want: { flags: 0, keywords: ['Work'] },
  },
  {
    what: 'remove',
    has: { flags: seen | flagged, keywords: ['a', 'b'] },
    change: { mode: 'remove', flags: flagged, keywords: ['A'] },
    want: { flags: seen, keywords: ['b'] },
  },
  {
    what: 'remove what is not there',
    has: { flags: seen, keywords: ['a'] },
    change: { mode: 'remove', flags: flagged, keywords: ['b'] },
    want: 'untouched',
  },
  {
    what: 'replace',
    has: { flags: seen | flagged, keywords: ['a', 'b'] },
    change: { mode: 'replace', flags: answered, keywords: ['B', 'c'] },
    want: { flags: answered, keywords: ['b', 'c'] },
  },
  {
    what: 'replace by the same',
    has: { flags: seen, keywords: ['a', 'b'] },
    change: { mode: 'replace', flags: seen, keywords: ['B', 'A'] },
    want: 'untouched',
  },
  {
    what: 'replace by nothing',
    has: { flags: seen, keywords: ['a'] },
    change: { mode: 'replace', flags: 0, keywords: [] },
    want: { flags: 0, keywords: [] },
  },
  {
    what: 'replace one of the keywords only',
    has: { flags: seen, keywords: ['a', 'b'] },
    change: { mode: 'replace', flags: seen, keywords: ['a'] },
    want: { flags: seen, keywords: ['a'] },
  },
]
for (const row of rows) {
  test(`flags: ${row.what}`, async () => {
    const box = await inboxOf(1, row.has.flags, row.has.keywords)
    const [before] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    const folderBefore = await findFolder(t.platform, box.mailboxId, 'INBOX')
    const result = await change(box, all, row.change)
    const [after] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    const isTouched = row.want !== 'untouched'
    const want = row.want === 'untouched' ? row.has : row.want
    assert.deepEqual({ flags: after?.flags, keywords: after?.keywords }, want)
    assert.equal(after?.modseq, (before?.modseq ?? 0) + Number(isTouched))
    assert.equal(result.changed, Number(isTouched))
    assert.equal(result.highestModseq, (folderBefore?.highest_modseq ?? 0) + Number(isTouched))
    assert.deepEqual(
      result.messages.map(({ uid, flags, keywords, modseq }) => ({ uid, flags, keywords, modseq })),
      [{ uid: 1, ...want, modseq: after?.modseq }],
    )
    const events = (await eventsOf(t.platform, box.mailboxId)).filter(
      ({ type }) => type === 'message.flags_changed',
    )
    assert.equal(events.length, Number(isTouched))
    await assertCounters(t.platform, box.mailboxId)
  })
}

test('only the messages of the ranges change, each once, also where ranges overlap', async () => {
  const box = await inboxOf(10)
  const ranges = [
    { first: 7, last: 9 },
    { first: 2, last: 3 },
    { first: 3, last: 3 },
    { first: 8, last: 400 },
  ]
  const result = await change(box, ranges, { mode: 'add', flags: seen, keywords: [] })
  assert.deepEqual(
    result.messages.map(({ uid }) => uid),
    [2, 3, 7, 8, 9, 10],
  )
  assert.equal(result.changed, 6)
  const states = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual(
    states.filter(({ flags }) => flags === seen).map(({ uid }) => uid),
    [2, 3, 7, 8, 9, 10],
  )
  assert.equal((await findFolder(t.platform, box.mailboxId, 'INBOX'))?.unseen_count, 4)
  await assertCounters(t.platform, box.mailboxId)
})

test('unchangedSince leaves messages with a higher MODSEQ alone and names them (RFC 7162 §3.1.3)', async () => {
  const box = await inboxOf(3)
  const first = await change(box, [{ first: 1, last: 1 }], { mode: 'add', flags: seen, keywords: [] })
  await change(box, [{ first: 2, last: 2 }], { mode: 'add', flags: seen, keywords: [] })
  const unchangedSince = first.highestModseq
  const result = await change(box, all, { mode: 'add', flags: flagged, keywords: [], unchangedSince })
  assert.deepEqual(result.modified, [2])
  assert.deepEqual(
    result.messages.map(({ uid }) => uid),
    [1, 3],
  )
  const none = await change(box, all, { mode: 'add', flags: answered, keywords: [], unchangedSince: 0 })
  assert.deepEqual([none.modified, none.messages, none.changed], [[1, 2, 3], [], 0])
})

test('many concurrent changes of one folder end as if they came one after the other', async () => {
  const box = await inboxOf(20)
  const changes = Array.from({ length: 40 }, (_, n): FlagChange => {
    return { mode: 'add', flags: n % 2 === 0 ? seen : flagged, keywords: [`k${n}`] }
  })
  const results = await Promise.all(changes.map((one) => change(box, all, one)))
  assert.equal(
    new Set(results.map(({ highestModseq }) => highestModseq)).size,
    40,
    'each change has its MODSEQ',
  )
  const highest = Math.max(...results.map(({ highestModseq }) => highestModseq))
  for (const state of await messagesIn(t.platform, box.mailboxId, box.inboxId)) {
    assert.equal(state.flags, seen | flagged)
    assert.equal(state.keywords.length, 40)
    assert.equal(state.modseq, highest)
  }
  await assertCounters(t.platform, box.mailboxId)
})

test('a keyword more than a message may have is refused, and nothing changes', async () => {
  const keywords = Array.from({ length: keywordsPerMessageMax }, (_, n) => `k${n}`)
  const box = await inboxOf(1, 0, keywords)
  const refused = change(box, all, { mode: 'add', flags: seen, keywords: ['more'] })
  await assert.rejects(refused, (error) => error instanceof Refusal && error.code === 'keyword_limit_reached')
  const [state] = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual([state?.flags, state?.keywords], [0, keywords])
})

test('only messages with \\Deleted are expunged, in the ranges that were named', async () => {
  const box = await inboxOf(8)
  await change(box, [{ first: 2, last: 6 }], { mode: 'add', flags: deleted, keywords: [] })
  const since = (await findFolder(t.platform, box.mailboxId, 'INBOX'))?.highest_modseq ?? 0
  const some = await expunge(box, [
    { first: 5, last: 8 },
    { first: 1, last: 2 },
    { first: 6, last: 6 },
  ])
  assert.deepEqual(some, { uids: [2, 5, 6], highestModseq: since + 1 })
  await assertCounters(t.platform, box.mailboxId)
  const rest = await expunge(box, null)
  assert.deepEqual(rest, { uids: [3, 4], highestModseq: since + 2 })
  const states = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  assert.deepEqual(
    states.map(({ uid }) => uid),
    [1, 7, 8],
  )
  const inbox = { mailboxId: box.mailboxId, folderId: box.inboxId }
  assert.deepEqual((await newsSince(t.platform, inbox, since, 9)).expunged, [2, 3, 4, 5, 6])
  const later = await newsSince(t.platform, inbox, since + 1, 9)
  assert.deepEqual(later.expunged, [3, 4], 'a tombstone has the MODSEQ of its own change')
  await assertCounters(t.platform, box.mailboxId)
  const events = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'message.expunged')
  assert.deepEqual(
    events.map(({ data }) => data),
    [
      { folder_id: box.inboxId, highest_modseq: since + 1, count: 3 },
      { folder_id: box.inboxId, highest_modseq: since + 2, count: 2 },
    ],
  )
})

// More UIDs than a statement names one by one are joined as ranges; both forms must agree.
const shapes: { what: string; ranges: UidRange[]; want: (uid: number) => boolean }[] = [
  { what: 'all in one range', ranges: [{ first: 1, last: 4_294_967_295 }], want: () => true },
  {
    what: 'many ranges',
    ranges: Array.from({ length: 75 }, (_, n) => ({ first: 4 * n + 1, last: 4 * n + 2 })),
    want: (uid) => uid % 4 === 1 || uid % 4 === 2,
  },
  {
    what: 'as many as are named one by one',
    ranges: Array.from({ length: 100 }, (_, n) => ({ first: 3 * n + 1, last: 3 * n + 1 })),
    want: (uid) => uid % 3 === 1,
  },
  {
    what: 'overlapping',
    ranges: [
      { first: 1, last: 150 },
      { first: 100, last: 250 },
    ],
    want: (uid) => uid <= 250,
  },
]
for (const { what, ranges, want } of shapes) {
  test(`large sets of messages: ${what}`, async () => {
    const box = await inboxOf(300, seen, ['a'])
    const wanted = Array.from({ length: 300 }, (_, n) => n + 1).filter(want)
    const result = await change(box, ranges, { mode: 'replace', flags: deleted, keywords: ['A', 'b'] })
    assert.deepEqual([result.changed, result.messages.map(({ uid }) => uid)], [wanted.length, wanted])
    const states = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    for (const { uid, flags, keywords } of states) {
      assert.deepEqual([flags, keywords], want(uid) ? [deleted, ['a', 'b']] : [seen, ['a']])
    }
    await assertCounters(t.platform, box.mailboxId)
    const again = await change(box, ranges, { mode: 'add', flags: deleted, keywords: ['B'] })
    assert.deepEqual([again.changed, again.highestModseq], [0, result.highestModseq])
    const expunged = await expunge(box, ranges)
    assert.deepEqual(expunged, { uids: wanted, highestModseq: result.highestModseq + 1 })
    await assertCounters(t.platform, box.mailboxId)
  })
}

test('what this process is told of changes is what the log has', async () => {
  const box = await inboxOf(3)
  const heard: unknown[] = []
  const stop = t.platform.bus.subscribeMailbox(box.mailboxId, ({ type, data }) => heard.push({ type, data }))
  await change(box, all, { mode: 'add', flags: deleted, keywords: ['x'] })
  await change(box, all, { mode: 'add', flags: deleted, keywords: ['X'] })
  await expunge(box, [{ first: 2, last: 2 }])
  await expunge(box, [{ first: 2, last: 2 }])
  stop()
  const written = await eventsOf(t.platform, box.mailboxId)
  assert.equal(heard.length, 2)
  assert.deepEqual(heard, written.slice(-2))
})

test('an expunge of nothing changes nothing', async () => {
  const box = await inboxOf(2)
  const before = await findFolder(t.platform, box.mailboxId, 'INBOX')
  assert.deepEqual(await expunge(box, null), { uids: [], highestModseq: before?.highest_modseq })
  assert.deepEqual(await findFolder(t.platform, box.mailboxId, 'INBOX'), before)
})

test('the UID of an expunged message is never given again', async () => {
  const box = await inboxOf(3, deleted)
  await expunge(box, null)
  const [stored] = await append(t.platform, box.owner, box.inboxId, [mail()])
  assert.equal(stored?.uid, 4)
})

test('of many concurrent expunges one gets each message', async () => {
  const box = await inboxOf(12, deleted)
  const results = await Promise.all(Array.from({ length: 6 }, () => expunge(box, null)))
  assert.deepEqual(
    results.flatMap(({ uids }) => uids),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
  )
  await assertCounters(t.platform, box.mailboxId)
})

test('a folder that is gone is refused', async () => {
  const box = await inboxOf(0)
  const gone = { ...box, inboxId: newId() }
  const isGone = (error: unknown) => error instanceof Refusal && error.code === 'folder_not_found'
  await assert.rejects(change(gone, all, { mode: 'add', flags: seen, keywords: [] }), isGone)
  await assert.rejects(expunge(gone, null), isGone)
})
