import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { openSecondNode } from '../../testing/test-node.ts'
import { startTestPlatform } from '../../testing/test-platform.ts'
import {
  confirmMaildropLock,
  deleteEndedMaildropLocks,
  type MaildropLock,
  startMaildropLocks,
} from './maildrop-locks.ts'

const stack = new AsyncDisposableStack()
const t = stack.use(await startTestPlatform())
const other = await openSecondNode(stack, t)
after(() => stack.disposeAsync())
const { platform } = t
const locks = startMaildropLocks(platform)
stack.defer(() => locks.stop())
const locksElsewhere = startMaildropLocks(other)
stack.defer(() => locksElsewhere.stop())

async function held(lock: MaildropLock | null): Promise<boolean> {
  assert.ok(lock)
  return await transaction(platform.db, (tx) => confirmMaildropLock(tx, lock))
}

async function rowsOf(mailboxId: string): Promise<number> {
  const rows = await platform.db
    .selectFrom('maildrop_locks')
    .selectAll()
    .where('mailbox_id', '=', mailboxId)
    .execute()
  return rows.length
}

test('one holder at a time, over all nodes', async () => {
  const mailboxId = newId()
  const first = await locks.acquire(mailboxId)
  assert.ok(await held(first))
  assert.equal(await locks.acquire(mailboxId), null)
  assert.equal(await locksElsewhere.acquire(mailboxId), null)
  assert.ok(await locks.acquire(newId()), 'another maildrop is another lock')
  await first?.release()
  assert.equal(await rowsOf(mailboxId), 0)
  const second = await locksElsewhere.acquire(mailboxId)
  assert.ok(await held(second))
  await first?.release()
  assert.ok(await held(second), 'what was given back cannot be given back again')
  assert.equal(await held(first), false)
})

test('many at once: one gets it', async () => {
  const mailboxId = newId()
  const got = await Promise.all(
    Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? locks : locksElsewhere).acquire(mailboxId)),
  )
  assert.equal(got.filter((lock) => lock !== null).length, 1)
})

test('a lock outlives its lease as long as its node lives', async () => {
  await using own = new AsyncDisposableStack()
  const quick = startMaildropLocks(platform, { leaseMs: 300 })
  own.defer(() => quick.stop())
  const mailboxId = newId()
  const lock = await quick.acquire(mailboxId)
  await sleep(900)
  assert.equal(await locksElsewhere.acquire(mailboxId), null)
  assert.ok(await held(lock))
})

test('the lock of a node that died goes to the next, and the dead one cannot use it', async () => {
  await using own = new AsyncDisposableStack()
  const dying = startMaildropLocks(platform, { leaseMs: 300 })
  own.defer(() => dying.stop())
  const mailboxId = newId()
  const lost = await dying.acquire(mailboxId)
  await sql`update maildrop_locks set expires_at = clock_timestamp() - interval '1 ms'
    where mailbox_id = ${mailboxId}::uuid`.execute(platform.db)
  const next = await locksElsewhere.acquire(mailboxId)
  assert.ok(await held(next))
  await sleep(300) // the first one's renewals do not take it back
  assert.equal(await held(lost), false)
  assert.ok(await held(next))
  await lost?.release()
  assert.ok(await held(next))
})

test('stop gives back what is held', async () => {
  const stopping = startMaildropLocks(platform)
  const ids = [newId(), newId()]
  for (const id of ids) await stopping.acquire(id)
  await stopping.stop()
  for (const id of ids) assert.equal(await rowsOf(id), 0)
})

test('rows of locks that ended are removed', async () => {
  const [ended, alive] = [newId(), newId()]
  for (const id of [ended, alive]) await locks.acquire(id)
  await sql`update maildrop_locks set expires_at = clock_timestamp() - interval '1 ms'
    where mailbox_id = ${ended}::uuid`.execute(platform.db)
  await deleteEndedMaildropLocks(platform)
  assert.deepEqual([await rowsOf(ended), await rowsOf(alive)], [0, 1])
})

test('without a database nothing is thrown by a renewal or a release', async (context) => {
  await using own = new AsyncDisposableStack()
  const warned = context.mock.method(platform.log, 'warn', () => {})
  const failing = startMaildropLocks(platform, { leaseMs: 60 })
  own.defer(() => failing.stop())
  const lock = await failing.acquire(newId())
  const broken = context.mock.method(platform.db, 'getExecutor', () => {
    throw new Error('no database')
  })
  await sleep(100)
  await lock?.release()
  broken.mock.restore()
  assert.ok(warned.mock.callCount() >= 2)
})
