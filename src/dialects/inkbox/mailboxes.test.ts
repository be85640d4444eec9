/** Mailboxes of Inkbox: every documented answer of every call, and whose they are. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, startTestApi, type Tenant } from '../../testing/test-api.ts'
import { type InkboxCall, startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'

let inkbox: TestInkbox
let other: Tenant
let reading: string
before(async () => {
  inkbox = await startInkbox()
  other = await inkbox.tenant()
  reading = await inkbox.key({ access: 'read', workspaceId: inkbox.scope.workspaceId })
})
after(() => inkbox[Symbol.asyncDispose]())

const old = (): Pick<InkboxCall, 'key' | 'headers'> => ({
  key: null,
  headers: { 'x-service-token': inkbox.adminKey },
})
const identity = (handle: string): Promise<Reply> =>
  inkbox.inkbox('createIdentity', { body: { agent_handle: handle }, ...old() })
const make = (body: unknown, more: InkboxCall = {}): Promise<Reply> =>
  inkbox.inkbox('createMailbox', { body, ...more })
const of = (address: string) => ({ path: { email_address: address } })

test('the documented body makes one, in the old shape and the new', async () => {
  const [named] = inkbox.contract.operation('createMailbox').bodies
  await identity('quote-desk')
  const made = await make(named)
  assert.equal(made.status, 201)
  assert.deepEqual(
    [
      'email_address',
      'display_name',
      'webhook_url',
      'status',
      'filter_mode',
      'filter_mode_change_notice',
    ].map((name) => at(made.json, name)),
    ['quote-desk@demo.test', 'Quote desk', null, 'active', 'blacklist', null],
  )
  assert.equal(at(made.json, 'storage_used_bytes'), 0)
})

test('without a local part it is random, and in the domain that is asked for by its id', async () => {
  const { id } = await inkbox.connectActiveDomain('mail.example.org')
  await identity('random-part')
  const made = await make({ agent_handle: '@random-part', sending_domain_id: `sending_domain_${id}` })
  assert.match(String(at(made.json, 'email_address')), /^[a-z][a-z2-9]{9}@mail\.example\.org$/)
  assert.equal(at(made.json, 'display_name'), 'Inkbox user')
  await identity('on-platform')
  const platform = await make({
    agent_handle: 'on-platform',
    sending_domain_id: null,
    filter_mode: 'whitelist',
  })
  assert.deepEqual(
    [at(platform.json, 'sending_domain'), at(platform.json, 'filter_mode')],
    ['demo.test', 'whitelist'],
  )
})

test('what of a new one is refused', async () => {
  await identity('wanting')
  await identity('silent-one')
  const { identity: has, key } = await inkbox.agent('has-one')
  const pending = await inkbox.call('POST', '/v1/domains', { body: { name: 'pending.example' } })
  const wanting = { agent_handle: 'wanting' }
  const rows: [status: number, body: unknown, more?: InkboxCall][] = [
    [404, { agent_handle: 'nobody' }],
    [404, { ...wanting, sending_domain_id: 'sending_domain_x' }],
    [404, { ...wanting, sending_domain_id: `sending_domain_${has.id}` }],
    [404, wanting, { key: other.key }],
    [409, { ...wanting, sending_domain_id: `sending_domain_${String(at(pending.json, 'id'))}` }],
    [409, { agent_handle: has.handle }],
    [409, { ...wanting, email_local_part: 'has-one' }],
    [409, { ...wanting, email_local_part: 'silent-one' }],
    [422, {}],
    [422, { ...wanting, email_local_part: 'a b' }],
    [422, { ...wanting, filter_mode: 'grey' }],
    [422, { ...wanting, display_name: 'x'.repeat(256) }],
    [403, { agent_handle: has.handle }, { key }],
    [403, wanting, { key: reading }],
    [401, wanting, { key: 'x' }],
  ]
  for (const [status, body, more] of rows) {
    assert.equal((await make(body, more)).status, status, JSON.stringify(body))
  }
  const second = await make({ agent_handle: has.handle })
  assert.deepEqual(second.json, { detail: 'Agent identity already has a mailbox' })
  assert.equal((await make(wanting)).status, 201)
})

test('listed newest first, and seen by address or local part, raw and encoded', async () => {
  const { key } = await inkbox.agent('seen-by-all')
  await inkbox.agent('seen-later')
  const list = await inkbox.inkbox('listMailboxes')
  const addresses = listAt(list.json).map((one) => at(one, 'email_address'))
  assert.deepEqual(addresses.slice(0, 2), ['seen-later@demo.test', 'seen-by-all@demo.test'])
  const got = await inkbox.inkbox('getMailbox', of('seen-by-all@demo.test'))
  assert.deepEqual(got.json, at(list.json, 1))
  for (const path of [
    'seen-by-all@demo.test',
    'seen-by-all%40demo.test/',
    'seen-by-all',
    'SEEN-by-all@Demo.test',
  ]) {
    assert.deepEqual((await inkbox.raw('GET', `/mail/mailboxes/${path}`)).json, got.json, path)
  }
  const own = await inkbox.inkbox('listMailboxes', { key })
  assert.deepEqual(own.json, [got.json])
  assert.equal((await inkbox.inkbox('getMailbox', { ...of('seen-later@demo.test'), key })).status, 404)
  assert.equal((await inkbox.inkbox('listMailboxes', { key: 'x' })).status, 401)
  assert.deepEqual((await inkbox.inkbox('listMailboxes', { key: other.key })).json, [])
})

test('changes: what may be, by whom, and what has moved elsewhere', async () => {
  const { key } = await inkbox.agent('changing')
  const address = of('changing@demo.test')
  const change = (body: unknown, more: InkboxCall = {}): Promise<Reply> =>
    inkbox.inkbox('updateMailbox', { ...address, body, ...more })
  assert.equal((await change({})).status, 200)
  const switched = await change({ filter_mode: 'whitelist' })
  assert.equal(at(switched.json, 'filter_mode_change_notice', 'new_filter_mode'), 'whitelist')
  assert.equal(at((await change({ filter_mode: 'whitelist' })).json, 'filter_mode_change_notice'), null)
  assert.equal((await change({ filter_mode: 'blacklist' }, { key })).status, 403)
  assert.equal((await change({ webhook_url: null })).status, 200)
  const signed = await change({ signature_text: 'Bye', signature_html: '<p>Bye</p>' }, { key })
  assert.deepEqual(
    [at(signed.json, 'signature_text'), at(signed.json, 'signature_html')],
    ['Bye', '<p>Bye</p>'],
  )
  const named = await change({ display_name: 'Older' }, old())
  assert.equal(at(named.json, 'display_name'), 'Older')
  for (const body of [{ status: 'paused' }, { email_address: 'x@demo.test' }, { filter_mode: 'grey' }, []]) {
    assert.equal((await change(body)).status, 422, JSON.stringify(body))
  }
  for (const [status, keyOf] of [
    [401, 'x'],
    [403, reading],
    [404, other.key],
  ] as const) {
    assert.equal((await change({ display_name: 'Not so' }, { key: keyOf })).status, status)
  }
})

test('the name of a mailbox that came along with its identity is the identity’s', async () => {
  await inkbox.inkbox('createIdentity', { body: { agent_handle: 'came-along' } })
  const refused = await inkbox.inkbox('updateMailbox', {
    ...of('came-along@demo.test'),
    body: { display_name: 'Mine' },
  })
  assert.deepEqual(
    [refused.status, at(refused.json, 'detail', 0)],
    [422, { type: 'extra_forbidden', loc: ['body', 'display_name'], msg: 'Extra inputs are not permitted' }],
  )
})

test('deleted: gone from every list, and its identity and address stay', async () => {
  const { identity: made, key } = await inkbox.agent('parting')
  const address = of('parting@demo.test')
  assert.equal((await inkbox.inkbox('deleteMailbox', { ...address, key: 'x' })).status, 401)
  assert.equal((await inkbox.inkbox('deleteMailbox', { ...address, key })).status, 403)
  assert.equal((await inkbox.inkbox('deleteMailbox', { ...address, key: other.key })).status, 404)
  assert.equal((await inkbox.inkbox('deleteMailbox', address)).status, 204)
  assert.equal((await inkbox.inkbox('deleteMailbox', address)).status, 404)
  assert.equal((await inkbox.inkbox('getMailbox', address)).status, 404)
  const kept = await inkbox.inkbox('getIdentity', { path: { agent_handle: 'parting' } })
  assert.deepEqual([at(kept.json, 'id'), at(kept.json, 'mailbox')], [made.id, null])
  const native = await inkbox.call('GET', `/v1/mailboxes/${String(made.mailbox_id)}`)
  assert.equal(at(native.json, 'state'), 'deletion_scheduled')
  assert.equal((await make({ agent_handle: 'parting', email_local_part: 'parting' })).status, 409)
  assert.equal((await make({ agent_handle: 'parting', email_local_part: 'parting-2' })).status, 201)
  const { mailboxId } = await inkbox.createMailbox('nobodys@demo.test')
  assert.equal((await inkbox.inkbox('deleteMailbox', of('nobodys@demo.test'))).status, 204)
  const link = { path: { agent_handle: 'parting' }, body: { mailbox_id: mailboxId } }
  assert.equal((await inkbox.inkbox('linkIdentityMailbox', link)).status, 404)
})

test('too many calls are refused, with the seconds to wait', async () => {
  await using slow = await startTestApi({ otherFaces: true, requestsPerMinute: 1 })
  const list = (): Promise<Reply> =>
    slow.call('GET', '/inkbox/api/v1/mail/mailboxes', { key: null, headers: { 'x-api-key': slow.apiKey } })
  assert.equal(inkbox.contract.check('listMailboxes', await list()).status, 200)
  const refused = inkbox.contract.check('listMailboxes', await list())
  assert.equal(refused.status, 429)
  assert.match(refused.headers.get('retry-after') ?? '', /^[0-9]+$/)
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'mailboxes'), [])
})
