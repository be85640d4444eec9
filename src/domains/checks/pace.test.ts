import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createPace } from './pace.ts'

/** Takes turns by a clock of the test's own, at moments that are asked for. @returns when each was given. */
async function turns(perSecond: number, waitsMs: readonly number[]): Promise<number[]> {
  let nowMs = 0
  const pace = createPace(
    perSecond,
    () => nowMs,
    async (ms) => {
      nowMs += ms
    },
  )
  const given: number[] = []
  for (const waitMs of waitsMs) {
    nowMs += waitMs
    await pace()
    given.push(nowMs)
  }
  return given
}

test('no second has more turns than it may, however they are asked for', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 600 }),
      async (perSecond, waitsMs) => {
        const given = await turns(perSecond, waitsMs)
        for (const [index, at] of given.entries()) {
          const inSecond = given.slice(index).filter((other) => other < at + 1000).length
          assert.ok(inSecond <= perSecond, `${inSecond} of ${perSecond}`)
        }
      },
    ),
    { numRuns: 50 },
  )
})

test('whoever asks without pause gets nearly all turns that there are', async () => {
  const given = await turns(
    200,
    Array.from({ length: 2000 }, () => 0),
  )
  const lastMs = given.at(-1) ?? 0
  assert.ok(lastMs >= 9_900 && lastMs <= 10_600, String(lastMs))
})

test('turns come in the order in which they were asked for', async () => {
  const pace = createPace(1000)
  const order: number[] = []
  await Promise.all([1, 2, 3, 4, 5].map((one) => pace().then(() => order.push(one))))
  assert.deepEqual(order, [1, 2, 3, 4, 5])
})
