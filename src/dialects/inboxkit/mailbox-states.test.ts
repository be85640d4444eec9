/** Statuses and platforms of mailboxes in the words of InboxKit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { domainStates } from '../../domains/lifecycle.ts'
import { products } from '../../domains/products.ts'
import { type MailboxState, mailboxStates } from '../../mailboxes/lifecycle.ts'
import type { SequencerMailboxState } from '../../sequencers/tables.ts'
import {
  kindOf,
  type Platform,
  platformOf,
  platforms,
  propagationOf,
  propagations,
  type Status,
  sequencerStatusOf,
  standingOf,
  statuses,
  statusOf,
} from './mailbox-states.ts'

const rows: [state: MailboxState, canceled: boolean, unpaid: 'resume' | 'stay' | null, status: Status][] = [
  ['waiting_payment', false, null, 'pending'],
  ['waiting_domain', false, null, 'waiting_for_dns_propagation'],
  ['provisioning', false, null, 'processing'],
  ['active', false, null, 'active'],
  ['active', true, null, 'scheduled_for_cancellation'],
  ['suspended', false, null, 'suspended'],
  ['suspended', true, null, 'suspended'],
  ['suspended', false, 'resume', 'renewal_failed'],
  ['suspended', true, 'stay', 'renewal_failed'],
  ['failed', false, null, 'failed'],
  ['deletion_scheduled', true, null, 'cancelled'],
  ['deletion_scheduled', false, null, 'cancelled'],
  ['deleted', false, null, 'deleted'],
]
for (const [state, isCanceled, unpaid, status] of rows) {
  test(`${state}${isCanceled ? ', canceled' : ''}${unpaid === null ? '' : `, unpaid (${unpaid})`}: ${status}`, () => {
    const mailbox = { state, cancel_at_period_end: isCanceled, payment_suspension: unpaid }
    assert.equal(statusOf(mailbox), status)
  })
}

test('every state and every flag has one status, whose filter finds it and no other filter does', () => {
  for (const state of mailboxStates.filter((one) => one !== 'deleted')) {
    for (const isCanceled of [false, true]) {
      for (const unpaid of [null, 'resume', 'stay'] as const) {
        const mailbox = { state, cancel_at_period_end: isCanceled, payment_suspension: unpaid }
        const found = statuses.filter((status) => {
          const { states, isCanceled: canceled, isUnpaid } = standingOf(status)
          return (
            states.includes(state) &&
            (canceled === null || canceled === isCanceled) &&
            (isUnpaid === null || isUnpaid === (unpaid !== null))
          )
        })
        assert.deepEqual(found, [statusOf(mailbox)])
      }
    }
  }
})

test('platforms are products, or who runs what was asked for as none', () => {
  const expected: Record<string, Platform> = {
    google: 'GOOGLE',
    microsoft: 'MICROSOFT',
    azure: 'AZURE',
    smtp: 'SMTP',
    smtp_dedicated: 'SMTP',
  }
  for (const product of products) {
    const platform = platformOf({ product, service: 'local' })
    assert.equal(platform, expected[product])
    const found = platforms.filter((one) => kindOf(one).products.includes(product))
    assert.deepEqual(found, [platform])
  }
  assert.deepEqual(
    (['local', 'google', 'microsoft'] as const).map((service) => platformOf({ product: null, service })),
    ['SMTP', 'GOOGLE', 'MICROSOFT'],
  )
})

test('each state of a domain is a propagation of the contract', () => {
  for (const state of domainStates) assert.ok(propagations.includes(propagationOf(state)))
  assert.equal(propagationOf('active'), 'propagated')
  assert.equal(propagationOf('pending_records'), 'waiting')
})

const atSequencers: [states: SequencerMailboxState[], status: string][] = [
  [[], 'na'],
  [['connected'], 'completed'],
  [['connected', 'queued'], 'queued'],
  [['confirming'], 'queued'],
  [['inactive'], 'queued'],
  [['queued', 'failed'], 'failed'],
  [['missing', 'connected'], 'failed'],
]
for (const [states, status] of atSequencers) {
  test(`at sequencers ${states.join(', ') || 'none'}: ${status}`, () => {
    assert.equal(sequencerStatusOf(states), status)
  })
}
