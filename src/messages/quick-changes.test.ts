import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
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
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { changeFlags, expungeDeleted, type FlagChange, type FlagResult } from './changes.ts'
import { flagBits } from './flags.ts'
import { deleteFolder } from './folders.ts'
import { isRemembered, lightFolderOf, lightMessagesIn } from './light-folders.ts'
import { putSettings } from './policies.ts'
import { commitExpunge, commitFlags } from './quick-changes.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' }) // a failure is part of it
})
after(() => t[Symbol.asyncDispose]())

const all = [{ first: 1, last: 1000 }]
const addSeen = { mode: 'add', flags: flagBits.seen, keywords: [] } as const
const addDeleted = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const

type Box = TestMailbox & { folderId: string }

async function boxOf(
  count: number,
  options: { isRemembered: boolean } = { isRemembered: true },
): Promise<Box> {
  const box = await t.createMailbox()
  const folderId = await folderIdOf(t.platform, box.mailboxId, 'Sent')
  await append(
    t.platform,
    box.owner,
    folderId,
    Array.from({ length: count }, () => mail()),
  )
  if (options.isRemembered) await remember({ ...box, folderId })
  return { ...box, folderId }
}

async function remember(box: Box) {
  const folder = await lightFolderOf(t.platform, box, { modseq: 0, isStale: false })
  assert.ok(folder)
  return folder
}

/** What is remembered, what is stored and what is counted agree. */
async function assertWhole(box: Box): Promise<void> {
  const light = [...lightMessagesIn(await remember(box), all)]
  const stored = await messagesIn(t.platform, box.mailboxId, box.folderId)
  const narrow = ({ uid, flags, keywords, modseq }: (typeof stored)[number] | (typeof light)[number]) => ({
    uid,
    flags,
    keywords: [...keywords],
    modseq,
  })
  assert.deepEqual(light.map(narrow), stored.map(narrow))
  await assertCounters(t.platform, box.mailboxId)
}

function flags(box: Box, change: FlagChange, ranges = all, committed: (one: FlagResult) => void = () => {}) {
  return commitFlags(t.platform, box.owner, box.folderId, ranges, change, committed)
}

const words = ['$Work', '$work', '$A', '$b', '$B']

function randomChange(): FlagChange {
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(Math.random() * from.length)]
  const keywords = words.filter(() => Math.random() < 0.3)
  const condition = Math.random() < 0.3 ? { unchangedSince: Math.floor(Math.random() * 60) } : {}
  return {
    mode: pick(['add', 'remove', 'replace'] as const) ?? 'add',
    flags: Math.floor(Math.random() * 32),
    keywords,
    ...condition,
  }
}

test('a change of a remembered folder is what the database would have made of it', async () => {
  const [quick, slow] = [await boxOf(8), await boxOf(8, { isRemembered: false })]
  for (let n = 0; n < 120; n++) {
    const first = 1 + Math.floor(Math.random() * 9)
    const ranges = [{ first, last: first + Math.floor(Math.random() * 4) }]
    if (n % 12 === 11) {
      const expunged = await commitExpunge(
        t.platform,
        quick.owner,
        quick.folderId,
        n % 24 === 11 ? null : ranges,
      )
      assert.deepEqual(
        expunged,
        await inTransaction(t.platform, (tx) =>
          expungeDeleted(t.platform, tx, slow.owner, slow.folderId, n % 24 === 11 ? null : ranges),
        ),
      )
      const more = Array.from(expunged.uids, () => mail())
      for (const box of [quick, slow]) {
        if (more.length > 0) await append(t.platform, box.owner, box.folderId, more)
      }
    } else {
      const change = randomChange()
      assert.deepEqual(
        await flags(quick, change, ranges),
        await inTransaction(t.platform, (tx) =>
          changeFlags(t.platform, tx, slow.owner, slow.folderId, ranges, change),
        ),
        JSON.stringify(change),
      )
    }
  }
  await assertWhole(quick)
  await assertCounters(t.platform, slow.mailboxId)
  const told = async (box: Box) =>
    (await eventsOf(t.platform, box.mailboxId)).flatMap(({ type, data }) => {
      const { folder_id: _, message_ids: __, ...rest } = Object(data)
      return type.startsWith('message.') ? [{ type, ...rest }] : []
    })
  assert.deepEqual(await told(quick), await told(slow))
})

const namings: [what: string, change: FlagChange, told: string[] | undefined][] = [
  ['keywords as they are spelled', { mode: 'add', flags: 0, keywords: ['$Junk', 'b'] }, ['$Junk', 'b']],
  ['one keyword in two cases', { mode: 'add', flags: 0, keywords: ['$B', '$b'] }, ['$B']],
  ['what goes', { mode: 'remove', flags: 0, keywords: ['$WORK'] }, ['$WORK']],
  [
    'what is there beside what is not',
    { mode: 'replace', flags: 0, keywords: ['new', '$work'] },
    ['new', '$work'],
  ],
  ['no keyword', addSeen, undefined],
  ['no keyword, where one goes', { mode: 'replace', flags: 0, keywords: [] }, undefined],
]
for (const [what, change, told] of namings) {
  test(`the event of a change tells what it names, remembered or not: ${what}`, async () => {
    for (const isRemembered of [true, false]) {
      const box = await boxOf(2, { isRemembered })
      await flags(box, { mode: 'add', flags: 0, keywords: ['$Work'] })
      const heard: unknown[] = []
      const stop = t.platform.bus.subscribeMailbox(box.mailboxId, ({ data }) => heard.push(data))
      await flags(box, change)
      stop()
      const { keywords, ...counted } = {
        keywords: told,
        folder_id: box.folderId,
        highest_modseq: 4,
        count: 2,
      }
      const want = keywords === undefined ? counted : { ...counted, keywords }
      assert.deepEqual(heard, [want], 'here')
      assert.deepEqual((await eventsOf(t.platform, box.mailboxId)).at(-1)?.data, want, 'written down')
    }
  })
}

test('each change of a moment tells its own keywords', async () => {
  const boxes = await Promise.all(Array.from({ length: 3 }, () => boxOf(1)))
  const named = [['$Junk'], [], ['$NotJunk', 'x']]
  await Promise.all(boxes.map((box, at) => flags(box, { ...addSeen, keywords: named[at] ?? [] })))
  for (const [at, box] of boxes.entries()) {
    const data = Object((await eventsOf(t.platform, box.mailboxId)).at(-1)?.data)
    assert.deepEqual(data.keywords ?? [], named[at])
  }
})

test('changes of the same moment are one statement, one after the other in each folder', async () => {
  const boxes = await Promise.all(Array.from({ length: 6 }, () => boxOf(3)))
  const statements = await countStatements(async () => {
    await Promise.all(boxes.map((box) => flags(box, addSeen)))
  })
  assert.equal(statements, 1)
  const [box] = boxes
  assert.ok(box)
  const results = await Promise.all([flags(box, addDeleted), flags(box, { ...addSeen, mode: 'remove' })])
  assert.deepEqual(
    results.map(({ highestModseq }) => highestModseq),
    [4, 5],
  )
  for (const one of boxes) await assertWhole(one)
})

test('who changes is told before everyone else, and a change of nothing tells nobody', async () => {
  const box = await boxOf(2)
  const order: string[] = []
  const stop = t.platform.bus.subscribeMailbox(box.mailboxId, ({ type }) => order.push(type))
  const committed = ({ changed }: FlagResult) => order.push(`committed ${changed}`)
  await flags(box, addSeen, all, committed)
  await flags(box, addSeen, all, committed)
  stop()
  assert.deepEqual(order, ['committed 2', 'message.flags_changed', 'committed 0'])
})

test('what another node did before is not overwritten, heard of or not', async () => {
  await using stack = new AsyncDisposableStack()
  const other = await openSecondNode(stack, t)
  const box = await boxOf(3)
  await inTransaction(other, (tx) => changeFlags(other, tx, box.owner, box.folderId, all, addDeleted))
  const { messages } = await flags(box, addSeen, [{ first: 2, last: 2 }])
  assert.deepEqual(
    messages.map((message) => message.flags),
    [flagBits.seen | flagBits.deleted],
  )
  await inTransaction(other, (tx) =>
    changeFlags(other, tx, box.owner, box.folderId, [{ first: 1, last: 1 }], {
      ...addDeleted,
      mode: 'remove',
    }),
  )
  assert.deepEqual((await commitExpunge(t.platform, box.owner, box.folderId, null)).uids, [2, 3])
  await assertWhole(box)
})

test('a removed message can be restored as the policy says, also where it says not at all', async () => {
  const box = await boxOf(2)
  const kept = () =>
    t.platform.db.selectFrom('deleted_messages').selectAll().where('mailbox_id', '=', box.mailboxId).execute()
  await flags(box, addDeleted, [{ first: 1, last: 1 }])
  await commitExpunge(t.platform, box.owner, box.folderId, null)
  const [row] = await kept()
  assert.equal(row?.folder_path, 'Sent')
  assert.ok(row && row.restore_until > row.deleted_at)
  await transaction(t.platform.db, (tx) => putSettings(t.platform, tx, box.owner, { restoreDays: 0 }))
  await flags(box, addDeleted)
  await commitExpunge(t.platform, box.owner, box.folderId, null)
  assert.equal((await kept()).length, 1)
  await assertWhole(box)
})

test('a folder that is gone is refused, and so are keywords beyond the limit', async () => {
  const box = await boxOf(1)
  const keywords = Array.from({ length: 101 }, (_, n) => `k${n}`)
  const refusedAs = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code
  await assert.rejects(flags(box, { mode: 'add', flags: 0, keywords }), refusedAs('keyword_limit_reached'))
  await assertWhole(box)
  await transaction(t.platform.db, (tx) => deleteFolder(t.platform, tx, box.owner, 'Sent'))
  await assert.rejects(flags(box, addSeen), refusedAs('folder_not_found'))
  await assert.rejects(
    commitExpunge(t.platform, box.owner, box.folderId, null),
    refusedAs('folder_not_found'),
  )
  assert.equal(isRemembered(t.platform, box.folderId), false)
})

test('who must wait for a lock does so alone', async () => {
  const [box, other] = [await boxOf(1), await boxOf(1)]
  const release = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const holder = inTransaction(t.platform, async (tx) => {
    await changeFlags(t.platform, tx, box.owner, box.folderId, all, addDeleted)
    locked.resolve()
    await release.promise
  })
  await locked.promise
  const waiting = flags(box, addSeen)
  await flags(other, addSeen)
  release.resolve()
  await holder
  assert.deepEqual(
    (await waiting).messages.map((message) => message.flags),
    [flagBits.seen | flagBits.deleted],
  )
  await assertWhole(box)
})

test('a change that the database refuses fails alone', async () => {
  const [box, other] = [await boxOf(1), await boxOf(1)]
  const poisoned = { ...box, owner: { ...box.owner, organizationId: 'no uuid' } }
  const [refused, made] = await Promise.allSettled([flags(poisoned, addSeen), flags(other, addSeen)])
  assert.deepEqual([refused.status, made.status], ['rejected', 'fulfilled'])
  await assertWhole(box)
  await assertWhole(other)
})
