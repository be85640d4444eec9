/** What else goes on at a database server that this program shares: see event-order.ts. */
import { sql } from 'kysely'
import pg from 'pg'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { withDatabase } from './test-database.ts'

/** A transaction that writes in another database of the server, until the stack or its caller ends it. */
export async function writeElsewhere(
  stack: AsyncDisposableStack,
  { config }: Platform,
): Promise<{ end(): Promise<void> }> {
  const client = new pg.Client({ connectionString: withDatabase(config.databaseUrl ?? '', 'postgres') })
  await client.connect()
  stack.defer(() => client.end())
  await client.query('begin')
  await client.query('select pg_current_xact_id()')
  return {
    async end() {
      await client.query('commit')
    },
  }
}

/**
 * Schemas for a `search_path` in which sessions can be made to look as if they had ended since the snapshot was taken:
 * a moment that cannot be met at will.
 */
export async function sessionsThatMayHide({
  db,
}: Platform): Promise<{ path: string; hide(): Promise<void> }> {
  const schema = `hiding_${newId().replaceAll('-', '')}`
  const name = sql.id(schema)
  await sql`create schema ${name}`.execute(db)
  await sql`create table ${name}.hidden (since timestamptz not null)`.execute(db)
  await sql`create view ${name}.pg_stat_activity as select * from pg_catalog.pg_stat_activity
    where not exists (select from ${name}.hidden)`.execute(db)
  return {
    path: `${schema},pg_catalog,public`,
    async hide() {
      await sql`insert into ${name}.hidden values (now())`.execute(db)
    },
  }
}
