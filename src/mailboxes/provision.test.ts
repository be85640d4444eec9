import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { connectDomain } from '../domains/domains.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { createBatch, getBatch } from './batches.ts'
import { viewCredentials } from './credentials.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { type ProvisionResult, provisionMailbox, provisionMailboxes } from './provision.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const other: Scope = {
  ...scope,
  workspaceId: (
    await transaction(db, (tx) => createWorkspace(platform, tx, scope.organizationId, { name: 'Other' }))
  ).id,
}
await transaction(db, async (tx) => {
  await connectDomain(platform, tx, scope, 'pending.example')
  await connectDomain(platform, tx, scope, 'stopped.test')
  await connectDomain(platform, tx, other, 'foreign.test')
  await tx.updateTable('domains').set({ state: 'suspended' }).where('name', '=', 'stopped.test').execute()
})

function item(address: string, more: Partial<NewMailbox> = {}): NewMailbox {
  return {
    address,
    displayName: null,
    firstName: null,
    lastName: null,
    password: null,
    tags: [],
    service: 'local',
    ...more,
  }
}

async function provision(items: readonly NewMailbox[], by = scope): Promise<ProvisionResult[]> {
  return await transaction(db, (tx) => provisionMailboxes(platform, tx, by, items))
}

function brief(results: readonly ProvisionResult[]): string[] {
  return results.map((result) =>
    result.status === 'failed'
      ? result.code
      : `${result.status} ${result.mailbox.address} ${result.mailbox.state}`,
  )
}

async function countOf(
  table: 'addresses' | 'mailboxes' | 'mailbox_passwords' | 'folders' | 'events',
): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from ${sql.table(table)}`.execute(db)
  return rows[0]?.count ?? 0
}

test('each item has its result, in the order of the items', async () => {
  await provision([item('taken@demo.test')])
  const results = await provision([
    item('zoe@demo.test'),
    item('no address'),
    item('Ann@DEMO.test'),
    item('taken@demo.test'),
    item('ann@demo.test'),
    item('bob@nowhere.test'),
    item('bob@foreign.test'),
    item('bob@stopped.test'),
    item('bob@pending.example'),
    item('weak@demo.test', { password: 'short' }),
    item('weak@demo.test', { password: 'strong enough' }),
    item('cloud@demo.test', { service: 'google' }),
    item('bob@demo.test'),
  ])
  assert.deepEqual(brief(results), [
    'created zoe@demo.test active',
    'address_invalid',
    'created ann@demo.test active',
    'address_taken',
    'address_repeated',
    'domain_not_found',
    'domain_not_found',
    'domain_not_usable',
    'pending bob@pending.example waiting_domain',
    'password_too_weak',
    'created weak@demo.test active',
    'service_unavailable',
    'created bob@demo.test active',
  ])
})

test('a mailbox has its address, its password, its folders and its event', async () => {
  const before = await Promise.all((['addresses', 'mailbox_passwords', 'events'] as const).map(countOf))
  const mailbox = await transaction(db, (tx) =>
    provisionMailbox(
      platform,
      tx,
      scope,
      item('whole@demo.test', {
        displayName: 'Ann Lee',
        firstName: 'Ann',
        lastName: 'Lee',
        tags: ['a', 'b', 'a'],
      }),
    ),
  )
  const stored = await db
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', mailbox.id)
    .executeTakeFirstOrThrow()
  assert.deepEqual(stored, mailbox)
  assert.deepEqual(stored.tags, ['a', 'b'])
  assert.equal(stored.version, 1)
  const after = await Promise.all((['addresses', 'mailbox_passwords', 'events'] as const).map(countOf))
  assert.deepEqual(
    after,
    before.map((count) => count + 1),
  )
  const folders = await db.selectFrom('folders').select('path').where('mailbox_id', '=', mailbox.id).execute()
  assert.ok(folders.some(({ path }) => path === 'INBOX'))
  const { rows } = await sql<{ type: string; data: unknown }>`
    select type, data from events where mailbox_id = ${mailbox.id}`.execute(db)
  assert.deepEqual(rows, [
    {
      type: 'mailbox.created',
      data: { mailbox_id: mailbox.id, address: 'whole@demo.test', state: 'active' },
    },
  ])
})

test('one mailbox that cannot be made is a refusal, and leaves nothing', async () => {
  const before = await countOf('addresses')
  for (const [address, code] of [
    ['taken@demo.test', 'address_taken'],
    ['x', 'address_invalid'],
    ['x@nowhere.test', 'domain_not_found'],
  ] as const) {
    await assert.rejects(
      transaction(db, (tx) => provisionMailbox(platform, tx, scope, item(address))),
      { code },
    )
  }
  assert.equal(await countOf('addresses'), before)
})

test('texts that PostgreSQL cannot hold are our caller’s to refuse, and still leave nothing half made', async () => {
  const tables = ['addresses', 'mailboxes', 'mailbox_passwords', 'folders', 'events'] as const
  const before = await Promise.all(tables.map(countOf))
  await assert.rejects(provision([item('nul@demo.test', { displayName: 'a\u0000b' })]))
  assert.deepEqual(await Promise.all(tables.map(countOf)), before)
})

test('texts arrive as they are, whatever they hold', async () => {
  const displayName = `O'Neil "the \\ {brace}, \u{1f600}" NULL\n`
  const tags = ['a,b', '{}', '"', '\\', 'NULL', 'ü']
  const [result] = await provision([item('texts@demo.test', { displayName, tags })])
  assert.ok(result && result.status !== 'failed')
  const stored = await db
    .selectFrom('mailboxes')
    .select(['display_name', 'tags'])
    .where('id', '=', result.mailbox.id)
    .executeTakeFirstOrThrow()
  assert.deepEqual(stored, { display_name: displayName, tags })
})

test('more than one statement’s worth is made whole, and an empty list is nothing', async () => {
  const results = await provision(Array.from({ length: 2100 }, (_, index) => item(`bulk${index}@demo.test`)))
  assert.ok(results.every(({ status }) => status === 'created'))
  const first = results[0]
  const last = results.at(-1)
  assert.ok(first?.status === 'created' && last?.status === 'created')
  assert.deepEqual([first.mailbox.address, last.mailbox.address], ['bulk0@demo.test', 'bulk2099@demo.test'])
  assert.deepEqual(await provision([]), [])
})

test('batches that want the same addresses in opposite orders both end, and each address is made once', async () => {
  const addresses = Array.from({ length: 300 }, (_, index) => `race${index}@demo.test`)
  let runs = 0
  const run = (wanted: readonly string[]): Promise<ProvisionResult[]> =>
    transaction(db, (tx) => {
      runs++
      return provisionMailboxes(
        platform,
        tx,
        scope,
        wanted.map((address) => item(address)),
      )
    })
  const all = await Promise.all([
    run(addresses),
    run(addresses.toReversed()),
    run(addresses),
    run(addresses.toReversed()),
  ])
  const made = all.flat().flatMap((result) => (result.status === 'created' ? [result.mailbox.address] : []))
  assert.deepEqual(made.sort(), [...addresses].sort())
  assert.ok(
    all.flat().every((result) => brief([result])[0] === 'address_taken' || result.status === 'created'),
  )
  assert.equal(runs, 4, 'no deadlock had to be resolved')
})

test('who may not, cannot', async () => {
  for (const by of [
    { ...scope, access: 'read' as const },
    { ...scope, mailboxId: newId() },
  ]) {
    await assert.rejects(provision([item('forbidden@demo.test')], by), { code: 'forbidden' })
  }
})

test('a generated password is strong and can be shown; a chosen one is kept as it is', async () => {
  await provision([item('generated@demo.test'), item('chosen@demo.test', { password: 'correct horse' })])
  const passwordOf = (ref: string): Promise<string> =>
    transaction(db, async (tx) => (await viewCredentials(platform, tx, scope, ref)).password)
  assert.ok(Buffer.from(await passwordOf('generated@demo.test'), 'base64url').length * 8 >= 128)
  assert.equal(await passwordOf('chosen@demo.test'), 'correct horse')
})

test('a batch counts its outcomes, and is its workspace’s', async () => {
  const { batch, results } = await transaction(db, (tx) =>
    createBatch(platform, tx, scope, [
      item('batch1@demo.test'),
      item('batch2@demo.test'),
      item('batch3@pending.example'),
      item('taken@demo.test'),
    ]),
  )
  assert.deepEqual(brief(results).slice(2), [
    'pending batch3@pending.example waiting_domain',
    'address_taken',
  ])
  const counts = { requested: 4, created: 2, pending: 1, failed: 1, deleted: 0 }
  const found = await getBatch(platform, scope, batch.id)
  assert.deepEqual({ ...counts, ...found }, { ...found, ...counts })
  const made = await db.selectFrom('mailboxes').select('id').where('batch_id', '=', batch.id).execute()
  assert.equal(made.length, 3)
  for (const [by, id] of [
    [other, batch.id],
    [scope, newId()],
    [scope, 'x'],
  ] as const) {
    await assert.rejects(getBatch(platform, by, id), { code: 'batch_not_found' })
  }
})
