import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { findInboxId } from '../messages/folders.ts'
import { localEngine } from '../messages/local-engine.ts'
import { summaryOf } from '../messages/message-summary.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { countStatements } from '../testing/count-statements.ts'
import { append, assertCounters, eventsOf, mail, messagesIn, stage } from '../testing/test-mail.ts'
import { outboundMessage } from '../testing/test-outbound.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { type Delivery, type DeliveryResult, type Placement, startCommitLane } from './commit-lane.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' }) // failures are part of it
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { folderId: string; placement: Placement }

async function newBox(): Promise<Box> {
  const box = await t.createMailbox()
  const folderId = (await findInboxId(t.platform, box.mailboxId)) ?? ''
  return { ...box, folderId, placement: { owner: box.owner, folderId, flags: 0, keywords: [] } }
}

async function deliveryTo(boxes: readonly Box[], remote: readonly string[] = []): Promise<Delivery> {
  const [sender = await newBox()] = boxes
  return {
    body: await stage(t.platform, mail({ id: `${newId()}@x` })),
    internalDate: new Date(),
    placements: boxes.map(({ placement }) => placement),
    outbound:
      remote.length === 0
        ? []
        : [outboundMessage(sender.owner, remote, { mailFrom: sender.address, smtputf8: true })],
    jobs: [],
    holders: [],
  }
}

const inboxOf = (box: Box) => messagesIn(t.platform, box.mailboxId, box.folderId)

async function commitCount(): Promise<{ commits: number; messages: number }> {
  const { values } = await t.platform.metrics.commitMessages.get()
  const of = (suffix: string) => values.find(({ metricName }) => metricName?.endsWith(suffix))?.value ?? 0
  return { commits: of('_count'), messages: of('_sum') }
}

function uidsOf(result: DeliveryResult): number[] {
  return result.kind === 'stored' ? result.messages.map(({ uid }) => uid) : []
}

test('deliveries of the same moment share commits, and each is stored', async () => {
  const boxes = await Promise.all(Array.from({ length: 10 }, newBox))
  const deliveries = await Promise.all(
    boxes.flatMap((box) => Array.from({ length: 20 }, () => deliveryTo([box]))),
  )
  const before = await commitCount()
  const lane = startCommitLane(t.platform)
  const results = await Promise.all(deliveries.map((delivery) => lane.deliver(delivery)))
  assert.ok(results.every(({ kind }) => kind === 'stored'))
  const after = await commitCount()
  assert.equal(after.messages - before.messages, 200)
  assert.ok(after.commits - before.commits <= 3, `${after.commits - before.commits} commits`)
  for (const box of boxes) {
    const stored = await inboxOf(box)
    assert.deepEqual(
      stored.map(({ uid }) => uid),
      Array.from({ length: 20 }, (_, n) => n + 1),
    )
    await assertCounters(t.platform, box.mailboxId)
    assert.equal(
      (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'message.received').length,
      20,
    )
  }
  await lane.stop()
})

test('one delivery to several mailboxes stores one body, and tells each mailbox', async () => {
  const boxes = await Promise.all(Array.from({ length: 3 }, newBox))
  const lane = startCommitLane(t.platform)
  const delivery = await deliveryTo(boxes)
  const result = await lane.deliver(delivery)
  assert.deepEqual(uidsOf(result), [1, 1, 1])
  for (const [index, box] of boxes.entries()) {
    const [message] = await inboxOf(box)
    assert.equal(message?.body_id, delivery.body.id)
    const [event] = (await eventsOf(t.platform, box.mailboxId)).filter(
      ({ type }) => type === 'message.received',
    )
    assert.deepEqual(event?.data, {
      folder_id: box.folderId,
      highest_modseq: message?.modseq,
      message_id: result.kind === 'stored' ? result.messages[index]?.id : null,
      uid: 1,
      thread_id: message?.thread_id,
      size_bytes: delivery.body.sizeBytes,
      folder: 'INBOX',
      ...summaryOf(delivery.body.parsed),
    })
  }
})

test('a delivery that the database refuses fails alone', async () => {
  const [box, other] = [await newBox(), await newBox()]
  const lane = startCommitLane(t.platform)
  const first = await deliveryTo([box])
  await lane.deliver(first)
  const good = await Promise.all(Array.from({ length: 6 }, (_, n) => deliveryTo([n % 2 === 0 ? box : other])))
  const poisoned = { ...(await deliveryTo([other, box])), body: first.body } // its body's id exists
  const results = await Promise.allSettled(
    [...good.slice(0, 3), poisoned, ...good.slice(3)].map((delivery) => lane.deliver(delivery)),
  )
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'fulfilled'],
  )
  assert.equal((await inboxOf(box)).length, 4)
  assert.equal((await inboxOf(other)).length, 3)
  await assertCounters(t.platform, box.mailboxId)
  await assertCounters(t.platform, other.mailboxId)
  assert.deepEqual(uidsOf(await lane.deliver(await deliveryTo([other]))), [4], 'the lane goes on')
})

test('a mailbox that vanished after RCPT TO makes its delivery gone, whole, and no other', async () => {
  const [box, vanished] = [await newBox(), await newBox()]
  const lane = startCommitLane(t.platform)
  const deliveries = [
    await deliveryTo([box]),
    await deliveryTo([vanished]),
    await deliveryTo([box, vanished], ['far@example.com']),
    await deliveryTo([box]),
  ]
  await transaction(t.platform.db, (tx) => localEngine.purge(t.platform, tx, vanished.mailboxId))
  const results = await Promise.all(deliveries.map((delivery) => lane.deliver(delivery)))
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['stored', 'gone', 'gone', 'stored'],
  )
  assert.equal((await inboxOf(box)).length, 2)
  assert.equal((await inboxOf(vanished)).length, 0)
  assert.equal((await outboundOf(box.mailboxId)).length, 0)
  await assertCounters(t.platform, box.mailboxId)
})

async function outboundOf(mailboxId: string) {
  return await t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_recipients.outbound_message_id', 'outbound_messages.id')
    .select(['outbound_messages.id', 'body_id', 'mail_from', 'smtputf8', 'rcpt_to', 'domain', 'state'])
    .where('outbound_messages.mailbox_id', '=', mailboxId)
    .orderBy('rcpt_to')
    .execute()
}

for (const [what, withLocal] of [
  ['only leaves', false],
  ['leaves and stays', true],
] as const) {
  test(`a message that ${what} is queued once for each recipient, with its body written once and held`, async () => {
    const box = await newBox()
    const lane = startCommitLane(t.platform)
    const remote = ['a@example.com', 'b@example.net']
    const delivery = await deliveryTo([box], remote)
    const result = await lane.deliver(withLocal ? delivery : { ...delivery, placements: [] })
    assert.deepEqual(uidsOf(result), withLocal ? [1] : [])
    const queued = await outboundOf(box.mailboxId)
    assert.deepEqual(
      queued.map(({ id: _, ...row }) => row),
      remote.map((address) => ({
        body_id: delivery.body.id,
        mail_from: box.address,
        smtputf8: true,
        rcpt_to: address,
        domain: address.split('@')[1],
        state: 'queued',
      })),
    )
    const { rows } = await sql<{ bodies: number; holds: string[] }>`
      select (select count(*) from bodies where id = ${delivery.body.id}::uuid) as bodies,
        array(select holder_id from body_holds where body_id = ${delivery.body.id}::uuid) as holds`.execute(
      t.platform.db,
    )
    assert.deepEqual(rows[0], { bodies: 1, holds: [queued[0]?.id] })
    const events = (await eventsOf(t.platform, box.mailboxId)).filter(({ type }) => type === 'message.queued')
    assert.deepEqual(
      events.map(({ data }) => data),
      [{ outbound_message_id: queued[0]?.id, recipients: 2 }],
    )
  })
}

test('who has it already is told of each, and costs no more statements when they are many', async () => {
  const box = await newBox()
  const lane = startCommitLane(t.platform)
  const counts: number[] = []
  for (const many of [1, 300]) {
    const delivered = Array.from({ length: many }, (_, n) => `${n}@x.example`)
    const sentBy = { ...box.owner, recipients: ['0@x.example'], addressedCount: many, delivered }
    const delivery = { ...(await deliveryTo([box])), sentBy }
    counts.push(await countStatements(() => lane.deliver(delivery)))
    const told = (await eventsOf(t.platform, box.mailboxId)).slice(-many)
    assert.deepEqual(
      told.map(({ type, data }) => [type, data]),
      delivered.map((rcpt_to) => [
        'message.delivered',
        { message_id: null, outbound_message_id: null, outbound_recipient_id: null, rcpt_to, reply: null },
      ]),
    )
  }
  assert.equal(counts[0], counts[1])
  await lane.stop()
})

test('stop waits for what was given before it', async () => {
  const box = await newBox()
  const lane = startCommitLane(t.platform)
  const deliveries = await Promise.all(Array.from({ length: 150 }, () => deliveryTo([box])))
  let settled = 0
  for (const delivery of deliveries) {
    void lane.deliver(delivery).then(() => {
      settled += 1
    })
  }
  await lane.stop()
  assert.equal(settled, 150)
  assert.equal((await inboxOf(box)).length, 150)
  await lane.stop() // and again, with nothing left
})

test('deliveries meet appends and purges of the same mailboxes without losing count', async () => {
  const boxes = await Promise.all(Array.from({ length: 4 }, newBox))
  const lane = startCommitLane(t.platform)
  const deliveries = await Promise.all(
    Array.from({ length: 40 }, (_, n) => deliveryTo(boxes.slice(n % 2, 2 + (n % 3)))),
  )
  const appends = boxes
    .slice(0, 3)
    .map((box) => append(t.platform, box.owner, box.folderId, [mail(), mail()]))
  const results = await Promise.all(deliveries.map((delivery) => lane.deliver(delivery)))
  await Promise.all(appends)
  assert.ok(results.every(({ kind }) => kind === 'stored'))
  for (const box of boxes) await assertCounters(t.platform, box.mailboxId)
})

test('a database that is away fails every delivery, and the lane works once it is back', async () => {
  const box = await newBox()
  let isAway = true
  const db = t.platform.db.withPlugin({
    transformQuery: ({ node }) => {
      if (isAway) throw new Error('away')
      return node
    },
    transformResult: async ({ result }) => result,
  })
  const lane = startCommitLane({ ...t.platform, db })
  const deliveries = await Promise.all(Array.from({ length: 3 }, () => deliveryTo([box])))
  const results = await Promise.allSettled(deliveries.map((delivery) => lane.deliver(delivery)))
  assert.ok(results.every(({ status }) => status === 'rejected'))
  isAway = false
  const [again] = deliveries
  assert.ok(again)
  assert.deepEqual(uidsOf(await lane.deliver(again)), [1])
})
