/** Whether the database can be reached and has the schema of this version. Nothing is migrated. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { migrationNames } from '../../open-platform.ts'
import type { Config } from '../../platform/config.ts'
import { connectionStringOfRunning } from '../../platform/postgres-attach.ts'
import { type Finding, fail, ok, warn, why } from './check.ts'

const subject = 'database'
const connectMsMax = 5_000
const oldestVersion = 15

export type DatabaseFound = {
  findings: Finding[]
  /** The time there; null when it could not be asked, or is this machine's own. */
  now: Date | null
  /** The master key that its secrets are sealed under. */
  vaultKeyId: string | null
}

export async function checkDatabase(config: Config): Promise<DatabaseFound> {
  const nothing = { now: null, vaultKeyId: null }
  const directory = join(config.dataDir, 'postgres')
  const connectionString =
    config.databaseUrl ?? (await connectionStringOfRunning(directory).catch(() => null))
  if (connectionString === null) {
    const exists = await access(join(directory, 'cluster')).then(
      () => true,
      () => false,
    )
    const text = exists ? 'embedded; it starts with the server' : 'embedded; the first start makes it'
    return { findings: [ok(subject, text)], ...nothing }
  }
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: connectMsMax })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return await look(client, config)
  } catch (error) {
    const text = `cannot be reached (${why(error)}); is it running, and is ${config.databaseUrl === null ? 'the server well' : 'DATABASE_URL right'}?`
    return { findings: [fail(subject, text)], ...nothing }
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function look(client: pg.Client, config: Config): Promise<DatabaseFound> {
  const { rows } = await client.query<{ version: number; now: Date; migrated: boolean; keyed: boolean }>(`
    select current_setting('server_version_num')::int / 10000 as version, clock_timestamp() as now,
      to_regclass('kysely_migration') is not null as migrated, to_regclass('vault_keys') is not null as keyed`)
  const [about] = rows
  if (!about) throw new Error('it answered nothing')
  const applied = about.migrated
    ? (await client.query<{ name: string }>('select name from kysely_migration')).rows.map(({ name }) => name)
    : []
  const key = about.keyed
    ? await client.query<{ id: string }>('select id from vault_keys order by first_used_at desc limit 1')
    : null
  return {
    findings: [findingOf(about.version, applied)],
    now: config.databaseUrl === null ? null : about.now,
    vaultKeyId: key?.rows[0]?.id ?? null,
  }
}

function findingOf(version: number, applied: readonly string[]): Finding {
  const missing = migrationNames.filter((name) => !applied.includes(name)).length
  const newer = applied.filter((name) => !migrationNames.includes(name))
  const server = `PostgreSQL ${version}`
  if (version < oldestVersion)
    return fail(subject, `${server} is too old; ${oldestVersion} or newer is needed`)
  if (newer.length > 0) {
    return fail(subject, `${server} was migrated by a newer version (${newer[0]}); start that version`)
  }
  return missing === 0
    ? ok(subject, `${server} answers and is up to date`)
    : warn(
        subject,
        `${server} answers; ${missing} migrations are run by the next start (or mailwright migrate)`,
      )
}
