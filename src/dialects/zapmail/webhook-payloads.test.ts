/** What webhooks in the dialect of Zapmail are told of single events. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { newId } from '../../platform/ids.ts'
import { countStatements } from '../../testing/count-statements.ts'
import { at, startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import type { HeardEvent } from '../../webhooks/formats.ts'
import { webhookEventTypes } from './webhook-events.ts'
import { payloadsOf } from './webhook-payloads.ts'

let api: TestApi
let domainId: string
before(async () => {
  api = await startTestApi()
  const made = await api.call('POST', '/v1/domains', { body: { name: 'outside.example' } })
  domainId = textAt(made.json, 'id')
})
after(() => api[Symbol.asyncDispose]())

function heard(type: string, data: object, eventTypes: readonly string[] = webhookEventTypes): HeardEvent {
  const { organizationId, workspaceId } = api.scope
  const event = {
    id: newId(),
    type,
    organization_id: organizationId,
    workspace_id: workspaceId,
    mailbox_id: null,
    data,
    created_at: new Date('2030-01-01T00:00:00Z'),
    place: { xid: '1', id: newId(), at: new Date(), cluster: 1 },
  }
  return { event, webhook: { eventTypes, settings: null } }
}

async function told(one: HeardEvent): Promise<{ type: string; data: unknown } | null> {
  const [made] = await payloadsOf(api.platform, api.platform.db, [one])
  if (!made) return null
  const body: unknown = JSON.parse(made.payload)
  assert.equal(at(body, 'id'), `evt_${one.event.id}`)
  assert.equal(at(body, 'type'), made.type)
  assert.equal(at(body, 'created'), 1893456000)
  return { type: made.type, data: at(body, 'data') }
}

const moved = (from: string, to: string) => ({ domain_id: domainId, name: 'outside.example', from, to })

for (const [from, to, status, before] of [
  ['pending_nameservers', 'pending_records', 'CREATING_ZONE', 'NS_NOT_CHANGED'],
  ['pending_records', 'active', 'SUCCESS', 'CREATING_ZONE'],
] as const) {
  test(`a domain that goes from ${from} to ${to} is being connected`, async () => {
    const found = await told(heard('domain.state_changed', moved(from, to)))
    assert.equal(found?.type, 'domain.connection_status_changed')
    assert.equal(at(found?.data, 'domainDetails', 'status'), status)
    assert.deepEqual(at(found?.data, 'previousState'), { status: before })
    const plain = await told(heard('domain.state_changed', moved(from, to), ['domain.updated']))
    assert.equal(plain?.type, 'domain.updated')
    assert.deepEqual(at(plain?.data, 'previousState'), { status: 'PENDING' })
  })
}

test('other moves of a domain are no connection', async () => {
  const found = await told(heard('domain.state_changed', moved('active', 'suspended')))
  assert.equal(found?.type, 'domain.updated')
  const only = ['domain.connection_status_changed']
  assert.equal(await told(heard('domain.state_changed', moved('active', 'suspended'), only)), null)
})

for (const [type, more, wanted, status] of [
  ['created', {}, 'subscription.status_changed', 'ACTIVE'],
  ['cancellation_scheduled', {}, 'subscription.status_changed', 'CANCELLED'],
  ['canceled', { reason: 'unpaid' }, 'subscription.status_changed', 'EXPIRED'],
  ['canceled', { reason: 'asked_for' }, 'subscription.status_changed', 'CANCELLED'],
  ['changed', {}, 'subscription.billing_changed', 'ACTIVE'],
  ['renewed', {}, 'subscription.billing_changed', 'ACTIVE'],
] as const) {
  test(`a subscription that was ${type} ${JSON.stringify(more)} is told as ${wanted}`, async () => {
    const data = {
      subscription_id: newId(),
      plan: 'growth',
      period: 'monthly',
      extra_slots: 2,
      state: 'active',
    }
    const found = await told(heard(`billing.subscription_${type}`, { ...data, ...more }))
    assert.equal(found?.type, wanted)
    assert.equal(at(found?.data, 'subscription_id'), `sub_${data.subscription_id}`)
    assert.equal(at(found?.data, 'subscriptionDetails', 'status'), status)
    assert.deepEqual(at(found?.data, 'subscription'), at(found?.data, 'subscriptionDetails'))
  })
}

test('nothing is told of what is gone, is not asked for, or has no words here', async () => {
  const gone = { mailbox_id: newId(), address: 'x@outside.example' }
  assert.equal(await told(heard('mailbox.updated', gone)), null)
  assert.equal(await told(heard('domain.created', { domain_id: domainId }, ['mailbox.updated'])), null)
  assert.equal(await told(heard('message.received', {})), null)
})

test('many events are read in as many statements as one', async () => {
  const one = heard('domain.created', { domain_id: domainId, state: 'active' })
  const statements = async (events: readonly HeardEvent[]): Promise<number> =>
    await countStatements(() => payloadsOf(api.platform, api.platform.db, events))
  const few = await statements([one])
  assert.ok(few > 0)
  assert.equal(await statements(Array.from({ length: 50 }, () => one)), few)
})
