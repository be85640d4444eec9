/** Handles and local parts as one namespace: whose name is free for whom, and who takes one at the same moment. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { handleDomain } from '../domains/handle-domain.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { addAlias } from './aliases.ts'
import { isHandleOfOther, type NameOwner, nobody, requireFreeName, takeName } from './handle-names.ts'
import { createIdentity, type Identity, type NewIdentity } from './identities.ts'
import { provisionMailbox } from './provision.ts'
import { plainMailbox } from './shared-mailboxes.ts'

let world: TestPlatform
let desk: Identity
let alone: Identity

const within = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(world.platform.db, work)
const create = (handle: string, mailbox: NewIdentity['mailbox']): Promise<Identity> => {
  const wanted = { handle, displayName: null, description: null, owner: 'test', mailbox }
  return within((tx) => createIdentity(world.platform, tx, world.scope, wanted))
}
const make = (tx: Tx, name: string) =>
  provisionMailbox(world.platform, tx, world.scope, plainMailbox(`${name}@demo.test`, null))

before(async () => {
  world = await startTestPlatform()
  await world.connectActiveDomain('other.example')
  desk = await create('desk', { address: 'desk@demo.test' })
  alone = await create('alone', 'none')
  const { platform, scope } = world
  await world.createMailbox('plain@demo.test')
  await world.createMailbox('away@other.example')
  await within((tx) => addAlias(platform, tx, scope, 'plain@demo.test', 'alias-name@demo.test'))
  await within((tx) => addAlias(platform, tx, scope, 'desk@demo.test', 'own-alias@demo.test'))
})
after(() => world[Symbol.asyncDispose]())

const ownerOf = ({ id, mailbox_id: mailboxId }: Identity): NameOwner => ({ identityId: id, mailboxId })

/** What stands in the way of a name; null: nothing. */
async function blockedBy(work: Promise<unknown>): Promise<unknown> {
  try {
    await work
    return null
  } catch (error) {
    assert.ok(error instanceof Refusal && error.code === 'handle_taken', String(error))
    return error.facts?.['blocking_namespace']
  }
}

test('a name is free where neither a handle nor an address of the domain of handles has it', async () => {
  const rows: [name: string, owner: NameOwner, blocking: 'identities' | 'mail' | null][] = [
    ['new-name', nobody, null],
    ['desk', nobody, 'identities'],
    ['DESK', nobody, 'identities'],
    ['desk', ownerOf(desk), null],
    ['desk', ownerOf(alone), 'identities'],
    ['alone', nobody, 'identities'],
    ['alone', ownerOf(alone), null],
    ['plain', nobody, 'mail'],
    ['plain', ownerOf(desk), 'mail'],
    ['alias-name', nobody, 'mail'],
    ['own-alias', ownerOf(desk), null],
    ['own-alias', ownerOf(alone), 'mail'],
    ['away', nobody, null],
  ]
  for (const [name, owner, blocking] of rows) {
    const { db } = world.platform
    const look = transaction(db, async (tx) =>
      requireFreeName(tx, await handleDomain(tx, world.scope.workspaceId), name, owner),
    )
    assert.equal(await blockedBy(look), blocking, name)
    const isOther = await within((tx) => isHandleOfOther(tx, name, owner))
    assert.equal(isOther, blocking === 'identities', name)
  }
})

test('where there is no domain, only handles count', async () => {
  const look = (name: string) => within((tx) => requireFreeName(tx, null, name, nobody))
  assert.equal(await blockedBy(look('plain')), null)
  assert.equal(await blockedBy(look('desk')), 'identities')
})

test('what takes it after the look is named, too; other refusals stay as they are', async () => {
  const domain = await handleDomain(world.platform.db, world.scope.workspaceId)
  const take = (name: string, work: (tx: Tx) => Promise<unknown>): Promise<unknown> =>
    within((tx) => takeName(tx, domain, name, nobody, () => work(tx)))
  const beaten = take('beaten', async (tx) => {
    await world.createMailbox('beaten@demo.test')
    return await make(tx, 'beaten')
  })
  assert.equal(await blockedBy(beaten), 'mail')
  const outrun = take('outrun', async (tx) => {
    await create('outrun', { address: 'outrun@demo.test' })
    return await make(tx, 'outrun')
  })
  assert.equal(await blockedBy(outrun), 'identities')
  await assert.rejects(
    take('fine', (tx) => make(tx, 'plain')),
    { code: 'address_taken' },
  )
  await assert.rejects(
    take('fine', (tx) => make(tx, 'not an address')),
    { code: 'address_invalid' },
  )
  await take('fine', (tx) => make(tx, 'fine'))
})
