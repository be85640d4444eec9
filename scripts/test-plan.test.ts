import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planGroups } from './test-plan.ts'

const plain = "import { test } from 'node:test'"

test('every file is in one group; those that need a process of their own are alone and first', () => {
  const sources = new Map([
    ...Array.from({ length: 40 }, (_, at): [string, string] => [`src/a${at}.test.ts`, plain]),
    ['test/crash.test.ts', plain],
    ['src/b/env.test.ts', "process.env['MAILWRIGHT_X'] = 'y'"],
    ['src/b/clock.test.ts', "mock.timers.enable({ apis: ['Date'] })"],
  ])
  const groups = planGroups(sources)
  assert.deepEqual(groups.slice(0, 3), [
    ['src/b/clock.test.ts'],
    ['src/b/env.test.ts'],
    ['test/crash.test.ts'],
  ])
  assert.deepEqual(groups.flat().sort(), [...sources.keys()].sort())
  assert.deepEqual(
    groups.slice(3).map((group) => group.length),
    [13, 13, 14],
  )
})

test('no file makes no group', () => {
  assert.deepEqual(planGroups(new Map()), [])
})
