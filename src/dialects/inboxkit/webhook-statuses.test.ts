/** What becomes of our events in InboxKit's words: statuses alone. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { domainStates } from '../../domains/lifecycle.ts'
import { mailboxStates } from '../../mailboxes/lifecycle.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'
import { at, listAt } from '../../testing/test-api.ts'
import { statusByState } from './domain-status.ts'
import { propagationOf, statusOf } from './mailbox-states.ts'
import { domainChange, mailboxChange, sourcesOf, subjectsOf } from './webhook-statuses.ts'

const event = (type: string, data: object): LoggedEvent => ({
  id: 'e',
  type,
  organization_id: 'o',
  workspace_id: 'w',
  mailbox_id: null,
  data,
  created_at: new Date(0),
  place: { xid: '1', id: 'e', at: new Date(0), cluster: 1 },
})

const plain = { state: 'active', cancel_at_period_end: false, payment_suspension: null } as const
const cancelled = { ...plain, cancel_at_period_end: true }

const contract: unknown = JSON.parse(
  readFileSync(new URL('../../../test/contracts/inboxkit.json', import.meta.url), 'utf8'),
)
const allowed = (name: string): unknown[] => listAt(at(contract, 'components', 'schemas', name), 'enum')

test('every state has a status of the contract', () => {
  for (const state of domainStates) {
    assert.ok(allowed('DomainStatus').includes(statusByState[state]), state)
    assert.ok(allowed('DnsPropagationStatus').includes(propagationOf(state)), state)
  }
  for (const state of mailboxStates) {
    for (const payment_suspension of [null, 'resume', 'stay'] as const) {
      for (const cancel_at_period_end of [false, true]) {
        const status = statusOf({ cancel_at_period_end, payment_suspension, state })
        assert.ok(allowed('MailboxStatus').includes(status), state)
      }
    }
  }
})

for (const [name, type, data, expected] of [
  ['a new one', 'domain.created', { state: 'registering' }, ['registration_in_progress', null]],
  [
    'active',
    'domain.state_changed',
    { from: 'pending_records', to: 'active' },
    ['active', 'waiting_for_dns_propagation'],
  ],
  ['the same in these words', 'domain.state_changed', { from: 'failed', to: 'suspended' }, null],
  ['a state that nobody knows', 'domain.state_changed', { from: 'active', to: 'odd' }, null],
] as const) {
  test(`a domain: ${name}`, () => {
    const change = domainChange(event(type, data))
    assert.deepEqual(change && [change.status, change.previous], expected)
  })
}

for (const [name, type, data, mailbox, expected] of [
  ['a new one', 'mailbox.created', { state: 'waiting_domain' }, plain, ['waiting_for_dns_propagation', null]],
  ['suspended', 'mailbox.state_changed', { from: 'active', to: 'suspended' }, plain, ['suspended', 'active']],
  [
    'suspended for want of money',
    'mailbox.state_changed',
    { from: 'active', to: 'suspended' },
    { ...plain, payment_suspension: 'resume' },
    ['renewal_failed', 'active'],
  ],
  [
    'suspended with a cancellation',
    'mailbox.state_changed',
    { from: 'active', to: 'suspended' },
    cancelled,
    ['suspended', 'scheduled_for_cancellation'],
  ],
  ['cancelled', 'mailbox.cancellation_scheduled', {}, cancelled, ['scheduled_for_cancellation', 'active']],
  ['kept', 'mailbox.cancellation_withdrawn', {}, plain, ['active', 'scheduled_for_cancellation']],
  [
    'cancelled while suspended',
    'mailbox.cancellation_scheduled',
    {},
    { ...cancelled, state: 'suspended' },
    null,
  ],
  ['kept while suspended', 'mailbox.cancellation_withdrawn', {}, { ...plain, state: 'suspended' }, null],
  ['purged', 'mailbox.purged', {}, plain, ['deleted', 'cancelled']],
  ['something else', 'mailbox.updated', {}, plain, null],
] as const) {
  test(`a mailbox: ${name}`, () => {
    const change = mailboxChange(event(type, data), mailbox)
    assert.deepEqual(change && [change.status, change.previous], expected)
  })
}

test('only what is told of is looked for', () => {
  const found = subjectsOf([
    event('mailbox.created', { mailbox_id: 'm' }),
    event('mailbox.purged', { mailbox_id: 'm' }),
    event('domain.state_changed', { domain_id: 'd' }),
    event('mailbox.updated', { mailbox_id: 'n' }),
  ])
  assert.deepEqual(found, { domainIds: ['d'], mailboxIds: ['m'] })
  assert.deepEqual(sourcesOf('consent_request.status_changed'), [])
})
