/** Credentials, one-time codes and free addresses in the dialect of InboxKit. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let google = ''
let plain = ''
const paths = /^\/mailboxes\/(show-credentials|availability|\{uid\}\/totp)$/
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  u = await startTestVendor('inboxkit')
  for (const name of ['one.test', 'waiting.example']) await u.call('POST', '/v1/domains', { body: { name } })
  const mailboxes = [
    { first_name: 'Ada', last_name: 'Quill', username: 'ada', platform: 'GOOGLE', domain_name: 'one.test' },
  ]
  google = textAt((await u.operate('buyMailboxes', { body: { mailboxes } })).json, 'mailboxes', 0, 'uid')
  plain = textAt((await u.call('POST', '/v1/mailboxes', { body: { address: 'ben@demo.test' } })).json, 'id')
})
after(() => u[Symbol.asyncDispose]())

test('the secrets are what logs in, by uid or by address, and are not kept by anyone between', async () => {
  const byUid = await u.operate('showMailboxCredentials', { query: { uid: google } })
  const native = await u.call('GET', `/v1/mailboxes/${google}/credentials`)
  assert.equal(at(byUid.json, 'message'), 'Mailbox credentials retrieved successfully')
  assert.equal(at(byUid.json, 'password'), at(native.json, 'password'))
  assert.match(textAt(byUid.json, 'secret'), /^[A-Z2-7]+$/)
  assert.equal(byUid.headers.get('cache-control'), 'no-store')
  const byAddress = await u.operate('showMailboxCredentials', { query: { email: 'Ada@one.test' } })
  assert.deepEqual(byAddress.json, byUid.json)
  assert.deepEqual((await u.at('GET', `/mailboxes/${google}/credentials`)).json, byUid.json)
  const log = await u.call('GET', '/v1/events?types=workspace.credentials_viewed&from=start')
  assert.equal(at(log.json, 'data', 'length'), 3)
  const ben = await u.operate('showMailboxCredentials', { query: { uid: plain } })
  assert.deepEqual([at(ben.json, 'secret'), at(ben.json, 'app_password')], [null, null])
  const listed = await u.operate('listMailboxes')
  for (const name of ['password', 'secret', 'app_password']) {
    assert.ok(!listed.text.includes(textAt(byUid.json, name)), name)
  }
})

test('the present code is shown where the workspace allows it', async () => {
  const refused = await u.operate('generateMailboxTotp', { ids: [google] })
  assert.equal(refused.status, 400)
  assert.match(textAt(refused.json, 'message'), /totp_codes_shown/)
  const settings = `/v1/workspaces/${u.scope.workspaceId}/mailbox-settings`
  const put = await u.call('PUT', settings, { body: { totp_codes_shown: true } })
  assert.equal(put.status, 200, put.text)
  const shown = await u.operate('generateMailboxTotp', { ids: [google] })
  const seconds = Number(at(shown.json, 'expires_in'))
  assert.ok(seconds >= 1 && seconds <= 30)
  assert.equal(shown.headers.get('cache-control'), 'no-store')
  const body = { code: textAt(shown.json, 'totp') }
  const checked = await u.call('POST', `/v1/mailboxes/${google}/totp/check`, { body })
  assert.equal(at(checked.json, 'valid'), true, checked.text)
  for (const path of ['totp', 'generate-totp']) {
    const reply = await u.at('GET', `/mailboxes/${path}`, { query: { uid: google } })
    assert.match(textAt(reply.json, 'totp'), /^\d{6}$/)
  }
  const none = await u.operate('generateMailboxTotp', { ids: [plain] })
  assert.deepEqual(none.json, { error: true, message: 'The mailbox has no second factor' })
  assert.equal((await u.operate('generateMailboxTotp', { ids: [unknownId] })).status, 404)
})

test('an address is free as long as nothing has it and its domain takes mailboxes', async () => {
  const available = async (username: string, domain: string): Promise<unknown> => {
    const reply = await u.operate('checkMailboxAvailability', { query: { username, domain } })
    assert.equal(reply.status, 200, reply.text)
    return at(reply.json, 'available')
  }
  await u.call('POST', `/v1/mailboxes/${plain}/aliases`, { body: { address: 'other@demo.test' } })
  assert.deepEqual(
    [
      await available('ada', 'one.test'),
      await available('ADA', 'ONE.test'),
      await available('other', 'demo.test'),
      await available('eve', 'one.test'),
      await available('eve', 'waiting.example'),
    ],
    [false, false, false, true, true],
  )
  await u.call('POST', '/v1/mailboxes', { body: { address: 'gone@demo.test' } })
  await u.call('DELETE', '/v1/mailboxes/gone@demo.test')
  assert.equal(await available('gone', 'demo.test'), false, 'it can be restored')
  await u.call('POST', '/v1/domains/one.test/suspend', { body: {} })
  assert.equal(await available('eve', 'one.test'), false)
  await u.call('POST', '/v1/domains/one.test/resume', { body: {} })
  for (const path of ['available', `${google}/availability`]) {
    const query = { username: 'eve', domain: 'one.test' }
    assert.equal(at((await u.at('GET', `/mailboxes/${path}`, { query })).json, 'available'), true)
  }
  const lost = { username: 'eve', domain: 'none.test' }
  assert.equal((await u.operate('checkMailboxAvailability', { query: lost })).status, 404)
  const odd = { username: 'e ve', domain: 'one.test' }
  assert.equal((await u.operate('checkMailboxAvailability', { query: odd })).status, 400)
  assert.equal((await u.operate('checkMailboxAvailability')).status, 400)
})

test('what is refused', async () => {
  const none = await u.operate('showMailboxCredentials')
  assert.deepEqual(none.json, { error: true, message: 'uid or email is required' })
  const wrong: Record<string, string>[] = [
    { uid: unknownId },
    { uid: 'ada@one.test' },
    { email: 'none@one.test' },
    { email: google },
  ]
  for (const query of wrong) {
    const { json } = await u.operate('showMailboxCredentials', { query })
    assert.deepEqual(json, { error: true, message: 'Mailbox not found' }, JSON.stringify(query))
  }
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  const foreign = { ...theirs, query: { email: 'ada@one.test' } }
  assert.equal((await u.operate('showMailboxCredentials', foreign)).status, 404)
  assert.equal((await u.operate('generateMailboxTotp', { ...theirs, ids: [google] })).status, 404)
  const domain = { ...theirs, query: { username: 'x', domain: 'one.test' } }
  assert.equal((await u.operate('checkMailboxAvailability', domain)).status, 404)
  const key = await u.key({ access: 'read' })
  const reading = { key, query: { uid: google } }
  assert.equal((await u.unchecked('showMailboxCredentials', reading)).status, 403)
  assert.equal((await u.unchecked('generateMailboxTotp', { key, ids: [google] })).status, 403)
  const bound = await u.key({ mailboxId: plain, workspaceId: u.scope.workspaceId })
  const others = { key: bound, query: { uid: google } }
  assert.equal((await u.operate('showMailboxCredentials', others)).status, 404)
  assert.equal((await u.operate('showMailboxCredentials', { key: bound, query: { uid: plain } })).status, 200)
})

test('every documented status was seen', async () => {
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
