import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../platform/ids.ts'
import { inTransaction, stage } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { chunkBytes, insertBodies } from './bodies.ts'
import { batchBytesMax, batchesOfBodies, readBodies, readRange } from './bodies-read.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function store(...sizes: number[]): Promise<{ id: string; raw: Buffer }[]> {
  const stored = await Promise.all(
    sizes.map(async (size) => {
      const raw = randomBytes(size)
      return { raw, body: await stage(t.platform, raw) }
    }),
  )
  await inTransaction(t.platform, (tx) =>
    insertBodies(
      tx,
      stored.map(({ body }) => body),
      new Date(),
    ),
  )
  return stored.map(({ raw, body }) => ({ id: body.id, raw }))
}

test('every range of every body, as the single reader gives it', async () => {
  const bodies = await store(0, 1, 9000, chunkBytes, chunkBytes + 1, 3 * chunkBytes - 7)
  const readers = await readBodies(
    t.platform.db,
    bodies.map(({ id }) => id),
  )
  const place = fc.oneof(
    fc.nat(3 * chunkBytes),
    fc.nat(20),
    fc.integer({ min: -2, max: 2 }).map((n) => chunkBytes + n),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...bodies), place, place, async ({ id, raw }, a, b) => {
      const [start, end] = [Math.min(a, b), Math.min(Math.max(a, b), raw.length)]
      const reader = readers.get(id)
      assert.ok(reader)
      assert.equal(reader.sizeBytes, raw.length)
      const want = raw.subarray(start, end)
      assert.ok(want.equals(await readRange(reader, { start, end })))
      const pieces: Buffer[] = []
      for await (const piece of reader.read({ start, end })) pieces.push(piece)
      assert.ok(want.equals(Buffer.concat(pieces)))
    }),
    { numRuns: 80 },
  )
})

test('what lies in the first chunk is in memory, what goes beyond it is not', async () => {
  const [small, large] = await store(500, 2 * chunkBytes)
  const readers = await readBodies(t.platform.db, [small?.id ?? '', large?.id ?? ''])
  const [smallReader, largeReader] = [readers.get(small?.id ?? ''), readers.get(large?.id ?? '')]
  assert.deepEqual(smallReader?.inMemory({ start: 10, end: 20 }), small?.raw.subarray(10, 20))
  assert.equal(smallReader?.inMemory({ start: 0, end: 501 }), null)
  assert.equal(largeReader?.inMemory({ start: 0, end: chunkBytes })?.length, chunkBytes)
  assert.equal(largeReader?.inMemory({ start: 0, end: chunkBytes + 1 }), null)
})

test('bodies that do not exist are left out, and ids may repeat', async () => {
  const [body] = await store(10)
  const readers = await readBodies(t.platform.db, [newId(), body?.id ?? '', body?.id ?? ''])
  assert.deepEqual([...readers.keys()], [body?.id])
  assert.equal((await readBodies(t.platform.db, [])).size, 0)
})

test('batches keep the order, lose nothing, and stay within their bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(10 * chunkBytes), { maxLength: 60 }), (sizes) => {
      const rows = sizes.map((size_bytes, at) => ({ size_bytes, at }))
      const batches = [...batchesOfBodies(rows)]
      assert.deepEqual(batches.flat(), rows)
      for (const batch of batches) {
        const held = batch.reduce((sum, row) => sum + Math.min(row.size_bytes, chunkBytes), 0)
        assert.ok(batch.length > 0 && held <= batchBytesMax)
      }
    }),
  )
})
