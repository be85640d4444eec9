/** The audit log over the API: every change that somebody asks for is laid at his door, and nobody else's shows. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { deleteOldAudit } from '../platform/events.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { loggedIn } from '../testing/test-members.ts'

let api: TestApi

before(async () => {
  api = await startTestApi()
})
after(() => api[Symbol.asyncDispose]())

const list = async (
  query = '',
  options = {},
): Promise<{ actor: string; action: string; data: unknown }[]> => {
  const { status, json, text } = await api.call('GET', `/v1/audit-log${query}`, options)
  assert.equal(status, 200, text)
  return listAt(json, 'data').map((entry) => ({
    actor: textAt(entry, 'actor'),
    action: textAt(entry, 'action'),
    data: at(entry, 'data'),
  }))
}

test('a change says who made it, newest first, also when it was sent with an Idempotency-Key', async () => {
  const me = await api.call('GET', '/v1/me')
  const actor = `api_key:${textAt(me.json, 'id')}`
  const made = await api.call('POST', '/v1/mailboxes', {
    body: { address: 'audited@demo.test' },
    headers: { 'idempotency-key': 'audit-1' },
  })
  const id = textAt(made.json, 'id')
  await api.call('POST', '/v1/mailboxes', {
    body: { address: 'audited@demo.test' },
    headers: { 'idempotency-key': 'audit-1' },
  })
  await api.call('POST', `/v1/mailboxes/${id}/suspend`)
  await api.call('GET', `/v1/mailboxes/${id}/credentials`)
  await api.call('DELETE', `/v1/mailboxes/${id}?preview=true`)
  const entries = await list(`?mailbox_id=${id}`)
  assert.deepEqual(
    entries.map((entry) => [entry.actor, entry.action]),
    [
      [actor, 'mailbox.credentials_viewed'],
      [actor, 'mailbox.state_changed'],
      [actor, 'mailbox.created'],
    ],
  )
  assert.deepEqual(entries[1]?.data, {
    mailbox_id: id,
    address: 'audited@demo.test',
    from: 'active',
    to: 'suspended',
  })
})

test('filters and pages', async () => {
  await api.call('POST', '/v1/mailboxes', {
    body: { mailboxes: [1, 2, 3, 4, 5].map((n) => ({ address: `page${n}@demo.test` })) },
  })
  const first = await api.call('GET', '/v1/audit-log?action=mailbox.created&limit=2')
  const cursor = textAt(first.json, 'next_cursor')
  const second = await api.call('GET', `/v1/audit-log?action=mailbox.created&limit=2&cursor=${cursor}`)
  const ids = [first, second].flatMap(({ json }) => listAt(json, 'data').map((entry) => textAt(entry, 'id')))
  assert.equal(new Set(ids).size, 4)
  assert.deepEqual([...ids].sort().reverse(), ids)
  assert.ok((await list('?action=mailbox.')).every(({ action }) => action.startsWith('mailbox.')))
  assert.deepEqual(await list('?actor=api_key:nobody'), [])
  assert.deepEqual(await list('?until=2001-01-01T00:00:00Z'), [])
  assert.notDeepEqual(await list('?since=2001-01-01T00:00:00Z'), [])
  const one = await api.call('GET', `/v1/audit-log/${ids[0]}`)
  assert.equal(textAt(one.json, 'id'), ids[0])
  for (const [query, status] of [
    ['?since=2016-12-31T23:59:60Z', 400],
    ['?since=yesterday', 400],
    ['?cursor=xyz', 400],
    ['?mailbox_id=1', 400],
  ] as const) {
    assert.equal((await api.call('GET', `/v1/audit-log${query}`)).status, status, query)
  }
})

test('another workspace’s, another organization’s and unknown entries are not there', async () => {
  const [entry] = listAt((await api.call('GET', '/v1/audit-log')).json, 'data')
  const other = await api.tenant()
  const { key } = other
  assert.deepEqual(await list('', { key }), [])
  assert.equal((await api.call('GET', `/v1/audit-log/${textAt(entry, 'id')}`, { key })).status, 404)
  assert.equal((await api.call('GET', '/v1/audit-log/nothing')).status, 404)
  const bound = await api.key({
    workspaceId: api.scope.workspaceId,
    mailboxId: textAt((await api.call('GET', '/v1/mailboxes/page1@demo.test')).json, 'id'),
  })
  assert.equal((await api.call('GET', '/v1/audit-log', { key: bound })).status, 403)
})

test('what is the organization’s is shown to keys of the whole organization', async () => {
  await api.call('POST', '/v1/workspaces', { body: { name: 'Audited' } })
  await api.call('POST', '/v1/api-keys', { body: { name: 'audited' } })
  const { json } = await api.call('GET', '/v1/audit-log?of=organization')
  const entry = listAt(json, 'data').find((one) => at(one, 'action') === 'api_key.created')
  assert.ok(entry)
  const path = `/v1/audit-log/${textAt(entry, 'id')}`
  assert.deepEqual((await api.call('GET', path)).json, entry)
  assert.equal(refusal(await api.call('POST', `${path}/undo`)), '409 undo_impossible')
  const bound = await api.key({ workspaceId: api.scope.workspaceId })
  assert.equal((await api.call('GET', '/v1/audit-log?of=organization', { key: bound })).status, 403)
  const { key: viewer } = await loggedIn(api, 'viewer')
  const { key: admin } = await loggedIn(api, 'admin')
  const { key: stranger } = await api.tenant()
  assert.deepEqual((await api.call('GET', path, { key: admin })).json, entry)
  for (const key of [bound, viewer, stranger]) {
    assert.equal(refusal(await api.call('GET', path, { key })), '404 audit_entry_not_found')
  }
})

test('entries go when their days are over', async () => {
  const { platform } = api
  await sql`update audit_log set created_at = ${new Date(0)} where action = 'mailbox.state_changed'`.execute(
    platform.db,
  )
  const gone = await deleteOldAudit(platform)
  assert.equal(gone, 1)
  assert.deepEqual(await list('?action=mailbox.state_changed'), [])
  assert.notDeepEqual(await list(), [])
})
