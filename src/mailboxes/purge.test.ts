import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { insertApiKey } from '../accounts/api-keys.ts'
import { apiKeyPrefix, newToken } from '../accounts/tokens.ts'
import { transaction } from '../platform/database.ts'
import { startTestPlatform, type TestMailbox } from '../testing/test-platform.ts'
import { addAlias } from './aliases.ts'
import { engineOf, setEngines } from './engines.ts'
import { putCatchAll } from './extra-addresses.ts'
import { deleteMailbox, restoreMailbox } from './mailboxes.ts'
import { purgeDueMailboxes, purgeMailbox } from './purge.ts'
import { defaultMailboxSettings } from './workspace-settings.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const restoreDays = defaultMailboxSettings.restore_days

const holding = ['addresses', 'mailbox_passwords', 'folders'] as const

/** In how many rows of each table a mailbox still is. */
async function traces(mailboxId: string): Promise<number[]> {
  const counts: number[] = []
  for (const table of holding) {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(table)} where mailbox_id = ${mailboxId}`.execute(db)
    counts.push(rows[0]?.count ?? -1)
  }
  return counts
}

async function remove(mailbox: TestMailbox, purge: boolean): Promise<void> {
  await transaction(db, (tx) => deleteMailbox(platform, tx, scope, mailbox.mailboxId, { purge }))
}

async function jobsFor({ mailboxId }: TestMailbox): Promise<number> {
  const { rows } = await sql`
    select 1 from graphile_worker._private_jobs where payload ->> 'mailbox_id' = ${mailboxId}`.execute(db)
  return rows.length
}

async function stateOf({ mailboxId }: TestMailbox): Promise<string> {
  const row = await db
    .selectFrom('mailboxes')
    .select('state')
    .where('id', '=', mailboxId)
    .executeTakeFirstOrThrow()
  return row.state
}

test('a purge removes everything that the mailbox held, and says so', async () => {
  const mailbox = await t.createMailbox()
  assert.ok((await traces(mailbox.mailboxId)).every((count) => count > 0))
  await remove(mailbox, true)
  assert.equal(await jobsFor(mailbox), 1)
  await purgeMailbox(platform, mailbox.mailboxId)
  assert.deepEqual(await traces(mailbox.mailboxId), [0, 0, 0])
  const { rows } = await sql`
    select 1 from events where mailbox_id = ${mailbox.mailboxId} and type = 'mailbox.purged'`.execute(db)
  assert.equal(rows.length, 1)
})

test('the job may run again, and changes nothing then', async () => {
  const mailbox = await t.createMailbox()
  await remove(mailbox, true)
  await purgeMailbox(platform, mailbox.mailboxId)
  await purgeMailbox(platform, mailbox.mailboxId)
  const { rows } = await sql`
    select 1 from events where mailbox_id = ${mailbox.mailboxId} and type = 'mailbox.purged'`.execute(db)
  assert.equal(rows.length, 1)
})

test('what was deleted for good is purged also by a node whose clock is behind', async () => {
  const mailbox = await t.createMailbox()
  await remove(mailbox, true)
  const ahead = new Date(platform.clock.now().getTime() + 5000)
  await db.updateTable('mailboxes').set({ purge_at: ahead }).where('id', '=', mailbox.mailboxId).execute()
  await purgeMailbox(platform, mailbox.mailboxId)
  assert.deepEqual(await traces(mailbox.mailboxId), [0, 0, 0])
})

test('a purge whose job was lost is found again', async () => {
  const mailbox = await t.createMailbox()
  await remove(mailbox, true)
  await sql`delete from graphile_worker._private_jobs`.execute(db)
  await purgeDueMailboxes(platform)
  assert.equal(await jobsFor(mailbox), 1)
})

test('a mailbox of a service that this version does not know is not said to be gone', async () => {
  const local = engineOf(platform, 'local') ?? assert.fail()
  setEngines(platform, new Map([['local', local]]))
  const mailbox = await t.createMailbox()
  await db.updateTable('mailboxes').set({ service: 'google' }).where('id', '=', mailbox.mailboxId).execute()
  await remove(mailbox, true)
  await assert.rejects(purgeMailbox(platform, mailbox.mailboxId), /google/)
  assert.ok((await traces(mailbox.mailboxId))[2] !== 0)
})

test('a living mailbox, one in its days of grace and one that was restored are left alone', async () => {
  const [living, deleted, restored] = [
    await t.createMailbox(),
    await t.createMailbox(),
    await t.createMailbox(),
  ]
  await remove(deleted, false)
  await remove(restored, false)
  await transaction(db, (tx) => restoreMailbox(platform, tx, scope, restored.mailboxId))
  platform.clock.advance?.(`P${restoreDays - 1}D`)
  await purgeDueMailboxes(platform)
  for (const mailbox of [living, deleted, restored]) {
    assert.equal(await jobsFor(mailbox), 0)
    await purgeMailbox(platform, mailbox.mailboxId)
    assert.ok((await traces(mailbox.mailboxId)).every((count) => count > 0))
  }
  platform.clock.advance?.('P1DT1M')
  await purgeDueMailboxes(platform)
  await purgeDueMailboxes(platform)
  assert.deepEqual([await jobsFor(living), await jobsFor(deleted), await jobsFor(restored)], [0, 1, 0])
  for (const mailbox of [living, deleted, restored]) await purgeMailbox(platform, mailbox.mailboxId)
  assert.deepEqual(
    [await stateOf(living), await stateOf(deleted), await stateOf(restored)],
    ['active', 'deleted', 'active'],
  )
})

test('its address is free, and a new mailbox there loses nothing to the purge', async () => {
  const mailbox = await t.createMailbox()
  await remove(mailbox, true)
  const again = await t.createMailbox(mailbox.address)
  await purgeMailbox(platform, mailbox.mailboxId)
  const [addresses, passwords, folders] = await traces(again.mailboxId)
  assert.ok(addresses === 1 && passwords === 1 && (folders ?? 0) > 0)
})

for (const isNow of [true, false]) {
  test(`aliases and a catch-all that go with it are told of, ${isNow ? 'at once' : 'when its days are over'}`, async () => {
    const mailbox = await t.createMailbox()
    const alias = `alias-${mailbox.address}`
    await transaction(db, async (tx) => {
      await addAlias(platform, tx, scope, mailbox.address, alias)
      await putCatchAll(platform, tx, scope, 'demo.test', { mailbox: mailbox.address })
      await deleteMailbox(platform, tx, scope, mailbox.address, { purge: isNow })
    })
    platform.clock.advance?.(`P${restoreDays}DT1M`)
    await purgeMailbox(platform, mailbox.mailboxId)
    const { rows } = await sql<{ address: string }>`select data ->> 'address' as address from events
      where mailbox_id = ${mailbox.mailboxId} and type = 'address.deleted' order by 1`.execute(db)
    assert.deepEqual(
      rows.map(({ address }) => address),
      ['@demo.test', alias],
    )
  })
}

test('the keys that were bound to it are revoked', async () => {
  const mailbox = await t.createMailbox()
  const key = await transaction(db, (tx) =>
    insertApiKey(
      platform,
      tx,
      scope.organizationId,
      {
        name: 'agent',
        workspaceId: scope.workspaceId,
        mailboxId: mailbox.mailboxId,
        access: 'write',
        expiresAt: null,
      },
      newToken(apiKeyPrefix),
    ),
  )
  await remove(mailbox, true)
  await purgeMailbox(platform, mailbox.mailboxId)
  const { revoked_at: revokedAt } = await db
    .selectFrom('api_keys')
    .select('revoked_at')
    .where('id', '=', key.id)
    .executeTakeFirstOrThrow()
  assert.ok(revokedAt)
})
