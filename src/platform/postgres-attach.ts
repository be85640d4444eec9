/** Finds the embedded database of a running Mailwright, for commands that work beside it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { databaseName, readOrCreatePassword, roleName } from './postgres-cluster.ts'
import { connectionStringFor, type PostgresEndpoint } from './postgres-endpoint.ts'

/**
 * Where the server on DATA_DIR/postgres listens, by its postmaster.pid: process id, data directory, start time, port,
 * socket directory and host name, a line each.
 * @returns a connection string for the `pg` package; null when none runs, or it is another account's.
 */
export async function connectionStringOfRunning(directory: string): Promise<string | null> {
  const file = await readFile(join(directory, 'cluster', 'postmaster.pid'), 'utf8').catch(() => null)
  if (file === null) return null
  const [, , , port = '', socketDirectory = ''] = file.split('\n')
  const endpoint: PostgresEndpoint =
    socketDirectory === ''
      ? { kind: 'tcp', port: Number(port) }
      : { kind: 'socket', directory: socketDirectory, isTemporary: false }
  const password = await readOrCreatePassword(directory)
  return connectionStringFor(endpoint, { user: roleName, password, database: databaseName })
}
