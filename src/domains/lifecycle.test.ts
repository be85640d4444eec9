import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allowsLogin,
  allowsSending,
  type DomainState,
  domainMoves,
  domainStates,
  mailboxesOn,
  mayMoveDomain,
} from './lifecycle.ts'

// DESIGN section 4, a row for each state: where it may go. x is a move, . is none.
// pay reg ns rec act sus exp fail sched del
const matrix: Record<DomainState, string> = {
  pending_payment: '. x . . . . . x . x',
  registering: '. . x x x . . x . .',
  pending_nameservers: '. . . x x . . x x x',
  pending_records: '. . x . x . . x x x',
  active: '. . x x . x x . x x',
  suspended: '. . . . x . x . x x',
  expired: '. . . . x . . . x x',
  failed: 'x x x x . . . . . x',
  deletion_scheduled: '. . x x x x x . . x',
  deleted: '. . . . . . . . . .',
}
for (const from of domainStates) {
  const cells = matrix[from].split(' ')
  for (const [index, to] of domainStates.entries()) {
    test(`${from} -> ${to}: ${cells[index] === 'x' ? 'yes' : 'no'}`, () => {
      assert.equal(mayMoveDomain(from, to), cells[index] === 'x')
    })
  }
}

test('a deletion can be taken back to wherever it was asked for', () => {
  for (const state of domainStates) {
    if (domainMoves[state].includes('deletion_scheduled')) {
      assert.ok(mayMoveDomain('deletion_scheduled', state), state)
    }
  }
})

test('a mailbox is served on an active domain only, and waits where the domain may become active', () => {
  const outcomes = Object.fromEntries(domainStates.map((state) => [state, mailboxesOn(state)]))
  assert.deepEqual(outcomes, {
    pending_payment: 'waiting',
    registering: 'waiting',
    pending_nameservers: 'waiting',
    pending_records: 'waiting',
    active: 'served',
    suspended: 'refused',
    expired: 'refused',
    failed: 'refused',
    deletion_scheduled: 'refused',
    deleted: 'refused',
  })
})

test('who sends may log in, and an expired domain lets its people read', () => {
  assert.deepEqual(domainStates.filter(allowsSending), ['pending_nameservers', 'pending_records', 'active'])
  assert.deepEqual(domainStates.filter(allowsLogin), [
    'pending_nameservers',
    'pending_records',
    'active',
    'expired',
  ])
})
