/** /v1/mailboxes/{mailbox}/app-passwords and login-lock, as callers of the API see them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi
let path: string
before(async () => {
  api = await startTestApi()
  const mailbox = await api.createMailbox('ann@demo.test')
  path = `/v1/mailboxes/${mailbox.mailboxId}/app-passwords`
})
after(() => api[Symbol.asyncDispose]())

test('made, listed, shown again, changed, revoked', async () => {
  const body = { name: 'phone', scopes: ['smtp', 'imap'], networks: ['10.1.2.3/8'] }
  const made = await api.call('POST', path, { body })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('cache-control'), 'no-store')
  const id = textAt(made.json, 'id')
  assert.equal(made.headers.get('location'), `${path}/${id}`)
  const view = {
    id,
    name: 'phone',
    scopes: ['imap', 'smtp'],
    networks: ['10.0.0.0/8'],
    expires_at: null,
    last_used_at: null,
    last_used_from: null,
    created_at: textAt(made.json, 'created_at'),
  }
  const password = textAt(made.json, 'password')
  assert.deepEqual(made.json, { ...view, username: 'ann@demo.test', password })
  assert.deepEqual((await api.call('GET', path)).json, { data: [view], next_cursor: null })
  assert.deepEqual((await api.call('GET', `${path}/${id}`)).json, view)
  const shown = await api.call('GET', `${path}/${id}/password`)
  assert.deepEqual(shown.json, made.json)
  assert.equal(shown.headers.get('cache-control'), 'no-store')
  const changes = { name: 'tablet', scopes: null, networks: null, expires_at: '2999-01-01T00:00:00.000Z' }
  const changed = await api.call('PATCH', `${path}/${id}`, { body: changes })
  assert.deepEqual(changed.json, { ...view, ...changes })
  assert.equal((await api.call('DELETE', `${path}/${id}`)).status, 204)
  assert.equal(refusal(await api.call('GET', `${path}/${id}`)), '404 app_password_not_found')
  assert.equal(refusal(await api.call('DELETE', `${path}/${id}`)), '404 app_password_not_found')
})

test('a preview touches nothing', async () => {
  const mailboxId = path.split('/')[3]
  const objects = [
    { type: 'mailbox', action: 'update', id: mailboxId, name: 'ann@demo.test', state: 'active' },
  ]
  const made = await api.call('POST', path, { body: { name: 'phone', preview: true } })
  assert.deepEqual([made.status, at(made.json, 'preview'), at(made.json, 'objects')], [200, true, objects])
  assert.doesNotMatch(made.text, /password"/)
  assert.deepEqual(at((await api.call('GET', path)).json, 'data'), [])
  const { json } = await api.call('POST', path, { body: { name: 'phone' } })
  const own = `${path}/${textAt(json, 'id')}`
  const revoked = await api.call('DELETE', `${own}?preview=true`)
  assert.deepEqual([revoked.status, at(revoked.json, 'objects')], [200, objects])
  assert.equal((await api.call('GET', own)).status, 200)
  const again = await api.call('POST', path, { body: { name: 'phone', preview: true } })
  assert.equal(refusal(again), '409 app_password_taken')
  assert.equal((await api.call('DELETE', own)).status, 204)
})

const refused: [body: object, want: string, pointer: string | undefined][] = [
  [{}, '400 invalid_request', undefined],
  [{ name: '' }, '400 invalid_request', '/name'],
  [{ name: 'primary' }, '400 invalid_request', '/name'],
  [{ name: 'x'.repeat(101) }, '400 invalid_request', '/name'],
  [{ name: 'x', scopes: [] }, '400 invalid_request', '/scopes'],
  [{ name: 'x', scopes: ['ftp'] }, '400 invalid_request', '/scopes/0'],
  [{ name: 'x', networks: ['10.0.0.0/40'] }, '400 invalid_request', '/networks/0'],
  [{ name: 'x', expires_at: '2001-01-01T00:00:00Z' }, '400 invalid_request', '/expires_at'],
  [{ name: 'x', expires_at: '2998-12-31T23:59:60Z' }, '400 invalid_request', '/expires_at'],
  [{ name: 'x', password: 'chosen' }, '400 invalid_request', undefined],
]
for (const [body, want, pointer] of refused) {
  test(`refused: ${JSON.stringify(body)}`, async () => {
    const reply = await api.call('POST', path, { body })
    assert.equal(refusal(reply), want)
    if (pointer !== undefined) assert.equal(at(reply.json, 'errors', 0, 'pointer'), pointer)
  })
}

test('a key that may only read sees them, not the passwords', async () => {
  const { json } = await api.call('POST', path, { body: { name: 'for readers' } })
  const own = `${path}/${textAt(json, 'id')}`
  const key = await api.key({ access: 'read' })
  assert.equal((await api.call('GET', own, { key })).status, 200)
  assert.equal(refusal(await api.call('GET', `${own}/password`, { key })), '403 forbidden')
  assert.equal(refusal(await api.call('POST', path, { key, body: { name: 'x' } })), '403 forbidden')
  assert.equal(refusal(await api.call('PATCH', own, { key, body: { name: 'x' } })), '403 forbidden')
  assert.equal(refusal(await api.call('DELETE', own, { key })), '403 forbidden')
})
