/** Webhooks as they are subscribed: what each is told of, its secrets, and what is refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { listAt, refusal, textAt } from '../testing/test-api.ts'
import { masterKeyOf } from '../testing/test-node.ts'
import type { Received } from '../testing/test-webhooks.ts'
import {
  header,
  nameIn,
  startTestWebhooksApi,
  type TestWebhooksApi,
  withEndpoint,
} from '../testing/test-webhooks-api.ts'

const noId = '00000000-0000-7000-8000-000000000000'

let api: TestWebhooksApi
before(async () => {
  api = await startTestWebhooksApi()
})
after(() => api[Symbol.asyncDispose]())

test('each is told of what its filter and its mailboxes say', async () => {
  const one = await api.createMailbox()
  const other = await api.createMailbox()
  const identity = await api.call('POST', '/v1/identities', { body: { mailbox: other.mailboxId } })
  await withEndpoint(undefined, async (endpoint) => {
    const base = endpoint.url
    const event_types = ['workspace.updated']
    const ids = [
      await api.made({ url: `${base}/all`, event_types }),
      await api.made({ url: `${base}/one`, event_types, mailbox_ids: [one.mailboxId] }),
      await api.made({ url: `${base}/identity`, event_types, identity_ids: [textAt(identity.json, 'id')] }),
      await api.made({ url: `${base}/none`, event_types: ['domain.*'] }),
      await api.made({ url: `${base}/off`, event_types, enabled: false }),
    ]
    await api.happen('one', one.mailboxId)
    await api.happen('other', other.mailboxId)
    await api.happen('nobody')
    await endpoint.count(5)
    const seen = endpoint.received.map(
      (request) => `${request.path.slice('/hook/'.length)} ${nameIn(request)}`,
    )
    assert.deepEqual(seen.sort(), ['all nobody', 'all one', 'all other', 'identity other', 'one one'])
    assert.equal(new Set(endpoint.received.map((request) => header(request, 'webhook-id'))).size, 5)
    for (const { id } of ids) await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('a webhook hears of others, and not of itself', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await api.made({ url: endpoint.url, event_types: ['webhook.*'] })
    await api.call('PATCH', `/v1/webhooks/${id}`, { body: { description: 'itself' } })
    const other = await api.made({ url: endpoint.url, event_types: ['domain.*'] })
    const subjectOf = ({ body }: Received): string => textAt(JSON.parse(body), 'data', 'webhook_id')
    // What was told of one before it may come, too, if another database of the server held back the log.
    await endpoint.until((all) => all.some((request) => subjectOf(request) === other.id))
    assert.ok(endpoint.received.every((request) => subjectOf(request) !== id))
    for (const one of [id, other.id]) await api.call('DELETE', `/v1/webhooks/${one}`)
  })
})

test('two secrets sign while one takes the place of the other', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id, secret } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
    const rotated = await api.call('POST', `/v1/webhooks/${id}/rotate-secret`, {
      body: { previous_hours: 1 },
    })
    const present = textAt(rotated.json, 'secret')
    assert.notEqual(present, secret)
    assert.equal(textAt(rotated.json, 'previous_secret'), secret)
    assert.deepEqual((await api.get(`/v1/webhooks/${id}/secret`)) as unknown, rotated.json)
    await api.happen('both')
    await endpoint.count(1)
    const verifies = (request: Received, key: string): boolean => {
      try {
        const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'] as const
        new Webhook(key).verify(
          request.body,
          Object.fromEntries(names.map((name) => [name, header(request, name)])),
        )
        return true
      } catch {
        return false
      }
    }
    const [both] = endpoint.received
    assert.ok(both && verifies(both, secret) && verifies(both, present))
    const removed = await api.call('DELETE', `/v1/webhooks/${id}/previous-secret`)
    assert.equal(removed.status, 204)
    await api.happen('new only')
    await endpoint.count(2)
    const last = endpoint.received[1]
    assert.ok(last && !verifies(last, secret) && verifies(last, present))

    const rotating = {
      ...api.platform,
      vault: createVault(`${newMasterKey()}\n${await masterKeyOf(api)}`),
    }
    assert.ok((await resealPrivateKeys(rotating)) > 0)
    const { rows } = await sql<{ key_id: string }>`select key_id from webhook_secrets`.execute(
      api.platform.db,
    )
    assert.ok(rows.length > 0 && rows.every((row) => row.key_id === rotating.vault.keyId))
    await resealPrivateKeys(api.platform).catch(() => undefined)
    await sql`delete from webhook_secrets`.execute(api.platform.db)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

const refused: [what: string, body: object, problem: string][] = [
  ['a private address', { url: 'https://10.0.0.1/' }, '400 invalid_request'],
  [
    'no type of event',
    { url: 'https://hooks.example/', event_types: ['Message Received'] },
    '400 invalid_request',
  ],
  [
    'a header of ours',
    { url: 'https://hooks.example/', headers: { 'Webhook-Id': 'x' } },
    '400 invalid_request',
  ],
  [
    'a header with a line break',
    { url: 'https://hooks.example/', headers: { 'x-a': 'b\r\nc: d' } },
    '400 invalid_request',
  ],
  [
    'mailboxes and identities',
    { url: 'https://hooks.example/', mailbox_ids: [noId], identity_ids: [noId] },
    '400 invalid_request',
  ],
  [
    'a mailbox that is not there',
    { url: 'https://hooks.example/', mailbox_ids: [noId] },
    '404 mailbox_not_found',
  ],
  [
    'an identity that is not there',
    { url: 'https://hooks.example/', identity_ids: [noId] },
    '404 identity_not_found',
  ],
]
for (const [what, body, problem] of refused) {
  test(`a webhook with ${what} is refused`, async () => {
    assert.equal(refusal(await api.call('POST', '/v1/webhooks', { body })), problem)
  })
}

test('a workspace has as many as it may, and keys of one mailbox none', async () => {
  const { mailboxId } = await api.createMailbox()
  const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId })
  const body = { url: 'https://hooks.example/' }
  assert.equal(refusal(await api.call('POST', '/v1/webhooks', { body, key })), '403 forbidden')
  assert.equal(refusal(await api.call('GET', '/v1/webhooks', { key })), '403 forbidden')
  for (let count = listAt(await api.get('/v1/webhooks'), 'data').length; count < 5; count++)
    await api.made(body)
  assert.equal(refusal(await api.call('POST', '/v1/webhooks', { body })), '409 webhook_limit_reached')
})
