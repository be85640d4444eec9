/**
 * Databases of a test's own, empty or with the whole schema. Under `npm test` all files share one server and copy one
 * template (global-setup.ts); a file that is run alone starts a server for itself.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { bringUpToDate } from '../open-platform.ts'
import { openDatabase } from '../platform/database.ts'
import { startEmbeddedPostgres } from '../platform/embedded-postgres.ts'

/** What global-setup.ts tells the processes of the files: the server, and the name of its template. */
export const sharedServerVariable = 'MAILWRIGHT_TEST_SERVER'
export const templateVariable = 'MAILWRIGHT_TEST_TEMPLATE'

/** A directory that goes with the stack. */
export async function temporaryDirectory(stack: AsyncDisposableStack): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'mailwright-test-'))
  stack.defer(() => rm(path, { recursive: true, force: true }))
  return path
}

/** An empty database that goes with the stack. */
export async function freshDatabase(stack: AsyncDisposableStack): Promise<string> {
  return await createDatabase(stack, await testServer(stack), null)
}

/** A database with the schema of this version and without a row, that goes with the stack. */
export async function migratedDatabase(stack: AsyncDisposableStack): Promise<string> {
  return await createDatabase(stack, await testServer(stack), process.env[templateVariable] ?? null)
}

/** Makes the database that others are copies of. @returns its name. */
export async function createTemplate(stack: AsyncDisposableStack, server: string): Promise<string> {
  const connectionString = await createDatabase(stack, server, null)
  const database = openDatabase({ connectionString, connectionsMax: 4, onError: () => undefined })
  await bringUpToDate(database)
  await database.close() // a database that someone is connected to cannot be copied
  return databaseName(connectionString)
}

/** With MAILWRIGHT_TEST_DATABASE_URL the server that it names, else an embedded one that goes with the stack. */
export async function startTestServer(stack: AsyncDisposableStack): Promise<string> {
  const given = process.env['MAILWRIGHT_TEST_DATABASE_URL']
  if (given) return given
  const directory = await temporaryDirectory(stack)
  const postgres = await startEmbeddedPostgres({
    directory,
    settings: { fsync: 'off', shared_buffers: '128MB', max_wal_size: '256MB', max_connections: '300' },
  })
  stack.defer(() => postgres.stop())
  return postgres.connectionString
}

async function testServer(stack: AsyncDisposableStack): Promise<string> {
  return process.env[sharedServerVariable] ?? (await startTestServer(stack))
}

let databases = 0

async function createDatabase(
  stack: AsyncDisposableStack,
  server: string,
  template: string | null,
): Promise<string> {
  const name = `mw_test_${process.pid}_${Date.now().toString(36)}_${++databases}`
  // Files of the template are copied: to write every block into the log, as is usual, takes twice as long.
  const copy = template === null ? '' : ` template ${template} strategy file_copy`
  await onServer(server, `create database ${name}${copy}`)
  stack.defer(() => dropDatabase(server, name))
  return withDatabase(server, name)
}

const dropTriesMax = 20
const dropRetryMs = 250

/** An autovacuum worker in the database is the server's own, and nobody else may end it; it is done in a moment. */
async function dropDatabase(server: string, name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await onServer(server, `drop database ${name} with (force)`)
      return
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : null
      if (code !== insufficientPrivilege || tries === dropTriesMax) throw error
      await sleep(dropRetryMs)
    }
  }
}

/** PostgreSQL Appendix A, class 42. */
const insufficientPrivilege = '42501'

async function onServer(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end() // a connection that is left open would keep the process from ending
  }
}

// The embedded server's address has its socket directory in the query, and an empty host.
const addressParts = /^(postgres(?:ql)?:\/\/[^/]*\/)([^?]*)/

export function withDatabase(connectionString: string, name: string): string {
  return connectionString.replace(addressParts, `$1${name}`)
}

function databaseName(connectionString: string): string {
  return addressParts.exec(connectionString)?.[2] ?? ''
}
