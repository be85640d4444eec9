/** Webhooks of a workspace in the format of a vendor: kept apart from others, with a secret of their own. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Tx, transaction } from '../platform/database.ts'
import { listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { readEndpoints } from './endpoint.ts'
import {
  createWorkspaceWebhook,
  deleteWorkspaceWebhook,
  listWorkspaceWebhooks,
  updateWorkspaceWebhook,
} from './workspace-webhooks.ts'

let api: TestApi
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: '2' } })
})
after(() => api[Symbol.asyncDispose]())

const format = 'zapmail'
const inTx = <T>(work: (tx: Tx) => Promise<T>): Promise<T> => transaction(api.platform.db, work)
const create = (url = 'https://hooks.example.com/a') =>
  inTx((tx) =>
    createWorkspaceWebhook(api.platform, tx, api.scope, format, { url, eventTypes: ['mailbox.updated'] }),
  )

test('each signs with the secret that was shown, and the native API does not know it', async () => {
  const [one, two] = [await create(), await create('https://hooks.example.com/b')]
  assert.notEqual(one.secret, two.secret)
  const endpoints = await readEndpoints(api.platform, [one.webhook.id, two.webhook.id])
  assert.deepEqual(
    [one, two].map(({ webhook }) => endpoints.get(webhook.id)?.formatted?.signingKey),
    [one.secret, two.secret],
  )
  assert.equal((await listWorkspaceWebhooks(api.platform, api.scope, format)).length, 2)
  assert.deepEqual(listAt((await api.call('GET', '/v1/webhooks')).json, 'data'), [])
  assert.equal(refusal(await api.call('GET', `/v1/webhooks/${one.webhook.id}`)), '404 webhook_not_found')
})

test('there is a bound, which is not that of others', async () => {
  await assert.rejects(create(), { code: 'webhook_limit_reached' })
  const native = await api.call('POST', '/v1/webhooks', { body: { url: 'https://hooks.example.com/c' } })
  assert.equal(native.status, 201, native.text)
  const update = (id: string) =>
    inTx((tx) => updateWorkspaceWebhook(api.platform, tx, api.scope, format, id, { enabled: false }))
  await assert.rejects(update(textAt(native.json, 'id')), { code: 'webhook_not_found' })
})

test('what another may not: who reads, who is bound to a mailbox, another tenant', async () => {
  const [one] = await listWorkspaceWebhooks(api.platform, api.scope, format)
  const { organizationId, workspaceId } = await api.tenant()
  for (const [scope, code] of [
    [{ ...api.scope, access: 'read' as const }, 'forbidden'],
    [{ ...api.scope, mailboxId: one?.id ?? '' }, 'forbidden'],
    [{ ...api.scope, organizationId, workspaceId }, 'webhook_not_found'],
  ] as const) {
    const remove = inTx((tx) => deleteWorkspaceWebhook(api.platform, tx, scope, format, one?.id ?? ''))
    await assert.rejects(remove, { code })
  }
  await inTx((tx) => deleteWorkspaceWebhook(api.platform, tx, api.scope, format, one?.id ?? ''))
  assert.equal((await listWorkspaceWebhooks(api.platform, api.scope, format)).length, 1)
})
