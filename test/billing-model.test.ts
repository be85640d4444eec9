/**
 * Random histories of buying, changing, cancelling, renewing, not paying and being given back, over years, with a model
 * beside them that reckons by itself (src/testing/billing-model). MAILWRIGHT_TEST_HISTORIES says how many,
 * MAILWRIGHT_TEST_SEED repeats a run. One that goes wrong is run again alone, with rounds left out, until only those are
 * left that it takes; the others go on.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { shrink } from '../src/testing/billing-model/shrink.ts'
import {
  HistoryFailed,
  runWorld,
  type WorldCounts,
  type WorldOptions,
} from '../src/testing/billing-model/world.ts'
import {
  createTemplate,
  sharedServerVariable,
  startTestServer,
  templateVariable,
} from '../src/testing/test-database.ts'

const seed = Number(process.env['MAILWRIGHT_TEST_SEED'] ?? 1)
const histories = Number(process.env['MAILWRIGHT_TEST_HISTORIES'] ?? 12)
const rounds = Number(process.env['MAILWRIGHT_TEST_STEPS'] ?? 22)
const historiesPerWorld = 100

const worlds = Array.from({ length: Math.ceil(histories / historiesPerWorld) }, (_, place) => {
  const first = place * historiesPerWorld
  return { seed: seed + first, histories: Math.min(historiesPerWorld, histories - first), rounds }
})

describe('histories of billing', () => {
  const stack = new AsyncDisposableStack()
  before(async () => {
    if (worlds.length === 1 || process.env[templateVariable] !== undefined) return
    const server = await startTestServer(stack)
    process.env[sharedServerVariable] = server
    process.env[templateVariable] = await createTemplate(stack, server)
  })
  after(() => stack.disposeAsync())
  for (const world of worlds) {
    test(`${world.histories} of the seed ${world.seed}, in ${rounds} rounds`, async (t) => {
      const counts = await run(world, (text) => t.diagnostic(text))
      t.diagnostic(JSON.stringify({ seed: world.seed, ...counts }))
      assert.equal(counts.histories, world.histories)
    })
  }
})

/** @param tell is told at once what goes wrong, before it is looked for what of it that takes. */
async function run(options: WorldOptions, tell: (text: string) => void): Promise<WorldCounts> {
  try {
    return await runWorld(options)
  } catch (error) {
    if (!(error instanceof HistoryFailed)) throw error
    const { index, round } = error
    tell(`seed ${options.seed}, ${error.message}: ${error.cause}\n${error.story.join('\n')}`)
    const found = await shrink({ ...options, only: [index], rounds: round + 1 }, error)
    const again = `MAILWRIGHT_TEST_SEED=${options.seed}, history ${index}, without the rounds ${[...found.leftOut].join(' ')}`
    const cause = found.error.cause
    throw new Error(
      `${again}\n${found.error.story.join('\n')}\n${cause instanceof Error ? cause.stack : cause}`,
    )
  }
}
