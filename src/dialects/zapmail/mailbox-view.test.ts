/** What the states of mailboxes are called here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mailboxStates } from '../../mailboxes/lifecycle.ts'
import { nameParts } from './mailbox-view.ts'
import { mailboxStatus } from './statuses.ts'

test('each state has a status, and what is not paid has another than what somebody has suspended', () => {
  const statuses = mailboxStates.map((state) => [state, mailboxStatus({ state, payment_suspension: null })])
  assert.deepEqual(Object.fromEntries(statuses), {
    waiting_payment: 'PENDING',
    waiting_domain: 'PENDING',
    provisioning: 'IN_PROGRESS',
    active: 'ACTIVE',
    suspended: 'SUSPENDED',
    failed: 'FAILED',
    deletion_scheduled: 'INACTIVE',
    deleted: 'INACTIVE',
  })
  for (const payment_suspension of ['resume', 'stay'] as const) {
    assert.equal(mailboxStatus({ state: 'suspended', payment_suspension }), 'EXPIRED')
    assert.equal(mailboxStatus({ state: 'active', payment_suspension }), 'ACTIVE')
  }
})

test('an address is cut at its last @', () => {
  assert.deepEqual(nameParts('"a@b"@c.test'), { username: '"a@b"', domain: 'c.test' })
})
