import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { openSecondNode } from '../testing/test-node.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { transaction } from './database.ts'
import { type EventCursor, endOfEventLog, readEventLog } from './event-log.ts'
import type { EventSubscription, Wanted } from './event-subscription.ts'
import { type EventTail, startEventTail } from './event-tail.ts'
import { parseTypeFilter } from './event-types.ts'
import { appendEvents, type NewEvent } from './events.ts'
import { newId } from './ids.ts'
import type { Platform } from './platform.ts'

await using stack = new AsyncDisposableStack()
const t = stack.use(await startTestPlatform())
const { platform, scope } = t
const other = await openSecondNode(stack, t)
const tail = startEventTail(platform)
stack.defer(() => tail.stop())
const running = stack.move()
after(() => running.disposeAsync())

const waitMs = 20_000

function named(workspaceId: string | null, name: string, mailboxId: string | null = null): NewEvent {
  const { organizationId } = scope
  const data = { workspace_id: workspaceId ?? '', name }
  return { type: 'workspace.updated', organizationId, workspaceId, mailboxId, data }
}

async function write(on: Platform, ...events: NewEvent[]): Promise<void> {
  await transaction(on.db, (tx) => appendEvents(on, tx, events))
}

/** Waits until all that is committed is settled: other databases of the server may hold it back (decision 0009). */
async function settled(): Promise<void> {
  const { rows } = await sql<{ xid: string }>`
    select pg_snapshot_xmax(pg_current_snapshot())::text as xid`.execute(platform.db)
  for (let isSettled = false; !isSettled; ) {
    const { rows: found } = await sql<{ settled: boolean }>`
      select pg_snapshot_xmin(pg_current_snapshot()) >= ${rows[0]?.xid}::xid8 as settled`.execute(platform.db)
    isSettled = found[0]?.settled ?? false
  }
}

function wanted(workspaceId: string, more: Partial<Wanted> = {}): Wanted {
  return { of: { workspaceId }, mailboxId: null, types: null, ...more }
}

/** Reads on until so many came. @returns their names. */
async function names(subscription: EventSubscription, count: number): Promise<unknown[]> {
  const found: unknown[] = []
  while (found.length < count) {
    const events = await subscription.next(waitMs)
    assert.ok(events !== null && events.length > 0, `${found.length} of ${count} came`)
    found.push(...events.map(({ event }) => (event.data as { name: string }).name))
  }
  assert.equal(found.length, count)
  return found
}

async function following(of: Wanted, from: EventTail = tail): Promise<EventSubscription> {
  const subscription = from.subscribe(of, null)
  assert.equal(await subscription.ready(), true)
  return subscription
}

test('what either node commits is handed to those who want it, and to nobody else', async () => {
  const [one, two, mailboxId] = [newId(), newId(), newId()]
  const all = await following(wanted(one))
  const mailbox = await following(wanted(one, { mailboxId }))
  const foreign = await following(wanted(two))
  const types = await following(wanted(one, { types: parseTypeFilter(['domain.*'], '') }))
  const organization = await following({ ...wanted(one), of: { organizationId: scope.organizationId } })
  await write(platform, named(one, 'a'), named(one, 'b', mailboxId), named(two, 'c'))
  await write(other, named(one, 'd', newId()), named(one, 'e', mailboxId), named(null, 'f'))
  assert.deepEqual(await names(all, 4), ['a', 'b', 'd', 'e'])
  assert.deepEqual(await names(mailbox, 2), ['b', 'e'])
  assert.deepEqual(await names(foreign, 1), ['c'])
  assert.deepEqual(await names(organization, 1), ['f'])
  assert.deepEqual(await types.next(0), [])
  for (const one of [all, mailbox, foreign, types, organization]) one.end()
})

test('an own commit is handed out in a moment, far below the poll', async () => {
  const workspaceId = newId()
  const subscription = await following(wanted(workspaceId))
  const tookMs: number[] = []
  for (let round = 0; round < 20; round++) {
    await write(platform, named(workspaceId, `${round}`))
    const from = performance.now()
    await names(subscription, 1)
    tookMs.push(performance.now() - from)
  }
  const median = tookMs.toSorted((a, b) => a - b)[10] ?? 0
  assert.ok(median < 300, `median ${median} ms`) // a poll is a second
  subscription.end()
})

test('what is held back by an older transaction comes when that has ended, in the order of the log', async () => {
  const workspaceId = newId()
  const subscription = await following(wanted(workspaceId))
  const opened = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const slow = transaction(other.db, async (tx) => {
    await appendEvents(other, tx, [named(workspaceId, 'early')])
    opened.resolve()
    await release.promise
  })
  await opened.promise
  await write(platform, named(workspaceId, 'late'))
  assert.deepEqual(await subscription.next(300), [])
  release.resolve()
  await slow
  assert.deepEqual(await names(subscription, 2), ['early', 'late'])
  subscription.end()
})

test('a slow consumer loses nothing, and what waits for it has a bound', async () => {
  const workspaceId = newId()
  const slow = await following(wanted(workspaceId))
  const count = 1500
  for (let at = 0; at < count; at += 100) {
    await write(platform, ...Array.from({ length: 100 }, (_, n) => named(workspaceId, `${at + n}`)))
  }
  await settled()
  const quick = await following(wanted(workspaceId)) // so far has the tail come
  assert.deepEqual(
    await names(slow, count),
    Array.from({ length: count }, (_, n) => `${n}`),
  )
  await write(platform, named(workspaceId, 'after'))
  assert.deepEqual(await names(slow, 1), ['after'])
  assert.deepEqual(await names(quick, 1), ['after'])
  slow.end()
  quick.end()
})

test('the place of one who hears nothing moves on with the log', async () => {
  const workspaceId = newId()
  const silent = await following(wanted(workspaceId, { types: parseTypeFilter(['domain.*'], '') }))
  const before = silent.place()
  await write(platform, named(workspaceId, 'unwanted'))
  const witness = tail.subscribe(wanted(workspaceId), before)
  await names(witness, 1)
  await witness.next(50)
  const { events } = await readEventLog(platform.db, { workspaceId }, silent.place(), 10)
  assert.deepEqual(events, [])
  silent.end()
  witness.end()
})

test('the end of a subscription and the stop of a tail end what waits', async () => {
  const mine = startEventTail(platform)
  const [one, two] = [await following(wanted(newId()), mine), await following(wanted(newId()), mine)]
  const waiting = [one.next(waitMs), two.next(waitMs)]
  one.end()
  assert.equal(await waiting[0], null)
  await mine.stop()
  assert.equal(await waiting[1], null)
  assert.equal(await two.next(waitMs), null)
})

test('who has ended before it followed is told so', async () => {
  const one = tail.subscribe(wanted(newId()), null)
  const begun = tail.subscribe(wanted(newId()), null)
  one.end()
  const isReady = begun.ready()
  begun.end()
  assert.equal(await one.ready(), false)
  assert.equal(await isReady, false)
})

test('a tail begins again after its last subscriber has gone', async () => {
  const mine = startEventTail(platform)
  const workspaceId = newId()
  for (let round = 0; round < 3; round++) {
    const subscription = await following(wanted(workspaceId), mine)
    await write(platform, named(workspaceId, `${round}`))
    assert.deepEqual(await names(subscription, 1), [`${round}`])
    subscription.end()
  }
  await mine.stop()
})

test('subscribers that come and go at any moment see the whole log once, in its order', async () => {
  const workspaceId = newId()
  const start = await endOfEventLog(platform.db)
  let writing = true
  const consume = async (): Promise<string[]> => {
    const seen: string[] = []
    let place: EventCursor = start
    for (let isLast = false; !isLast; ) {
      isLast = !writing
      const subscription = tail.subscribe(wanted(workspaceId), place)
      const calls = 1 + Math.floor(Math.random() * 6)
      for (let call = 0; call < calls || isLast; call++) {
        const events = (await subscription.next(isLast ? 1500 : 20)) ?? []
        seen.push(...events.map(({ event }) => event.id))
        if (isLast && events.length === 0) break
      }
      place = subscription.place()
      subscription.end()
    }
    return seen
  }
  const consumers = Array.from({ length: 6 }, consume)
  await Promise.all(
    [platform, platform, other].map(async (on, writer) => {
      for (let round = 0; round < 60; round++) {
        await transaction(on.db, async (tx) => {
          await appendEvents(on, tx, [named(workspaceId, `${writer}.${round}.a`)])
          if (round % 5 === writer) await sql`select pg_sleep(0.02)`.execute(tx)
          await appendEvents(on, tx, [named(workspaceId, `${writer}.${round}.b`)])
        })
      }
    }),
  )
  writing = false
  const { rows } = await sql<{ id: string }>`
    select id from events where workspace_id = ${workspaceId} order by xid, events.id`.execute(platform.db)
  for (const seen of await Promise.all(consumers)) {
    assert.deepEqual(
      seen,
      rows.map(({ id }) => id),
    )
  }
})
