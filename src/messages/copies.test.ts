import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import {
  append,
  assertCounters,
  eventsOf,
  folderIdOf,
  inTransaction,
  mail,
  messagesIn,
  newsSince,
} from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags } from './changes.ts'
import { type CopyResult, copyMessages, moveMessages } from './copies.ts'
import { flagBits } from './flags.ts'
import { findFolder } from './folders.ts'
import type { UidRange } from './uid-ranges.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { inboxId: string; archiveId: string }

/** A mailbox with three messages in INBOX, of which UID 2 has flags and keywords, and one in Archive. */
async function filledBox(): Promise<Box> {
  const mailbox = await t.createMailbox()
  const inboxId = await folderIdOf(t.platform, mailbox.mailboxId, 'INBOX')
  const archiveId = await folderIdOf(t.platform, mailbox.mailboxId, 'Archive')
  const raws = [mail({ text: 'one' }), mail({ text: 'two' }), mail({ text: 'three' })]
  const internalDate = new Date('2021-03-04T05:06:07.000Z')
  await append(t.platform, mailbox.owner, inboxId, raws, { internalDate })
  await append(t.platform, mailbox.owner, archiveId, [mail()])
  await inTransaction(t.platform, (tx) =>
    changeFlags(t.platform, tx, mailbox.owner, inboxId, [{ first: 2, last: 2 }], {
      mode: 'add',
      flags: flagBits.seen | flagBits.flagged,
      keywords: ['$Work', 'x'],
    }),
  )
  return { ...mailbox, inboxId, archiveId }
}

const run = { copy: copyMessages, move: moveMessages }

function go(
  how: 'copy' | 'move',
  box: Box,
  from: string,
  ranges: UidRange[],
  to: string,
): Promise<CopyResult> {
  return inTransaction(t.platform, (tx) => run[how](t.platform, tx, box.owner, from, ranges, to))
}

for (const how of ['copy', 'move'] as const) {
  test(`${how}: flags, keywords, dates, threads and bodies are kept; UIDs are new and in order`, async () => {
    const box = await filledBox()
    const before = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    const ranges = [
      { first: 3, last: 9 },
      { first: 1, last: 2 },
      { first: 2, last: 3 },
    ]
    const result = await go(how, box, box.inboxId, ranges, box.archiveId)
    const archive = await findFolder(t.platform, box.mailboxId, 'Archive')
    assert.equal(result.uidvalidity, archive?.uidvalidity)
    assert.deepEqual(
      [result.sourceUids, result.destinationUids],
      [
        [1, 2, 3],
        [2, 3, 4],
      ],
    )
    const after = (await messagesIn(t.platform, box.mailboxId, box.archiveId)).slice(1)
    for (const [index, row] of after.entries()) {
      const was = before[index]
      assert.deepEqual(
        [row.flags, row.keywords, row.internal_date, row.thread_id, row.body_id],
        [was?.flags, was?.keywords, was?.internal_date, was?.thread_id, was?.body_id],
      )
      assert.equal(row.id === was?.id, how === 'move', 'a move keeps the id, a copy gets a new one')
      assert.equal(row.modseq, archive?.highest_modseq)
    }
    const left = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    assert.deepEqual(left, how === 'copy' ? before : [])
    await assertCounters(t.platform, box.mailboxId)
  })

  test(`${how} within one folder`, async () => {
    const box = await filledBox()
    const since = (await findFolder(t.platform, box.mailboxId, 'INBOX'))?.highest_modseq ?? 0
    const result = await go(how, box, box.inboxId, [{ first: 1, last: 2 }], box.inboxId)
    assert.deepEqual(result.destinationUids, [4, 5])
    const uids = (await messagesIn(t.platform, box.mailboxId, box.inboxId)).map(({ uid }) => uid)
    assert.deepEqual(uids, how === 'copy' ? [1, 2, 3, 4, 5] : [3, 4, 5])
    const inbox = { mailboxId: box.mailboxId, folderId: box.inboxId }
    const news = await newsSince(t.platform, inbox, since, 4)
    assert.deepEqual(news.expunged, how === 'copy' ? [] : [1, 2])
    assert.deepEqual(news.added, [4, 5])
    await assertCounters(t.platform, box.mailboxId)
  })

  test(`${how} of nothing changes nothing`, async () => {
    const box = await filledBox()
    const before = await findFolder(t.platform, box.mailboxId, 'Archive')
    const result = await go(how, box, box.inboxId, [{ first: 50, last: 60 }], box.archiveId)
    assert.deepEqual(result.destinationUids, [])
    assert.deepEqual(await findFolder(t.platform, box.mailboxId, 'Archive'), before)
  })

  const missing: [what: string, from: 'inboxId' | null, to: 'archiveId' | null][] = [
    ['to a folder that is gone', 'inboxId', null],
    ['from a folder that is gone', null, 'archiveId'],
  ]
  for (const [what, from, to] of missing) {
    test(`${how} ${what} is refused and changes nothing`, async () => {
      const box = await filledBox()
      const refused = go(
        how,
        box,
        from ? box[from] : newId(),
        [{ first: 1, last: 3 }],
        to ? box[to] : newId(),
      )
      await assert.rejects(refused, (error) => error instanceof Refusal && error.code === 'folder_not_found')
      assert.equal((await messagesIn(t.platform, box.mailboxId, box.inboxId)).length, 3)
      assert.equal((await messagesIn(t.platform, box.mailboxId, box.archiveId)).length, 1)
    })
  }

  test(`${how} into the folder of another mailbox is refused`, async () => {
    const [box, other] = [await filledBox(), await filledBox()]
    const refused = go(how, box, box.inboxId, [{ first: 1, last: 3 }], other.archiveId)
    await assert.rejects(refused, (error) => error instanceof Refusal && error.code === 'folder_not_found')
  })
}

test('a move leaves tombstones in its source, tells its MODSEQ, and writes one event', async () => {
  const box = await filledBox()
  const since = (await findFolder(t.platform, box.mailboxId, 'INBOX'))?.highest_modseq ?? 0
  const result = await go('move', box, box.inboxId, [{ first: 2, last: 3 }], box.archiveId)
  assert.equal(result.sourceModseq, since + 1)
  const inbox = { mailboxId: box.mailboxId, folderId: box.inboxId }
  assert.deepEqual(await newsSince(t.platform, inbox, since, 4), {
    added: [],
    expunged: [2, 3],
    changed: [],
    highestModseq: since + 1,
  })
  const archive = await findFolder(t.platform, box.mailboxId, 'Archive')
  const events = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'message.moved')
  assert.deepEqual(
    events.map(({ data }) => data),
    [
      {
        folder_id: box.archiveId,
        highest_modseq: archive?.highest_modseq,
        count: 2,
        from_folder_id: box.inboxId,
      },
    ],
  )
  const { count } = await t.platform.db
    .selectFrom('sweep_candidates')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  assert.equal(count, 0, 'a moved body was not given up')
})

test('moves of the same messages there and back at once lose and double none', async () => {
  const box = await filledBox()
  await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0
        ? go('move', box, box.inboxId, [{ first: 1, last: 1000 }], box.archiveId)
        : go('move', box, box.archiveId, [{ first: 1, last: 1000 }], box.inboxId),
    ),
  )
  const inbox = await messagesIn(t.platform, box.mailboxId, box.inboxId)
  const archive = await messagesIn(t.platform, box.mailboxId, box.archiveId)
  assert.equal(new Set([...inbox, ...archive].map(({ id }) => id)).size, 4)
  assert.equal(inbox.length + archive.length, 4)
  await assertCounters(t.platform, box.mailboxId)
})

for (const how of ['copy', 'move'] as const) {
  test(`${how} of more messages than a statement names one by one, and what is told of it`, async () => {
    const box = await filledBox()
    await append(
      t.platform,
      box.owner,
      box.inboxId,
      Array.from({ length: 297 }, () => mail()),
    )
    const before = await messagesIn(t.platform, box.mailboxId, box.inboxId)
    const heard: unknown[] = []
    const stop = t.platform.bus.subscribeMailbox(box.mailboxId, ({ type, data }) =>
      heard.push({ type, data }),
    )
    const ranges = Array.from({ length: 150 }, (_, n) => ({ first: 2 * n + 1, last: 2 * n + 1 }))
    const result = await go(how, box, box.inboxId, ranges, box.archiveId)
    stop()
    const odd = ranges.map(({ first }) => first)
    assert.deepEqual(result.sourceUids, odd)
    const after = (await messagesIn(t.platform, box.mailboxId, box.archiveId)).slice(1)
    assert.deepEqual(
      after.map(({ uid, body_id }) => [uid, body_id]),
      odd.map((uid, index) => [result.destinationUids[index], before[uid - 1]?.body_id]),
    )
    assert.equal(new Set(after.map(({ id }) => id)).size, 150)
    assert.deepEqual(heard, (await eventsOf(t.platform, box.mailboxId)).slice(-1))
    await assertCounters(t.platform, box.mailboxId)
  })
}
