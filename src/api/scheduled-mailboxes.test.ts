/** /v1/scheduled-mailboxes: listed with what became of them, and canceled. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { makeDueMailboxes } from '../mailboxes/scheduled/make-due.ts'
import { scheduleMailboxes } from '../mailboxes/scheduled/scheduled-mailboxes.ts'
import { transaction } from '../platform/database.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_TEST_CLOCK: '1' } })
  await api.call('POST', '/v1/domains', { body: { name: 'later.test' } })
})
after(() => api[Symbol.asyncDispose]())

test('those of the workspace by pages; one is canceled; one that could not be made says why', async () => {
  const items = ['ann', 'bob', 'cay'].map((localPart) => {
    return { localPart, domain: 'later.test', product: 'google' as const, firstName: 'Ann', lastName: '' }
  })
  await transaction(api.platform.db, (tx) => scheduleMailboxes(api.platform, tx, api.scope, items))
  const first = await api.call('GET', '/v1/scheduled-mailboxes?limit=2')
  const [one] = listAt(first.json, 'data')
  assert.deepEqual(
    ['product', 'first_name', 'last_name', 'state', 'failure'].map((name) => at(one, name)),
    ['google', 'Ann', null, 'scheduled', null],
  )
  const rest = await api.call('GET', `/v1/scheduled-mailboxes?cursor=${textAt(first.json, 'next_cursor')}`)
  const all = [...listAt(first.json, 'data'), ...listAt(rest.json, 'data')]
  assert.deepEqual(
    all.map((row) => at(row, 'address')).sort(),
    ['ann', 'bob', 'cay'].map((name) => `${name}@later.test`),
  )
  const idOf = (name: string) =>
    textAt(
      all.find((row) => at(row, 'address') === `${name}@later.test`),
      'id',
    )
  const path = `/v1/scheduled-mailboxes/${idOf('bob')}`
  const foreign = await api.call('DELETE', path, { key: (await api.tenant()).key })
  assert.equal(refusal(foreign), '404 scheduled_mailbox_not_found')
  assert.equal(
    refusal(await api.call('DELETE', path, { key: await api.key({ access: 'read' }) })),
    '403 forbidden',
  )
  assert.equal((await api.call('DELETE', path)).status, 204)
  assert.equal(refusal(await api.call('DELETE', path)), '404 scheduled_mailbox_not_found')
  await api.call('POST', '/v1/mailboxes', { body: { address: 'cay@later.test' } })
  api.platform.clock.advance?.('P32D')
  await makeDueMailboxes(api.platform)
  assert.equal((await api.call('GET', '/v1/mailboxes/ann@later.test')).status, 200)
  const left = listAt((await api.call('GET', '/v1/scheduled-mailboxes')).json, 'data')
  assert.deepEqual(
    left.map((row) => [at(row, 'address'), at(row, 'state'), at(row, 'failure', 'code')]),
    [['cay@later.test', 'failed', 'address_taken']],
  )
})
