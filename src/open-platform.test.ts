import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { bootstrap } from './accounts/bootstrap.ts'
import { engineOf } from './mailboxes/engines.ts'
import { migrations } from './migrations.ts'
import { openPlatform } from './open-platform.ts'
import { DataDirectoryInUse } from './platform/data-directory.ts'
import { newId } from './platform/ids.ts'
import { newMasterKey } from './platform/vault.ts'
import { freshDatabase, temporaryDirectory } from './testing/test-database.ts'
import { testConfig } from './testing/test-platform.ts'

const stack = new AsyncDisposableStack()
after(() => stack.disposeAsync())
const databaseUrl = await freshDatabase(stack)
const MAILWRIGHT_MASTER_KEY = newMasterKey()

async function environment(): Promise<Record<string, string>> {
  return {
    DATABASE_URL: databaseUrl,
    MAILWRIGHT_DATA_DIR: await temporaryDirectory(stack),
    MAILWRIGHT_MASTER_KEY,
  }
}

test('nodes that start at the same moment on an empty database all open', async () => {
  const configs = await Promise.all([environment(), environment(), environment()])
  const opened = await Promise.all(configs.map((one) => openPlatform(testConfig(one))))
  const nodes = new Set(opened.map(({ platform }) => platform.nodeId))
  assert.equal(nodes.size, 3)
  for (const { platform } of opened) {
    await bootstrap(platform)
    assert.ok(engineOf(platform, 'local'))
    assert.equal(engineOf(platform, 'google')?.isImmediate, false)
  }
  const [first] = opened
  const names = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(
    first?.platform.db ?? assert.fail(),
  )
  assert.deepEqual(
    names.rows.map(({ name }) => name),
    Object.keys(migrations).sort(),
  )
  for (const one of opened) await one[Symbol.asyncDispose]()
})

test('a node takes in the events of a restored dump when it starts', async () => {
  const config = testConfig({ ...(await environment()), MAILWRIGHT_LOG_LEVEL: 'silent' })
  {
    await using opened = await openPlatform(config)
    await sql`
      insert into events (xid, id, node_id, type, organization_id, data, created_at)
      values ('9000000000', ${newId()}, ${newId()}, 'restored', ${newId()}, '{}', now())`.execute(
      opened.platform.db,
    )
  }
  await using again = await openPlatform(config)
  const { rows } = await sql`select xid::text from events where type = 'restored'`.execute(again.platform.db)
  assert.deepEqual(rows, [{ xid: '0' }])
})

test('a node without the key that the database is sealed under does not start, and says which', async () => {
  const other = { ...(await environment()), MAILWRIGHT_MASTER_KEY: newMasterKey() }
  await assert.rejects(openPlatform(testConfig(other)), /sealed under the master key [0-9a-f]{8}/)
})

test('an opening that fails lets go of what it took', async () => {
  const directory = await temporaryDirectory(stack)
  const good = { ...(await environment()), MAILWRIGHT_DATA_DIR: directory }
  const wrongKey = { ...good, MAILWRIGHT_MASTER_KEY: newMasterKey() }
  const nowhere = { ...good, DATABASE_URL: 'postgresql://ann@127.0.0.1:1/mailwright' }
  for (const one of [wrongKey, nowhere]) await assert.rejects(openPlatform(testConfig(one)))
  await using opened = await openPlatform(testConfig(good))
  assert.ok(opened.platform.nodeId)
})

test('a data directory serves one process at a time', async () => {
  const config = testConfig(await environment())
  await using opened = await openPlatform(config)
  assert.ok(opened.platform)
  await assert.rejects(openPlatform(config), DataDirectoryInUse)
})

test('without a DATABASE_URL the database is in the data directory, and ends with the platform', async () => {
  const directory = await temporaryDirectory(stack)
  const config = testConfig({ MAILWRIGHT_DATA_DIR: directory })
  assert.equal(config.databaseUrl, null)
  {
    await using opened = await openPlatform(config)
    assert.deepEqual((await opened.platform.pool.query('show fsync')).rows, [{ fsync: 'on' }])
  }
  const files = await readdir(directory)
  assert.ok(files.includes('postgres') && files.includes('master.key'), files.join(' '))
  assert.ok(!files.includes('mailwright.pid'))
})
