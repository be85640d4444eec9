/**
 * Random histories of buying, changing, cancelling, renewing and not paying, over years, with a model beside them that
 * reckons by itself (src/testing/billing-model). MAILWRIGHT_TEST_HISTORIES says how many, MAILWRIGHT_TEST_SEED repeats a
 * run. One that goes wrong is run again alone, with rounds left out, until only those are left that it takes.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shrink } from '../src/testing/billing-model/shrink.ts'
import {
  HistoryFailed,
  runWorld,
  type WorldCounts,
  type WorldOptions,
} from '../src/testing/billing-model/world.ts'

const seed = Number(process.env['MAILWRIGHT_TEST_SEED'] ?? 1)
const histories = Number(process.env['MAILWRIGHT_TEST_HISTORIES'] ?? 12)
const rounds = Number(process.env['MAILWRIGHT_TEST_STEPS'] ?? 30)
const historiesPerWorld = 250

describe(`seed ${seed}`, () => {
  test(`${histories} histories of ${rounds} rounds`, async (t) => {
    const sums: WorldCounts = {
      histories: 0,
      steps: 0,
      refused: 0,
      previews: 0,
      invoices: 0,
      transfers: 0,
      days: 0,
    }
    for (let first = 0; first < histories; first += historiesPerWorld) {
      const count = Math.min(historiesPerWorld, histories - first)
      const counts = await run({ seed: seed + first, histories: count, rounds })
      for (const [name, value] of Object.entries(counts))
        Reflect.set(sums, name, Reflect.get(sums, name) + value)
    }
    t.diagnostic(JSON.stringify(sums))
    assert.equal(sums.histories, histories)
  })
})

async function run(options: WorldOptions): Promise<WorldCounts> {
  try {
    return await runWorld(options)
  } catch (error) {
    if (!(error instanceof HistoryFailed)) throw error
    const { index, round } = error
    const found = await shrink({ ...options, only: [index], rounds: round + 1 }, error)
    const again = `MAILWRIGHT_TEST_SEED=${options.seed}, history ${index}, without the rounds ${[...found.leftOut].join(' ')}`
    const cause = found.error.cause
    throw new Error(
      `${again}\n${found.error.story.join('\n')}\n${cause instanceof Error ? cause.stack : cause}`,
    )
  }
}
