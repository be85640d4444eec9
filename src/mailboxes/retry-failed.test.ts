/** Mailboxes whose making has failed, tried again by their domains: by the engine, or by a new turn of their request. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { at, textAt } from '../testing/test-api.ts'
import { startTestGoogle, type TestGoogle } from '../testing/test-google.ts'
import { retryFailed } from './retry-failed.ts'

let t: TestGoogle
before(async () => (t = await startTestGoogle()))
after(() => t[Symbol.asyncDispose]())

const retry = (domainIds: string[], scope = t.api.scope) =>
  transaction(t.api.platform.db, (tx) => retryFailed(t.api.platform, tx, scope, domainIds))

async function domainId(name: string): Promise<string> {
  const made = await t.api.call('POST', '/v1/domains', { body: { name } })
  return textAt((made.status === 201 ? made : await t.api.call('GET', `/v1/domains/${name}`)).json, 'id')
}

test('an engine and whoever fulfils a request begin anew, in the domains that are named', async () => {
  const [demo, other] = [await domainId('demo.test'), await domainId('other.test')]
  t.google.seats = 0
  await t.create('ann@demo.test')
  await t.pass()
  assert.equal(await t.stateOf('ann@demo.test'), 'failed')
  t.google.seats = 9
  const ask = {
    service: 'microsoft',
    mailboxes: [{ address: 'bob@demo.test' }, { address: 'cay@other.test' }],
  }
  const { json } = await t.api.call('POST', '/v1/mailbox-requests', { body: ask })
  const requests = [0, 1].map(
    (index) => `/v1/mailbox-requests/${textAt(json, 'data', index, 'request', 'id')}`,
  )
  for (const path of requests) await t.api.call('PATCH', path, { body: { state: 'failed' } })
  assert.equal(await retry([demo]), 2)
  assert.equal(await retry([demo]), 0)
  await t.pass()
  assert.equal(await t.stateOf('ann@demo.test'), 'active')
  const states = await Promise.all(
    requests.map(async (path) => at((await t.api.call('GET', path)).json, 'state')),
  )
  assert.deepEqual(states, ['pending', 'failed'])
  assert.equal(await retry([demo, other]), 1)
})

test('what cannot be tried again, and who may not', async () => {
  const other = await domainId('other.test')
  await assert.rejects(retry(['none']), { code: 'domain_not_found' })
  await assert.rejects(retry([other, '00000000-0000-4000-8000-000000000000']), { code: 'domain_not_found' })
  await assert.rejects(retry([other], { ...t.api.scope, access: 'read' }), { code: 'forbidden' })
  const foreign = { ...t.api.scope, workspaceId: '00000000-0000-4000-8000-000000000000' }
  await assert.rejects(retry([other], foreign), { code: 'domain_not_found' })
})
