/** A platform with billing on for what is measured below the API: embedded database, fsync on, no listeners. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bootstrap } from '../../src/accounts/bootstrap.ts'
import type { Scope } from '../../src/accounts/principals.ts'
import { openPlatform } from '../../src/open-platform.ts'
import type { Platform } from '../../src/platform/platform.ts'
import { testConfig } from '../../src/testing/test-platform.ts'

export async function withBillingPlatform<T>(
  work: (platform: Platform, scope: Scope) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'mailwright-bench-'))
  try {
    await using opened = await openPlatform(
      testConfig({ MAILWRIGHT_DATA_DIR: directory, MAILWRIGHT_BILLING: 'on' }),
    )
    const { platform } = opened
    await bootstrap(platform)
    return await work(platform, await defaultScope(platform))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function defaultScope({ db }: Platform): Promise<Scope> {
  const { id: workspaceId, organization_id: organizationId } = await db
    .selectFrom('workspaces')
    .select(['id', 'organization_id'])
    .where('is_default', '=', true)
    .executeTakeFirstOrThrow()
  return { organizationId, workspaceId, mailboxId: null, access: 'write', actor: 'bench' }
}
