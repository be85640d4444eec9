import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RegistrarFailure } from './driver.ts'
import { createTokenBucket } from './rate.ts'

const never = new AbortController().signal

test('as many at once as it holds, the next ones one by one', async () => {
  const bucket = createTokenBucket({ capacity: 3, refillMs: 40 })
  const startedAt = performance.now()
  const tookMs = async (): Promise<number> => {
    await bucket.take(never)
    return performance.now() - startedAt
  }
  const times = await Promise.all(Array.from({ length: 5 }, tookMs))
  assert.ok(
    times.slice(0, 3).every((ms) => ms < 30),
    `${times}`,
  )
  assert.ok((times[3] ?? 0) >= 38 && (times[4] ?? 0) >= 78, `${times}`)
})

test('who gives up takes no token', async () => {
  const bucket = createTokenBucket({ capacity: 1, refillMs: 10_000 })
  await bucket.take(never)
  for (let at = 0; at < 5; at++)
    await assert.rejects(bucket.take(AbortSignal.timeout(5)), (error: Error) => {
      assert.ok(error instanceof RegistrarFailure && error.kind === 'busy')
      assert.equal(Reflect.get(Object(error.cause), 'name'), 'TimeoutError')
      return true
    })
  const waiting = new AbortController()
  const taken = bucket.take(waiting.signal)
  waiting.abort(new Error('enough'))
  await assert.rejects(taken, { kind: 'busy', cause: new Error('enough') })
  await assert.rejects(bucket.take(waiting.signal), { kind: 'busy' })
})
