/**
 * The database: a pool, typed SQL through Kysely, and the one way to a transaction.
 * A folder of the core adds its tables' types to `Tables` by module augmentation in its tables.ts.
 */

import type { Duplex } from 'node:stream'
import {
  type ConnectionProvider,
  DummyDriver,
  Kysely,
  PostgresDialect,
  type PostgresPool,
  type QueryResult,
  type RawBuilder,
  type Transaction,
} from 'kysely'
import pg from 'pg'

// biome-ignore lint/suspicious/noEmptyInterface: the folders above fill it
export interface Tables {}

export type Db = Kysely<Tables>

declare const committed: unique symbol
/** A transaction in progress. Only `transaction` makes one, so what asks for a Tx cannot run outside. */
export type Tx = Transaction<Tables> & { readonly [committed]: never }

// int8 counts UIDs, sizes and MODSEQs, which stay far below 2^53 (a MODSEQ per microsecond for 285 years).
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw new RangeError(`int8 ${text} does not fit a number`)
  return value
})

/** No connection to the database was to be had. `cause` is why. Nothing of the work was begun. */
export class DatabaseUnreachable extends Error {
  constructor(cause: unknown) {
    super('the database gives no connection', { cause })
    this.name = 'DatabaseUnreachable'
  }
}

export type Database = { db: Db; pool: pg.Pool; close(): Promise<void> }

export type DatabaseOptions = {
  connectionString: string
  /** Connections in the pool at most. */
  connectionsMax: number
  onError: (error: Error) => void
}

/** Opens a pool. The first connection is made by the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.connectionString,
    max: options.connectionsMax,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    application_name: 'mailwright',
    // A transaction whose node hangs must not hold its row locks for ever.
    idle_in_transaction_session_timeout: 60_000,
    // Nor may one wait for ever for another's.
    lock_timeout: 30_000,
    // Statements that do not wait for each other travel together.
    pipeline: true,
  })
  // A connection tells by itself when it breaks, in use or idle; the pool, which tells again, replaces it.
  pool.on('connect', (client) => client.on('error', options.onError))
  pool.on('error', () => undefined)
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: preparing(pool) }) })
  return { db, pool, close: () => db.destroy() }
}

const preparedMark = /^\s*\/\* prepared (\w+) \*\//

/**
 * Statements that begin with the comment `prepared NAME` are prepared once for each connection: planning them
 * again costs more than running them. The others are not, because a plan for all parameters may be a bad one.
 *
 * The start of a transaction of ours is not waited for: it travels with the first statements. Should it fail, COMMIT is
 * not sent.
 *
 * After the end of a transaction of ours nothing more is sent for whoever had the connection. Of statements that
 * were started at the same moment, some still wait their turn when one fails; sent behind the ROLLBACK, each would
 * be a transaction of its own and stay.
 */
function preparing(pool: pg.Pool): PostgresPool {
  return {
    end: () => pool.end(),
    async connect() {
      const client = await pool.connect().catch((cause: unknown) => {
        throw new DatabaseUnreachable(cause)
      })
      const send = (text: string, values?: unknown[]): Promise<pg.QueryResult> => {
        const name = preparedMark.exec(text)?.[1]
        holdBack(client.connection.stream)
        return client.query(
          name === undefined ? { text, values: values ?? [] } : { name, text, values: values ?? [] },
        )
      }
      let begun: Promise<pg.QueryResult> | null = null
      let over = false
      const query = async (text: string, values: unknown[]): Promise<pg.QueryResult> => {
        if (text === beginText) {
          begun = send(text)
          begun.catch(() => undefined) // the first statement fails with it, and so does the commit
          return { command: 'BEGIN', rowCount: null, oid: 0, fields: [], rows: [] }
        }
        if (begun === null) return await send(text, values)
        if (over) throw new Error('the transaction is over')
        if (text !== 'commit' && text !== 'rollback') return await send(text, values)
        over = true
        if (text === 'commit') await begun
        return await send(text)
      }
      return new Proxy(client, {
        get(target, property) {
          if (property === 'query') return query
          const value: unknown = Reflect.get(target, property)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    },
  }
}

/** What is sent in one go goes in one write: a call of the system costs more than what is in it. */
function holdBack(socket: Duplex): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => socket.uncork())
}

type AfterCommit = () => void
const pending = new WeakMap<object, AfterCommit[]>()

/**
 * Runs `work` in a transaction and commits it, trying again when PostgreSQL asks for it (a deadlock or
 * a serialization failure). What `afterCommit` registered runs once the commit is durable.
 */
export async function transaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(db, work)
    } catch (error) {
      if (attempt >= attemptsMax || !isRetryable(error)) throw error
      // Two losers must not meet again at the same moment.
      await new Promise((resolve) => setTimeout(resolve, 5 * 2 ** attempt * (0.5 + Math.random())))
    }
  }
}

const attemptsMax = 5

// What Kysely sends for the access mode that runOnce sets. It tells our transactions from those of the migrator,
// which goes on with its connection after a commit.
const beginText = 'start transaction read write'

async function runOnce<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const hooks: AfterCommit[] = []
  const result = await db
    .transaction()
    .setAccessMode('read write')
    .execute(async (kyselyTx) => {
      const tx = kyselyTx as Tx // the brand has no value: this is the one place that gives it
      pending.set(tx, hooks)
      return await work(tx)
    })
  for (const hook of hooks) hook()
  return result
}

/**
 * Sends statements behind each other without waiting for the answers in between: one way to the server and back
 * instead of one for each. Waits for all of them also when one fails.
 * @returns their results, in order.
 * @throws what the first that failed threw.
 */
export async function together(
  tx: Tx,
  statements: readonly RawBuilder<unknown>[],
): Promise<QueryResult<unknown>[]> {
  const settled = await tx
    .getExecutor()
    .provideConnection((connection) =>
      Promise.allSettled(statements.map((statement) => connection.executeQuery(statement.compile(tx)))),
    )
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

/**
 * Reads at the same moment: `work` gets a database of one connection, which is the transaction's inside one and else one of
 * the pool, and what it starts together (`Promise.all`) travels together: one way to the server and back for all of it.
 * Whoever is inside asks that database alone: the transaction itself would be waited for for ever, and the pool may have
 * no second connection. Nothing that was started is left behind when `work` fails.
 * @param db the transaction, inside one.
 */
export async function onOneConnection<T>(db: Db, work: (db: Db) => Promise<T>): Promise<T> {
  const executor = db.getExecutor()
  return await executor.provideConnection(async (connection) => {
    const running = new Set<Promise<unknown>>()
    let over = false
    const connectionProvider: ConnectionProvider = {
      async provideConnection(consumer) {
        if (over) throw new Error('the work that had this connection is over')
        const run = consumer(connection)
        running.add(run)
        return await run.finally(() => running.delete(run))
      },
    }
    try {
      const own = { ...readersProps, executor: executor.withConnectionProvider(connectionProvider) }
      return await work(new Kysely<Tables>(own))
    } finally {
      over = true
      await Promise.allSettled(running)
    }
  })
}

/** It begins no transactions: statements that others started meanwhile would be part of them. */
class ReadersDriver extends DummyDriver {
  override async beginTransaction(): Promise<void> {
    throw new Error('a transaction begins with the database itself')
  }
}

const readersDialect = new PostgresDialect({ pool: () => Promise.reject(new Error('this has no pool')) })
const readersProps = {
  config: { dialect: readersDialect },
  dialect: readersDialect,
  driver: new ReadersDriver(),
}

/** Registers something to run after this transaction's commit, in order. It must not throw. */
export function afterCommit(tx: Tx, hook: AfterCommit): void {
  const hooks = pending.get(tx)
  if (!hooks) throw new Error('afterCommit was called outside a transaction')
  hooks.push(hook)
}

// PostgreSQL appendix A: serialization_failure, deadlock_detected.
const retryable = new Set(['40001', '40P01'])

function isRetryable(error: unknown): boolean {
  const state = sqlState(error)
  return state !== null && retryable.has(state)
}

/** The SQLSTATE of a database error, or null for anything else. */
export function sqlState(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.code ?? null) : null
}

/** The name of the constraint that a statement violated, or null. */
export function violatedConstraint(error: unknown): string | null {
  return error instanceof pg.DatabaseError ? (error.constraint ?? null) : null
}
