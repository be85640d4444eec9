/** Platforms that a test opens by itself: one without a row, and a second node on another one's database. */
import { readFile } from 'node:fs/promises'
import { masterKeyFile, openPlatform } from '../open-platform.ts'
import type { Platform } from '../platform/platform.ts'
import { migratedDatabase, temporaryDirectory } from './test-database.ts'
import { type TestPlatform, testConfig } from './test-platform.ts'

/** A platform on an empty database, before its bootstrap. It goes with the stack. */
export async function openEmptyPlatform(
  stack: AsyncDisposableStack,
  environment: Record<string, string> = {},
): Promise<Platform> {
  const DATABASE_URL = await migratedDatabase(stack)
  return await open(stack, { DATABASE_URL, ...environment })
}

/** Another node on the same database, with a clock and a bus of its own. It goes with the stack. */
export async function openSecondNode(
  stack: AsyncDisposableStack,
  { config }: Pick<TestPlatform, 'config'>,
  environment: Record<string, string> = {},
): Promise<Platform> {
  return await open(stack, {
    DATABASE_URL: config.databaseUrl ?? '',
    MAILWRIGHT_MASTER_KEY: await masterKeyOf({ config }),
    ...environment,
  })
}

/** The key that a test's platform made for itself. */
export async function masterKeyOf({ config }: Pick<TestPlatform, 'config'>): Promise<string> {
  return (await readFile(masterKeyFile(config), 'utf8')).trim()
}

async function open(stack: AsyncDisposableStack, environment: Record<string, string>): Promise<Platform> {
  const MAILWRIGHT_DATA_DIR = await temporaryDirectory(stack)
  return stack.use(await openPlatform(testConfig({ MAILWRIGHT_DATA_DIR, ...environment }))).platform
}
