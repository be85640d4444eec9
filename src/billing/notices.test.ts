import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noticeOf } from './notices.ts'

const day = (days: number): Date => new Date(Date.UTC(2030, 0, 1) + days * 86_400_000)

test('a renewal is announced once for each of the days, the nearest where several were missed', () => {
  const cases: [now: number, noticed: number | null, days: number | null, next: number | null][] = [
    [0, null, null, 23],
    [22.9, null, null, 23],
    [23, null, 7, 29],
    [24, 7, null, 29],
    [29, 7, 1, null],
    [29.5, null, 1, null],
    [29.5, 1, null, null],
  ]
  for (const [now, noticedDays, days, next] of cases) {
    assert.deepEqual(
      noticeOf([7, 1], { startsAt: day(0), endsAt: day(30), noticedDays }, day(now)),
      { days, nextAt: next === null ? null : day(next) },
      `day ${now}, ${noticedDays}`,
    )
  }
  // What would lie before the period is left out.
  assert.deepEqual(noticeOf([40], { startsAt: day(0), endsAt: day(30), noticedDays: null }, day(1)), {
    days: null,
    nextAt: null,
  })
})
