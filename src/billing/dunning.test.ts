import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dunningAt } from './dunning.ts'
import { periodsSince } from './periods.ts'

const terms = {
  retry_hours: [24, 72, 120],
  suspend_after_days: 7,
  delete_after_days: 30,
  delete_notice_days: 7,
}
const day = (days: number): Date => new Date(Date.UTC(2030, 0, 1) + days * 86_400_000)

test('what is not paid works on, is suspended, announced and deleted, each when its day comes', () => {
  const cases: [
    now: number,
    announced: number | null,
    stage: string,
    deletion: number | null,
    look: number | null,
  ][] = [
    [0, null, 'grace', null, 1],
    [1, null, 'grace', null, 3],
    [5, null, 'grace', null, 7],
    [6.9, null, 'grace', null, 7],
    [7, null, 'suspended', null, 23],
    [23, null, 'suspended', 30, 30],
    [24, 30, 'suspended', 30, 30],
    [30, 30, 'deleted', 30, null],
    // A look that comes late announces first, and gives the days of the notice.
    [29, null, 'suspended', 36, 30],
    [30, 36, 'suspended', 36, 36],
    [400, null, 'suspended', 407, 407],
    [407, 407, 'deleted', 407, null],
  ]
  for (const [now, announced, stage, deletion, look] of cases) {
    const dunning = dunningAt(terms, day(0), announced === null ? null : day(announced), day(now))
    assert.deepEqual(
      dunning,
      {
        stage,
        deletionAt: deletion === null ? null : day(deletion),
        nextLookAt: look === null ? null : day(look),
      },
      `day ${now}`,
    )
  }
  const harsh = { ...terms, suspend_after_days: 0, delete_after_days: 0, delete_notice_days: 0 }
  assert.deepEqual(dunningAt(harsh, day(0), null, day(0)).stage, 'deleted')
})

test('the periods that have begun since the last one', () => {
  const since = (now: string, max = 9) =>
    periodsSince(new Date('2028-01-31T10:00:00Z'), 'monthly', new Date('2028-01-31T10:00:00Z'), {
      now: new Date(now),
      max,
    }).map(({ endsAt }) => endsAt.toISOString().slice(0, 10))
  assert.deepEqual(since('2028-01-31T09:59:59.999Z'), [])
  assert.deepEqual(since('2028-01-31T10:00:00Z'), ['2028-02-29'])
  assert.deepEqual(since('2028-05-01T00:00:00Z'), ['2028-02-29', '2028-03-31', '2028-04-30', '2028-05-31'])
  assert.deepEqual(since('2028-05-01T00:00:00Z', 2), ['2028-02-29', '2028-03-31'])
})
