/** A request for several mailboxes is in the state of its parts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateOfAll } from './product-requests.ts'
import type { RequestState } from './request-lifecycle.ts'

const cases: [parts: RequestState[], whole: RequestState][] = [
  [['pending', 'pending'], 'pending'],
  [['pending', 'in_progress'], 'in_progress'],
  [['pending', 'completed'], 'in_progress'],
  [['pending', 'failed'], 'in_progress'],
  [['in_progress'], 'in_progress'],
  [['completed', 'completed'], 'completed'],
  [['completed', 'failed'], 'completed'],
  [['failed', 'failed'], 'failed'],
  [[], 'failed'],
]
for (const [parts, whole] of cases) {
  test(`${parts.join(' and ') || 'nothing'} is ${whole}`, () => assert.equal(stateOfAll(parts), whole))
}
