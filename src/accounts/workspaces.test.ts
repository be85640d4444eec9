import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import type { Principal } from './principals.ts'
import {
  createWorkspace,
  deleteWorkspace,
  getWorkspace,
  holdWorkspace,
  listWorkspaces,
  renameWorkspace,
  type Workspace,
} from './workspaces.ts'

const t = await startTestPlatform()
after(() => t[Symbol.asyncDispose]())
const { platform, scope } = t
const { db } = platform
const everything = { limit: 200, after: null }
const isEmpty = async (): Promise<boolean> => true

const admin: Principal = {
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
const reader: Principal = { ...admin, access: 'read' }
const stranger: Principal = { ...admin, organizationId: newId() }

async function create(name = 'Clients'): Promise<Workspace> {
  return await transaction(db, (tx) => createWorkspace(platform, tx, scope.organizationId, { name }))
}

async function remove(asker: Principal, id: string, empty = isEmpty): Promise<void> {
  await transaction(db, (tx) => deleteWorkspace(platform, tx, asker, id, empty))
}

async function eventsOf(id: string): Promise<string[]> {
  const { rows } = await sql<{ type: string }>`
    select type from events where workspace_id = ${id} order by events.xid, events.id`.execute(db)
  return rows.map(({ type }) => type)
}

test('a workspace is made, renamed and deleted, and each is an event', async () => {
  const { id } = await create()
  const renamed = await transaction(db, (tx) => renameWorkspace(platform, tx, admin, id, 'Customers'))
  assert.equal(renamed.name, 'Customers')
  assert.equal((await getWorkspace(platform, admin, id)).name, 'Customers')
  await remove(admin, id)
  await assert.rejects(getWorkspace(platform, admin, id), { code: 'workspace_not_found' })
  assert.deepEqual(await eventsOf(id), ['workspace.created', 'workspace.updated', 'workspace.deleted'])
})

test('one that still holds something is not deleted', async () => {
  const { id } = await create()
  await assert.rejects(
    remove(admin, id, async () => false),
    { code: 'workspace_not_empty' },
  )
  assert.ok(await getWorkspace(platform, admin, id))
})

test('the default one is not deleted', async () => {
  await assert.rejects(remove(admin, scope.workspaceId), { code: 'workspace_is_default' })
})

test('who may not, cannot', async () => {
  const { id } = await create()
  const ofIt: Principal = { ...admin, workspaceId: id }
  await assert.rejects(remove(reader, id), { code: 'forbidden' })
  await assert.rejects(remove(ofIt, id), { code: 'forbidden' })
  await assert.rejects(remove(stranger, id), { code: 'workspace_not_found' })
  for (const asker of [reader, { ...ofIt, mailboxId: newId() }]) {
    await assert.rejects(
      transaction(db, (tx) => renameWorkspace(platform, tx, asker, id, 'x')),
      { code: 'forbidden' },
    )
  }
  await transaction(db, (tx) => renameWorkspace(platform, tx, ofIt, id, 'its own'))
})

test('each principal finds what lies within its reach', async () => {
  const { id } = await create()
  const ofIt: Principal = { ...admin, workspaceId: id }
  assert.deepEqual(
    (await listWorkspaces(platform, ofIt, everything)).rows.map((row) => row.id),
    [id],
  )
  assert.ok((await listWorkspaces(platform, admin, everything)).rows.length > 1)
  assert.deepEqual((await listWorkspaces(platform, stranger, everything)).rows, [])
  await assert.rejects(getWorkspace(platform, ofIt, scope.workspaceId), { code: 'workspace_not_found' })
  for (const unknown of [newId(), 'default', '']) {
    await assert.rejects(getWorkspace(platform, admin, unknown), { code: 'workspace_not_found' })
  }
})

test('pages follow each other', async () => {
  await create()
  const [first, second] = (await listWorkspaces(platform, admin, everything)).rows
  const page = await listWorkspaces(platform, admin, { limit: 1, after: null })
  assert.deepEqual([page.rows[0]?.id, typeof page.nextCursor], [first?.id, 'string'])
  assert.equal(
    (await listWorkspaces(platform, admin, { limit: 1, after: first?.id ?? null })).rows[0]?.id,
    second?.id,
  )
})

test('what is being put into a workspace is seen by its deletion', async () => {
  const { id } = await create()
  const held = Promise.withResolvers<void>()
  let filled = false
  const filling = transaction(db, async (tx) => {
    await holdWorkspace(tx, scope.organizationId, id)
    held.resolve()
    await sleep(50)
    filled = true
  })
  await held.promise
  await assert.rejects(
    remove(admin, id, async () => !filled),
    { code: 'workspace_not_empty' },
  )
  await filling
})

test('nothing is put into a workspace that is being deleted', async () => {
  const { id } = await create()
  const asked = Promise.withResolvers<void>()
  const removing = remove(admin, id, async () => {
    asked.resolve()
    await sleep(50)
    return true
  })
  await asked.promise
  await assert.rejects(
    transaction(db, (tx) => holdWorkspace(tx, scope.organizationId, id)),
    { code: 'workspace_not_found' },
  )
  await removing
  await assert.rejects(
    transaction(db, (tx) => holdWorkspace(tx, newId(), scope.workspaceId)),
    { code: 'workspace_not_found' },
  )
})
