/** Applies the migrations that the folders of the core bring, in the order of their numbered names. */
import { type Kysely, type Migration, Migrator, sql } from 'kysely'
import type { Db } from './database.ts'

/** Migrations by name, `NNNN_what`. Numbers are unique over all folders. */
export type Migrations = Readonly<Record<string, Migration>>

/**
 * Brings the schema up to date; several nodes may start at once (the migrator holds a lock).
 * @returns the names of what was applied now.
 * @throws when a migration fails; nothing of that run stays.
 */
export async function migrate(db: Db, migrations: Migrations): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } })
  const { error, results } = await migrator.migrateToLatest()
  if (error) throw new Error('the database could not be migrated', { cause: error })
  return (results ?? []).map((result) => result.migrationName)
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
      throw new Error('the database cannot be reached', { cause })
    })
  const version = rows[0]?.version ?? 0
  if (version < oldestServerVersion) {
    throw new Error(
      `PostgreSQL 15 or newer is needed, but the server is version ${Math.floor(version / 10_000)}`,
    )
  }
}
