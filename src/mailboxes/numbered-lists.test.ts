/** Lists by the number of the page: each page of each order together is what there is, and nothing of another's. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Principal } from '../accounts/principals.ts'
import { reachOf } from '../accounts/reach.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { connectDomain } from '../domains/domains.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Numbered, NumberedPage } from '../platform/numbered-pages.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { type AliasOrder, aliasOrders, findAliasWithin, pageAliases } from './alias-pages.ts'
import { addAlias, removeAlias, updateAlias } from './aliases.ts'
import { type DomainOrder, domainOrders, findDomainWithin, pageDomains } from './domain-pages.ts'
import { findMailboxWithin, type MailboxOrder, mailboxOrders, pageMailboxes } from './mailbox-pages.ts'
import type { NewMailbox } from './new-mailbox.ts'
import { provisionAll } from './provision-all.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform

const { other, foreign } = await transaction(db, async (tx) => {
  const organizationId = newId()
  await tx
    .insertInto('organizations')
    .values({ id: organizationId, name: 'Foreign', created_at: platform.clock.now() })
    .execute()
  const mine = await createWorkspace(platform, tx, scope.organizationId, { name: 'Other' })
  const theirs = await createWorkspace(platform, tx, organizationId, { name: 'Theirs', isDefault: true })
  return {
    other: { ...scope, workspaceId: mine.id },
    foreign: { ...scope, organizationId, workspaceId: theirs.id },
  }
})

function item(address: string): NewMailbox {
  const nobody = { displayName: null, firstName: null, lastName: null }
  return { address, ...nobody, password: null, tags: [], service: 'local' }
}

const made = await transaction(db, async (tx) => {
  await connectDomain(platform, tx, other, 'other.test')
  await connectDomain(platform, tx, other, 'pending.example')
  await connectDomain(platform, tx, foreign, 'foreign.test')
  const [first, second] = await provisionAll(platform, tx, scope, [item('a@demo.test'), item('c@demo.test')])
  const [third] = await provisionAll(platform, tx, other, [item('b@other.test')])
  const [theirs] = await provisionAll(platform, tx, foreign, [item('a@foreign.test')])
  assert.ok(first && second && third && theirs)
  const aliases = [
    await addAlias(platform, tx, scope, first.id, 'z@demo.test', 'last'),
    await addAlias(platform, tx, scope, second.id, 'y@demo.test'),
    await addAlias(platform, tx, other, third.id, 'x@other.test'),
  ]
  const theirAlias = await addAlias(platform, tx, foreign, theirs.id, 'w@foreign.test')
  return { first, second, third, theirs, aliases, theirAlias }
})

const whole: Principal = {
  kind: 'api_key',
  id: newId(),
  organizationId: scope.organizationId,
  workspaceId: null,
  otherWorkspaceIds: [],
  mailboxId: null,
  access: 'write',
  role: null,
  userId: null,
  expiresAt: null,
}
const all = reachOf(whole)

/** Reads page after page, each of the size. @returns the names, in their order. */
async function walk<Row>(
  list: (page: NumberedPage) => Promise<Numbered<Row>>,
  nameOf: (row: Row) => string,
  size: number,
): Promise<string[]> {
  const names: string[] = []
  for (let number = 1; ; number++) {
    const { rows, total } = await list({ number, size })
    names.push(...rows.map(nameOf))
    if (rows.length < size) {
      assert.equal(names.length, total)
      return names
    }
  }
}

const mailboxNames = ['a@demo.test', 'b@other.test', 'c@demo.test']
const inOrderOfMaking: Record<string, string[]> = {
  mailboxes: ['a@demo.test', 'c@demo.test', 'b@other.test'],
  domains: ['demo.test', 'other.test', 'pending.example'],
  aliases: ['x@other.test', 'y@demo.test', 'z@demo.test'],
}

for (const by of mailboxOrders) {
  for (const descending of [false, true]) {
    test(`mailboxes by ${by}${descending ? ', from the last' : ''}`, async () => {
      const order: MailboxOrder = { by, descending }
      const filter = { domainId: null, states: null, search: null }
      const found = await Promise.all(
        [1, 2, 3, 10].map((size) =>
          walk(
            (page) => pageMailboxes(db, all, filter, order, page),
            ({ address }) => address,
            size,
          ),
        ),
      )
      for (const names of found) assert.deepEqual(names, found[0])
      const rising = descending ? found[0]?.toReversed() : found[0]
      assert.deepEqual(rising, by === 'address' ? mailboxNames : inOrderOfMaking['mailboxes'])
    })
  }
}

for (const by of domainOrders) {
  for (const descending of [false, true]) {
    test(`domains by ${by}${descending ? ', from the last' : ''}`, async () => {
      const order: DomainOrder = { by, descending }
      const filter = { standings: null, search: null }
      const names = await walk(
        (page) => pageDomains(db, all, filter, order, page),
        ({ name }) => name,
        2,
      )
      const rising = descending ? names.toReversed() : names
      const counted = ['pending.example', 'other.test', 'demo.test']
      assert.deepEqual(rising, by === 'mailbox_count' ? counted : inOrderOfMaking['domains'])
    })
  }
}

for (const by of aliasOrders) {
  test(`aliases by ${by}`, async () => {
    const order: AliasOrder = { by, descending: false }
    const filter = { mailboxId: null, enabled: null }
    const names = await walk(
      (page) => pageAliases(db, all, filter, order, page),
      ({ address }) => address,
      2,
    )
    assert.deepEqual(names.toSorted(), inOrderOfMaking['aliases'])
    if (by === 'address') assert.deepEqual(names, names.toSorted())
  })
}

const byAddress: MailboxOrder = { by: 'address', descending: false }
const noFilter = { domainId: null, states: null, search: null }
const firstPage: NumberedPage = { number: 1, size: 10 }

async function addresses(
  reach = all,
  filter: Partial<Parameters<typeof pageMailboxes>[2]> = {},
): Promise<string[]> {
  const { rows, total } = await pageMailboxes(db, reach, { ...noFilter, ...filter }, byAddress, firstPage)
  assert.equal(rows.length, total)
  return rows.map(({ address }) => address)
}

test('mailboxes are filtered', async () => {
  assert.deepEqual(await addresses(all, { domainId: made.third.domain_id }), ['b@other.test'])
  assert.deepEqual(await addresses(all, { search: 'C@demo' }), ['c@demo.test'])
  assert.deepEqual(await addresses(all, { search: '%' }), [])
  assert.deepEqual(await addresses(all, { states: ['active'] }), mailboxNames)
  assert.deepEqual(await addresses(all, { states: ['suspended', 'failed'] }), [])
  assert.deepEqual(await addresses(all, { states: [] }), [])
  assert.deepEqual(await addresses(all, { domainId: made.theirs.domain_id }), [])
})

test('domains are filtered by state with and without keys, and count their mailboxes', async () => {
  const order: DomainOrder = { by: 'name', descending: false }
  const list = async (filter: Partial<Parameters<typeof pageDomains>[2]>) => {
    const { rows } = await pageDomains(
      db,
      all,
      { standings: null, search: null, ...filter },
      order,
      firstPage,
    )
    return rows.map(({ name, has_keys, mailbox_count }) => `${name} ${has_keys} ${mailbox_count}`)
  }
  assert.deepEqual(await list({ search: 'OTHER' }), ['other.test false 1'])
  assert.deepEqual(await list({ standings: [{ state: 'pending_records', has_keys: false }] }), [
    'pending.example false 0',
  ])
  assert.deepEqual(await list({ standings: [{ state: 'pending_records', has_keys: true }] }), [])
  assert.deepEqual(await list({ standings: [] }), [])
  const { name, mailbox_count } = await findDomainWithin(db, all, made.first.domain_id)
  assert.deepEqual([name, mailbox_count], ['demo.test', 2])
})

test('a page behind the last one is empty and tells the total', async () => {
  const far: NumberedPage = { number: 9, size: 10 }
  const order = { by: 'created_at', descending: true } as const
  assert.deepEqual(await pageMailboxes(db, all, noFilter, order, far), { rows: [], total: 3 })
  assert.deepEqual(await pageDomains(db, all, { standings: null, search: null }, order, far), {
    rows: [],
    total: 3,
  })
  const wanted = { mailboxId: made.first.id, enabled: null }
  assert.deepEqual(await pageAliases(db, all, wanted, order, far), { rows: [], total: 1 })
})

test('a caller reaches its workspaces, those it is bound to, one of them, or its mailbox', async () => {
  const bound = { ...whole, workspaceId: other.workspaceId }
  assert.deepEqual(await addresses(reachOf(bound)), ['b@other.test'])
  assert.deepEqual(await addresses(reachOf(whole, other.workspaceId.toUpperCase())), ['b@other.test'])
  assert.deepEqual(await addresses(reachOf(bound, scope.workspaceId)), [])
  assert.deepEqual(await addresses(reachOf(whole, foreign.workspaceId)), [])
  assert.deepEqual(await addresses(reachOf({ ...whole, mailboxId: made.second.id })), ['c@demo.test'])
})

test('what is out of reach is not found', async () => {
  const { theirs, theirAlias, first, aliases } = made
  const bound = reachOf({ ...whole, workspaceId: other.workspaceId })
  const own = reachOf({ ...whole, mailboxId: made.second.id })
  for (const id of [theirs.id, newId(), 'none']) {
    await assert.rejects(findMailboxWithin(db, all, id), { code: 'mailbox_not_found' })
    await assert.rejects(findDomainWithin(db, all, id), { code: 'domain_not_found' })
    await assert.rejects(findAliasWithin(db, all, id), { code: 'address_not_found' })
  }
  await assert.rejects(findDomainWithin(db, all, theirs.domain_id), { code: 'domain_not_found' })
  await assert.rejects(findAliasWithin(db, all, theirAlias.alias_id ?? ''), { code: 'address_not_found' })
  await assert.rejects(findMailboxWithin(db, bound, first.id), { code: 'mailbox_not_found' })
  await assert.rejects(findMailboxWithin(db, own, first.id), { code: 'mailbox_not_found' })
  await assert.rejects(findAliasWithin(db, own, aliases[0]?.alias_id ?? ''), { code: 'address_not_found' })
  await assert.rejects(findDomainWithin(db, own, first.domain_id), { code: 'forbidden' })
  assert.equal((await findAliasWithin(db, all, aliases[0]?.alias_id ?? '')).address, 'z@demo.test')
})

test('an alias has an id of its own, which an edit keeps', async () => {
  const [alias] = made.aliases
  assert.ok(alias?.alias_id)
  const at = new Date(platform.clock.now().getTime() + 1000)
  const edited = await transaction(db, (tx) =>
    updateAlias(platform, tx, scope, made.first.id, alias.address, { description: 'else' }),
  )
  assert.equal(edited.alias_id, alias.alias_id)
  assert.ok(edited.alias_updated_at !== null && edited.alias_updated_at <= at)
  const { rows } = await sql<{ count: number }>`select count(*)::int as count from addresses
    where kind <> 'alias' and alias_id is not null`.execute(db)
  assert.equal(rows[0]?.count, 0)
  await transaction(db, async (tx) => {
    await removeAlias(platform, tx, scope, made.first.id, alias.address)
    const again = await addAlias(platform, tx, scope, made.first.id, alias.address)
    assert.notEqual(again.alias_id, alias.alias_id)
  })
})

test('all mailboxes of a call are made, or none; the refusal says which one', async () => {
  const make = (items: NewMailbox[]) => transaction(db, (tx) => provisionAll(platform, tx, scope, items))
  const before = await addresses()
  await assert.rejects(make([item('new1@demo.test'), item('a@demo.test'), item('b d@demo.test')]), {
    code: 'address_taken',
    index: 1,
  })
  assert.deepEqual(await addresses(), before)
  const two = await make([item('q@demo.test'), item('p@demo.test')])
  assert.deepEqual(
    two.map(({ address }) => address),
    ['q@demo.test', 'p@demo.test'],
  )
})

test('a refusal for want of room says how many there may be', async () => {
  await transaction(db, (tx) =>
    sql`insert into mailbox_limits (id, organization_id, workspace_id, per, mailboxes_max, set_by, created_at, updated_at)
      select ${newId()}, organization_id, id, 'workspace', 1, 'organization', created_at, created_at
      from workspaces where id = ${other.workspaceId}::uuid`.execute(tx),
  )
  const making = transaction(db, (tx) => provisionAll(platform, tx, other, [item('n@other.test')]))
  await assert.rejects(making, {
    code: 'mailbox_limit_reached',
    quota: { max: 1, used: 1, per: 'workspace' },
  })
})
