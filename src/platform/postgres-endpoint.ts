/**
 * Where the embedded PostgreSQL listens: on a Unix socket in a private directory, which no other account can reach.
 * Where sockets do not work (some shared and network file systems), on a free port of 127.0.0.1.
 */
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type PostgresEndpoint =
  | { kind: 'socket'; directory: string; isTemporary: boolean }
  | { kind: 'tcp'; port: number }

export type Owner = { uid: number; gid: number }

/** PostgreSQL names its socket after a port even where it does not listen on one. */
const socketPort = 5432

/** sun_path holds 108 bytes on Linux and 104 on macOS, with the final NUL. */
const socketPathBytesMax = 103

const temporaryPrefix = 'mailwright-postgres-'

/**
 * The socket lies in `directory`/socket, or in a new temporary directory when that path is too long. No server runs on
 * this data directory now: what is in there, such as a lock file with a process id that was given out again, is old.
 */
export async function openEndpoint(options: {
  directory: string
  owner: Owner
  transport: 'socket' | 'tcp'
}): Promise<PostgresEndpoint> {
  if (options.transport === 'socket') {
    const lasting = join(options.directory, 'socket')
    await rm(lasting, { recursive: true, force: true })
    await mkdir(lasting, { recursive: true, mode: 0o700 })
    if (await holdsSockets(lasting)) {
      await giveTo(options.owner, lasting)
      return { kind: 'socket', directory: lasting, isTemporary: false }
    }
    const temporary = await mkdtemp(join(tmpdir(), temporaryPrefix))
    if (await holdsSockets(temporary)) {
      await giveTo(options.owner, temporary)
      return { kind: 'socket', directory: temporary, isTemporary: true }
    }
    await rm(temporary, { recursive: true, force: true })
  }
  return { kind: 'tcp', port: await freePort() }
}

export async function closeEndpoint(endpoint: PostgresEndpoint): Promise<void> {
  if (endpoint.kind === 'socket' && endpoint.isTemporary) {
    await rm(endpoint.directory, { recursive: true, force: true })
  }
}

/** Removes the socket directory of a server that was killed. Any other directory is left alone. */
export async function removeAbandonedSocketDirectory(directory: string): Promise<void> {
  if (!directory.startsWith(join(tmpdir(), temporaryPrefix))) return
  await rm(directory, { recursive: true, force: true })
}

export function endpointSettings(endpoint: PostgresEndpoint): Record<string, string> {
  if (endpoint.kind === 'tcp') {
    return { listen_addresses: '127.0.0.1', port: String(endpoint.port), unix_socket_directories: '' }
  }
  return {
    listen_addresses: '',
    port: String(socketPort),
    unix_socket_directories: `"${endpoint.directory.replaceAll('"', '""')}"`, // a list: commas need the quotes
    unix_socket_permissions: '0700',
  }
}

/** A connection string for the `pg` package. */
export function connectionStringFor(
  endpoint: PostgresEndpoint,
  login: { user: string; password: string; database: string },
): string {
  const credentials = `${login.user}:${encodeURIComponent(login.password)}`
  if (endpoint.kind === 'tcp') {
    return `postgresql://${credentials}@127.0.0.1:${endpoint.port}/${login.database}`
  }
  const host = encodeURIComponent(endpoint.directory)
  return `postgresql://${credentials}@/${login.database}?host=${host}&port=${socketPort}`
}

async function holdsSockets(directory: string): Promise<boolean> {
  const path = join(directory, `.s.PGSQL.${socketPort}`)
  if (Buffer.byteLength(path) > socketPathBytesMax) return false
  const probe = join(directory, '.probe')
  await rm(probe, { force: true })
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(probe, () => server.close(() => resolve(true)))
  })
}

async function giveTo(owner: Owner, directory: string): Promise<void> {
  await chmod(directory, 0o700)
  await chown(directory, owner.uid, owner.gid)
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = address !== null && typeof address === 'object' ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
