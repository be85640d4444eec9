/** Workspaces by pages, and names that are free. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import type { Principal } from './principals.ts'
import { pageOfWorkspaces, reachableWorkspaceIds, requireFreeWorkspaceName } from './workspace-pages.ts'
import { createWorkspace } from './workspaces.ts'

let house: TestPlatform
let whole: Principal
before(async () => {
  house = await startTestPlatform()
  whole = {
    kind: 'api_key',
    id: '00000000-0000-7000-8000-000000000001',
    organizationId: house.scope.organizationId,
    workspaceId: null,
    otherWorkspaceIds: [],
    mailboxId: null,
    access: 'write',
    role: null,
    userId: null,
    expiresAt: null,
  }
})
after(() => house[Symbol.asyncDispose]())

const make = (name: string) =>
  transaction(house.platform.db, async (tx) => {
    await requireFreeWorkspaceName(tx, whole, name)
    return await createWorkspace(house.platform, tx, house.scope.organizationId, { name })
  })

test('a name that two want at the same moment is one’s', async () => {
  const made = await Promise.allSettled(['Same', 'SAME', 'same'].map(make))
  assert.deepEqual(made.map(({ status }) => status).sort(), ['fulfilled', 'rejected', 'rejected'])
})

test('pages of those that are reached, found by a part of the name as it is', async () => {
  const { db } = house.platform
  const { id: first } = await make('50 % off')
  await make('50 off')
  const search = (contains: string) =>
    pageOfWorkspaces(db, whole, { contains, without: null }, { number: 1, size: 10 })
  assert.deepEqual(
    (await search('% OFF')).rows.map(({ id }) => id),
    [first],
  )
  assert.equal((await search('50')).total, 2)
  const page = await pageOfWorkspaces(db, whole, { contains: '50', without: first }, { number: 2, size: 1 })
  assert.deepEqual(page, { rows: [], total: 1 })
  const bound = { ...whole, workspaceId: first }
  assert.deepEqual(await reachableWorkspaceIds(db, bound), [first])
  assert.equal(
    (await pageOfWorkspaces(db, bound, { contains: '', without: null }, { number: 1, size: 9 })).total,
    1,
  )
})
