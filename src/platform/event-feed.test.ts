/** Nodes on one database: each hears of every event of the others once, whichever transactions run beside. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { sessionsThatMayHide, writeElsewhere } from '../testing/other-sessions.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { type Db, openDatabase, transaction } from './database.ts'
import { createEventBus, type PublishedEvent } from './event-bus.ts'
import { type EventFeed, startEventFeed } from './event-feed.ts'
import { appendEvents } from './events.ts'
import { newId } from './ids.ts'
import type { Platform } from './platform.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { db, log } = t.platform

type Node = { platform: Platform; feed: EventFeed; heard: string[]; heardAll(count: number): Promise<void> }

/** Another node as far as events go: an id, a bus and a feed of its own. */
async function startNode(
  stack: AsyncDisposableStack,
  { pollIntervalMs, readBy = db }: { pollIntervalMs?: number; readBy?: Db } = {},
): Promise<Node> {
  const heard: string[] = []
  const bus = createEventBus((error) => {
    throw error
  })
  bus.subscribe((event) => heard.push(nameOf(event)))
  const nodeId = newId()
  const feed = await startEventFeed({
    ...{ db: readBy, bus, log, nodeId, connectionString: t.config.databaseUrl ?? '' },
    ...(pollIntervalMs === undefined ? {} : { pollIntervalMs }),
  })
  stack.defer(() => feed.stop())
  const heardAll = async (count: number): Promise<void> => {
    const deadline = Date.now() + 8000
    while (heard.length < count && Date.now() < deadline) await sleep(5)
  }
  return { platform: { ...t.platform, bus, feed, nodeId }, feed, heard, heardAll }
}

function nameOf({ type, data }: PublishedEvent): string {
  const name = typeof data === 'object' && data !== null ? Reflect.get(data, 'name') : undefined
  return typeof name === 'string' ? name : type
}

async function write({ platform }: Node, names: readonly string[], holdMs = 0): Promise<void> {
  await transaction(db, async (tx) => {
    for (const name of names) {
      await appendEvents(platform, tx, [
        {
          type: 'workspace.updated',
          organizationId: newId(),
          workspaceId: null,
          data: { workspace_id: newId(), name },
        },
      ])
    }
    await sleep(holdMs)
  })
}

test('a NOTIFY is enough: a node that does not poll hears of what others commit', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack, { pollIntervalMs: 600_000 })]
  // Not once: other databases of the server may hold the order back when the word comes (decision 0009).
  for (
    const deadline = Date.now() + 20_000;
    two.heard.length === 0 && Date.now() < deadline;
    await sleep(100)
  ) {
    await write(one, ['from one'])
  }
  assert.equal(two.heard[0], 'from one')
})

test('nodes hear of each other’s events, each once, and of their own at once', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack)]
  await write(one, ['from one'])
  assert.deepEqual(one.heard, ['from one'])
  await two.heardAll(1)
  await write(two, ['from two', 'from two too'])
  await one.heardAll(3)
  await sleep(60)
  assert.deepEqual(one.heard, ['from one', 'from two', 'from two too'])
  assert.deepEqual(two.heard, ['from one', 'from two', 'from two too'])
})

test('a transaction that began early and commits late is neither lost nor passed', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack)]
  const slow = write(one, ['slow'], 400)
  await sleep(50)
  await write(one, ['quick 1'])
  await write(one, ['quick 2'])
  await sleep(150)
  assert.deepEqual(two.heard, [], 'what began later waits for what may still appear before it')
  await slow
  await two.heardAll(3)
  assert.deepEqual(two.heard, ['slow', 'quick 1', 'quick 2'])
})

test('who asks to catch up hears of all that is committed, and of nothing twice', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack)]
  const slow = write(one, ['slow'], 400)
  await sleep(50)
  await write(one, ['quick 1'])
  await two.feed.catchUp()
  assert.deepEqual(two.heard, ['quick 1'])
  await write(one, ['quick 2'])
  await Promise.all([two.feed.catchUp(), two.feed.catchUp()])
  assert.deepEqual(two.heard, ['quick 1', 'quick 2'])
  await slow
  await two.feed.catchUp()
  await sleep(60)
  assert.deepEqual(two.heard, ['quick 1', 'quick 2', 'slow'])
})

test('of many transactions, short and long, on three nodes none is lost and none comes twice', async () => {
  await using stack = new AsyncDisposableStack()
  const nodes = [await startNode(stack), await startNode(stack), await startNode(stack)]
  const written: string[] = []
  const writer = async (node: Node, lane: string): Promise<void> => {
    for (let count = 0; count < 25; count++) {
      const names = [`${lane}.${count}.a`, `${lane}.${count}.b`]
      written.push(...names)
      await write(node, names, count % 5 === 0 ? Math.random() * 60 : 0)
    }
  }
  await Promise.all(
    nodes.flatMap((node, index) => ['x', 'y', 'z'].map((lane) => writer(node, `${index}${lane}`))),
  )
  for (const node of nodes) await node.heardAll(written.length)
  await sleep(60)
  for (const { heard } of nodes) {
    assert.deepEqual([...heard].sort(), [...written].sort())
  }
  // The log has one order; each node hears what others wrote in it.
  const [one, two, three] = nodes.map(({ heard }) => heard)
  const ofNodeThree = (names: string[] | undefined): string[] | undefined =>
    names?.filter((n) => n.startsWith('2'))
  assert.deepEqual(ofNodeThree(one), ofNodeThree(two))
  assert.ok(three)
})

test('what was heard past a transaction of another database is not heard again when that one counts', async () => {
  await using stack = new AsyncDisposableStack()
  const sessions = await sessionsThatMayHide(t.platform)
  const { db: readBy, close } = openDatabase({
    connectionString: t.config.databaseUrl ?? '',
    connectionsMax: 1, // the one that has the path
    onError: () => undefined,
  })
  stack.defer(close)
  await sql`select set_config('search_path', ${sessions.path}, false)`.execute(readBy)
  const [one, two] = [await startNode(stack), await startNode(stack, { readBy, pollIntervalMs: 600_000 })]
  const elsewhere = await writeElsewhere(stack, t.platform)
  await write(one, ['past it'])
  await two.heardAll(1)
  assert.deepEqual(two.heard, ['past it'])
  await sessions.hide()
  await two.feed.catchUp()
  await two.feed.catchUp()
  await elsewhere.end()
  await write(one, ['after it'])
  await two.feed.catchUp()
  assert.deepEqual(two.heard, ['past it', 'after it'])
})

test('more than one read’s worth arrives whole and in order', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack)]
  const names = Array.from({ length: 2500 }, (_, index) => `bulk ${index}`)
  await transaction(db, (tx) =>
    appendEvents(
      one.platform,
      tx,
      names.map((name) => ({
        type: 'workspace.updated' as const,
        organizationId: newId(),
        workspaceId: null,
        data: { workspace_id: newId(), name },
      })),
    ),
  )
  await two.heardAll(names.length)
  assert.deepEqual(two.heard, names)
})

test('a node that dies between its COMMIT and its NOTIFY is heard all the same, by the poll', async () => {
  await using stack = new AsyncDisposableStack()
  const [one, two] = [await startNode(stack), await startNode(stack)]
  const mute = {
    ...one,
    platform: { ...one.platform, feed: { announce: () => undefined, catchUp: () => Promise.resolve() } },
  }
  await write(mute, ['unannounced'])
  await two.heardAll(1)
  assert.deepEqual(two.heard, ['unannounced'])
})

test('the feed comes back when its connections are cut', async () => {
  await using stack = new AsyncDisposableStack()
  const level = log.level
  log.level = 'silent'
  const [one, two] = [await startNode(stack), await startNode(stack)]
  await sleep(50)
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'mailwright feed'`.execute(db)
  await write(one, ['after the cut'])
  await two.heardAll(1)
  assert.deepEqual(two.heard, ['after the cut'])
  await sleep(1200) // it listens again
  const startMs = Date.now()
  await write(one, ['and again'])
  await two.heardAll(2)
  log.level = level
  assert.deepEqual(two.heard, ['after the cut', 'and again'])
  assert.ok(Date.now() - startMs < 900)
})

test('who starts later hears what comes then, and who has stopped nothing more', async () => {
  await using stack = new AsyncDisposableStack()
  const one = await startNode(stack)
  await write(one, ['before'])
  const two = await startNode(stack)
  await write(one, ['after'])
  await two.heardAll(1)
  assert.ok(two.heard.includes('after'))
  await two.feed.stop()
  const heard = [...two.heard]
  await write(one, ['unheard'])
  await sleep(60)
  assert.deepEqual(two.heard, heard)
})
