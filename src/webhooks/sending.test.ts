/** Webhooks from the event to the endpoint, over real sockets: sent once, tried again, paused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { at, listAt, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { openSecondNode } from '../testing/test-node.ts'
import { runWebhooks } from '../testing/test-webhooks.ts'
import {
  allIn,
  header,
  nameIn,
  startTestWebhooksApi,
  type TestWebhooksApi,
  withEndpoint,
} from '../testing/test-webhooks-api.ts'

let api: TestWebhooksApi
before(async () => {
  api = await startTestWebhooksApi()
})
after(() => api[Symbol.asyncDispose]())

test('an event is sent once, signed, as the log of events has it', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id, secret } = await api.made({
      url: endpoint.url,
      event_types: ['workspace.*'],
      headers: { 'X-Own': 'of mine' },
    })
    await api.happen('first')
    await endpoint.count(1)
    const [request] = endpoint.received
    assert.ok(request)
    assert.equal(nameIn(request), 'first')
    assert.equal(header(request, 'x-own'), 'of mine')
    const event = new Webhook(secret).verify(request.body, {
      'webhook-id': header(request, 'webhook-id'),
      'webhook-timestamp': header(request, 'webhook-timestamp'),
      'webhook-signature': header(request, 'webhook-signature'),
    })
    assert.equal(textAt(event, 'type'), 'workspace.updated')
    const [row] = await api.delivered(id, allIn('delivered', 1))
    assert.equal(textAt(row, 'id'), header(request, 'webhook-id'))
    assert.equal(textAt(row, 'event_id'), textAt(event, 'id'))
    const details = await api.get(`/v1/webhooks/${id}/deliveries/${textAt(row, 'id')}`)
    assert.equal(at(details, 'request_body'), request.body)
    const [attempt] = listAt(details, 'attempt_log')
    assert.equal(at(attempt, 'status'), 204)
    assert.equal(at(attempt, 'request_headers', 'x-own'), '(hidden)')
    assert.equal(at(attempt, 'request_headers', 'webhook-signature'), undefined)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

/** Before the clock is moved, which the second node does not hear of. */
test('two nodes share the work, and nothing is sent twice', async () => {
  await using nodes = new AsyncDisposableStack()
  const second = await openSecondNode(nodes, api, { MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8' })
  await runWebhooks(nodes, second)
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
    const count = 300
    await Promise.all(Array.from({ length: count }, (_, index) => api.happen(`shared ${index}`)))
    await endpoint.until((all) => new Set(all.map(nameIn)).size === count)
    const { rows } = await sql<{ left: number }>`
      select count(*)::int as left from webhook_deliveries where webhook_id = ${id}::uuid`.execute(second.db)
    assert.equal(rows[0]?.left, count)
    assert.equal(endpoint.received.length, count)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('what fails is tried again by the schedule, under the same id, until its time is over', async () => {
  const { clock } = api.platform
  await withEndpoint(
    (_, index) => ({ status: 500, body: `no ${index}` }),
    async (endpoint) => {
      const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
      await api.happen('retried')
      const waits = [5, 30, 120, 600, 1800, 3600, 7200, 14_400]
      for (let made = 1; ; made++) {
        await endpoint.count(made)
        const [row] = await api.delivered(id, ([one]) => at(one, 'attempts') === made)
        if (at(row, 'state') === 'failed') break
        assert.equal(at(row, 'last_status'), 500)
        const left = (Date.parse(textAt(row, 'next_attempt_at')) - clock.now().getTime()) / 1000
        const wait = waits[made - 1] ?? 28_800
        const untilEnd = (Date.parse(textAt(row, 'expires_at')) - clock.now().getTime()) / 1000
        assert.ok(
          left <= wait * 1.11 && left >= Math.min(wait * 0.89 - 5, untilEnd - 5),
          `${made}: ${left} of ${wait}`,
        )
        // The endpoint as a whole is left alone for a while, too, which is over by then or in five minutes.
        clock.advance?.(`PT${Math.max(Math.ceil(left) + 1, made >= 5 ? 340 : 0)}S`)
      }
      assert.equal(new Set(endpoint.received.map((request) => header(request, 'webhook-id'))).size, 1)
      const stamps = endpoint.received.map((request) => Number(header(request, 'webhook-timestamp')))
      assert.ok((stamps.at(-1) ?? 0) - (stamps[0] ?? 0) >= 3 * 86_400 - 60, 'it was tried for three days')
      const webhook = await api.get(`/v1/webhooks/${id}`)
      assert.equal(at(webhook, 'state'), 'paused')
      assert.equal(at(webhook, 'paused_reason'), 'failing')
      const { rows } = await sql<{ data: unknown }>`
        select data from events where type = 'webhook.paused' and data ->> 'webhook_id' = ${id}`.execute(
        api.platform.db,
      )
      assert.equal(textAt(rows[0]?.data, 'reason'), 'failing')
      await api.call('DELETE', `/v1/webhooks/${id}`)
    },
  )
})

test('410 pauses; what comes then is kept as failed, and replayed when it goes on', async () => {
  let status = 410
  await withEndpoint(
    () => ({ status }),
    async (endpoint) => {
      const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
      await api.happen('gone')
      await api.delivered(id, allIn('failed', 1))
      assert.equal(textAt(await api.get(`/v1/webhooks/${id}`), 'paused_reason'), 'gone')
      await api.happen('while paused')
      const [latest] = await api.delivered(id, allIn('failed', 2))
      assert.equal(at(latest, 'attempts'), 0)
      assert.equal(endpoint.received.length, 1)
      const path = `/v1/webhooks/${id}`
      const refused = await api.call('POST', `${path}/deliveries/${textAt(latest, 'id')}/replay`)
      assert.equal(textAt(refused.json, 'code'), 'webhook_state_conflict')
      const off = await api.call('PATCH', path, { body: { enabled: false } })
      assert.equal(at(off.json, 'state'), 'disabled', 'its owner can have it collect no more')
      assert.equal(at(off.json, 'paused_reason'), null)
      status = 200
      await api.call('PATCH', path, { body: { enabled: true } })
      assert.equal((await api.call('POST', `${path}/replay`, { body: {} })).status, 202)
      await runJobs(api.platform)
      await api.delivered(id, allIn('delivered', 2))
      const again = await api.call('POST', `${path}/deliveries/${textAt(latest, 'id')}/replay`)
      assert.equal(again.status, 200, again.text)
      await endpoint.count(4)
      assert.equal(new Set(endpoint.received.map((request) => header(request, 'webhook-id'))).size, 2)
      await api.call('DELETE', path)
    },
  )
})

test('Retry-After is kept to', async () => {
  await withEndpoint(
    (_, index) => (index === 0 ? { status: 429, headers: { 'retry-after': '600' } } : { status: 200 }),
    async (endpoint) => {
      const { id } = await api.made({ url: endpoint.url, event_types: ['workspace.*'] })
      await api.happen('too much')
      const [row] = await api.delivered(id, ([one]) => at(one, 'attempts') === 1)
      const now = api.platform.clock.now().getTime()
      const left = (Date.parse(textAt(row, 'next_attempt_at')) - now) / 1000
      assert.ok(left > 590 && left <= 600, String(left))
      api.platform.clock.advance?.('PT601S')
      await endpoint.count(2)
      await api.delivered(id, allIn('delivered', 1))
      await api.call('DELETE', `/v1/webhooks/${id}`)
    },
  )
})
