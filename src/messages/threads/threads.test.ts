import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { append, folderIdOf, inTransaction, mail, stage, type TestMail } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { appendMessages } from '../append.ts'
import { planThreads, type Threadable } from './threads.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

/** The threads of a mailbox as sets of the texts of their messages. */
async function threadsOf(box: TestMailbox): Promise<string[]> {
  const rows = await t.platform.db
    .selectFrom('messages')
    .innerJoin('bodies', 'bodies.id', 'messages.body_id')
    .select(['thread_id', 'bodies.envelope'])
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  const byThread = Map.groupBy(rows, (row) => row.thread_id)
  return [...byThread.values()]
    .map((members) =>
      members
        .map(({ envelope }) => envelope.messageId ?? '-')
        .toSorted()
        .join(' '),
    )
    .toSorted()
}

async function deliver(box: TestMailbox, mails: TestMail[], path = 'INBOX'): Promise<void> {
  const folderId = await folderIdOf(t.platform, box.mailboxId, path)
  await append(t.platform, box.owner, folderId, mails.map(mail))
}

type Row = [what: string, batches: TestMail[][], want: string[]]
const rows: Row[] = [
  ['messages without ids stand alone', [[{}, {}], [{}]], ['-', '-', '-']],
  ['a reply joins', [[{ id: 'a@x' }], [{ id: 'b@x', inReplyTo: 'a@x' }]], ['<a@x> <b@x>']],
  [
    'a reply joins its parent in one batch',
    [[{ id: 'a@x' }, { id: 'b@x', inReplyTo: 'a@x' }]],
    ['<a@x> <b@x>'],
  ],
  ['a parent that comes later joins', [[{ id: 'b@x', inReplyTo: 'a@x' }], [{ id: 'a@x' }]], ['<a@x> <b@x>']],
  ['strangers do not join', [[{ id: 'a@x' }], [{ id: 'b@x' }]], ['<a@x>', '<b@x>']],
  [
    'references chain messages that never came',
    [[{ id: 'c@x', references: ['a@x', 'b@x'] }], [{ id: 'd@x', references: ['b@x'] }]],
    ['<c@x> <d@x>'],
  ],
  [
    'a message that refers to two threads merges them',
    [[{ id: 'a@x' }], [{ id: 'b@x' }], [{ id: 'c@x', references: ['a@x', 'b@x'] }]],
    ['<a@x> <b@x> <c@x>'],
  ],
  [
    'what follows a merged thread joins the merged one',
    [
      [{ id: 'a@x' }],
      [{ id: 'b@x' }],
      [{ id: 'c@x', references: ['a@x', 'b@x'] }],
      [{ id: 'd@x', inReplyTo: 'b@x' }],
      [{ id: 'e@x', inReplyTo: 'a@x' }],
    ],
    ['<a@x> <b@x> <c@x> <d@x> <e@x>'],
  ],
  [
    'two messages of one batch that overlap in the threads they merge',
    [
      [{ id: 'a@x' }],
      [{ id: 'b@x' }],
      [{ id: 'c@x' }],
      [
        { id: 'd@x', references: ['b@x', 'c@x'] },
        { id: 'e@x', references: ['a@x', 'b@x'] },
      ],
    ],
    ['<a@x> <b@x> <c@x> <d@x> <e@x>'],
  ],
  [
    'the same, in the other order',
    [
      [{ id: 'a@x' }],
      [{ id: 'b@x' }],
      [{ id: 'c@x' }],
      [
        { id: 'd@x', references: ['a@x', 'b@x'] },
        { id: 'e@x', references: ['b@x', 'c@x'] },
      ],
    ],
    ['<a@x> <b@x> <c@x> <d@x> <e@x>'],
  ],
  ['the same message twice is one thread', [[{ id: 'a@x' }], [{ id: 'a@x' }]], ['<a@x> <a@x>']],
]
for (const [what, batches, want] of rows) {
  test(what, async () => {
    const box = await t.createMailbox()
    for (const batch of batches) await deliver(box, batch)
    assert.deepEqual(await threadsOf(box), want)
  })
}

test('mailboxes never share a thread', async () => {
  const [one, other] = [await t.createMailbox(), await t.createMailbox()]
  await deliver(one, [{ id: 'a@x' }])
  await deliver(other, [{ id: 'b@x', inReplyTo: 'a@x' }, { id: 'a@x' }])
  await deliver(one, [{ id: 'c@x', inReplyTo: 'b@x' }])
  assert.deepEqual(await threadsOf(one), ['<a@x>', '<c@x>'])
  assert.deepEqual(await threadsOf(other), ['<a@x> <b@x>'])
})

test('a reply and its parent that come at once, into different folders, end in one thread', async () => {
  for (let round = 0; round < 5; round++) {
    const box = await t.createMailbox()
    await Promise.all([
      deliver(box, [{ id: 'a@x' }], 'INBOX'),
      deliver(box, [{ id: 'b@x', inReplyTo: 'a@x' }], 'Sent'),
      deliver(box, [{ id: 'c@x', references: ['a@x', 'b@x'] }], 'Archive'),
    ])
    assert.deepEqual(await threadsOf(box), ['<a@x> <b@x> <c@x>'])
  }
})

test('a message that joins a thread while that is merged into another follows it', async () => {
  for (let round = 0; round < 10; round++) {
    const box = await t.createMailbox()
    await deliver(box, [{ id: 'a@x' }])
    await deliver(box, [{ id: 'b@x' }])
    await Promise.all([
      deliver(box, [{ id: 'c@x', inReplyTo: 'b@x' }], 'Sent'),
      deliver(box, [{ id: 'd@x', references: ['a@x', 'b@x'] }], 'INBOX'),
      deliver(box, [{ id: 'e@x', inReplyTo: 'b@x' }], 'Archive'),
    ])
    await deliver(box, [{ id: 'f@x', inReplyTo: 'c@x' }])
    await deliver(box, [{ id: 'g@x', inReplyTo: 'e@x' }])
    assert.deepEqual(await threadsOf(box), ['<a@x> <b@x> <c@x> <d@x> <e@x> <f@x> <g@x>'])
  }
})

test('a Message-ID that was written while a merge waited for its delivery goes along', async () => {
  const box = await t.createMailbox()
  await deliver(box, [{ id: 'a@x' }])
  await deliver(box, [{ id: 'b@x' }])
  await deliver(box, [{ id: 'c@x', inReplyTo: 'b@x' }])
  const sentId = await folderIdOf(t.platform, box.mailboxId, 'Sent')
  const body = await stage(t.platform, mail({ id: 'd@x', inReplyTo: 'c@x' }))
  const written = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const joining = inTransaction(t.platform, async (tx) => {
    const message = { body, flags: 0, keywords: [], internalDate: new Date() }
    await appendMessages(t.platform, tx, box.owner, sentId, [message])
    written.resolve()
    await release.promise
  })
  await written.promise
  const merging = deliver(box, [{ id: 'e@x', references: ['a@x', 'b@x'] }]) // locks b, and must wait for c
  await new Promise((resolve) => setTimeout(resolve, 150))
  release.resolve()
  await Promise.all([joining, merging])
  await deliver(box, [{ id: 'f@x', inReplyTo: 'd@x' }])
  assert.deepEqual(await threadsOf(box), ['<a@x> <b@x> <c@x> <d@x> <e@x> <f@x>'])
})

test('however messages are batched, threads are what their references connect', async () => {
  const id = fc.integer({ min: 0, max: 11 })
  const message = fc.record({ own: id, refers: fc.array(id, { maxLength: 3 }) })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(message, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
      async (batches) => {
        const box = await t.createMailbox()
        for (const batch of batches) {
          await deliver(
            box,
            batch.map(({ own, refers }) => ({ id: `${own}@x`, references: refers.map((one) => `${one}@x`) })),
          )
        }
        assert.deepEqual(await threadsOf(box), connected(batches.flat()))
      },
    ),
    { numRuns: 25 },
  )
})

/** Union of everything that one message names, repeated until nothing changes. */
function connected(messages: { own: number; refers: number[] }[]): string[] {
  const root = Array.from({ length: 12 }, (_, n) => n)
  for (let round = 0; round < 12; round++) {
    for (const { own, refers } of messages) {
      const lowest = Math.min(...[own, ...refers].map((n) => root[n] ?? n))
      for (const n of [own, ...refers]) {
        const before = root[n]
        for (const [at, value] of root.entries()) if (value === before) root[at] = lowest
      }
    }
  }
  const byRoot = Map.groupBy(messages, ({ own }) => root[own])
  return [...byRoot.values()]
    .map((members) =>
      members
        .map(({ own }) => `<${own}@x>`)
        .toSorted()
        .join(' '),
    )
    .toSorted()
}

test('ten thousand references are cut to the nearest, and cost little', async () => {
  const box = await t.createMailbox()
  const references = Array.from({ length: 10_000 }, (_, n) => `r${n}@x`)
  const message: Threadable = {
    mailboxId: box.mailboxId,
    messageId: '<m@x>',
    inReplyTo: references,
    references,
  }
  const start = performance.now()
  const threads = await inTransaction(t.platform, async (tx) => {
    const plan = planThreads([message])
    const { numAffectedRows } = await plan.statement.execute(tx)
    return await plan.resolve(tx, Number(numAffectedRows))
  })
  assert.equal(threads.length, 1)
  assert.ok(performance.now() - start < 2000)
  const { count } = await t.platform.db
    .selectFrom('thread_message_ids')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('mailbox_id', '=', box.mailboxId)
    .executeTakeFirstOrThrow()
  assert.ok(count <= 101, `${count} Message-IDs were kept`)
})

test('a raw message with ten thousand references is stored', async () => {
  const box = await t.createMailbox()
  await deliver(box, [{ id: 'a@x' }])
  const references = Array.from({ length: 10_000 }, (_, n) => `r${n}@x`)
  await deliver(box, [{ id: 'b@x', references: [...references, 'a@x'] }])
  assert.deepEqual(await threadsOf(box), ['<a@x> <b@x>'])
})
