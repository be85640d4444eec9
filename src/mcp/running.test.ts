import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import { createRunning } from './running.ts'

test('as many run as may, of each caller, and places come back also after failures', async () => {
  const running = createRunning(2)
  const { promise, resolve } = Promise.withResolvers<void>()
  const first = running.run('ann', () => promise)
  const second = running.run('ann', async () => {
    await promise
    throw new Error('failed')
  })
  const isRefused = (error: unknown): boolean => error instanceof Refusal && error.code === 'rate_limited'
  await assert.rejects(
    running.run('ann', async () => undefined),
    isRefused,
  )
  assert.equal(await running.run('bob', async () => 1), 1)
  resolve()
  await first
  await assert.rejects(second, /failed/)
  assert.equal(await running.run('ann', async () => 2), 2)
})
