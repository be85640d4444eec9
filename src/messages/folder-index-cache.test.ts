import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CachedIndex, createFolderIndexCache } from './folder-index-cache.ts'

const indexOf = (count: number, modseq = 1): CachedIndex => ({
  uids: Uint32Array.from({ length: count }, (_, at) => at + 1),
  uidnext: count + 1,
  modseq,
  uidvalidity: 7,
  seenBelow: { uid: 0, modseq },
})

test('what was used longest ago goes first, by bytes', () => {
  const cache = createFolderIndexCache({ messagesMin: 10, totalBytesMax: 400 })
  cache.set('a', indexOf(50))
  cache.set('b', indexOf(50))
  assert.ok(cache.get('a'))
  cache.set('c', indexOf(40))
  assert.deepEqual(
    ['a', 'b', 'c'].map((id) => cache.get(id) !== undefined),
    [true, false, true],
  )
})

test('small folders and those beyond the whole bound are not kept', () => {
  const cache = createFolderIndexCache({ messagesMin: 10, totalBytesMax: 400 })
  cache.set('small', indexOf(9))
  cache.set('huge', indexOf(101))
  assert.deepEqual([cache.get('small'), cache.get('huge')], [undefined, undefined])
})

test('an older index does not take the place of a younger one, except after a new UIDVALIDITY', () => {
  const cache = createFolderIndexCache({ messagesMin: 10, totalBytesMax: 400 })
  cache.set('a', indexOf(20, 5))
  cache.set('a', indexOf(19, 4))
  assert.equal(cache.get('a')?.modseq, 5)
  cache.set('a', { ...indexOf(19, 4), uidvalidity: 8 })
  assert.equal(cache.get('a')?.modseq, 4)
})

test('a folder that shrank makes room', () => {
  const cache = createFolderIndexCache({ messagesMin: 10, totalBytesMax: 400 })
  cache.set('a', indexOf(100, 1))
  cache.set('a', indexOf(20, 2))
  cache.set('b', indexOf(80))
  assert.ok(cache.get('a') && cache.get('b'))
})
