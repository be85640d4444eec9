/**
 * The database cluster on disk: made once, in one step that cannot be seen half done.
 *
 *     DATA_DIR/postgres/cluster        PGDATA, owned by the account that PostgreSQL runs as
 *     DATA_DIR/postgres/password       of the role mailwright, 0600
 *     DATA_DIR/postgres/pg_hba.conf    who may log in, written at every start
 *     DATA_DIR/postgres/socket         the Unix socket, 0700
 */
import { randomBytes } from 'node:crypto'
import { chown, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readOrCreateSecretFile, writeFileDurably } from './data-directory.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { Launcher } from './postgres-launcher.ts'
import { runProgram } from './postgres-process.ts'

/** The role that Mailwright logs in as, and its database. It owns the database and is no superuser. */
export const roleName = 'mailwright'
export const databaseName = 'mailwright'

const newClusterPrefix = 'cluster.new-'

/** 256 bits, in letters that need no quoting in SQL or a URL. */
export function readOrCreatePassword(directory: string): Promise<string> {
  return readOrCreateSecretFile(join(directory, 'password'), () => randomBytes(32).toString('base64url'))
}

/**
 * Only the role logs in, only to local addresses, and only with its password: other accounts of the machine can
 * reach a TCP port, and peer authentication would fail across accounts. The superuser cannot log in at all, so that
 * an SQL injection never reads files of the machine.
 */
export async function writeLoginRules(directory: string): Promise<string> {
  const file = join(directory, 'pg_hba.conf')
  const rules = [`local all ${roleName} scram-sha-256`, `host all ${roleName} 127.0.0.1/32 scram-sha-256`]
  await writeFileDurably(file, `# Written at every start.\n${rules.join('\n')}\n`, 0o644)
  return file
}

/** Makes `cluster` from nothing: under another name first, so that an interrupted attempt is never taken for it. */
export async function createCluster(options: {
  directory: string
  cluster: string
  binaries: PostgresBinaries
  launcher: Launcher
  password: string
}): Promise<void> {
  const unfinished = await mkdtemp(join(options.directory, newClusterPrefix))
  try {
    await chown(unfinished, options.launcher.owner.uid, options.launcher.owner.gid)
    await run(options.launcher, options.binaries.initdb, initdbArguments(unfinished))
    await run(
      options.launcher,
      options.binaries.postgres,
      singleUserArguments(unfinished),
      rolesSql(options.password),
    )
    await rename(unfinished, options.cluster)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  const handle = await open(options.directory, 'r')
  await handle.sync() // the rename
  await handle.close()
}

/** Removes what interrupted attempts left, as far as it can be: an initdb may have outlived its Mailwright a little. */
export async function removeUnfinishedClusters(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(newClusterPrefix)) continue
    const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 } // ms
    await rm(join(directory, name), options).catch(() => {})
  }
}

function initdbArguments(cluster: string): string[] {
  return [
    `--pgdata=${cluster}`,
    '--username=postgres',
    '--encoding=UTF8',
    // PostgreSQL's own collation sorts by code point and never changes with the operating system's libraries, which
    // would break indexes; it still knows the case of all letters.
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--text-search-config=simple', // mail is in every language: no stemming unless a query asks for it
    '--data-checksums',
    '--auth=reject', // our own pg_hba.conf is used; without it nobody gets in
  ]
}

/** Single-user mode: no socket, no login, and the first error ends it. */
function singleUserArguments(cluster: string): string[] {
  return ['--single', '-D', cluster, '-c', 'exit_on_error=on', '-c', 'log_checkpoints=off', 'postgres']
}

/** One statement per line. CREATEDB is for tests, which clone the database. */
function rolesSql(password: string): string {
  return [
    `CREATE ROLE ${roleName} LOGIN CREATEDB PASSWORD '${password}';`,
    `GRANT pg_monitor TO ${roleName};`,
    `CREATE DATABASE ${databaseName} OWNER ${roleName};`,
    '',
  ].join('\n')
}

async function run(launcher: Launcher, program: string, args: string[], input?: string): Promise<void> {
  const result = await runProgram(launcher, program, args, input)
  if (result.code === 0) return
  const end = result.signal ?? `exit code ${result.code}`
  throw new Error(`The database cannot be made: ${program} ended with ${end}.\n${result.output.trim()}`)
}
