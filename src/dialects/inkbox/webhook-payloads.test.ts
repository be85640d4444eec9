/** The six kinds of payloads, from real mail to a real endpoint that checks signatures by itself. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { cancelOutbound } from '../../delivery/outbound/control.ts'
import { sendDue } from '../../delivery/scheduled/send-due.ts'
import { transaction } from '../../platform/database.ts'
import { unmetElsewhere } from '../../testing/inkbox-operations.ts'
import {
  type InkboxWebhooks,
  isSignedBy,
  payloadIn,
  startInkboxWebhooks,
} from '../../testing/inkbox-webhooks.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { type EndpointReply, type Received, startEndpoint } from '../../testing/test-webhooks.ts'
import { setMailboxUrl } from '../../webhooks/mailbox-urls.ts'
import { mailEventTypes } from './webhook-events.ts'
import { mailboxUrlFormat } from './webhook-format.ts'
import { bodyCharsMax } from './webhook-message.ts'

let inkbox: InkboxWebhooks
before(async () => {
  inkbox = await startInkboxWebhooks()
})
after(() => inkbox[Symbol.asyncDispose]())

async function subscribe(body: object): Promise<{ id: string; signingKey: string }> {
  const { status, json, text } = await inkbox.inkbox('createWebhookSubscription', { body })
  assert.equal(status, 201, text)
  return { id: textAt(json, 'id'), signingKey: textAt(json, 'signing_key') }
}

const typeOf = ({ body }: Received): string => textAt(JSON.parse(body), 'event_type')

test('all six kinds come, signed, each as the contract has it', async () => {
  const ann = await inkbox.sender('ann')
  const bob = await inkbox.sender('bob')
  await using endpoint = await startEndpoint()
  const { signingKey } = await subscribe({
    mailbox_id: ann.mailboxId,
    url: endpoint.url,
    event_types: mailEventTypes,
    auth_token: 'token-of-mine',
  })
  assert.match(signingKey, /^whsec_/)
  const got = async (type: string): Promise<unknown> => {
    await endpoint.until((all) => all.some((one) => typeOf(one) === type))
    const request = endpoint.received.find((one) => typeOf(one) === type)
    assert.ok(request)
    assert.ok(isSignedBy(request, signingKey), type)
    assert.equal(request.headers.authorization, 'Bearer token-of-mine')
    return payloadIn(request)
  }
  await inkbox.send(bob.mailboxId, { to: [ann.address], subject: 'Price for 40 units', text: 'Hi there' })
  const received = await got('message.received')
  const message = at(received, 'data', 'message')
  assert.equal(at(message, 'body'), 'Hi there\r\n')
  assert.equal(at(message, 'body_state'), 'complete')
  assert.equal(at(message, 'subject'), 'Price for 40 units')
  assert.equal(at(message, 'email_address'), ann.address)
  assert.deepEqual(
    listAt(received, 'data', 'agent_identities').map((one) => [at(one, 'bucket'), at(one, 'agent_handle')]),
    [
      ['from', 'bob'],
      ['to', 'ann'],
    ],
  )
  const of = (payload: unknown) => [
    at(payload, 'data', 'message', 'id'),
    at(payload, 'data', 'message', 'status'),
  ]

  const sentId = await inkbox.send(ann.mailboxId, {
    to: ['dana@remote.example'],
    bcc: ['hidden@remote.example'],
    subject: 'Your quote',
    text: 'Attached.',
  })
  const sent = await got('message.sent')
  assert.deepEqual(of(sent), [sentId, 'sent'])
  assert.deepEqual(at(sent, 'data', 'message', 'bcc_addresses'), ['hidden@remote.example'])
  assert.equal(at(sent, 'data', 'message', 'body'), null)
  assert.deepEqual(of(await got('message.delivered')), [sentId, 'delivered'])

  const path = `/v1/mailboxes/${ann.mailboxId}/messages/${textAt(message, 'id')}/forward`
  const forward = await inkbox.call('POST', path, { body: { to: ['partner@remote.example'] } })
  assert.equal(forward.status, 202, forward.text)
  assert.deepEqual(of(await got('message.forwarded')), [textAt(forward.json, 'id'), 'sent'])

  inkbox.remote.behaviour = { reply: (line) => (/^RCPT/i.test(line) ? '550 5.1.1 No such user' : undefined) }
  const bouncedId = await inkbox.send(ann.mailboxId, { to: ['none@remote.example'], subject: 'x', text: 'x' })
  assert.deepEqual(of(await got('message.bounced')), [bouncedId, 'bounced'])

  inkbox.remote.behaviour = { reply: (line) => (/^RCPT/i.test(line) ? '451 4.3.0 Later' : undefined) }
  const failedId = await inkbox.send(ann.mailboxId, { to: ['later@remote.example'], subject: 'y', text: 'y' })
  await cancelFirstQueued(ann.mailboxId)
  assert.deepEqual(of(await got('message.failed')), [failedId, 'failed'])
  inkbox.remote.behaviour = {}
  assert.equal(
    new Set(endpoint.received.map((one) => one.headers['x-inkbox-request-id'])).size,
    endpoint.received.length,
  )
})

/** Takes what waits of a mailbox out of the queue, as soon as it has been put off. */
async function cancelFirstQueued(mailboxId: string): Promise<void> {
  const { platform, scope } = inkbox
  for (;;) {
    const rows = await platform.db
      .selectFrom('outbound_recipients')
      .select('id')
      .where('mailbox_id', '=', mailboxId)
      .where('state', '=', 'queued')
      .where('attempts', '>', 0)
      .execute()
    const ids = rows.map(({ id }) => id)
    const cancel = () => transaction(platform.db, (tx) => cancelOutbound(platform, tx, scope, ids, 'test'))
    if (ids.length > 0 && (await cancel()) > 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a recipient on this server is told as delivered, also the sender itself', async () => {
  const [ian, joy] = [await inkbox.sender('ian'), await inkbox.sender('joy')]
  await using endpoint = await startEndpoint()
  const event_types = ['message.sent', 'message.delivered']
  await subscribe({ mailbox_id: ian.mailboxId, url: endpoint.url, event_types })
  const sentId = await inkbox.send(ian.mailboxId, { to: [joy.address, ian.address], subject: 'x', text: 'x' })
  await endpoint.count(3)
  assert.deepEqual(endpoint.received.map(typeOf).toSorted(), [
    'message.delivered',
    'message.delivered',
    'message.sent',
  ])
  for (const request of endpoint.received) {
    const message = at(payloadIn(request), 'data', 'message')
    assert.deepEqual([at(message, 'id'), at(message, 'direction')], [sentId, 'outbound'])
    assert.equal(at(message, 'status'), typeOf(request) === 'message.sent' ? 'sent' : 'delivered')
  }
})

test('a forward is told as one also where it waited for its time, or for an approval', async () => {
  const { platform, scope } = inkbox
  const [kim, lee] = [await inkbox.sender('kim'), await inkbox.sender('lee')]
  await using endpoint = await startEndpoint()
  const event_types = ['message.received', 'message.sent', 'message.forwarded']
  await subscribe({ mailbox_id: kim.mailboxId, url: endpoint.url, event_types })
  await inkbox.send(lee.mailboxId, { to: [kim.address], subject: 'First', text: 'x' })
  await endpoint.count(1)
  const original = textAt(JSON.parse(endpoint.received[0]?.body ?? ''), 'data', 'message', 'id')
  const base = `/v1/mailboxes/${kim.mailboxId}`
  const forward = async (more: object = {}): Promise<unknown> => {
    const body = { to: ['partner@remote.example'], ...more }
    const reply = await inkbox.call('POST', `${base}/messages/${original}/forward`, { body })
    assert.equal(reply.status, 202, reply.text)
    return reply.json
  }
  await forward({
    subject: 'Timed',
    send_at: new Date(platform.clock.now().getTime() + 60_000).toISOString(),
  })
  platform.clock.advance?.('PT2M')
  await sendDue(platform)
  await endpoint.count(2)
  const policy = { body: { sending_mode: 'approve' } }
  assert.equal((await inkbox.call('PUT', `${base}/delivery-policy`, policy)).status, 200)
  const approval = textAt(await forward({ subject: 'Approved' }), 'approval_id')
  const key = await inkbox.key({ workspaceId: scope.workspaceId })
  const approved = await inkbox.call('POST', `/v1/approvals/${approval}/approve`, { body: {}, key })
  assert.equal(approved.status, 200, approved.text)
  await endpoint.count(3)
  assert.deepEqual(
    endpoint.received.slice(1).map((one) => [typeOf(one), at(payloadIn(one), 'data', 'message', 'subject')]),
    [
      ['message.forwarded', 'Timed'],
      ['message.forwarded', 'Approved'],
    ],
  )
})

test('tried again under the same id, replayed to where it leads now, and rotated at once', async () => {
  const [cara, dan] = [await inkbox.sender('cara'), await inkbox.sender('dan')]
  const reply = (_: Received, index: number): EndpointReply => ({
    status: index === 0 ? 500 : 200,
    body: 'ok',
  })
  await using endpoint = await startEndpoint(reply)
  await using other = await startEndpoint()
  const { id, signingKey } = await subscribe({
    agent_identity_id: cara.identity.id,
    url: endpoint.url,
    event_types: ['message.received'],
  })
  await inkbox.send(dan.mailboxId, {
    to: [cara.address],
    subject: 'once',
    text: 'x'.repeat(bodyCharsMax + 10),
  })
  await endpoint.count(1)
  await inkbox.logged(id, (rows) => rows.length === 1)
  inkbox.platform.clock.advance?.('PT5S')
  await endpoint.count(2)
  const [first, second] = endpoint.received
  assert.ok(first && second)
  assert.equal(first.body, second.body)
  const message = at(payloadIn(second), 'data', 'message')
  assert.equal(at(message, 'body_state'), 'truncated')
  assert.equal(at(message, 'body_included_chars'), bodyCharsMax)
  const rows = await inkbox.logged(id, (all) => all.length === 2)
  assert.deepEqual(
    rows.map((row) => at(row, 'response_status')),
    [200, 500],
  )
  assert.equal(at(rows[0], 'request_payload'), second.body)
  const query = (more: object) => ({ query: { subscription_id: id, ...more } })
  const listed = async (more: object) =>
    listAt((await inkbox.inkbox('listWebhookDeliveries', query(more))).json, 'deliveries')
  assert.deepEqual(await listed({ success: false }), [rows[1]])
  assert.deepEqual(await listed({ success: true, limit: 0 }), [rows[0]])
  assert.deepEqual(await listed({ limit: 1000, offset: 1 }), [rows[1]])
  assert.deepEqual(await listed({ event_type: 'message.sent' }), [])

  const rotated = await inkbox.inkbox('createOrRotateIdentitySigningKey', { path: { agent_handle: 'cara' } })
  const key = textAt(rotated.json, 'signing_key')
  const path = { subscription_id: id }
  assert.equal((await inkbox.inkbox('getWebhookSubscription', { path })).status, 200)
  await inkbox.inkbox('updateWebhookSubscription', { path, body: { url: other.url } })
  const delivery = { delivery_id: textAt(rows[1], 'id') }
  const replayed = await inkbox.inkbox('replayWebhookDelivery', { path: delivery })
  assert.equal(replayed.status, 200, replayed.text)
  assert.deepEqual(
    [at(replayed.json, 'is_replay'), at(replayed.json, 'event_id'), at(replayed.json, 'url')],
    [true, at(rows[0], 'event_id'), other.url],
  )
  const [again] = other.received
  assert.ok(again && again.body === first.body)
  assert.ok(isSignedBy(again, key) && !isSignedBy(again, signingKey))
  assert.equal((await listed({})).length, 3)
  for (const call of [{ key: dan.key }, {}]) {
    const wrong = call.key === undefined ? { delivery_id: id } : delivery
    assert.equal((await inkbox.inkbox('replayWebhookDelivery', { ...call, path: wrong })).status, 404)
  }
  await inkbox.inkbox('updateWebhookSubscription', { path, body: { event_types: ['message.sent'] } })
  assert.equal((await inkbox.inkbox('replayWebhookDelivery', { path: delivery })).status, 409)
  assert.equal((await inkbox.inkbox('deleteWebhookSubscription', { path })).status, 204)
  assert.equal((await inkbox.inkbox('replayWebhookDelivery', { path: delivery })).status, 409)
  const [kept] = await listed({})
  assert.equal(at(kept, 'replay_unavailable_reason'), 'subscription_deleted')
})

test('what came before goes along where it is wanted', async () => {
  const [eve, fay] = [await inkbox.sender('eve'), await inkbox.sender('fay')]
  await using endpoint = await startEndpoint()
  await subscribe({
    mailbox_id: eve.mailboxId,
    url: endpoint.url,
    event_types: ['message.received'],
    context_config: { email: { mode: 'count', count: 5 }, texts: { mode: 'window', hours: 2 } },
  })
  await inkbox.send(fay.mailboxId, { to: [eve.address], subject: 'Thread', text: 'one' })
  await endpoint.count(1)
  const first = at(JSON.parse(endpoint.received[0]?.body ?? ''), 'data', 'message')
  const path = `/v1/mailboxes/${eve.mailboxId}/messages/${textAt(first, 'id')}/reply`
  const answer = await inkbox.call('POST', path, { body: { text: 'two' } })
  assert.equal(answer.status, 202, answer.text)
  const inbox = await inkbox.call('GET', `/v1/mailboxes/${fay.mailboxId}/messages?folder=inbox`)
  const back = `/v1/mailboxes/${fay.mailboxId}/messages/${textAt(inbox.json, 'data', 0, 'id')}/reply`
  assert.equal((await inkbox.call('POST', back, { body: { text: 'three' } })).status, 202)
  await endpoint.count(2)
  const request = endpoint.received[1]
  assert.ok(request)
  const context = at(payloadIn(request), 'data', 'context')
  assert.deepEqual(
    listAt(context, 'email', 'items').map((item) => at(item, 'direction')),
    ['inbound', 'outbound'],
  )
  assert.equal(at(context, 'email', 'truncated'), false)
  assert.equal(at(context, 'texts', 'skipped'), 'no_resource')
})

test('the one URL of a mailbox hears of its mail, signed with the organization’s key, until it is cleared', async () => {
  const { platform, scope, session } = inkbox
  const [gus, hal] = [await inkbox.sender('gus'), await inkbox.sender('hal')]
  await using endpoint = await startEndpoint()
  const set = (to: string | null) =>
    transaction(platform.db, (tx) =>
      setMailboxUrl(platform, tx, scope, mailboxUrlFormat.name, gus.mailboxId, to),
    )
  await set(endpoint.url)
  await inkbox.send(hal.mailboxId, { to: [gus.address], subject: 'unsigned', text: 'x' })
  await endpoint.count(1)
  assert.equal(endpoint.received[0]?.headers['x-inkbox-signature'], undefined)
  const made = await inkbox.inkbox('createOrRotateOrganizationSigningKey', { key: session })
  await inkbox.send(hal.mailboxId, { to: [gus.address], subject: 'signed', text: 'x' })
  await endpoint.count(2)
  const [, second] = endpoint.received
  assert.ok(second && isSignedBy(second, textAt(made.json, 'signing_key')))
  payloadIn(second)
  await set(null)
  await inkbox.send(hal.mailboxId, { to: [gus.address], subject: 'cleared', text: 'x' })
  await using marker = await startEndpoint()
  await subscribe({ mailbox_id: gus.mailboxId, url: marker.url, event_types: ['message.received'] })
  await inkbox.send(hal.mailboxId, { to: [gus.address], subject: 'marker', text: 'x' })
  await marker.count(1)
  assert.equal(endpoint.received.length, 2)
})

test('what other files leave to this one was met', () => {
  assert.deepEqual(unmetElsewhere(inkbox.contract, 'webhook-payloads'), [])
})
