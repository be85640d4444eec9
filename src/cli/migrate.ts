/** `mailwright migrate`: brings the database up to date. Every start does the same. */
import { openPlatform } from '../open-platform.ts'
import type { Config } from '../platform/config.ts'

export async function migrateDatabase(config: Config): Promise<void> {
  await using opened = await openPlatform(config)
  opened.platform.log.debug({ event: 'database.ready' })
  process.stdout.write('The database is up to date.\n')
}
