import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { getDomain } from '../domains/domains.ts'
import { removeDomain } from '../mailboxes/domain-removal.ts'
import { deleteMailbox, resumeMailbox, suspendMailbox } from '../mailboxes/mailboxes.ts'
import { findInboxId } from '../messages/folders.ts'
import { transaction } from '../platform/database.ts'
import { createEventBus } from '../platform/event-bus.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { type RecipientResolver, startRecipientResolver } from './recipients.ts'

let t: TestPlatform
let resolver: RecipientResolver
before(async () => {
  t = await startTestPlatform()
  resolver = startRecipientResolver(t.platform)
})
after(async () => {
  resolver.stop()
  await t[Symbol.asyncDispose]()
})

const kindOf = async (text: string, by = resolver): Promise<string> => (await by.resolve(text)).kind

test('a mailbox is found with its owner and INBOX, in any case and with a detail', async () => {
  const { address, owner, mailboxId } = await t.createMailbox('Ann.Lee@demo.test')
  const folderId = await findInboxId(t.platform, mailboxId)
  const { id: domainId } = await getDomain(t.platform, t.scope, 'demo.test')
  for (const text of ['ann.lee@demo.test', 'ANN.LEE@DEMO.TEST', 'ann.lee@demo.test.']) {
    assert.deepEqual(await resolver.resolve(text), { kind: 'local', address, owner, domainId, folderId })
  }
  const detailed = await resolver.resolve('ann.lee+news@demo.test')
  assert.deepEqual(detailed, {
    kind: 'local',
    address: 'ann.lee+news@demo.test',
    owner,
    domainId,
    folderId,
  })
})

test('a mailbox of a service elsewhere is elsewhere, once it is there', async () => {
  await t.connectActiveDomain('tenant.example')
  const { mailboxId } = await t.createMailbox('ann@tenant.example')
  const set = (state: 'active' | 'provisioning', service: 'google' | 'local') =>
    t.platform.db.updateTable('mailboxes').set({ state, service }).where('id', '=', mailboxId).execute()
  await set('active', 'google')
  const elsewhere = { kind: 'remote', address: 'ann@tenant.example', domain: 'tenant.example' }
  assert.deepEqual(await resolver.resolve('ann@tenant.example'), elsewhere)
  await set('provisioning', 'google')
  assert.equal(await kindOf('ann@tenant.example'), 'unavailable')
})

const rows: [address: string, kind: string][] = [
  ['nobody@demo.test', 'unknown'],
  ['nobody+x@demo.test', 'unknown'],
  ['+x@demo.test', 'unknown'],
  ['someone@example.com', 'remote'],
  ['someone@bücher.example', 'remote'],
  ['someone@not-here.test', 'invalid'],
  ['no-at', 'invalid'],
  ['@demo.test', 'invalid'],
  ['a..b@demo.test', 'invalid'],
  ['a@[192.0.2.1]', 'invalid'],
  ['a@localhost', 'invalid'],
  [`${'a'.repeat(65)}@demo.test`, 'invalid'],
  ['a\0@demo.test', 'invalid'],
  ['', 'invalid'],
]
for (const [address, kind] of rows) {
  test(`${JSON.stringify(address.slice(0, 30))} is ${kind}`, async () =>
    assert.equal(await kindOf(address), kind))
}

test('a remote recipient has its domain in A-labels', async () => {
  assert.deepEqual(await resolver.resolve('Some@Bücher.example'), {
    kind: 'remote',
    address: 'some@xn--bcher-kva.example',
    domain: 'xn--bcher-kva.example',
  })
})

test('a suspended mailbox is unavailable at once, and back at once', async () => {
  const { address } = await t.createMailbox()
  assert.equal(await kindOf(address), 'local')
  await transaction(t.platform.db, (tx) => suspendMailbox(t.platform, tx, t.scope, address))
  assert.equal(await kindOf(address), 'unavailable')
  assert.equal(await kindOf(address.replace('@', '+x@')), 'unavailable')
  await transaction(t.platform.db, (tx) => resumeMailbox(t.platform, tx, t.scope, address))
  assert.equal(await kindOf(address), 'local')
})

test('a deleted mailbox is unavailable while it can be restored, and unknown after', async () => {
  const [kept, purged] = [await t.createMailbox(), await t.createMailbox()]
  assert.deepEqual([await kindOf(kept.address), await kindOf(purged.address)], ['local', 'local'])
  await transaction(t.platform.db, async (tx) => {
    await deleteMailbox(t.platform, tx, t.scope, kept.address, { purge: false })
    await deleteMailbox(t.platform, tx, t.scope, purged.address, { purge: true })
  })
  assert.deepEqual([await kindOf(kept.address), await kindOf(purged.address)], ['unavailable', 'unknown'])
})

test('a mailbox that is made where a detail was delivered before gets its own mail', async () => {
  const base = await t.createMailbox('team@demo.test')
  const before = await resolver.resolve('team+sales@demo.test')
  assert.equal(before.kind === 'local' && before.owner.mailboxId, base.mailboxId)
  const own = await t.createMailbox('team+sales@demo.test')
  const after = await resolver.resolve('team+sales@demo.test')
  assert.equal(after.kind === 'local' && after.owner.mailboxId, own.mailboxId)
})

test('what was read before a suspension is not remembered after it', async () => {
  const { address } = await t.createMailbox()
  const other = startRecipientResolver({ ...t.platform, db: slowReads(t.platform) })
  const reading = other.resolve(address) // reads the active mailbox, and has it only after the suspension
  await new Promise((resolve) => setTimeout(resolve, 60))
  await transaction(t.platform.db, (tx) => suspendMailbox(t.platform, tx, t.scope, address))
  assert.equal((await reading).kind, 'local')
  assert.equal(await kindOf(address, other), 'unavailable')
  other.stop()
})

/** A database whose answers arrive late. */
function slowReads(platform: Platform): Platform['db'] {
  return platform.db.withPlugin({
    transformQuery: ({ node }) => node,
    transformResult: async ({ result }) => {
      await new Promise((resolve) => setTimeout(resolve, 150))
      return result
    },
  })
}

test('a change that another node made is heard of', async () => {
  const { address } = await t.createMailbox()
  assert.equal(await kindOf(address), 'local')
  const bus = createEventBus((error) => assert.fail(String(error)))
  const platform = {
    ...t.platform,
    nodeId: newId(),
    bus,
    feed: { announce: () => undefined, catchUp: () => Promise.resolve() },
  }
  await transaction(platform.db, (tx) => suspendMailbox(platform, tx, t.scope, address))
  const deadline = performance.now() + 5000
  while ((await kindOf(address)) === 'local' && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal(await kindOf(address), 'unavailable')
})

test('a look-up that is remembered asks the database no more; a stopped resolver forgets nothing', async () => {
  const { address, mailboxId } = await t.createMailbox()
  const own = startRecipientResolver(t.platform)
  assert.equal(await kindOf(address, own), 'local')
  await sql`update mailboxes set state = 'suspended' where id = ${mailboxId}::uuid`.execute(t.platform.db)
  assert.equal(await kindOf(address, own), 'local', 'no event told of this change')
  own.stop()
})

test('mail for a mailbox of a domain that is not active waits', async () => {
  const { address } = await t.createMailbox()
  await sql`update domains set state = 'suspended' where name = 'demo.test'`.execute(t.platform.db)
  assert.equal(await kindOf(address), 'unavailable')
  await sql`update domains set state = 'active' where name = 'demo.test'`.execute(t.platform.db)
  assert.equal(await kindOf(address), 'local')
})

test('a domain with mailboxes cannot be deleted, so that no cached recipient loses its domain', async () => {
  const removal = transaction(t.platform.db, (tx) => removeDomain(t.platform, tx, t.scope, 'demo.test'))
  await assert.rejects(removal, /mailboxes/)
})
