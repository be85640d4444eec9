import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { notifyLimits } from './limits.ts'
import { createNotifyQueue } from './notify-queue.ts'

/** A queue whose time is the test's, and whose secondary answers as it is told to. */
function start(t: TestContext) {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const told: string[] = []
  const givenUp: string[] = []
  const answers: ((isHeard: boolean) => void)[] = []
  const queue = createNotifyQueue(
    (zone) => {
      told.push(zone)
      return new Promise((resolve) => answers.push(resolve))
    },
    (zone) => givenUp.push(zone),
  )
  t.after(() => queue.stop())
  return {
    queue,
    told,
    givenUp,
    pass(ms: number): void {
      now += ms
      t.mock.timers.tick(ms)
    },
    async answer(isHeard: boolean): Promise<void> {
      answers.shift()?.(isHeard)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('many changes of a zone within a moment are told once', async (t) => {
  const { queue, told, pass, answer } = start(t)
  for (let change = 0; change < 100; change++) queue.add('a.example')
  queue.add('b.example')
  assert.deepEqual(told, [])
  pass(notifyLimits.gatherMs)
  assert.deepEqual(told, ['a.example', 'b.example'])
  await answer(true)
  await answer(true)
  assert.equal(queue.size, 0)
})

test('a change while the zone is being told is told afterwards', async (t) => {
  const { queue, told, pass, answer } = start(t)
  queue.add('a.example')
  pass(notifyLimits.gatherMs)
  queue.add('a.example')
  queue.add('a.example')
  assert.equal(told.length, 1)
  await answer(true)
  pass(notifyLimits.gatherMs)
  assert.equal(told.length, 2)
})

test('a silent secondary is asked after longer and longer times, and then left alone', async (t) => {
  const { queue, told, givenUp, pass, answer } = start(t)
  queue.add('a.example')
  pass(notifyLimits.gatherMs)
  await answer(false)
  for (const [index, retryMs] of notifyLimits.retryMs.entries()) {
    queue.add('a.example') // a change makes it no more impatient
    pass(retryMs - 1)
    assert.equal(told.length, index + 1)
    pass(1)
    assert.equal(told.length, index + 2)
    await answer(false)
  }
  assert.deepEqual([givenUp, queue.size], [['a.example'], 0])
})

test('no more than a few zones are told at once, whatever waits', async (t) => {
  const { queue, told, pass, answer } = start(t)
  for (let zone = 0; zone < 1000; zone++) queue.add(`${zone}.example`)
  pass(notifyLimits.gatherMs)
  assert.equal(told.length, notifyLimits.inFlightMax)
  await answer(true)
  assert.equal(told.length, notifyLimits.inFlightMax + 1)
  assert.equal(queue.size, 999)
})
