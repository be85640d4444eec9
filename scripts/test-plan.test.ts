import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planTests } from './test-plan.ts'

const plain = "import { test } from 'node:test'"

test('those that need a process of their own are alone, the others are shared, long ones first', () => {
  const sources = new Map([
    ['src/b.test.ts', plain],
    ['src/a.test.ts', "if (process.env['MAILWRIGHT_X'] === 'y') throw new Error()"],
    ['test/crash.test.ts', plain],
    ['src/b/env.test.ts', "process.env['MAILWRIGHT_X'] = 'y'"],
    ['src/b/clock.test.ts', "mock.timers.enable({ apis: ['Date'] })"],
    ['test/signals.test.ts', "process.once('SIGTERM', stop)"],
  ])
  assert.deepEqual(planTests(sources), {
    alone: ['src/b/clock.test.ts', 'src/b/env.test.ts', 'test/signals.test.ts'],
    shared: ['test/crash.test.ts', 'src/a.test.ts', 'src/b.test.ts'],
  })
})

test('no file needs no process', () => {
  assert.deepEqual(planTests(new Map()), { alone: [], shared: [] })
})
