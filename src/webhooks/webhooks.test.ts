/** Webhooks from the event to the endpoint and back into the log, over real sockets and by the API. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { resealPrivateKeys } from '../domains/reseal.ts'
import { transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { createVault, newMasterKey } from '../platform/vault.ts'
import { at, listAt, refusal, startTestApi, type TestApi, textAt } from '../testing/test-api.ts'
import { runJobs } from '../testing/test-jobs.ts'
import { masterKeyOf, openSecondNode } from '../testing/test-node.ts'
import { type EndpointReply, type Received, runWebhooks, startEndpoint } from '../testing/test-webhooks.ts'
import { cleanUpWebhooks } from './clean-up.ts'

let api: TestApi
const noId = '00000000-0000-7000-8000-000000000000'
const stack = new AsyncDisposableStack()

before(async () => {
  api = await startTestApi({
    requestsPerMinute: 1e9,
    environment: {
      MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8',
      MAILWRIGHT_WEBHOOK_TIMEOUT: '2s',
      MAILWRIGHT_WEBHOOKS_PER_WORKSPACE: '5',
    },
  })
  stack.use(api)
  await runWebhooks(stack, api.platform)
})
after(() => stack.disposeAsync())

async function made(body: object): Promise<{ id: string; secret: string }> {
  const reply = await api.call('POST', '/v1/webhooks', { body })
  assert.equal(reply.status, 201, reply.text)
  return { id: textAt(reply.json, 'id'), secret: textAt(reply.json, 'secret') }
}

async function get(path: string): Promise<unknown> {
  const reply = await api.call('GET', path)
  assert.equal(reply.status, 200, reply.text)
  return reply.json
}

/** An event of the workspace, or of a mailbox of it. */
async function happen(name: string, mailboxId: string | null = null): Promise<void> {
  const { organizationId, workspaceId } = api.scope
  await transaction(api.platform.db, (tx) =>
    appendEvents(api.platform, tx, [
      {
        type: 'workspace.updated',
        organizationId,
        workspaceId,
        mailboxId,
        data: { workspace_id: workspaceId, name },
      },
    ]),
  )
}

const nameIn = ({ body }: Received): string => textAt(JSON.parse(body), 'data', 'name')
const header = ({ headers }: Received, name: string): string => String(headers[name])

/** Waits for what the log says of a webhook. */
async function delivered(id: string, isEnough: (rows: unknown[]) => boolean): Promise<unknown[]> {
  for (;;) {
    const rows = listAt(await get(`/v1/webhooks/${id}/deliveries?limit=200`), 'data')
    if (isEnough(rows)) return rows
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const allIn = (state: string, count: number) => (rows: unknown[]) =>
  rows.filter((row) => at(row, 'state') === state).length === count

async function withEndpoint(
  reply: ((request: Received, index: number) => EndpointReply) | undefined,
  work: (endpoint: Awaited<ReturnType<typeof startEndpoint>>) => Promise<void>,
): Promise<void> {
  await using endpoint = await startEndpoint(reply)
  await work(endpoint)
}

test('an event is sent once, signed, as the log of events has it', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id, secret } = await made({
      url: endpoint.url,
      event_types: ['workspace.*'],
      headers: { 'X-Own': 'of mine' },
    })
    await happen('first')
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
    const [row] = await delivered(id, allIn('delivered', 1))
    assert.equal(textAt(row, 'id'), header(request, 'webhook-id'))
    assert.equal(textAt(row, 'event_id'), textAt(event, 'id'))
    const details = await get(`/v1/webhooks/${id}/deliveries/${textAt(row, 'id')}`)
    assert.equal(at(details, 'request_body'), request.body)
    const [attempt] = listAt(details, 'attempt_log')
    assert.equal(at(attempt, 'status'), 204)
    assert.equal(at(attempt, 'request_headers', 'x-own'), '(hidden)')
    assert.equal(at(attempt, 'request_headers', 'webhook-signature'), undefined)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('each is told of what its filter and its mailboxes say', async () => {
  const one = await api.createMailbox()
  const other = await api.createMailbox()
  const identity = await api.call('POST', '/v1/identities', { body: { mailbox: other.mailboxId } })
  await withEndpoint(undefined, async (endpoint) => {
    const base = endpoint.url
    const event_types = ['workspace.updated']
    const ids = [
      await made({ url: `${base}/all`, event_types }),
      await made({ url: `${base}/one`, event_types, mailbox_ids: [one.mailboxId] }),
      await made({ url: `${base}/identity`, event_types, identity_ids: [textAt(identity.json, 'id')] }),
      await made({ url: `${base}/none`, event_types: ['domain.*'] }),
      await made({ url: `${base}/off`, event_types, enabled: false }),
    ]
    await happen('one', one.mailboxId)
    await happen('other', other.mailboxId)
    await happen('nobody')
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
    const { id } = await made({ url: endpoint.url, event_types: ['webhook.*'] })
    await api.call('PATCH', `/v1/webhooks/${id}`, { body: { description: 'itself' } })
    const other = await made({ url: endpoint.url, event_types: ['domain.*'] })
    const subjectOf = ({ body }: Received): string => textAt(JSON.parse(body), 'data', 'webhook_id')
    // What was told of one before it may come, too, if another database of the server held back the log.
    await endpoint.until((all) => all.some((request) => subjectOf(request) === other.id))
    assert.ok(endpoint.received.every((request) => subjectOf(request) !== id))
    for (const one of [id, other.id]) await api.call('DELETE', `/v1/webhooks/${one}`)
  })
})

test('two secrets sign while one takes the place of the other', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id, secret } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
    const rotated = await api.call('POST', `/v1/webhooks/${id}/rotate-secret`, {
      body: { previous_hours: 1 },
    })
    const present = textAt(rotated.json, 'secret')
    assert.notEqual(present, secret)
    assert.equal(textAt(rotated.json, 'previous_secret'), secret)
    assert.deepEqual((await get(`/v1/webhooks/${id}/secret`)) as unknown, rotated.json)
    await happen('both')
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
    await happen('new only')
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

/** Before the clock is moved, which the second node does not hear of. */
test('two nodes share the work, and nothing is sent twice', async () => {
  await using nodes = new AsyncDisposableStack()
  const second = await openSecondNode(nodes, api, { MAILWRIGHT_WEBHOOK_NETWORKS: '127.0.0.0/8' })
  await runWebhooks(nodes, second)
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
    const count = 300
    await Promise.all(Array.from({ length: count }, (_, index) => happen(`shared ${index}`)))
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
      const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
      await happen('retried')
      const waits = [5, 30, 120, 600, 1800, 3600, 7200, 14_400]
      for (let made = 1; ; made++) {
        await endpoint.count(made)
        const [row] = await delivered(id, ([one]) => at(one, 'attempts') === made)
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
      const webhook = await get(`/v1/webhooks/${id}`)
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
      const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
      await happen('gone')
      await delivered(id, allIn('failed', 1))
      assert.equal(textAt(await get(`/v1/webhooks/${id}`), 'paused_reason'), 'gone')
      await happen('while paused')
      const [latest] = await delivered(id, allIn('failed', 2))
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
      await delivered(id, allIn('delivered', 2))
      const again = await api.call('POST', `${path}/deliveries/${textAt(latest, 'id')}/replay`)
      assert.equal(again.status, 200, again.text)
      await endpoint.count(4)
      assert.equal(new Set(endpoint.received.map((request) => header(request, 'webhook-id'))).size, 2)
      await api.call('DELETE', path)
    },
  )
})

test('a replay of everything has also what the webhook was never told of', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'], enabled: false })
    await happen('unheard')
    await api.call('PATCH', `/v1/webhooks/${id}`, { body: { enabled: true } })
    await happen('heard')
    await endpoint.until((all) => all.some((request) => nameIn(request) === 'heard'))
    await delivered(id, (rows) => rows.every((row) => at(row, 'state') === 'delivered'))
    const from = new Date(api.platform.clock.now().getTime() - 60_000).toISOString()
    const body = { state: 'all', from, types: ['workspace.updated'] }
    await api.call('POST', `/v1/webhooks/${id}/replay`, { body })
    await runJobs(api.platform)
    const times = (all: readonly Received[], name: string) => all.filter((one) => nameIn(one) === name).length
    await endpoint.until((all) => times(all, 'unheard') > 0 && times(all, 'heard') === 2)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('Retry-After is kept to', async () => {
  await withEndpoint(
    (_, index) => (index === 0 ? { status: 429, headers: { 'retry-after': '600' } } : { status: 200 }),
    async (endpoint) => {
      const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
      await happen('too much')
      const [row] = await delivered(id, ([one]) => at(one, 'attempts') === 1)
      const now = api.platform.clock.now().getTime()
      const left = (Date.parse(textAt(row, 'next_attempt_at')) - now) / 1000
      assert.ok(left > 590 && left <= 600, String(left))
      api.platform.clock.advance?.('PT601S')
      await endpoint.count(2)
      await delivered(id, allIn('delivered', 1))
      await api.call('DELETE', `/v1/webhooks/${id}`)
    },
  )
})

test('a ping says what the endpoint answered, and is in the log', async () => {
  await withEndpoint(
    () => ({ status: 418, headers: { 'x-kind': 'teapot' }, body: `short and ${'long '.repeat(4000)}` }),
    async (endpoint) => {
      const { id } = await made({ url: endpoint.url, event_types: ['domain.created'], enabled: false })
      const { json } = await api.call('POST', `/v1/webhooks/${id}/test`)
      assert.equal(at(json, 'succeeded'), false)
      assert.equal(at(json, 'attempt', 'status'), 418)
      assert.equal(at(json, 'attempt', 'response_headers', 'x-kind'), 'teapot')
      assert.equal(textAt(json, 'attempt', 'response_body').length, 4096)
      assert.equal(textAt(JSON.parse(endpoint.received[0]?.body ?? ''), 'type'), 'webhook.test')
      const [row] = listAt(await get(`/v1/webhooks/${id}/deliveries?type=webhook.test&state=failed`), 'data')
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
    const { id } = await made(body)
    await happen('private', box.mailboxId)
    await delivered(id, allIn('delivered', 1))
    await api.call('DELETE', `/v1/mailboxes/${box.mailboxId}?purge=true`)
    await runJobs(api.platform)
    assert.deepEqual(listAt(await get(`/v1/webhooks/${id}/deliveries`), 'data'), [])
    const { rows } = await sql`select from webhook_events where mailbox_id = ${box.mailboxId}::uuid
      and payload like '%private%'`.execute(api.platform.db)
    assert.equal(rows.length, 0)
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

test('old deliveries go, those that nobody could try fail', async () => {
  await withEndpoint(undefined, async (endpoint) => {
    const { id } = await made({ url: endpoint.url, event_types: ['workspace.*'] })
    await happen('kept')
    await delivered(id, allIn('delivered', 1))
    const { platform } = api
    const later = (days: number) => ({
      ...platform,
      clock: { ...platform.clock, now: () => new Date(platform.clock.now().getTime() + days * 86_400_000) },
    })
    await cleanUpWebhooks(later(13))
    assert.equal(listAt(await get(`/v1/webhooks/${id}/deliveries`), 'data').length, 1)
    await cleanUpWebhooks(later(15))
    assert.equal(listAt(await get(`/v1/webhooks/${id}/deliveries`), 'data').length, 0)
    const events = await sql`select from webhook_events`.execute(platform.db)
    assert.ok(events.rows.length > 0)
    await cleanUpWebhooks(later(40))
    assert.equal((await sql`select from webhook_events`.execute(platform.db)).rows.length, 0)
    await api.call('DELETE', `/v1/webhooks/${id}`)
  })
})

test('a workspace has as many as it may, and keys of one mailbox none', async () => {
  const { mailboxId } = await api.createMailbox()
  const key = await api.key({ workspaceId: api.scope.workspaceId, mailboxId })
  const body = { url: 'https://hooks.example/' }
  assert.equal(refusal(await api.call('POST', '/v1/webhooks', { body, key })), '403 forbidden')
  assert.equal(refusal(await api.call('GET', '/v1/webhooks', { key })), '403 forbidden')
  for (let count = listAt(await get('/v1/webhooks'), 'data').length; count < 5; count++) await made(body)
  assert.equal(refusal(await api.call('POST', '/v1/webhooks', { body })), '409 webhook_limit_reached')
})
