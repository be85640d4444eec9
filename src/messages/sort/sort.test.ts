import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { highestModseqOf } from '../highest-modseq.ts'
import { threadMessages } from '../threads/thread-tree-read.ts'
import { sortMessages } from './sort.ts'
import type { SortKey } from './sort-order.ts'

/** UIDs from 1: more than one page of either kind of keys. */
const count = 21_000
const uids = Array.from({ length: count }, (_, at) => at + 1)

let running: TestPlatform
let folder: { mailboxId: string; folderId: string }
before(async () => {
  running = await startTestPlatform()
  const { mailboxId } = await running.createMailbox()
  const { db } = running.platform
  const inbox = await db
    .selectFrom('folders')
    .select('id')
    .where('mailbox_id', '=', mailboxId)
    .where('special_use', '=', 'inbox')
    .executeTakeFirstOrThrow()
  folder = { mailboxId, folderId: inbox.id }
  // Three thousand different bodies, seven messages of each; the message of UID n has that of n modulo 3,000.
  await sql`
    insert into bodies (id, store, size_bytes, content, envelope, structure, created_at)
    select lpad(n::text, 32, '0')::uuid, 'postgres', 1, '', json_build_object(
        'date', null, 'subject', 'Re: number ' || n, 'from', '[]'::json, 'to', '[]'::json, 'cc', '[]'::json,
        'messageId', '<' || n || '@x.test>', 'inReplyTo', null,
        'references', case n when 0 then '[]'::json else json_build_array('<0@x.test>') end
      ), '{}', now() from generate_series(0, 2999) as n`.execute(db)
  await sql`
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select ${mailboxId}::uuid, ${inbox.id}::uuid, n, gen_random_uuid(), n, 0, '{}',
      timestamptz '2024-01-01' - n * interval '1 second', n % 10 + 5000000000, lpad((n % 3000)::text, 32, '0')::uuid,
      gen_random_uuid(), now() from generate_series(1, ${count}) as n`.execute(db)
})
after(() => running[Symbol.asyncDispose]())

const by = (key: SortKey) => [{ key, reverse: false }]

const rows: [key: SortKey, keyOf: (uid: number) => number | string][] = [
  ['arrival', (uid) => -uid],
  ['date', (uid) => -uid], // there is none, so it is that of the arrival
  ['size', (uid) => uid % 10],
  ['subject', (uid) => `number ${uid % 3000}`],
]
for (const [key, keyOf] of rows) {
  test(`by ${key}, over pages`, async () => {
    const wanted = uids.toSorted((a, b) => {
      const [first, second] = [keyOf(a), keyOf(b)]
      return first < second ? -1 : first > second ? 1 : a - b
    })
    assert.deepEqual(await sortMessages(running.platform, folder, uids, by(key)), wanted)
  })
}

test('some of the messages, and some that are gone', async () => {
  for (const key of ['arrival', 'subject'] as const) {
    const sorted = await sortMessages(running.platform, folder, [5, 7, 3_000_000, 4_000_000], by(key))
    assert.deepEqual(sorted.slice(0, 2), [3_000_000, 4_000_000])
    assert.deepEqual(sorted.slice(2), key === 'arrival' ? [7, 5] : [5, 7])
  }
  assert.deepEqual(await sortMessages(running.platform, folder, [], by('date')), [])
})

test('progress is told before each page, and what it throws ends the work', async () => {
  const told: number[] = []
  const onProgress = (read: number): void => {
    told.push(read)
    if (read >= 4_000) throw new Error('the client is gone')
  }
  await assert.rejects(sortMessages(running.platform, folder, uids, by('subject'), { onProgress }), /is gone/)
  assert.deepEqual(told, [0, 2_000, 4_000])
  await assert.rejects(
    threadMessages(running.platform, folder, uids, 'references', { onProgress }),
    /is gone/,
  )
})

test('threads over pages', async () => {
  const all = await threadMessages(running.platform, folder, uids, 'references')
  // The first message has all replies; its copies share no identifier with it, but the subject.
  const [thread] = all
  assert.deepEqual([all.length, thread?.uid, thread?.children.length], [1, null, 7])
  assert.equal(thread?.children.find(({ uid }) => uid === 3_000)?.children.length, count - 7)
  const found = new Set<number>()
  const open = [...all]
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.uid !== null) found.add(node.uid)
    for (const child of node.children) open.push(child)
  }
  assert.equal(found.size, count)
  const bySubject = await threadMessages(running.platform, folder, uids.slice(0, 6_000), 'orderedsubject')
  assert.equal(bySubject.length, 3_000)
  assert.deepEqual(bySubject[0], { uid: 6_000, children: [{ uid: 3_000, children: [] }] })
})

test('the highest MODSEQ of some messages', async () => {
  assert.equal(await highestModseqOf(running.platform, folder, [3, 9, 4, 99_999]), 9)
  assert.equal(await highestModseqOf(running.platform, folder, [99_999]), null)
})
