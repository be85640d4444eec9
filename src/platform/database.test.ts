import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { startTestPlatform } from '../testing/test-platform.ts'
import {
  afterCommit,
  DatabaseUnreachable,
  type Db,
  onOneConnection,
  openDatabase,
  sqlState,
  type Tx,
  together,
  transaction,
  violatedConstraint,
} from './database.ts'
import { codeOfError } from './http/fastify-errors.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { db } = t.platform
await sql`create table counters (name text primary key, value bigint not null)`.execute(db)

async function insert(tx: Tx | typeof db, name: string, value = 0): Promise<void> {
  await sql`insert into counters values (${name}, ${value})`.execute(tx)
}

async function add(tx: Tx, name: string): Promise<void> {
  await sql`update counters set value = value + 1 where name = ${name}`.execute(tx)
}

async function counterOf(name: string): Promise<number | undefined> {
  const { rows } = await sql<{ value: number }>`select value from counters where name = ${name}`.execute(db)
  return rows[0]?.value
}

test('a transaction commits what it did and returns what it returned', async () => {
  const result = await transaction(db, async (tx) => {
    await insert(tx, 'committed', 5)
    return 'done'
  })
  assert.equal(result, 'done')
  assert.equal(await counterOf('committed'), 5)
})

test('a throw rolls everything back and arrives as it was thrown', async () => {
  const failure = new Error('no')
  let runs = 0
  await assert.rejects(
    transaction(db, async (tx) => {
      runs++
      await insert(tx, 'rolled back')
      throw failure
    }),
    (error) => error === failure,
  )
  assert.equal(runs, 1)
  assert.equal(await counterOf('rolled back'), undefined)
})

test('what still waits its turn when a transaction fails does not run outside of it', async () => {
  const failure = new Error('no')
  await assert.rejects(
    transaction(db, (tx) =>
      Promise.all([
        sql`select pg_sleep(0.05)`.execute(tx),
        ...Array.from({ length: 5 }, (_, index) => insert(tx, `waits ${index}`)),
        Promise.reject(failure),
      ]),
    ),
    (error) => error === failure,
  )
  await sql`select pg_sleep(0.05)`.execute(db)
  const { rows } = await sql`select name from counters where name like 'waits%'`.execute(db)
  assert.deepEqual(rows, [])
})

test('statements that travel together give their results in order', async () => {
  const results = await transaction(db, (tx) =>
    together(
      tx,
      [1, 2, 3].map((n) => sql`select ${n}::int as n, pg_backend_pid() as pid`),
    ),
  )
  const rows = results.map(({ rows: [row] }) => row)
  assert.deepEqual(
    rows.map((row) => row && typeof row === 'object' && Reflect.get(row, 'n')),
    [1, 2, 3],
  )
  assert.deepEqual(await transaction(db, (tx) => together(tx, [])), [])
})

test('when one of them fails, all have ended, the first failure is told and none stays', async () => {
  let ended = false
  await assert.rejects(
    transaction(db, async (tx) => {
      try {
        await together(tx, [
          sql`insert into counters values ('travels 1', 1)`,
          sql`select 1 / 0`,
          sql`insert into counters values ('travels 2', 1)`,
        ])
      } finally {
        ended = true
      }
    }),
    (error) => ended && sqlState(error) === '22012',
  )
  const { rows } = await sql`select name from counters where name like 'travels%'`.execute(db)
  assert.deepEqual(rows, [])
})

async function pidOf(on: Db): Promise<number | undefined> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(on)
  return rows[0]?.pid
}

test('what is read on one connection is of one, and inside a transaction sees what that wrote', async () => {
  const pids = await onOneConnection(db, (one) =>
    Promise.all([pidOf(one), pidOf(one), onOneConnection(one, pidOf)]),
  )
  assert.equal(new Set(pids).size, 1)
  await transaction(db, async (tx) => {
    const outside = await pidOf(tx)
    await insert(tx, 'read on one', 7)
    const [pid, built, { rows }] = await onOneConnection(tx, (one) =>
      Promise.all([
        pidOf(one),
        one.selectNoFrom(sql<number>`pg_backend_pid()`.as('pid')).executeTakeFirst(),
        sql<{ value: number }>`select value from counters where name = 'read on one'`.execute(one),
      ]),
    )
    assert.equal(built?.pid, outside)
    assert.equal(pid, outside)
    assert.equal(rows[0]?.value, 7)
    await add(tx, 'read on one')
  })
  assert.equal(await counterOf('read on one'), 8)
})

test('statements on one connection are all sent before the first is answered', async () => {
  const sent: string[] = []
  const answered: string[] = []
  const ask = async (one: Db, name: string): Promise<void> => {
    sent.push(name)
    await sql`select ${name}::text`.execute(one)
    answered.push(`${name} after ${sent.length}`)
  }
  await onOneConnection(db, (one) => Promise.all(['a', 'b', 'c'].map((name) => ask(one, name))))
  assert.deepEqual(answered, ['a after 3', 'b after 3', 'c after 3'])
})

test('when one of them fails, the connection goes back after all have ended, and nothing more is sent on it', async () => {
  const ended: string[] = []
  const late = Promise.withResolvers<void>()
  await assert.rejects(
    onOneConnection(db, async (one) => {
      const failing = sql`select 1 / 0`.execute(one)
      const slow = sql`select pg_sleep(0.05)`.execute(one).then(async () => {
        ended.push('slow')
        await insert(one, 'after the failure')
      })
      slow.then(late.resolve, late.reject)
      await Promise.all([failing, slow])
    }),
    (error) => sqlState(error) === '22012',
  )
  assert.deepEqual(ended, ['slow'])
  await assert.rejects(late.promise, /is over/)
  assert.equal(await counterOf('after the failure'), undefined)
})

test('no transaction begins on a connection that others read on', async () => {
  await assert.rejects(
    onOneConnection(db, (one) => transaction(one, (tx) => insert(tx, 'in between'))),
    /begins with the database itself/,
  )
  assert.equal(await counterOf('in between'), undefined)
})

test('a statement of a transaction that is over does not run', async () => {
  const kept: Tx[] = []
  await transaction(db, async (tx) => {
    kept.push(tx)
  })
  for (const tx of kept) await assert.rejects(insert(tx, 'too late'))
  assert.equal(await counterOf('too late'), undefined)
})

test('two transactions that lock each other out both succeed in the end', async () => {
  await insert(db, 'left')
  await insert(db, 'right')
  const bothHoldOne = Promise.withResolvers<void>()
  let holding = 0
  let runs = 0
  const inOrder = (first: string, second: string): Promise<void> =>
    transaction(db, async (tx) => {
      runs++
      await add(tx, first)
      if (++holding === 2) bothHoldOne.resolve()
      await bothHoldOne.promise
      await add(tx, second)
    })
  await Promise.all([inOrder('left', 'right'), inOrder('right', 'left')])
  assert.ok(runs >= 3, 'PostgreSQL refused one of them, which ran again')
  assert.deepEqual([await counterOf('left'), await counterOf('right')], [2, 2])
})

test('a serialization failure is tried again, and the last attempt reports its own', async () => {
  let runs = 0
  const failTimes = (times: number): Promise<number> =>
    transaction(db, async (tx) => {
      runs++
      if (runs <= times) {
        await sql`do $$ begin raise exception 'conflict' using errcode = '40001'; end $$`.execute(tx)
      }
      return runs
    })
  assert.equal(await failTimes(2), 3)
  runs = 0
  await assert.rejects(failTimes(100), (error) => sqlState(error) === '40001')
  assert.equal(runs, 5)
})

test('what waits for the commit runs after it, in order, once', async () => {
  await insert(db, 'attempts')
  const said: string[] = []
  let attempt = 0
  await transaction(db, async (tx) => {
    attempt++
    const run = attempt
    afterCommit(tx, () => said.push(`first of attempt ${run}`))
    await add(tx, 'attempts')
    afterCommit(tx, () => said.push('second'))
    assert.deepEqual(said, [])
    if (run === 1) await sql`do $$ begin raise exception 'x' using errcode = '40P01'; end $$`.execute(tx)
  })
  assert.deepEqual(said, ['first of attempt 2', 'second'])
})

test('after a rollback nothing runs', async () => {
  let ran = false
  await assert.rejects(
    transaction(db, async (tx) => {
      afterCommit(tx, () => {
        ran = true
      })
      throw new Error('no')
    }),
  )
  assert.equal(ran, false)
})

test('a statement that is marked is prepared under its name, another is not', async () => {
  await transaction(db, async (tx) => {
    for (const value of [1, 2]) {
      const { rows } = await sql<{
        sum: number
      }>`/* prepared add_one */ select ${value}::int + 1 as sum`.execute(tx)
      assert.deepEqual(rows, [{ sum: value + 1 }])
    }
    await sql`select ${1}::int /* prepared not_at_the_start */`.execute(tx)
    const { rows } = await sql<{ name: string; generic_plans: number; custom_plans: number }>`
      select name, generic_plans, custom_plans from pg_prepared_statements`.execute(tx)
    const names = rows.map(({ name }) => name)
    assert.equal(names.filter((name) => name === 'add_one').length, 1)
    assert.ok(!names.includes('not_at_the_start'))
  })
})

test('int8 is a number, and one that a number cannot hold is an error', async () => {
  const { rows } = await sql<{ n: unknown }>`select 9007199254740991::int8 as n`.execute(db)
  assert.deepEqual(rows, [{ n: Number.MAX_SAFE_INTEGER }])
  await assert.rejects(sql`select 9007199254740993::int8 as n`.execute(db), /does not fit a number/)
  assert.equal((await sql`select 1`.execute(db)).rows.length, 1, 'and the connection still works')
})

test('the state and the constraint of a database error, and null for others', async () => {
  await insert(db, 'twice')
  const error: unknown = await insert(db, 'twice').catch((caught: unknown) => caught)
  assert.equal(sqlState(error), '23505')
  assert.equal(violatedConstraint(error), 'counters_pkey')
  assert.equal(sqlState(new Error('x')), null)
  assert.equal(violatedConstraint(undefined), null)
})

test('more transactions than connections wait for their turn', async () => {
  await insert(db, 'crowd')
  await Promise.all(Array.from({ length: 60 }, () => transaction(db, (tx) => add(tx, 'crowd'))))
  assert.equal(await counterOf('crowd'), 60)
})

test('where no connection is to be had, that is told as what it is', async () => {
  const nobody = await listenAndClose()
  const database = openDatabase({
    connectionString: `postgres://127.0.0.1:${nobody}/nothing`,
    connectionsMax: 1,
    onError: () => undefined,
  })
  await assert.rejects(sql`select 1`.execute(database.db), DatabaseUnreachable)
  await assert.rejects(
    transaction(database.db, async (tx) => await sql`select 1`.execute(tx)),
    (error) => error instanceof DatabaseUnreachable && codeOfError(error) === 'not_ready',
  )
  await database.close()
})

/** @returns a port of this machine where nobody listens. */
async function listenAndClose(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
