/** Applies the migrations that the folders of the core bring, in the order of their numbered names. */
import { DEFAULT_MIGRATION_TABLE, type Kysely, type Migration, Migrator, sql } from 'kysely'
import type { Pool } from 'pg'
import { DatabaseUnreachable, type Db } from './database.ts'

/** Migrations by name, `NNNN_what`. Numbers are unique over all folders. */
export type Migrations = Readonly<Record<string, Migration>>

/**
 * Brings the schema up to date; several nodes may start at once (the migrator holds a lock).
 * @returns the names of what was applied now.
 * @throws when a migration fails; nothing of that run stays.
 */
export async function migrate(db: Db, migrations: Migrations): Promise<string[]> {
  if (await isUpToDate(db, migrations)) return []
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw new Error('the database could not be migrated', { cause: error })
  return (results ?? []).map((result) => result.migrationName)
}

/** The migrator looks at every table of the database before it finds that there is nothing to do, at every start. */
async function isUpToDate(db: Db, migrations: Migrations): Promise<boolean> {
  const { rows } = await sql<{ there: boolean }>`
    select to_regclass(${DEFAULT_MIGRATION_TABLE}) is not null as there`.execute(db)
  if (rows[0]?.there !== true) return false
  const applied = await sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`.execute(
    db,
  )
  const names = new Set(applied.rows.map(({ name }) => name))
  return (
    names.size === Object.keys(migrations).length && Object.keys(migrations).every((name) => names.has(name))
  )
}

/** One number for all versions of this program: those who change a schema wait for each other. */
const schemaLock = 7_245_113

/**
 * Runs what changes a schema, ours or a library's, while no other node does. The migrator's own lock is not enough: it
 * looks at all tables of the database, and fails over one that a library on another node is just replacing.
 */
export async function whileOthersWait<T>(pool: Pool, work: () => Promise<T>): Promise<T> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    // The first node takes the time that it needs.
    await client.query('set local lock_timeout = 0')
    await client.query('set local idle_in_transaction_session_timeout = 0')
    await client.query('select pg_advisory_xact_lock($1::bigint)', [schemaLock])
    return await work()
  } finally {
    await client.query('rollback').catch(() => undefined) // a connection that is lost has let go by itself
    client.release()
  }
}

/** Merges the folders' migrations and refuses two that share a number. */
export function mergeMigrations(...parts: readonly Migrations[]): Migrations {
  const merged: Record<string, Migration> = {}
  const numbers = new Set<string>()
  for (const [name, migration] of parts.flatMap((part) => Object.entries(part))) {
    const number = name.slice(0, 4)
    if (!/^\d{4}_\w+$/.test(name) || numbers.has(number))
      throw new Error(`migration ${name} has a bad number`)
    numbers.add(number)
    merged[name] = migration
  }
  return merged
}

/** A migration that is a list of SQL statements. There is no way down: a backup is. */
export function sqlMigration(...statements: readonly string[]): Migration {
  return {
    up: async (db: Kysely<unknown>) => {
      for (const statement of statements) await sql.raw(statement).execute(db)
    },
  }
}

const oldestServerVersion = 150_000

/** The first look at the server. @throws with a clear sentence when it does not answer or is older than PostgreSQL 15. */
export async function requireServerVersion(db: Db): Promise<void> {
  const { rows } = await sql<{ version: number }>`
    select current_setting('server_version_num')::int as version`
    .execute(db)
    .catch((cause: unknown) => {
      const why = cause instanceof DatabaseUnreachable ? cause.cause : cause
      throw new Error('the database cannot be reached', { cause: why })
    })
  const version = rows[0]?.version ?? 0
  if (version < oldestServerVersion) {
    throw new Error(
      `PostgreSQL 15 or newer is needed, but the server is version ${Math.floor(version / 10_000)}`,
    )
  }
}
