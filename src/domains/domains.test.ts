import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { createWorkspace } from '../accounts/workspaces.ts'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import {
  connectDomain,
  type Domain,
  type DomainFilter,
  deleteDomain,
  getDomain,
  listDomains,
  lockDomainsByName,
} from './domains.ts'
import { hasNoDomains } from './workspace-removal.ts'

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
const readOnly: Scope = { ...scope, access: 'read' }
const ofMailbox: Scope = { ...scope, mailboxId: newId() }
const isEmpty = async (): Promise<boolean> => true

async function connect(name: string, by: Scope = scope): Promise<Domain> {
  return await transaction(db, (tx) => connectDomain(platform, tx, by, name))
}

async function remove(ref: string, by: Scope = scope, empty = isEmpty): Promise<void> {
  await transaction(db, (tx) => deleteDomain(platform, tx, by, ref, empty))
}

async function eventsOf(id: string): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`
    select type from events where data ->> 'domain_id' = ${id} order by events.xid, events.id`.execute(db)
  return rows.map(({ type }) => type)
}

test('a sandbox name is active at once, any other waits for its records', async () => {
  assert.equal((await connect('Sandbox.test.')).state, 'active')
  const real = await connect('bücher.example')
  assert.deepEqual([real.name, real.state], ['xn--bcher-kva.example', 'pending_records'])
  assert.deepEqual(await eventsOf(real.id), ['domain.created'])
})

for (const name of ['', 'localhost', 'ann@demo.test', 'co.uk', '127.0.0.1', 'a_b.test']) {
  test(`${JSON.stringify(name)} cannot be connected`, async () => {
    await assert.rejects(connect(name), { code: 'domain_invalid' })
  })
}

test('a name serves one workspace at a time, whatever its spelling', async () => {
  await connect('taken.test')
  for (const [name, by] of [
    ['taken.test', scope],
    ['TAKEN.test.', scope],
    ['taken.test', other],
  ] as const) {
    await assert.rejects(connect(name, by), { code: 'domain_taken' })
  }
})

test('of two that ask at the same moment one gets it', async () => {
  const outcomes = await Promise.allSettled([connect('race.test'), connect('race.test', other)])
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a deleted name is free again, also for others, and the old row keeps its history', async () => {
  const first = await connect('again.test')
  await remove('again.test')
  assert.deepEqual(await eventsOf(first.id), ['domain.created', 'domain.state_changed', 'domain.deleted'])
  await assert.rejects(getDomain(platform, scope, first.id), { code: 'domain_not_found' })
  await assert.rejects(remove(first.id), { code: 'domain_not_found' })
  const second = await connect('again.test', other)
  assert.notEqual(second.id, first.id)
  const rows = await db
    .selectFrom('domains')
    .select('state')
    .where('name', '=', 'again.test')
    .orderBy('id')
    .execute()
  assert.deepEqual(
    rows.map(({ state }) => state),
    ['deleted', 'active'],
  )
})

test('one that has mailboxes is not deleted', async () => {
  const { id } = await connect('full.test')
  await assert.rejects(
    remove(id, scope, async () => false),
    { code: 'domain_not_empty' },
  )
  assert.equal((await getDomain(platform, scope, id)).state, 'active')
})

test('it is found by id and by any spelling of its name, in its own workspace only', async () => {
  const { id } = await connect('straße.example')
  for (const ref of [
    id,
    id.toUpperCase(),
    'straße.example',
    'STRASSE.example'.replace('SS', 'ß'),
    'xn--strae-oqa.example.',
  ]) {
    assert.equal((await getDomain(platform, scope, ref)).id, id, ref)
  }
  for (const ref of [id, 'straße.example']) {
    await assert.rejects(getDomain(platform, other, ref), { code: 'domain_not_found' })
    await assert.rejects(remove(ref, other), { code: 'domain_not_found' })
  }
  for (const ref of ['', newId(), 'nothing.test', "x' or true --"]) {
    await assert.rejects(getDomain(platform, scope, ref), { code: 'domain_not_found' })
  }
})

test('who may not, cannot', async () => {
  for (const by of [readOnly, ofMailbox]) {
    await assert.rejects(connect('forbidden.test', by), { code: 'forbidden' })
    await assert.rejects(remove('demo.test', by), { code: 'forbidden' })
  }
  await assert.rejects(getDomain(platform, ofMailbox, 'demo.test'), { code: 'forbidden' })
  assert.ok(await getDomain(platform, readOnly, 'demo.test'))
})

test('a workspace that is being deleted takes no domain', async () => {
  await assert.rejects(connect('nowhere.test', { ...scope, workspaceId: newId() }), {
    code: 'workspace_not_found',
  })
})

test('the list can be narrowed and paged', async () => {
  const { id: workspaceId } = await transaction(db, (tx) =>
    createWorkspace(platform, tx, scope.organizationId, { name: 'List' }),
  )
  const mine: Scope = { ...scope, workspaceId }
  for (const name of ['one.test', 'two.test', 'three.example', 'a-b.test']) await connect(name, mine)
  await connect('gone.test', mine)
  await remove('gone.test', mine)
  const namesOf = async (
    filter: Partial<DomainFilter>,
    limit = 10,
    last: string | null = null,
  ): Promise<string[]> =>
    (
      await listDomains(platform, mine, { state: null, search: null, ...filter }, { limit, after: last })
    ).rows.map(({ name }) => name)
  assert.deepEqual(await namesOf({}), ['one.test', 'two.test', 'three.example', 'a-b.test'])
  assert.deepEqual(await namesOf({ state: 'pending_records' }), ['three.example'])
  assert.deepEqual(await namesOf({ search: 'T' }), ['one.test', 'two.test', 'three.example', 'a-b.test'])
  assert.deepEqual(await namesOf({ search: 'WO.t' }), ['two.test'])
  for (const search of ['%', '_', '\\', "'"]) assert.deepEqual(await namesOf({ search }), [], search)
  const [first, second] = (
    await listDomains(platform, mine, { state: null, search: null }, { limit: 2, after: null })
  ).rows
  assert.equal(first?.name, 'one.test')
  assert.deepEqual(await namesOf({}, 2, second?.id), ['three.example', 'a-b.test'])
  await assert.rejects(
    listDomains(
      platform,
      { ...mine, mailboxId: newId() },
      { state: null, search: null },
      { limit: 1, after: null },
    ),
    { code: 'forbidden' },
  )
})

test('a domain that is held by name cannot be deleted meanwhile', async () => {
  const { id } = await connect('held.test')
  const held = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  let released = false
  const holding = transaction(db, async (tx) => {
    const found = await lockDomainsByName(tx, scope, ['held.test', 'nothing.test', 'again.test'])
    assert.deepEqual(
      found.map((domain) => domain.id),
      [id],
    )
    held.resolve()
    await release.promise
    released = true
  })
  await held.promise
  const removing = remove(id, scope, async () => {
    assert.equal(released, true)
    return true
  })
  setTimeout(release.resolve, 50)
  await Promise.all([holding, removing])
})

test('a workspace has no domains when all are deleted', async () => {
  const { id: workspaceId } = await transaction(db, (tx) =>
    createWorkspace(platform, tx, scope.organizationId, { name: 'Empty' }),
  )
  const isNone = (): Promise<boolean> => transaction(db, (tx) => hasNoDomains(tx, workspaceId))
  assert.equal(await isNone(), true)
  await connect('only.test', { ...scope, workspaceId })
  assert.equal(await isNone(), false)
  await remove('only.test', { ...scope, workspaceId })
  assert.equal(await isNone(), true)
})
