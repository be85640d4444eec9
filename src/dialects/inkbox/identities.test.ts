/** Identities of Inkbox: every documented answer of every call, and whose they are. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, type Reply, type Tenant, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestInkbox } from '../../testing/test-inkbox.ts'
import { plain, red } from '../../testing/test-pictures.ts'

let inkbox: TestInkbox
let other: Tenant
let reading: string
before(async () => {
  inkbox = await startInkbox()
  other = await inkbox.tenant()
  reading = await inkbox.key({ access: 'read', workspaceId: inkbox.scope.workspaceId })
  await inkbox.connectActiveDomain('mail.example.org')
})
after(() => inkbox[Symbol.asyncDispose]())

const create = (body: unknown, key?: string): Promise<Reply> =>
  inkbox.inkbox('createIdentity', { body, ...(key === undefined ? {} : { key }) })
const of = (handle: string) => ({ path: { agent_handle: handle } })

test('each documented body makes an identity', async () => {
  const [minimal, custom] = inkbox.contract.operation('createIdentity').bodies
  const made = await create(minimal)
  assert.equal(made.status, 201)
  assert.deepEqual(
    ['agent_handle', 'display_name', 'email_address', 'status', 'phone_number'].map((name) =>
      at(made.json, name),
    ),
    ['quote-desk', 'quote-desk', 'quote-desk@demo.test', 'active', null],
  )
  assert.equal(at(made.json, 'organization_id'), `org_${inkbox.scope.workspaceId}`)
  assert.equal(at(made.json, 'mailbox', 'agent_identity_id'), at(made.json, 'id'))
  assert.equal(at(made.json, 'tunnel', 'public_host'), 'quote-desk.demo.test')
  assert.equal((await inkbox.inkbox('deleteIdentity', of('quote-desk'))).status, 204)
  const second = await create({ ...Object(custom), agent_handle: 'quote-desk-2' })
  assert.equal(second.status, 201)
  assert.equal(at(second.json, 'email_address'), 'quotes@mail.example.org')
  assert.equal(at(second.json, 'mailbox', 'sending_domain'), 'mail.example.org')
})

test('seen by its handle, at both forms of the path, newest first, each the same', async () => {
  await create({ agent_handle: '@first-seen', description: 'One', unknown_field: 1 })
  const second = await create({ agent_handle: 'second-seen' })
  const list = await inkbox.inkbox('listIdentities')
  assert.deepEqual(
    [0, 1].map((n) => at(list.json, n, 'agent_handle')),
    ['second-seen', 'first-seen'],
  )
  assert.deepEqual(at(list.json, 0), second.json)
  assert.deepEqual((await inkbox.raw('GET', '/identities/')).json, list.json)
  const got = await inkbox.inkbox('getIdentity', of('first-seen'))
  assert.deepEqual(got.json, at(list.json, 1))
  assert.deepEqual((await inkbox.raw('GET', '/identities/@first-seen/')).json, got.json)
})

test('an agent’s key sees and finds its own alone', async () => {
  const one = await inkbox.agent('agent-one')
  await inkbox.agent('agent-two')
  const own = await inkbox.inkbox('getOwnIdentity', { key: one.key })
  assert.deepEqual([own.status, at(own.json, 'agent_handle')], [200, 'agent-one'])
  const list = await inkbox.inkbox('listIdentities', { key: one.key })
  assert.deepEqual(list.json, [own.json])
  for (const id of ['getIdentity', 'getIdentityChannelStatus']) {
    assert.equal((await inkbox.inkbox(id, { ...of('agent-one'), key: one.key })).status, 200)
    assert.equal((await inkbox.inkbox(id, { ...of('agent-two'), key: one.key })).status, 404)
  }
  assert.equal((await inkbox.inkbox('getOwnIdentity')).status, 403)
  const free = await inkbox.createMailbox('nobodys@demo.test')
  const key = await inkbox.key({ workspaceId: inkbox.scope.workspaceId, mailboxId: free.mailboxId })
  assert.equal((await inkbox.inkbox('getOwnIdentity', { key })).status, 404)
})

const avatarForm = async (): Promise<FormData> => {
  const png = await plain(red).png().toBuffer()
  const form = new FormData()
  form.set('file', new File([new Uint8Array(png)], 'a "red" one.png', { type: 'image/png' }))
  return form
}

async function setAvatar(handle: string, body: RequestInit['body'], key = inkbox.adminKey): Promise<Reply> {
  const response = await fetch(`${inkbox.base}/inkbox/api/v1/identities/${handle}/avatar`, {
    method: 'PUT',
    headers: { 'x-api-key': key },
    ...(body === undefined ? {} : { body }),
  })
  const text = await response.text()
  const reply = { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
  return inkbox.contract.check('setIdentityAvatar', reply)
}

test('an avatar is the picture of its mailbox', async () => {
  const { identity, key } = await inkbox.agent('pictured')
  const set = await setAvatar('pictured', await avatarForm(), key)
  assert.deepEqual([set.status, at(set.json, 'agent_handle')], [200, 'pictured'])
  const shown = await inkbox.call('GET', `/v1/mailboxes/${identity.mailbox_id}/picture`)
  assert.equal(shown.headers.get('content-type'), 'image/jpeg')
  const empty = new FormData()
  empty.set('name', 'no file')
  const broken = new FormData()
  broken.set('file', new File(['no picture'], 'x.png'))
  for (const body of [empty, broken, 'plain text'])
    assert.equal((await setAvatar('pictured', body)).status, 422)
  assert.equal((await setAvatar('pictured', await avatarForm(), 'x')).status, 401)
  assert.equal((await setAvatar('pictured', await avatarForm(), reading)).status, 403)
  assert.equal((await setAvatar('pictured', await avatarForm(), other.key)).status, 404)
})

test('readiness of its channels follows its mailbox', async () => {
  await inkbox.agent('ready-one')
  const status = async (): Promise<unknown> =>
    at((await inkbox.inkbox('getIdentityChannelStatus', of('ready-one'))).json, 'mail')
  assert.deepEqual(await status(), { status: 'ready', address: 'ready-one@demo.test' })
  const paused = await inkbox.inkbox('updateIdentity', { ...of('ready-one'), body: { status: 'paused' } })
  assert.deepEqual([at(paused.json, 'status'), at(paused.json, 'mailbox', 'status')], ['paused', 'paused'])
  assert.deepEqual(await status(), { status: 'paused', address: 'ready-one@demo.test' })
  const active = await inkbox.inkbox('updateIdentity', { ...of('ready-one'), body: { status: 'active' } })
  assert.equal(at(active.json, 'status'), 'active')
  await inkbox.inkbox('unlinkIdentityMailbox', of('ready-one'))
  assert.deepEqual(await status(), { status: 'not_configured' })
})

test('changes: what is left out stays, null clears, and the address follows the handle', async () => {
  await create({ agent_handle: 'before-it', description: 'One' })
  for (const body of inkbox.contract.operation('updateIdentity').bodies) {
    const changed = await inkbox.inkbox('updateIdentity', { ...of('before-it'), body })
    assert.equal(changed.status, 200)
  }
  const got = await inkbox.inkbox('getIdentity', of('before-it'))
  assert.deepEqual(
    ['display_name', 'description', 'mail_filter_mode'].map((name) => at(got.json, name)),
    ['Quotes', null, 'whitelist'],
  )
  assert.equal(at(got.json, 'mailbox', 'filter_mode'), 'whitelist')
  const renamed = await inkbox.inkbox('updateIdentity', {
    ...of('before-it'),
    body: { agent_handle: 'after-it' },
    headers: { 'idempotency-key': 'rename-1' },
  })
  assert.deepEqual(
    [
      at(renamed.json, 'agent_handle'),
      at(renamed.json, 'email_address'),
      at(renamed.json, 'tunnel', 'tunnel_name'),
    ],
    ['after-it', 'after-it@demo.test', 'after-it'],
  )
  assert.equal((await inkbox.inkbox('getIdentity', of('before-it'))).status, 404)
  const again = await inkbox.inkbox('updateIdentity', {
    ...of('before-it'),
    body: { agent_handle: 'after-it' },
    headers: { 'idempotency-key': 'rename-1' },
  })
  assert.deepEqual(again.json, renamed.json)
  const custom = { email_local_part: 'anything', sending_domain: 'mail.example.org' }
  await create({ agent_handle: 'elsewhere', mailbox: custom })
  const moved = await inkbox.inkbox('updateIdentity', {
    ...of('elsewhere'),
    body: { agent_handle: 'elsewhere-2' },
  })
  assert.equal(at(moved.json, 'email_address'), 'anything@mail.example.org')
})

test('an agent may change its name, and neither handle nor modes nor status', async () => {
  const { key } = await inkbox.agent('modest')
  const change = (body: unknown): Promise<Reply> =>
    inkbox.inkbox('updateIdentity', { ...of('modest'), body, key })
  assert.equal(at((await change({ display_name: 'Modest' })).json, 'display_name'), 'Modest')
  const bodies = [
    { mail_filter_mode: 'whitelist' },
    { phone_filter_mode: 'whitelist' },
    { agent_handle: 'immodest' },
    { status: 'paused' },
  ]
  for (const body of bodies) assert.equal((await change(body)).status, 403, JSON.stringify(body))
  assert.equal((await create({ agent_handle: 'child' }, key)).status, 403)
})

test('a name that is taken says where', async () => {
  await create({ agent_handle: 'taken-name' })
  await inkbox.createMailbox('mail-name@demo.test')
  await create({ agent_handle: 'free-name' })
  const rows = [
    ['taken-name', 'identities'],
    ['mail-name', 'mail'],
  ] as const
  for (const [name, namespace] of rows) {
    const replies = [
      await create({ agent_handle: name }),
      await create({ agent_handle: name, mailbox: { sending_domain: 'mail.example.org' } }),
      await inkbox.inkbox('updateIdentity', { ...of('free-name'), body: { agent_handle: name } }),
    ]
    for (const { status, json } of replies) {
      assert.equal(status, 409)
      assert.equal(at(json, 'detail', 'code'), 'agent_handle_unavailable')
      assert.equal(at(json, 'detail', 'blocking_namespace'), namespace)
    }
  }
  assert.equal((await create({ agent_handle: 'free-name' }, other.key)).status, 409)
})

test('what of a new identity is refused', async () => {
  await inkbox.call('POST', '/v1/domains', { body: { name: 'unproved.example' } })
  const rows: [status: number, body: unknown][] = [
    [422, {}],
    [422, []],
    [422, { agent_handle: 'ab' }],
    [422, { agent_handle: '@ab' }],
    [422, { agent_handle: 'a'.repeat(64) }],
    [422, { agent_handle: 'Upper' }],
    [422, { agent_handle: 'two--hyphens' }],
    [422, { agent_handle: '-first' }],
    [422, { agent_handle: 'with.dot' }],
    [422, { agent_handle: 'self' }],
    [422, { agent_handle: 'postmaster' }],
    [422, { agent_handle: 'long-name', display_name: 'x'.repeat(256) }],
    [422, { agent_handle: 'other-part', mailbox: { email_local_part: 'not-it' } }],
    [
      422,
      { agent_handle: 'bad-part', mailbox: { email_local_part: 'a b', sending_domain: 'mail.example.org' } },
    ],
    [404, { agent_handle: 'no-domain', mailbox: { sending_domain: 'none.example' } }],
    [409, { agent_handle: 'unproved', mailbox: { sending_domain: 'unproved.example' } }],
  ]
  for (const [status, body] of rows) assert.equal((await create(body)).status, status, JSON.stringify(body))
  const unproved = await create({ agent_handle: 'unproved', mailbox: { sending_domain: 'unproved.example' } })
  assert.equal(at(unproved.json, 'detail', 'error'), 'default_domain_unavailable')
  assert.equal((await create({ agent_handle: 'read-only' }, reading)).status, 403)
  assert.equal((await create({ agent_handle: 'no-key' }, 'x')).status, 401)
  assert.equal((await create({ agent_handle: 'homeless' }, other.key)).status, 409)
  const platformMailbox = { sending_domain: null, email_local_part: 'on-platform' }
  assert.equal((await create({ agent_handle: 'on-platform', mailbox: platformMailbox })).status, 201)
})

test('a plan without room', async () => {
  const { workspaceId } = inkbox.scope
  const limit = { workspace_id: workspaceId, mailboxes_max: 1, per: 'workspace' }
  const made = await inkbox.call('PUT', '/v1/mailbox-limits', { body: limit })
  assert.equal(made.status, 200)
  const refused = await create({ agent_handle: 'one-too-many' })
  assert.equal(`${refused.status} ${textAt(refused.json, 'detail')}`, '402 Plan limit reached')
  await inkbox.call('DELETE', `/v1/mailbox-limits/${textAt(made.json, 'id')}`)
  assert.equal((await create({ agent_handle: 'one-too-many' })).status, 201)
})

test('what of a change is refused', async () => {
  await inkbox.agent('unchanged')
  const rows: [status: number, body: unknown][] = [
    [422, { mail_filter_mode: 'whitelist', mail_inbound_filter_mode: 'blacklist' }],
    [422, { mail_filter_mode: 'grey' }],
    [422, { phone_filter_mode: 'whitelist' }],
    [422, { phone_outbound_filter_mode: 'blacklist' }],
    [422, { claim_imessage_number: true }],
    [422, { imessage_number_type: 'dedicated' }],
    [422, { status: 'deleted' }],
    [422, { agent_handle: 'x' }],
    [422, { agent_handle: 'self' }],
    [200, {}],
    [200, { imessage_enabled: true, contact_sharing_enabled: false, unknown_field: 1 }],
  ]
  for (const [status, body] of rows) {
    const reply = await inkbox.inkbox('updateIdentity', { ...of('unchanged'), body })
    assert.equal(reply.status, status, JSON.stringify(body))
  }
})

test('a plan without room keeps nobody from a change', async () => {
  await inkbox.agent('in-a-full-plan')
  const reply = await inkbox.inkbox('updateIdentity', {
    ...of('in-a-full-plan'),
    body: { description: 'Still' },
  })
  assert.equal(at(reply.json, 'description'), 'Still')
})

test('deleted: gone for clients, its key too, and kept for who can restore it', async () => {
  const { identity, key } = await inkbox.agent('leaving')
  assert.equal((await inkbox.inkbox('deleteIdentity', { ...of('leaving'), key })).status, 403)
  assert.equal((await inkbox.inkbox('deleteIdentity', { ...of('leaving'), key: reading })).status, 403)
  assert.equal((await inkbox.inkbox('deleteIdentity', of('leaving'))).status, 204)
  assert.equal((await inkbox.inkbox('deleteIdentity', of('leaving'))).status, 404)
  const mailbox = { path: { email_address: 'leaving@demo.test' } }
  assert.equal((await inkbox.inkbox('getIdentity', of('leaving'))).status, 404)
  assert.equal((await inkbox.inkbox('getMailbox', mailbox)).status, 404)
  assert.equal((await inkbox.inkbox('listMailboxes', { key })).status, 401)
  const handles = listAt((await inkbox.inkbox('listIdentities')).json).map((one) => at(one, 'agent_handle'))
  assert.ok(!handles.includes('leaving'))
  assert.equal((await create({ agent_handle: 'leaving' })).status, 409)
  const restored = await inkbox.call('POST', `/v1/identities/${identity.id}/restore`)
  assert.equal(restored.status, 200)
  assert.equal((await inkbox.inkbox('getIdentity', of('leaving'))).status, 200)
  await inkbox.call('DELETE', `/v1/identities/${identity.id}?purge=true`)
  assert.equal((await create({ agent_handle: 'leaving' })).status, 201)
})

const calls: [operation: string, body?: unknown][] = [
  ['getIdentity'],
  ['updateIdentity', { display_name: 'x' }],
  ['deleteIdentity'],
  ['getIdentityChannelStatus'],
  ['linkIdentityMailbox', { mailbox_id: '00000000-0000-7000-8000-000000000000' }],
  ['unlinkIdentityMailbox'],
]
for (const [operation, body] of calls) {
  test(`${operation} finds nothing that is another's or nobody's, and asks for a key`, async () => {
    const handle = `kept-${operation.toLowerCase()}`
    await inkbox.agent(handle)
    const options = body === undefined ? {} : { body }
    const status = async (name: string, key?: string): Promise<number> => {
      const more = key === undefined ? {} : { key }
      return (await inkbox.inkbox(operation, { ...of(name), ...options, ...more })).status
    }
    assert.equal(await status('nobody-at-all'), 404)
    assert.equal(await status(handle, other.key), 404)
    assert.equal(await status(handle, 'x'), 401)
    assert.equal((await inkbox.inkbox('getIdentity', of(handle))).status, 200)
  })
}

test('who may only read changes nothing', async () => {
  await inkbox.agent('only-read')
  const key = reading
  const { mailboxId } = await inkbox.createMailbox('linked-read@demo.test')
  for (const [operation, body] of calls.slice(1)) {
    if (operation === 'getIdentityChannelStatus') continue
    const own = operation === 'linkIdentityMailbox' ? { mailbox_id: mailboxId } : body
    const options = own === undefined ? {} : { body: own }
    const reply = await inkbox.inkbox(operation, { ...of('only-read'), ...options, key })
    assert.equal(reply.status, 403, operation)
  }
  assert.equal((await inkbox.inkbox('listIdentities', { key: 'x' })).status, 401)
  assert.equal((await inkbox.inkbox('getOwnIdentity', { key: 'x' })).status, 401)
})

test('a mailbox is parted from one identity and linked to another, once', async () => {
  const from = await inkbox.agent('link-from')
  const { mailbox_id } = from.identity
  for (const agent_handle of ['link-to', 'link-more']) {
    const body = { agent_handle }
    const headers = { 'x-service-token': inkbox.adminKey }
    await inkbox.inkbox('createIdentity', { key: null, body, headers })
  }
  const to = { path: { agent_handle: 'link-to' }, body: { mailbox_id } }
  assert.equal((await inkbox.inkbox('linkIdentityMailbox', to)).status, 409)
  const parted = await inkbox.inkbox('unlinkIdentityMailbox', { path: { agent_handle: 'link-from' } })
  assert.equal(parted.status, 204)
  const linked = await inkbox.inkbox('linkIdentityMailbox', to)
  assert.deepEqual([linked.status, at(linked.json, 'mailbox', 'id')], [200, mailbox_id])
  const more = { path: { agent_handle: 'link-more' }, body: { mailbox_id } }
  assert.equal((await inkbox.inkbox('linkIdentityMailbox', more)).status, 409)
})

test('in a domain that another workspace shares, the address follows the handle as well', async () => {
  await inkbox.call('PUT', '/v1/domains/demo.test/shared')
  const { status, json } = await create({ agent_handle: 'guest-one' }, other.key)
  assert.deepEqual([status, at(json, 'email_address')], [201, 'guest-one@demo.test'])
  const renamed = await inkbox.inkbox('updateIdentity', {
    ...of('guest-one'),
    body: { agent_handle: 'guest-two' },
    key: other.key,
  })
  assert.deepEqual([renamed.status, at(renamed.json, 'email_address')], [200, 'guest-two@demo.test'])
  assert.equal((await inkbox.inkbox('getIdentity', of('guest-two'))).status, 404)
  await inkbox.call('DELETE', '/v1/domains/demo.test/shared')
})

test('two that ask for one handle at the same moment: one gets it, and the other hears what has it', async () => {
  for (const [index, mailbox] of [null, { sending_domain: 'mail.example.org' }].entries()) {
    const agent_handle = `raced-${index}`
    const replies = await Promise.all([1, 2, 3].map(() => create({ agent_handle, mailbox })))
    assert.deepEqual(replies.map(({ status }) => status).sort(), [201, 409, 409])
    for (const reply of replies.filter((one) => one.status === 409)) {
      assert.equal(at(reply.json, 'detail', 'code'), 'agent_handle_unavailable', reply.text)
      assert.equal(at(reply.json, 'detail', 'blocking_namespace'), 'identities')
    }
  }
  const both = await Promise.all([
    create({ agent_handle: 'raced-by-mail' }),
    inkbox.call('POST', '/v1/mailboxes', { body: { address: 'raced-by-mail@demo.test' } }),
    inkbox.call('POST', '/v1/identities', {
      body: { handle: 'raced-by-mail', address: 'raced-by-mail@demo.test' },
    }),
  ])
  assert.deepEqual(
    both.map(({ status }) => status).sort(),
    [201, 409, 409],
    both.map(({ text }) => text).join(),
  )
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'identities'), [])
})
