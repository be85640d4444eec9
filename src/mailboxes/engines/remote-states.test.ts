/** Every pair of states: whether a mailbox at a service may go from the one to the other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isUnderWay, mayMoveRemote, type RemoteState, remoteStates } from './remote-states.ts'

/** A row for each state from, a column for each state to. */
const table = `
             requested creating propagating ready suspended deleting deleted failed
requested    -         x        x           -     -         x        x       x
creating     -         -        x           -     -         x        x       x
propagating  -         -        -           x     x         x        -       x
ready        -         -        -           -     x         x        x       -
suspended    -         -        -           x     -         x        x       -
deleting     -         -        x           -     -         -        x       x
deleted      x         -        x           -     -         -        -       x
failed       x         -        x           -     -         x        x       -
`

test('every pair', () => {
  const [head = [], ...rows] = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  assert.deepEqual(head, [...remoteStates])
  assert.deepEqual(
    rows.map(([from]) => from),
    [...remoteStates],
  )
  for (const [row, from] of remoteStates.entries()) {
    for (const [column, to] of remoteStates.entries()) {
      assert.equal(mayMoveRemote(from, to), rows[row]?.[column + 1] === 'x', `${from} to ${to}`)
    }
  }
})

test('what the service has a limited time for', () => {
  const underWay: RemoteState[] = ['requested', 'creating', 'propagating', 'deleting']
  assert.deepEqual(remoteStates.filter(isUnderWay), underWay)
})
