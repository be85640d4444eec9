/** Mailboxes that come to identities and leave them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import {
  createIdentity,
  deleteIdentity,
  getIdentity,
  type Identity,
  type NewIdentity,
  newestIdentities,
  updateIdentity,
} from './identities.ts'
import { type GivenMailbox, giveMailbox, partMailbox } from './identity-mailboxes.ts'
import { deleteMailbox, getMailbox } from './mailboxes.ts'

let world: TestPlatform
before(async () => {
  world = await startTestPlatform()
})
after(() => world[Symbol.asyncDispose]())

const within = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(world.platform.db, work)
const create = (handle: string, more: Partial<NewIdentity> = {}): Promise<Identity> =>
  within((tx) =>
    createIdentity(world.platform, tx, world.scope, {
      handle,
      displayName: null,
      description: null,
      owner: 'test',
      mailbox: 'none',
      ...more,
    }),
  )
const give = (handle: string, wanted: Partial<GivenMailbox> = {}): Promise<Identity> =>
  within((tx) =>
    giveMailbox(world.platform, tx, world.scope, handle, { mailbox: null, displayName: null, ...wanted }),
  )
const part = (handle: string) => within((tx) => partMailbox(world.platform, tx, world.scope, handle))
const refusedAs = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code

async function eventsOf(id: string): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`select type from events
    where data ->> 'identity_id' = ${id} order by events.xid, events.id`.execute(world.platform.db)
  return rows.map(({ type }) => type)
}

test('an identity without a mailbox is there, has a name of its own, and goes at once', async () => {
  const made = await create('alone', { displayName: 'Alone' })
  assert.deepEqual(
    [made.mailbox_id, made.address, made.state, made.display_name, made.version],
    [null, null, 'active', 'Alone', 1],
  )
  const changed = await within((tx) =>
    updateIdentity(world.platform, tx, world.scope, 'alone', { displayName: 'Renamed' }, [1]),
  )
  assert.deepEqual([changed.display_name, changed.version], ['Renamed', 2])
  await assert.rejects(part('alone'), refusedAs('mailbox_not_found'))
  const gone = await within((tx) =>
    deleteIdentity(world.platform, tx, world.scope, 'alone', { purge: false }),
  )
  assert.equal(gone.state, 'deleted')
  await assert.rejects(getIdentity(world.platform, world.scope, 'alone'), refusedAs('identity_not_found'))
  assert.deepEqual(await eventsOf(made.id), ['identity.created', 'identity.updated', 'identity.deleted'])
  await create('alone')
})

test('given a mailbox and parted from it, its version always rises and its name stays', async () => {
  const made = await create('moving', { displayName: 'Moving' })
  const given = await give('moving', { mailbox: { address: 'moving@demo.test' } })
  assert.deepEqual([given.address, given.display_name], ['moving@demo.test', 'Moving'])
  await assert.rejects(give('moving'), refusedAs('identity_has_mailbox'))
  const mailbox = await part('moving')
  const parted = await getIdentity(world.platform, world.scope, 'moving')
  assert.deepEqual([parted.mailbox_id, parted.display_name], [null, 'Moving'])
  const back = await give('moving', { mailbox: { mailbox: mailbox.address }, displayName: 'Back' })
  assert.deepEqual([back.mailbox_id, back.display_name], [mailbox.id, 'Back'])
  const versions = [made, given, parted, back].map(({ version }) => version)
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  assert.equal(new Set(versions).size, 4)
  await create('rival')
  await assert.rejects(give('rival', { mailbox: { mailbox: mailbox.id } }), refusedAs('identity_exists'))
})

test('what came along unasked is taken up once', async () => {
  const implicit = { isImplicit: true, mailbox: { address: 'implicit@demo.test' } }
  const made = await create('implicit', implicit)
  const { mailboxId } = await world.createMailbox()
  await assert.rejects(
    give('implicit', { mailbox: { mailbox: mailboxId } }),
    refusedAs('identity_has_mailbox'),
  )
  const taken = await give('implicit', { mailbox: { address: 'wanted@demo.test' }, displayName: 'Wanted' })
  assert.deepEqual(
    [taken.mailbox_id, taken.address, taken.display_name],
    [made.mailbox_id, 'wanted@demo.test', 'Wanted'],
  )
  await assert.rejects(give('implicit'), refusedAs('identity_has_mailbox'))
  const same = await create('stays', { isImplicit: true, mailbox: { address: 'stays@demo.test' } })
  const kept = await give('stays', { mailbox: { domain: 'demo.test' } })
  assert.deepEqual([kept.address, kept.mailbox_id], ['stays@demo.test', same.mailbox_id])
  const { name } = await world.connectActiveDomain('taken-up.example')
  await create('goes', { isImplicit: true, mailbox: { address: 'goes@demo.test' } })
  assert.equal((await give('goes', { mailbox: { domain: name } })).address, `goes@${name}`)
})

test('a mailbox that is deleted is not given, and one that is parted is deleted by itself', async () => {
  const { address } = await world.createMailbox('deleted@demo.test')
  await within((tx) => deleteMailbox(world.platform, tx, world.scope, address, { purge: false }))
  await create('giver')
  await assert.rejects(give('giver', { mailbox: { mailbox: address } }), refusedAs('mailbox_state_conflict'))
  const { mailbox_id } = await give('giver', { mailbox: { address: 'given@demo.test' } })
  await part('giver')
  await within((tx) => deleteMailbox(world.platform, tx, world.scope, mailbox_id ?? '', { purge: true }))
  const stayed = await getIdentity(world.platform, world.scope, 'giver')
  assert.equal(stayed.mailbox_id, null)
  await assert.rejects(
    getMailbox(world.platform, world.scope, mailbox_id ?? ''),
    refusedAs('mailbox_not_found'),
  )
  const [newest] = await newestIdentities(world.platform.db, world.scope, 1)
  assert.equal(newest?.handle, 'giver')
})

test('two that give at once: one mailbox', async () => {
  await create('raced')
  const results = await Promise.allSettled(
    [1, 2].map((n) => give('raced', { mailbox: { address: `raced${n}@demo.test` } })),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('a key of one mailbox gives and takes none', async () => {
  const { mailbox_id } = await create('bound', { mailbox: { address: 'bound@demo.test' } })
  const bound = { ...world.scope, mailboxId: mailbox_id }
  await assert.rejects(
    within((tx) => partMailbox(world.platform, tx, bound, 'bound')),
    refusedAs('forbidden'),
  )
})
