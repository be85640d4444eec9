import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { sessionsThatMayHide, writeElsewhere } from '../testing/other-sessions.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { transaction } from './database.ts'
import { Refusal } from './errors.ts'
import { decodeEventCursor, encodeEventCursor, placeOrder, requireLiveCursor } from './event-cursor.ts'
import { type EventCursor, endOfEventLog, readEventLog, startOfEventLog } from './event-log.ts'
import { adoptRestoredEvents, appendEvents, deleteOldEvents, type NewEvent } from './events.ts'
import { newId } from './ids.ts'
import { publicEvent } from './public-event.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db, clock } = platform

/** An event of a workspace that nobody else writes in. */
function named(workspaceId: string, name: string): NewEvent {
  const { organizationId } = scope
  return { type: 'workspace.updated', organizationId, workspaceId, data: { workspace_id: workspaceId, name } }
}

async function write(...events: NewEvent[]): Promise<void> {
  await transaction(db, (tx) => appendEvents(platform, tx, events))
}

function namesOf(events: readonly { data: unknown }[]): unknown[] {
  return events.map(({ data }) => (data as { name: string }).name)
}

test('a workspace is read in the order of the log, page by page, to an end that moves on', async () => {
  const workspaceId = newId()
  await write(named(workspaceId, '1'), named(newId(), 'another’s'), named(workspaceId, '2'))
  await write(named(workspaceId, '3'))
  const first = await readEventLog(db, { workspaceId }, startOfEventLog, 2)
  assert.deepEqual(namesOf(first.events), ['1', '2'])
  assert.equal(first.isMore, true)
  const second = await readEventLog(db, { workspaceId }, first.next, 2)
  assert.deepEqual(namesOf(second.events), ['3'])
  assert.equal(second.isMore, false)
  await write(named(newId(), 'another’s'))
  const later = new Date('2040-01-01T00:00:00Z')
  const third = await readEventLog(db, { workspaceId }, second.next, 2, later)
  assert.deepEqual(third.events, [])
  assert.ok(placeOrder(third.next) > placeOrder(second.next), 'the place of who waits moves on')
  assert.equal(third.next.at, later)
  await write(named(workspaceId, '4'))
  assert.deepEqual(namesOf((await readEventLog(db, { workspaceId }, third.next, 2)).events), ['4'])
})

test('what is the organization’s own stands apart, and everything is read with both', async () => {
  const start = await endOfEventLog(db)
  const workspaceId = newId()
  const own: NewEvent = {
    type: 'api_key.revoked',
    organizationId: scope.organizationId,
    workspaceId: null,
    data: { api_key_id: newId() },
  }
  await write(named(workspaceId, 'w'), own)
  const { organizationId } = scope
  const read = async (of: Parameters<typeof readEventLog>[1]): Promise<string[]> =>
    (await readEventLog(db, of, start, 10)).events.map(({ type }) => type)
  assert.deepEqual(await read({ organizationId }), ['api_key.revoked'])
  assert.deepEqual(await read({ workspaceId }), ['workspace.updated'])
  assert.deepEqual(await read({ organizationId: newId() }), [])
  assert.deepEqual(await read('all'), ['workspace.updated', 'api_key.revoked'])
})

test('transactions that overlap leave no gap: what commits late holds back what began after it', async () => {
  const workspaceId = newId()
  const start = await endOfEventLog(db)
  const opened = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const slow = transaction(db, async (tx) => {
    await appendEvents(platform, tx, [named(workspaceId, 'early')])
    opened.resolve()
    await release.promise
    await appendEvents(platform, tx, [named(workspaceId, 'early too')])
  })
  await opened.promise
  await write(named(workspaceId, 'late'))
  const during = await readEventLog(db, { workspaceId }, start, 10)
  const endDuring = await endOfEventLog(db)
  assert.deepEqual(during.events, [])
  release.resolve()
  await slow
  for (const place of [start, during.next, endDuring]) {
    const { events } = await readEventLog(db, { workspaceId }, place, 10)
    assert.deepEqual(namesOf(events), ['early', 'early too', 'late'])
  }
})

test('who writes in another database of the server holds nothing back', async () => {
  await using stack = new AsyncDisposableStack()
  const workspaceId = newId()
  const begin = await endOfEventLog(db)
  await writeElsewhere(stack, platform)
  await write(named(workspaceId, 'settled'))
  const page = await readEventLog(db, { workspaceId }, begin, 10)
  assert.deepEqual(namesOf(page.events), ['settled'])
  assert.deepEqual((await readEventLog(db, { workspaceId }, page.next, 10)).events, [])
})

test('who once read past a transaction of another database does not go back behind it', async () => {
  await using stack = new AsyncDisposableStack()
  const workspaceId = newId()
  const begin = await endOfEventLog(db)
  await writeElsewhere(stack, platform)
  const sessions = await sessionsThatMayHide(platform)
  await sessions.hide()
  await write(named(workspaceId, 'read'))
  const first = await readEventLog(db, { workspaceId }, begin, 10)
  const later = new Date('2040-01-01T00:00:00Z')
  const second = await transaction(db, async (tx) => {
    await sql`select set_config('search_path', ${sessions.path}, true)`.execute(tx)
    assert.deepEqual((await readEventLog(tx, { workspaceId }, begin, 10)).events, [], 'it counts here')
    return await readEventLog(tx, { workspaceId }, first.next, 10, later)
  })
  assert.deepEqual(second.events, [])
  assert.equal(placeOrder(second.next), placeOrder(first.next))
  assert.equal(second.next.at, later)
  await write(named(workspaceId, 'new'))
  assert.deepEqual(namesOf((await readEventLog(db, { workspaceId }, second.next, 10)).events), ['new'])
})

test('who reads in a transaction that writes does not pass itself', async () => {
  const workspaceId = newId()
  const begin = await endOfEventLog(db)
  const place = await transaction(db, async (tx) => {
    await appendEvents(platform, tx, [named(workspaceId, 'own')])
    const page = await readEventLog(tx, { workspaceId }, begin, 10)
    assert.deepEqual(page.events, [])
    return page.next
  })
  assert.deepEqual(namesOf((await readEventLog(db, { workspaceId }, place, 10)).events), ['own'])
})

test('random overlapping work is read once, in one order, by readers that look at any moment', async () => {
  const workspaceId = newId()
  const start: EventCursor = await endOfEventLog(db)
  let running = true
  const readers = Array.from({ length: 3 }, async () => {
    const seen: string[] = []
    for (let place = start; ; ) {
      const isLast = !running
      const page = await readEventLog(db, { workspaceId }, place, 7)
      seen.push(...page.events.map(({ id }) => id))
      place = page.next
      if (isLast && !page.isMore) return seen
    }
  })
  await Promise.all(
    Array.from({ length: 6 }, async (_, writer) => {
      for (let round = 0; round < 20; round++) {
        await transaction(db, async (tx) => {
          await appendEvents(platform, tx, [named(workspaceId, `${writer}.${round}.a`)])
          if (round % 3 === 0) await sql`select pg_sleep(0.01)`.execute(tx)
          await appendEvents(platform, tx, [named(workspaceId, `${writer}.${round}.b`)])
        })
      }
    }),
  )
  running = false
  const { rows } = await sql<{ id: string }>`
    select id from events where workspace_id = ${workspaceId} order by xid, events.id`.execute(db)
  const expected = rows.map(({ id }) => id)
  assert.equal(expected.length, 240)
  for (const seen of await Promise.all(readers)) assert.deepEqual(seen, expected)
})

test('a cursor is an opaque text that comes back as it was', () => {
  fc.assert(
    fc.property(
      fc.record({
        xid: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String),
        id: fc.uuid(),
        at: fc.date({ min: new Date(0), max: new Date('2500-01-01'), noInvalidDate: true }),
        cluster: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      }),
      (cursor) => {
        assert.deepEqual(decodeEventCursor(encodeEventCursor(cursor)), { ...cursor })
      },
    ),
  )
})

test('what is no cursor is refused', async () => {
  const good = encodeEventCursor(await endOfEventLog(db))
  const wrong = [
    '',
    'x',
    '0',
    good.slice(1),
    `${good}A`,
    ` ${good}`,
    `${good.slice(0, -1)}=`,
    'A'.repeat(10_000),
  ]
  const ahead = Buffer.from(good, 'base64url').fill(0xff, 0, 1).toString('base64url')
  for (const text of [...wrong, ahead]) {
    assert.throws(
      () => decodeEventCursor(text),
      { code: 'invalid_cursor' },
      JSON.stringify(text.slice(0, 60)),
    )
  }
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        decodeEventCursor(text)
      } catch (error) {
        assert.ok(error instanceof Refusal)
      }
    }),
  )
})

test('a cursor behind which events may be missing is refused, each of three kinds', async () => {
  const now = clock.now()
  const end = await endOfEventLog(db, now)
  await requireLiveCursor(db, now, end)
  const days = (count: number): Date => new Date(now.getTime() - count * 24 * 3600 * 1000)
  await requireLiveCursor(db, now, { ...end, at: days(6.9) })
  const expired = {
    'older than what is kept': { ...end, at: days(7.1) },
    'ahead of this database': { ...end, xid: (BigInt(end.xid) + 1_000_000n).toString() },
    'of another cluster': { ...end, cluster: (end.cluster + 1) % 2 ** 32 },
  }
  for (const [kind, cursor] of Object.entries(expired)) {
    await assert.rejects(requireLiveCursor(db, now, cursor), { code: 'cursor_expired' }, kind)
  }
})

test('events of a restored database are read before everything that was written here', async () => {
  const workspaceId = newId()
  await write(named(workspaceId, 'restored'), named(workspaceId, 'restored too'))
  await sql`update events set xid = (pg_current_xact_id()::text::bigint + 1000000)::text::xid8
    where workspace_id = ${workspaceId}`.execute(db)
  await write(named(workspaceId, 'new'))
  assert.deepEqual(namesOf((await readEventLog(db, { workspaceId }, startOfEventLog, 10)).events), ['new'])
  assert.equal(await adoptRestoredEvents(db), 2)
  const { events } = await readEventLog(db, { workspaceId }, startOfEventLog, 10)
  assert.deepEqual(namesOf(events), ['restored', 'restored too', 'new'])
})

test('the public form names everything once, and its cursor goes on behind it', async () => {
  const workspaceId = newId()
  await write(named(workspaceId, 'a'), named(workspaceId, 'b'))
  const [first, second] = (await readEventLog(db, { workspaceId }, startOfEventLog, 10)).events
  assert.ok(first && second)
  const shown = publicEvent(first)
  const { cursor, ...rest } = shown
  assert.deepEqual(rest, {
    id: first.id,
    type: 'workspace.updated',
    created_at: first.created_at.toISOString(),
    organization_id: scope.organizationId,
    workspace_id: workspaceId,
    mailbox_id: null,
    data: { workspace_id: workspaceId, name: 'a' },
  })
  const { events } = await readEventLog(db, { workspaceId }, decodeEventCursor(cursor), 10)
  assert.deepEqual(
    events.map(({ id }) => id),
    [second.id],
  )
})

test('a cursor outlives the retention of the events before it, also when the clock runs ahead', async () => {
  const workspaceId = newId()
  await write(named(workspaceId, 'old'))
  const later = new Date(clock.now().getTime() + 8 * 24 * 3600 * 1000)
  const ahead = { ...platform, clock: { ...clock, now: () => later } }
  await deleteOldEvents(ahead)
  const page = await readEventLog(db, { workspaceId }, startOfEventLog, 10, later)
  assert.deepEqual(page.events, [])
  await requireLiveCursor(db, later, page.next)
})
