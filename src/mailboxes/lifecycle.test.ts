import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isServed, type MailboxState, mailboxMoves, mailboxStates, mayMoveMailbox } from './lifecycle.ts'

// DESIGN section 4, a row for each state: where it may go. x is a move, . is none.
// pay dom prov act sus fail sched del
const matrix: Record<MailboxState, string> = {
  waiting_payment: '. x x x . x x x',
  waiting_domain: '. . x x . x x x',
  provisioning: '. . . x . x x x',
  active: '. x . . x . x x',
  suspended: '. . . x . . x x',
  failed: '. . x . . . x x',
  deletion_scheduled: 'x x x x x x . x',
  deleted: '. . . . . . . .',
}
for (const from of mailboxStates) {
  const cells = matrix[from].split(' ')
  for (const [index, to] of mailboxStates.entries()) {
    test(`${from} -> ${to}: ${cells[index] === 'x' ? 'yes' : 'no'}`, () => {
      assert.equal(mayMoveMailbox(from, to), cells[index] === 'x')
    })
  }
}

test('a deletion can be taken back to wherever it was asked for', () => {
  for (const state of mailboxStates) {
    if (mailboxMoves[state].includes('deletion_scheduled')) {
      assert.ok(mayMoveMailbox('deletion_scheduled', state), state)
    }
  }
})

test('only an active mailbox is served', () => {
  assert.deepEqual(mailboxStates.filter(isServed), ['active'])
})
