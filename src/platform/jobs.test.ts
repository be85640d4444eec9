import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { handlersWith } from '../testing/test-jobs.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { transaction } from './database.ts'
import { newId } from './ids.ts'
import { addJob, addJobs, startJobs } from './jobs.ts'

const t = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' })
after(() => t[Symbol.asyncDispose]())
const { platform } = t
const { db } = platform

const done: string[] = []
const failures = new Map<string, number>()
const queued = { running: 0, most: 0 }
const handlers = handlersWith({
  async 'mailbox.purge'(given, { mailbox_id: name }) {
    assert.equal(given, platform)
    const left = failures.get(name) ?? 0
    failures.set(name, left - 1)
    if (left > 0) throw new Error(`${name} is not ready`)
    done.push(name)
  },
  'mailbox.purge_due': async () => {
    done.push('due')
  },
  async 'domains.make_dkim_keys'(_platform, { domain_id: name }) {
    queued.most = Math.max(queued.most, ++queued.running)
    await sleep(30)
    queued.running--
    done.push(name)
  },
})
const jobs = await startJobs(platform, handlers, { 'mailbox.purge_due': '* * * * *' })
let stopJobs = (): Promise<void> => jobs.stop()
after(() => stopJobs())

async function until(name: string): Promise<void> {
  const deadline = Date.now() + 8000
  while (!done.includes(name) && Date.now() < deadline) await sleep(5)
  assert.ok(done.includes(name), `${name} did not run`)
}

async function countOf(result: 'done' | 'failed'): Promise<number> {
  const { values } = await platform.metrics.jobs.get()
  return values.find(({ labels }) => labels.task === 'mailbox.purge' && labels.result === result)?.value ?? 0
}

test('a job runs after the commit, and not before', async () => {
  const name = newId()
  await transaction(db, async (tx) => {
    await addJob(tx, 'mailbox.purge', { mailbox_id: name })
    await sleep(100)
    assert.ok(!done.includes(name))
  })
  const startMs = Date.now()
  await until(name)
  assert.ok(Date.now() - startMs < 1500, 'it was woken, and did not wait for the poll')
})

test('a job of a transaction that rolled back never runs', async () => {
  const name = newId()
  await assert.rejects(
    transaction(db, async (tx) => {
      await addJob(tx, 'mailbox.purge', { mailbox_id: name })
      throw new Error('no')
    }),
  )
  const later = newId()
  await transaction(db, (tx) => addJob(tx, 'mailbox.purge', { mailbox_id: later }))
  await until(later)
  assert.ok(!done.includes(name))
})

test('a job that throws is tried again later', async () => {
  const name = newId()
  failures.set(name, 1)
  const [failedBefore, doneBefore] = [await countOf('failed'), await countOf('done')]
  await transaction(db, (tx) => addJob(tx, 'mailbox.purge', { mailbox_id: name }))
  while (failures.get(name) === 1) await sleep(5)
  await sleep(50)
  assert.ok(!done.includes(name))
  const { rows } = await sql<{ attempts: number; last_error: string }>`
    select attempts, last_error from graphile_worker._private_jobs where attempts > 0`.execute(db)
  assert.equal(rows.length, 1)
  assert.match(rows[0]?.last_error ?? '', /is not ready/)
  await sql`update graphile_worker._private_jobs set run_at = now() where attempts > 0`.execute(db)
  await until(name)
  await sleep(20)
  assert.deepEqual([await countOf('failed'), await countOf('done')], [failedBefore + 1, doneBefore + 1])
})

test('a job waits for its moment; a later one of its key takes its place', async () => {
  const [old, replacing] = [newId(), newId()]
  const runAt = new Date(Date.now() + 3_600_000)
  await transaction(db, (tx) => addJob(tx, 'mailbox.purge', { mailbox_id: old }, { key: 'k', runAt }))
  await sleep(50)
  assert.ok(!done.includes(old))
  await transaction(db, (tx) => addJob(tx, 'mailbox.purge', { mailbox_id: replacing }, { key: 'k' }))
  await until(replacing)
  await sleep(50) // the worker takes a job away after it has run
  const { rows } = await sql`select 1 from graphile_worker._private_jobs where key = 'k'`.execute(db)
  assert.deepEqual(rows, [])
  assert.ok(!done.includes(old))
})

test('jobs of one queue run one after another, and keep no others waiting', async () => {
  const [names, other] = [[newId(), newId(), newId()], newId()]
  queued.most = 0
  await transaction(db, (tx) =>
    addJobs(
      tx,
      names.map((name) => ({
        name: 'domains.make_dkim_keys' as const,
        payload: { domain_id: name },
        queue: 'one',
      })),
    ),
  )
  await transaction(db, (tx) => addJob(tx, 'mailbox.purge', { mailbox_id: other }))
  for (const name of [...names, other]) await until(name)
  assert.equal(queued.most, 1)
})

test('the schedule is known to the worker', async () => {
  const { rows } = await sql`select identifier from graphile_worker._private_known_crontabs`.execute(db)
  assert.deepEqual(rows, [{ identifier: 'mailbox.purge_due' }])
})

test('a stop waits for the job that runs', async () => {
  const name = newId()
  let finished = false
  const slow = await startJobs(
    { ...platform },
    {
      ...handlers,
      'bodies.sweep': async () => {
        done.push(name)
        await sleep(200)
        finished = true
      },
    },
    {},
  )
  await stopJobs()
  stopJobs = () => Promise.resolve()
  await transaction(db, (tx) => addJob(tx, 'bodies.sweep', {}))
  await until(name)
  await slow.stop()
  assert.equal(finished, true)
})
