/** Mailboxes given up and taken back, however far each of them is. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { at, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { endMailboxes, unendMailbox } from './ending.ts'

let api: TestApi
before(async () => {
  api = await startTestApi()
  for (const name of ['one.test', 'waiting.example'])
    await api.call('POST', '/v1/domains', { body: { name } })
})
after(() => api[Symbol.asyncDispose]())

async function make(address: string): Promise<string> {
  return textAt((await api.call('POST', '/v1/mailboxes', { body: { address } })).json, 'id')
}

async function end(
  ids: readonly string[],
  domainIds: readonly string[] = [],
  scope = api.scope,
): Promise<void> {
  const { platform } = api
  await transaction(platform.db, (tx) => endMailboxes(platform, tx, scope, { ids, domainIds }))
}

async function unend(id: string): Promise<void> {
  await transaction(api.platform.db, (tx) => unendMailbox(api.platform, tx, api.scope, id))
}

async function standing(id: string): Promise<string> {
  const { json } = await api.call('GET', `/v1/mailboxes/${id}`)
  return `${at(json, 'state')} ${at(json, 'cancel_at_period_end')}`
}

test('one in use goes at the end of its period, one that waits goes now; both come back', async () => {
  const [used, waiting] = [await make('ada@one.test'), await make('ada@waiting.example')]
  await end([used, waiting])
  assert.deepEqual(
    [await standing(used), await standing(waiting)],
    ['active true', 'deletion_scheduled false'],
  )
  await end([waiting, used.toUpperCase()])
  assert.deepEqual(
    [await standing(used), await standing(waiting)],
    ['active true', 'deletion_scheduled false'],
  )
  for (const id of [used, waiting, used]) await unend(id)
  assert.deepEqual([await standing(used), await standing(waiting)], ['active false', 'waiting_domain false'])
})

test('one that was cancelled and then deleted comes back as if it had never been either', async () => {
  const id = await make('ben@one.test')
  await end([id])
  await api.call('DELETE', `/v1/mailboxes/${id}`)
  assert.equal(await standing(id), 'deletion_scheduled true')
  await unend(id)
  assert.equal(await standing(id), 'active false')
})

test('all of a domain, all or none', async () => {
  const [cay, dan, other] = [
    await make('cay@one.test'),
    await make('dan@one.test'),
    await make('cay@demo.test'),
  ]
  const unknown = '00000000-0000-4000-8000-000000000000'
  await assert.rejects(end([cay, unknown]), { code: 'mailbox_not_found' })
  await assert.rejects(end(['none']), { code: 'mailbox_not_found' })
  assert.equal(await standing(cay), 'active false')
  const domain = textAt((await api.call('GET', '/v1/domains/one.test')).json, 'id')
  await end([], [domain])
  assert.deepEqual(
    [await standing(cay), await standing(dan), await standing(other)],
    ['active true', 'active true', 'active false'],
  )
})

test('who may not is refused', async () => {
  const id = await make('eve@demo.test')
  await assert.rejects(end([id], [], { ...api.scope, access: 'read' }), { code: 'forbidden' })
  await assert.rejects(end([id], [], { ...api.scope, mailboxId: id }), { code: 'forbidden' })
  const { workspaceId } = await api.tenant()
  await assert.rejects(end([id], [], { ...api.scope, workspaceId }), { code: 'mailbox_not_found' })
})
