/**
 * What a tenant that has nothing yet sees of another: empty lists, and no domain to use. That every route refuses the ids
 * of others is in tenants.test.ts.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { comparable } from '../testing/tenant-calls.ts'
import { makeTenantObjects } from '../testing/tenant-objects.ts'
import { startTestApi, type TestApi, textAt } from '../testing/test-api.ts'

let api: TestApi

/** Keys that must not see the first tenant's objects: another organization's, and another workspace's. */
let strangers: { name: string; key: string; headers: Record<string, string> }[]

before(async () => {
  api = await startTestApi({
    environment: { MAILWRIGHT_HOSTNAME: 'mx.ours.example', MAILWRIGHT_PUBLIC_ADDRESSES: '192.0.2.80' },
  })
  const other = await api.tenant()
  const workspace = await api.call('POST', '/v1/workspaces', { body: { name: 'Other' } })
  const workspaceId = textAt(workspace.json, 'id')
  strangers = [
    { name: 'another organization', key: other.key, headers: {} },
    { name: 'a key of another workspace', key: await api.key({ workspaceId }), headers: {} },
    {
      name: 'the same key in another workspace',
      key: api.apiKey,
      headers: { 'mailwright-workspace': workspaceId },
    },
  ]
  await makeTenantObjects(api)
})
after(() => api[Symbol.asyncDispose]())

test('lists have nothing of another’s', async () => {
  for (const { name, key, headers } of strangers) {
    for (const path of [
      '/v1/mailboxes',
      '/v1/mailboxes?search=ann',
      '/v1/domains',
      '/v1/domains?search=demo',
      '/v1/suppressions',
      '/v1/outbound',
      '/v1/approvals',
      '/v1/relays',
      '/v1/identities',
      '/v1/dns-hosts',
      '/v1/service-connections',
      '/v1/sequencers',
      '/v1/exports',
      '/v1/contacts',
      '/v1/domain-orders',
      '/v1/invoices',
      '/v1/audit-log?action=mailbox.',
      '/v1/batches',
      '/v1/mailbox-requests',
      '/v1/webhooks',
      '/v1/subscriptions',
      '/v1/wallet/entries',
      '/v1/wallet/holds',
      '/v1/wallet/coupons',
      '/v1/wallet/top-ups',
    ]) {
      const { json } = await api.call('GET', path, { key, headers })
      assert.deepEqual(json, { data: [], next_cursor: null }, `${name}: ${path}`)
    }
  }
  for (const { key, headers } of strangers) {
    const { text } = await api.call('GET', '/v1/mailboxes/export', { key, headers })
    assert.equal(text.trimEnd().split('\r\n').length, 1)
  }
})

test('mailboxes cannot be made on another’s domain, nor does its existence show', async () => {
  for (const { key, headers } of strangers) {
    const make = (address: string) => api.call('POST', '/v1/mailboxes', { key, headers, body: { address } })
    const seen = await make('new@demo.test')
    const missing = await make('new@none.test')
    assert.equal(missing.status, 404)
    assert.deepEqual(comparable(seen, ['demo.test']), comparable(missing, ['none.test']))
  }
})

test('neither are they asked for or imported there', async () => {
  for (const { key, headers } of strangers) {
    const ask = async (address: string): Promise<unknown> => {
      const body = { mailboxes: [{ address }] }
      const asked = await api.call('POST', '/v1/mailbox-requests', { key, headers, body })
      const imported = await api.call('POST', '/v1/mailboxes/import?preview=true', {
        key,
        headers: { ...headers, 'content-type': 'text/csv' },
        body: `address\n${address}\n`,
      })
      return [
        textAt(asked.json, 'data', 0, 'problem', 'code'),
        textAt(imported.json, 'problems', 0, 'problem', 'code'),
      ]
    }
    assert.deepEqual(await ask('new@demo.test'), await ask('new@none.test'))
  }
})
