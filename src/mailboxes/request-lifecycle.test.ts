import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayMoveRequest, type RequestState, requestStates } from './request-lifecycle.ts'

// A row for each state: where it may go. x is a move, . is none.
// pend prog comp fail
const matrix: Record<RequestState, string> = {
  pending: '. x x x',
  in_progress: 'x . x x',
  completed: '. . . .',
  failed: 'x x . .',
}
for (const from of requestStates) {
  const cells = matrix[from].split(' ')
  for (const [index, to] of requestStates.entries()) {
    test(`${from} -> ${to}: ${cells[index] === 'x' ? 'yes' : 'no'}`, () => {
      assert.equal(mayMoveRequest(from, to), cells[index] === 'x')
    })
  }
}
