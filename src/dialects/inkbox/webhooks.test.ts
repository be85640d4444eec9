/** Subscriptions and signing keys: what may be asked for, by whom, and what is refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { newId } from '../../platform/ids.ts'
import { unmet } from '../../testing/inkbox-operations.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { startInkbox, type TestAgent, type TestInkbox } from '../../testing/test-inkbox.ts'
import { setMailboxUrl } from '../../webhooks/mailbox-urls.ts'
import { mailboxUrlFormat } from './webhook-format.ts'
import { webhookUrlsOf } from './webhook-url.ts'

let inkbox: TestInkbox
let quote: TestAgent
let desk: TestAgent
before(async () => {
  inkbox = await startInkbox()
  quote = await inkbox.agent('quote-desk')
  desk = await inkbox.agent('help-desk')
})
after(() => inkbox[Symbol.asyncDispose]())

const url = 'https://hooks.example.net/inkbox'
const mailboxOf = ({ identity }: TestAgent): string => String(identity.mailbox_id)

test('a subscription from its making to its end', async () => {
  const [example] = inkbox.contract.operation('createWebhookSubscription').bodies
  const body = { ...Object(example), mailbox_id: mailboxOf(quote) }
  const made = await inkbox.inkbox('createWebhookSubscription', { body, key: quote.key })
  assert.equal(made.status, 201, made.text)
  assert.match(textAt(made.json, 'signing_key'), /^whsec_/)
  assert.equal(at(made.json, 'owner_identity_id'), quote.identity.id)
  assert.deepEqual(at(made.json, 'context_config'), {
    email: { mode: 'count', count: 5 },
    texts: null,
    calls: null,
  })
  assert.equal((await inkbox.inkbox('createWebhookSubscription', { body })).status, 409)
  const other = { agent_identity_id: quote.identity.id, url, event_types: ['message.sent'] }
  const second = await inkbox.inkbox('createWebhookSubscription', { body: other })
  assert.equal(at(second.json, 'signing_key'), null)
  const path = { subscription_id: textAt(made.json, 'id') }
  const ids = async (query: Record<string, string>, key = inkbox.adminKey) => {
    const { json } = await inkbox.inkbox('listWebhookSubscriptions', { query, key })
    return listAt(json, 'subscriptions').map((one) => at(one, 'id'))
  }
  const [first, identitys] = [at(made.json, 'id'), at(second.json, 'id')]
  assert.deepEqual(await ids({}), [identitys, first])
  assert.deepEqual(await ids({ scope: 'identity' }), [identitys])
  assert.deepEqual(await ids({ mailbox_id: mailboxOf(quote) }), [first])
  assert.deepEqual(await ids({ agent_identity_id: quote.identity.id }), [identitys])
  assert.deepEqual(await ids({ event_type: 'message.sent', url }), [identitys])
  assert.deepEqual(await ids({ phone_number_id: newId() }), [])
  assert.deepEqual(await ids({}, desk.key), [])
  for (const id of ['getWebhookSubscription', 'deleteWebhookSubscription', 'updateWebhookSubscription']) {
    const given = id.startsWith('update') ? { body: {} } : {}
    assert.equal((await inkbox.inkbox(id, { path, key: desk.key, ...given })).status, 404, id)
  }
  const scoped = { path, query: { scope: 'identity' } }
  assert.equal((await inkbox.inkbox('deleteWebhookSubscription', scoped)).status, 404)
  for (const change of inkbox.contract.operation('updateWebhookSubscription').bodies) {
    const changed = await inkbox.inkbox('updateWebhookSubscription', { path, body: change })
    assert.equal(changed.status, 200, changed.text)
  }
  const token = await inkbox.inkbox('updateWebhookSubscription', { path, body: { auth_token: 'secret-1' } })
  assert.equal(at(token.json, 'has_auth_token'), true)
  assert.doesNotMatch(token.text, /secret-1/)
  const clash = { path, body: { event_types: null } }
  assert.equal((await inkbox.inkbox('updateWebhookSubscription', clash)).status, 422)
  const native = await inkbox.call('GET', '/v1/webhooks')
  assert.deepEqual(at(native.json, 'data'), [], 'the native API has none of them')
  assert.equal((await inkbox.call('DELETE', `/v1/webhooks/${path.subscription_id}`)).status, 404)
  assert.equal((await inkbox.inkbox('deleteWebhookSubscription', { path })).status, 204)
  assert.equal((await inkbox.inkbox('getWebhookSubscription', { path })).status, 404)
})

const refused: [what: string, body: () => object, status: number][] = [
  ['no owner', () => ({ url, event_types: ['message.sent'] }), 422],
  ['two owners', () => ({ ...mine(), agent_identity_id: quote.identity.id }), 422],
  ['a phone number', () => ({ url, event_types: ['message.sent'], phone_number_id: newId() }), 422],
  ['plain http', () => ({ ...mine(), url: 'http://hooks.example.net/' }), 422],
  ['a private address', () => ({ ...mine(), url: 'https://10.0.0.1/' }), 422],
  ['no event', () => ({ ...mine(), event_types: [] }), 422],
  ['an event twice', () => ({ ...mine(), event_types: ['message.sent', 'message.sent'] }), 422],
  ['an event of texts', () => ({ ...mine(), event_types: ['text.received'] }), 422],
  ['an incoming call', () => ({ ...mine(), event_types: ['phone.incoming_call'] }), 422],
  ['too much context', () => ({ ...mine(), context_config: { email: { mode: 'count', count: 51 } } }), 422],
  ['a bad token', () => ({ ...mine(), auth_token: 'a\r\nb' }), 422],
  ['a mailbox that is not there', () => ({ ...mine(), mailbox_id: newId() }), 404],
]
const mine = () => ({ mailbox_id: mailboxOf(desk), url, event_types: ['message.bounced'] })
for (const [what, body, status] of refused) {
  test(`${what} is refused`, async () => {
    const reply = await inkbox.inkbox('createWebhookSubscription', { body: body() })
    assert.equal(reply.status, status, reply.text)
  })
}

test('a mailbox has twenty, and no more', async () => {
  for (let made = 0; made < 21; made++) {
    const body = { ...mine(), url: `https://hooks.example.net/${made}` }
    const { status } = await inkbox.inkbox('createWebhookSubscription', { body })
    assert.equal(status, made < 20 ? 201 : 409)
  }
})

test('who has no key is let in nowhere, and two owners cannot be asked for', async () => {
  const path = { subscription_id: newId(), delivery_id: newId(), agent_handle: 'quote-desk' }
  for (const id of [
    'listWebhookSubscriptions',
    'createWebhookSubscription',
    'getWebhookSubscription',
    'updateWebhookSubscription',
    'deleteWebhookSubscription',
    'getWebhookCatalog',
    'listWebhookDeliveries',
    'replayWebhookDelivery',
    'getIdentitySigningKeyStatus',
    'createOrRotateIdentitySigningKey',
    'getOrganizationSigningKeyStatus',
    'createOrRotateOrganizationSigningKey',
  ]) {
    assert.equal((await inkbox.inkbox(id, { path, key: null })).status, 401, id)
  }
  const query = { mailbox_id: newId(), agent_identity_id: newId() }
  assert.equal((await inkbox.inkbox('listWebhookSubscriptions', { query })).status, 422)
  assert.equal((await inkbox.inkbox('getWebhookCatalog')).status, 200)
  const bad = { path: { delivery_id: 'x' } }
  assert.equal((await inkbox.inkbox('replayWebhookDelivery', bad)).status, 422)
})

test('a key that may only read changes nothing', async () => {
  const { workspaceId } = inkbox.scope
  const key = await inkbox.key({ workspaceId, mailboxId: mailboxOf(quote), access: 'read' })
  const path = { subscription_id: newId(), delivery_id: newId(), agent_handle: 'quote-desk' }
  const body = { ...mine(), mailbox_id: mailboxOf(quote) }
  for (const id of [
    'createWebhookSubscription',
    'updateWebhookSubscription',
    'deleteWebhookSubscription',
    'replayWebhookDelivery',
    'createOrRotateIdentitySigningKey',
    'createOrRotateOrganizationSigningKey',
  ]) {
    const given = id.endsWith('WebhookSubscription') && !id.startsWith('delete') ? { body } : {}
    assert.equal((await inkbox.inkbox(id, { path, key, ...given })).status, 403, id)
  }
})

test('a change that makes an event come twice is refused', async () => {
  const owner = { agent_identity_id: desk.identity.id, url }
  const made = []
  for (const type of ['message.sent', 'message.failed']) {
    const body = { ...owner, event_types: [type] }
    made.push(await inkbox.inkbox('createWebhookSubscription', { body }))
  }
  const path = { subscription_id: textAt(made[0]?.json, 'id') }
  const body = { event_types: ['message.failed'] }
  assert.equal((await inkbox.inkbox('updateWebhookSubscription', { path, body })).status, 409)
})

test('signing keys of identities, of agents’ own and of the organization', async () => {
  const path = { agent_handle: 'help-desk' }
  assert.equal((await inkbox.inkbox('createOrRotateIdentitySigningKey', { path })).status, 201)
  const state = await inkbox.inkbox('getIdentitySigningKeyStatus', { path, key: desk.key })
  assert.equal(at(state.json, 'configured'), true)
  for (const id of ['getIdentitySigningKeyStatus', 'createOrRotateIdentitySigningKey']) {
    assert.equal((await inkbox.inkbox(id, { path, key: quote.key })).status, 404, id)
  }
  const organization = 'createOrRotateOrganizationSigningKey'
  assert.equal((await inkbox.inkbox(organization)).status, 409)
  assert.equal((await inkbox.inkbox(organization, { key: quote.key })).status, 201)
  assert.equal((await inkbox.inkbox(organization, { key: inkbox.session })).status, 201)
  assert.equal(at((await inkbox.inkbox('getOrganizationSigningKeyStatus')).json, 'configured'), true)
})

test('the one URL of a mailbox is set, changed and taken away, and is no subscription', async () => {
  const { platform, scope } = inkbox
  const id = mailboxOf(quote)
  const set = (to: string | null) =>
    transaction(platform.db, (tx) => setMailboxUrl(platform, tx, scope, mailboxUrlFormat.name, id, to))
  for (const to of [url, 'https://hooks.example.net/other', null]) {
    await set(to)
    assert.equal((await webhookUrlsOf(platform.db, [id])).get(id) ?? null, to)
    const { json } = await inkbox.inkbox('listWebhookSubscriptions', { query: { mailbox_id: id } })
    assert.deepEqual(listAt(json, 'subscriptions'), [])
  }
})

test('every documented status was met, or cannot be', () => {
  assert.deepEqual(unmet(inkbox.contract, 'webhooks'), [])
})
