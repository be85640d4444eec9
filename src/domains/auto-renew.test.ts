/** Whether a workspace's domains are renewed by themselves: those that are there, and those to come. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { sql } from 'kysely'
import { at, refusal } from '../testing/test-api.ts'
import { startTestRegistrations } from '../testing/test-registrations.ts'
import { domainAutoRenewDefault } from './auto-renew.ts'

const api = await startTestRegistrations()
after(() => api[Symbol.asyncDispose]())
const { platform, scope, register, report } = api
const path = `/v1/workspaces/${scope.workspaceId}/domain-settings`

async function set(autoRenew: boolean): Promise<void> {
  const reply = await api.call('PUT', path, { body: { auto_renew: autoRenew } })
  assert.deepEqual([reply.status, reply.json], [200, { auto_renew: autoRenew }])
  assert.deepEqual((await api.call('GET', path)).json, { auto_renew: autoRenew })
}

async function renewsOf(...names: string[]): Promise<unknown[]> {
  return await Promise.all(names.map(async (name) => at((await report(name)).json, 'auto_renew')))
}

test('all registrations are switched, and those to come begin so unless they say otherwise', async () => {
  assert.deepEqual((await api.call('GET', path)).json, { auto_renew: null })
  await register('first.test')
  await register('second.test', { auto_renew: false })
  assert.deepEqual(await renewsOf('first.test', 'second.test'), [true, false])
  await set(false)
  assert.equal(await domainAutoRenewDefault(platform.db, scope.workspaceId), false)
  await register('third.test')
  await register('fourth.test', { auto_renew: true })
  assert.deepEqual(await renewsOf('first.test', 'second.test', 'third.test', 'fourth.test'), [
    false,
    false,
    false,
    true,
  ])
  await set(true)
  assert.deepEqual(await renewsOf('first.test', 'second.test', 'third.test'), [true, true, true])
  const { rows } = await sql<{ data: unknown }>`select data from events
    where type = 'workspace.auto_renew_changed' order by xid, id`.execute(platform.db)
  assert.deepEqual(
    rows.map(({ data }) => data),
    [
      { auto_renew: false, domains: 1 },
      { auto_renew: true, domains: 3 },
    ],
  )
})

test('not by who may only read, nor from another organization, and its domains stay as they are', async () => {
  const { key } = await api.tenant()
  const reader = await api.key({ access: 'read' })
  const body = { auto_renew: false }
  assert.equal(refusal(await api.call('PUT', path, { body, key: reader })), '403 forbidden')
  assert.equal(refusal(await api.call('PUT', path, { body, key })), '404 workspace_not_found')
  assert.equal(refusal(await api.call('GET', path, { key })), '404 workspace_not_found')
  assert.deepEqual(await renewsOf('first.test'), [true])
})
