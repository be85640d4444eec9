/** The log of a webhook's deliveries: what is replayed, what a ping leaves in it, and what goes from it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { at, listAt, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import type { Received } from '../testing/test-webhooks.ts'
import {
  allIn,
  nameIn,
  startTestWebhooksApi,
  type TestWebhooksApi,
  withEndpoint,
} from '../testing/test-webhooks-api.ts'
import { cleanUpWebhooks } from './clean-up.ts'

let api: TestWebhooksApi
before(async () => {
  api = await startTestWebhooksApi()
})
after(() => api[Symbol.asyncDispose]())

test('a replay of everything has also what the webhook was never told of', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'], enabled: false })
    await api.happen('unheard')
    await api.call('PATCH', `/v1/webhooks/${id}`, { body: { enabled: true } })
    await api.happen('heard')
    await endpoint.until((all) => all.some((request) => nameIn(request) === 'heard'))
    await api.delivered(id, (rows) => rows.every((row) => at(row, 'state') === 'delivered'))
    const from = new Date(api.platform.clock.now().getTime() - 60_000).toISOString()
    const body = { state: 'all', from, types: ['workspace.updated'] }
    await api.call('POST', `/v1/webhooks/${id}/replay`, { body })
    await runJobs(api.platform)
    const times = (all: readonly Received[], name: string) => all.filter((one) => nameIn(one) === name).length
    await endpoint.until((all) => times(all, 'unheard') > 0 && times(all, 'heard') === 2)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('a ping says what the endpoint answered, and is in the log', async () => {
  await withEndpoint(
    () => ({ status: 418, headers: { 'x-kind': 'teapot' }, body: `short and ${'long '.repeat(4000)}` }),
    async (endpoint) => {
      const { id } = await api.made({ url: endpoint.url, event_types: ['domain.created'], enabled: false })
      const { json } = await api.call('POST', `/v1/webhooks/${id}/test`)
      assert.equal(at(json, 'succeeded'), false)
      assert.equal(at(json, 'attempt', 'status'), 418)
      assert.equal(at(json, 'attempt', 'response_headers', 'x-kind'), 'teapot')
      assert.equal(textAt(json, 'attempt', 'response_body').length, 4096)
      assert.equal(textAt(JSON.parse(endpoint.received[0]?.body ?? ''), 'type'), 'webhook.test')
      const [row] = listAt(
        await api.get(`/v1/webhooks/${id}/deliveries?type=webhook.test&state=failed`),
        'data',
      )
      assert.equal(textAt(row, 'id'), textAt(json, 'delivery_id'))
      await api.call('DELETE', `/v1/webhooks/${id}`)
      await runJobs(api.platform)
      const { rows } = await sql`select from webhook_deliveries where webhook_id = ${id}::uuid`.execute(
        api.platform.db,
      )
      assert.equal(rows.length, 0)
    },
  )
})

test('what was told of a mailbox goes with it', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const box = await api.createMailbox()
    const body = { url: endpoint.url, event_types: ['workspace.*'], mailbox_ids: [box.mailboxId] }
    const { id } = await api.made(body)
    await api.happen('private', box.mailboxId)
    await api.delivered(id, allIn('delivered', 1))
    await api.call('DELETE', `/v1/mailboxes/${box.mailboxId}?purge=true`)
    await runJobs(api.platform)
    assert.deepEqual(listAt(await api.get(`/v1/webhooks/${id}/deliveries`), 'data'), [])
    const { rows } = await sql`select from webhook_events where mailbox_id = ${box.mailboxId}::uuid
      and payload like '%private%'`.execute(api.platform.db)
    assert.equal(rows.length, 0)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('old deliveries go, those that nobody could try fail', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
    await api.happen('kept')
    await api.delivered(id, allIn('delivered', 1))
    const { platform } = api
    const later = (days: number) => ({
      ...platform,
      clock: { ...platform.clock, now: () => new Date(platform.clock.now().getTime() + days * 86_400_000) },
    })
    await cleanUpWebhooks(later(13))
    assert.equal(listAt(await api.get(`/v1/webhooks/${id}/deliveries`), 'data').length, 1)
    await cleanUpWebhooks(later(15))
    assert.equal(listAt(await api.get(`/v1/webhooks/${id}/deliveries`), 'data').length, 0)
    const events = await sql`select from webhook_events`.execute(platform.db)
    assert.ok(events.rows.length > 0)
    await cleanUpWebhooks(later(40))
    assert.equal((await sql`select from webhook_events`.execute(platform.db)).rows.length, 0)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})
