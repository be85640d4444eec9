import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { createCache } from './cache.ts'

test('what was used longest ago goes first', () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  cache.set('a', 1)
  cache.set('b', 2)
  assert.equal(cache.get('a'), 1)
  cache.set('c', 3)
  assert.equal(cache.get('b'), undefined)
  assert.deepEqual([cache.get('a'), cache.get('c')], [1, 3])
})

test('setting again does not push others out', () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  cache.set('a', 1)
  cache.set('b', 2)
  cache.set('b', 3)
  assert.deepEqual([cache.get('a'), cache.get('b')], [1, 3])
})

test('nothing is older than its time, also when it is used all the while', (context) => {
  let nowMs = 0
  context.mock.method(performance, 'now', () => nowMs)
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 100 })
  cache.set('a', 1)
  nowMs = 99
  assert.equal(cache.get('a'), 1)
  nowMs = 100
  assert.equal(cache.get('a'), undefined)
})

test('load reads once and keeps what it found', async () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  const read = mock.fn(async () => 1)
  assert.equal(await cache.load('a', read), 1)
  assert.equal(await cache.load('a', read), 1)
  assert.equal(read.mock.callCount(), 1)
})

test('load does not keep that there is nothing', async () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  assert.equal(await cache.load('a', async () => null), null)
  assert.equal(await cache.load('a', async () => 2), 2)
})

test('what was being read while the cache was cleared is not kept', async () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  const reading = Promise.withResolvers<number>()
  const loading = cache.load('a', () => reading.promise)
  cache.clear()
  reading.resolve(1)
  assert.equal(await loading, 1)
  assert.equal(cache.get('a'), undefined)
})

test('a failed read is told to its caller and not kept', async () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  await assert.rejects(
    cache.load('a', () => Promise.reject(new Error('no database'))),
    /no database/,
  )
  assert.equal(await cache.load('a', async () => 1), 1)
})

test('clear forgets everything', () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  cache.set('a', 1)
  cache.clear()
  assert.equal(cache.get('a'), undefined)
})

test('delete forgets one key, also while it is being read', async () => {
  const cache = createCache<number>({ entriesMax: 2, ttlMs: 60_000 })
  cache.set('a', 1)
  cache.set('b', 2)
  const reading = Promise.withResolvers<number>()
  const loading = cache.load('c', () => reading.promise)
  cache.delete('a')
  reading.resolve(3)
  assert.equal(await loading, 3)
  assert.deepEqual([cache.get('a'), cache.get('b'), cache.get('c')], [undefined, 2, undefined])
})
