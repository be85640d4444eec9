import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { startTestPlatform } from '../testing/test-platform.ts'
import { transaction } from './database.ts'
import type { PublishedEvent } from './event-bus.ts'
import {
  adoptRestoredEvents,
  appendEvents,
  deleteOldEvents,
  eventRetentionDays,
  type NewEvent,
} from './events.ts'
import { newId } from './ids.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db, bus, clock } = platform

function named(name: string): NewEvent {
  return {
    type: 'workspace.updated',
    organizationId: scope.organizationId,
    workspaceId: scope.workspaceId,
    data: { workspace_id: scope.workspaceId, name },
  }
}

type Stored = { xid: string; id: string; name: string; node_id: string; mailbox_id: string | null }

async function stored(prefix: string): Promise<Stored[]> {
  const { rows } = await sql<Stored>`
    select xid::text, id, data ->> 'name' as name, node_id, mailbox_id from events
    where type = 'workspace.updated' and starts_with(data ->> 'name', ${prefix})
    order by events.xid, events.id`.execute(db)
  return rows
}

test('events are written with the change, in their order, under its transaction', async () => {
  const mailboxId = newId()
  const xid = await transaction(db, async (tx) => {
    await appendEvents(platform, tx, [named('a1'), { ...named('a2'), mailboxId }])
    await appendEvents(platform, tx, [named('a3')])
    await appendEvents(platform, tx, [])
    const { rows } = await sql<{ xid: string }>`select pg_current_xact_id()::text as xid`.execute(tx)
    return rows[0]?.xid
  })
  const rows = await stored('a')
  assert.deepEqual(
    rows.map((row) => [row.xid, row.name, row.node_id, row.mailbox_id]),
    [
      [xid, 'a1', platform.nodeId, null],
      [xid, 'a2', platform.nodeId, mailboxId],
      [xid, 'a3', platform.nodeId, null],
    ],
  )
})

test('a rollback takes them back, and nobody hears of them', async () => {
  const heard: PublishedEvent[] = []
  const stop = bus.subscribe((event) => heard.push(event))
  await assert.rejects(
    transaction(db, async (tx) => {
      await appendEvents(platform, tx, [named('b')])
      throw new Error('no')
    }),
  )
  stop()
  assert.deepEqual(await stored('b'), [])
  assert.deepEqual(heard, [])
})

test('this process hears of them after the commit, and not before', async () => {
  const heard: PublishedEvent[] = []
  const stop = bus.subscribe((event) => heard.push(event))
  await transaction(db, async (tx) => {
    await appendEvents(platform, tx, [named('c')])
    assert.deepEqual(heard, [])
  })
  stop()
  assert.deepEqual(heard, [{ ...named('c'), mailboxId: null }])
})

test('what any text may hold survives', async () => {
  const name = 'd "quotes" \\ {braces} ünï \u{1f600} \n\t\u0001'
  await transaction(db, (tx) => appendEvents(platform, tx, [named(name)]))
  assert.deepEqual(
    (await stored('d')).map((row) => row.name),
    [name],
  )
})

test('many events go in one statement', async () => {
  await transaction(db, (tx) =>
    appendEvents(
      platform,
      tx,
      Array.from({ length: 3000 }, (_, n) => named(`e${n}`)),
    ),
  )
  const rows = await stored('e')
  assert.deepEqual(
    rows.map((row) => row.name),
    Array.from({ length: 3000 }, (_, n) => `e${n}`),
  )
})

test('events that another cluster’s dump brought become readable, before all others, in their order', async () => {
  await transaction(db, (tx) => appendEvents(platform, tx, [named('f-ours')]))
  const ids = [newId(), newId(), newId()]
  // As a restored dump has them: two transactions of a cluster that was far ahead, ids not in the order of xids.
  for (const [index, xid] of [9_000_000_002n, 9_000_000_001n, 9_000_000_001n].entries()) {
    await sql`
      insert into events (xid, id, node_id, type, organization_id, data, created_at)
      values (${String(xid)}::xid8, ${ids[index]}, ${newId()}, 'workspace.updated', ${scope.organizationId},
        ${JSON.stringify({ name: `f${index}` })}::jsonb, now())`.execute(db)
  }
  assert.equal(await adoptRestoredEvents(db), 3)
  assert.deepEqual(
    (await stored('f')).map((row) => [row.xid === '0', row.name]),
    [
      [true, 'f0'],
      [true, 'f1'],
      [true, 'f2'],
      [false, 'f-ours'],
    ],
  )
  assert.equal(await adoptRestoredEvents(db), 0)
})

test('adoption leaves what other nodes are writing alone', async () => {
  const begun = Promise.withResolvers<void>()
  const adopted = Promise.withResolvers<void>()
  const writing = transaction(db, async (tx) => {
    await appendEvents(platform, tx, [named('g1')])
    begun.resolve()
    await adopted.promise
    await appendEvents(platform, tx, [named('g2')])
  })
  await begun.promise
  await transaction(db, (tx) => appendEvents(platform, tx, [named('g0')]))
  const count = await adoptRestoredEvents(db)
  adopted.resolve()
  await writing
  assert.equal(count, 0)
  const rows = await stored('g')
  assert.deepEqual(
    rows.map((row) => row.name),
    ['g1', 'g2', 'g0'],
  )
  assert.ok(rows.every((row) => row.xid !== '0'))
})

test('what is past its retention is deleted, in several statements, and nothing else', async () => {
  clock.advance?.(`P${eventRetentionDays}D`)
  clock.advance?.('PT1H')
  await transaction(db, (tx) => appendEvents(platform, tx, [named('h')]))
  await sql`
    insert into events (id, node_id, type, organization_id, data, created_at)
    select gen_random_uuid(), ${platform.nodeId}, 'workspace.updated', ${scope.organizationId}, '{}', 'epoch'
    from generate_series(1, 7000)`.execute(db)
  assert.ok((await deleteOldEvents(platform)) > 10_000)
  const { rows } = await sql`select data ->> 'name' as name from events`.execute(db)
  assert.deepEqual(rows, [{ name: 'h' }])
  assert.equal(await deleteOldEvents(platform), 0)
})
