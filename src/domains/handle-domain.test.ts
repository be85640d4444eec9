/** Which domain handles are addresses in, and which one new addresses get where none is named. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { startTestApi, type Tenant, type TestApi } from '../testing/test-api.ts'
import { setDefaultDomain } from './default-domain.ts'
import { defaultDomainOf, handleDomain } from './handle-domain.ts'

let api: TestApi
let tenant: Tenant
before(async () => {
  api = await startTestApi()
  tenant = await api.tenant()
  await api.call('POST', '/v1/domains', { body: { name: 'pending.example' } })
  await api.connectActiveDomain('second.example')
})
after(() => api[Symbol.asyncDispose]())

type Change = { state?: 'active' | 'suspended'; is_shared?: boolean }

async function set(name: string, change: Change): Promise<void> {
  await api.platform.db.updateTable('domains').set(change).where('name', '=', name).execute()
}

async function prefer(ref: string | null): Promise<void> {
  await transaction(api.platform.db, (tx) => setDefaultDomain(api.platform, tx, api.scope, ref))
}

test('each change of domains, and what is chosen then', async () => {
  type Row = [what: string, change: () => Promise<void>, own: string[], others: (string | null)[]]
  const rows: Row[] = [
    ['the oldest', async () => {}, ['demo.test', 'demo.test'], [null, null]],
    ['one is preferred', () => prefer('second.example'), ['demo.test', 'second.example'], [null, null]],
    [
      'the oldest is suspended',
      () => set('demo.test', { state: 'suspended' }),
      ['second.example', 'second.example'],
      [null, null],
    ],
    [
      'it is back, and none is preferred',
      async () => {
        await set('demo.test', { state: 'active' })
        await prefer(null)
      },
      ['demo.test', 'demo.test'],
      [null, null],
    ],
    [
      'a younger one is shared',
      () => set('second.example', { is_shared: true }),
      ['second.example', 'second.example'],
      ['second.example', 'second.example'],
    ],
    [
      'another one is preferred',
      () => prefer('demo.test'),
      ['second.example', 'demo.test'],
      ['second.example', 'second.example'],
    ],
    [
      'the shared one is suspended',
      () => set('second.example', { state: 'suspended' }),
      ['demo.test', 'demo.test'],
      [null, null],
    ],
  ]
  for (const [what, change, own, others] of rows) {
    await change()
    assert.deepEqual(await chosen(api.scope.workspaceId), own, what)
    assert.deepEqual(await chosen(tenant.workspaceId), others, `${what}, for others`)
  }
})

/** The domain of handles, and the default one. */
async function chosen(workspaceId: string): Promise<(string | null)[]> {
  const { db } = api.platform
  const found = [await handleDomain(db, workspaceId), await defaultDomainOf(db, workspaceId)]
  return found.map((domain) => domain?.name ?? null)
}

test('whose the domain is', async () => {
  await set('second.example', { state: 'active' })
  const found = await handleDomain(api.platform.db, tenant.workspaceId)
  assert.equal(found?.workspace_id, api.scope.workspaceId)
})
