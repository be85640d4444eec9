import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { chunkBytes, createBodyWriter, insertBodies, readBody, readBodyBytes } from './bodies.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

/** Writes a body in pieces of one size and its row. */
async function store(raw: Buffer, pieceBytes: number): Promise<{ id: string; content: Buffer | null }> {
  const writer = createBodyWriter(t.platform)
  for (let at = 0; at < raw.length; at += pieceBytes) await writer.write(raw.subarray(at, at + pieceBytes))
  assert.equal(writer.sizeBytes, raw.length)
  const body = await writer.finish()
  assert.equal(body.sizeBytes, raw.length)
  await inTransaction(t.platform, (tx) => insertBodies(tx, [body], new Date()))
  return body
}

async function chunkCount(bodyId: string): Promise<number> {
  const rows = await t.platform.db
    .selectFrom('body_chunks')
    .select('number')
    .where('body_id', '=', bodyId)
    .orderBy('number')
    .execute()
  assert.deepEqual(
    rows.map((row) => row.number),
    rows.map((_, index) => index),
  )
  return rows.length
}

const sizes: [what: string, sizeBytes: number, pieceBytes: number, chunks: number][] = [
  ['an empty body', 0, 1, 0],
  ['one byte', 1, 1, 0],
  ['a small body', 3000, 700, 0],
  ['one byte less than a chunk', chunkBytes - 1, 65_536, 0],
  ['exactly a chunk lies inline', chunkBytes, 65_536, 0],
  ['exactly a chunk in one write', chunkBytes, chunkBytes, 0],
  ['one byte more than a chunk', chunkBytes + 1, 65_536, 2],
  ['exactly two chunks', 2 * chunkBytes, 10_000, 2],
  ['3 MB in small writes', 3_000_000, 1_460, 12],
  ['3 MB in one write', 3_000_000, 3_000_000, 12],
]
for (const [what, sizeBytes, pieceBytes, chunks] of sizes) {
  test(`${what}: reads back byte for byte`, async () => {
    const raw = randomBytes(sizeBytes)
    const { id, content } = await store(raw, pieceBytes)
    assert.equal(await chunkCount(id), chunks)
    assert.equal(content === null, chunks > 0)
    assert.ok(raw.equals(await readBodyBytes(t.platform.db, id)))
  })
}

test('any range of a body, also across the borders of chunks', async () => {
  const large = randomBytes(3 * chunkBytes + 1234)
  const small = large.subarray(0, 5000)
  const stored = [
    { raw: large, id: (await store(large, 50_000)).id },
    { raw: small, id: (await store(small, 50_000)).id },
  ]
  const nearBorder = fc
    .tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: -2, max: 2 }))
    .map(([chunk, offset]) => Math.max(0, chunk * chunkBytes + offset))
  const place = fc.oneof(nearBorder, fc.nat(4 * chunkBytes), fc.nat(6000))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...stored), place, place, async ({ raw, id }, start, end) => {
      const pieces: Buffer[] = []
      for await (const piece of readBody(t.platform.db, id, { start, end })) {
        assert.ok(piece.length > 0 && piece.length <= chunkBytes)
        pieces.push(piece)
      }
      assert.ok(raw.subarray(start, Math.max(start, end)).equals(Buffer.concat(pieces)), `${start}..${end}`)
    }),
    { numRuns: 60 },
  )
})

test('many bodies of one statement keep their own contents', async () => {
  const raws = [0, 1, 5, 1000, 70_000, chunkBytes].map((size) => randomBytes(size))
  const bodies = await Promise.all(
    raws.map(async (raw) => {
      const writer = createBodyWriter(t.platform)
      await writer.write(raw)
      return await writer.finish()
    }),
  )
  await inTransaction(t.platform, (tx) => insertBodies(tx, bodies, new Date()))
  for (const [index, body] of bodies.entries()) {
    assert.ok(raws[index]?.equals(await readBodyBytes(t.platform.db, body.id)), `body ${index}`)
  }
})

test('what the header says is stored with it, also characters that PostgreSQL has no text for', async () => {
  const raw = Buffer.from('Subject: nul \0 and \xff\r\nFrom: "\0" <a\0@b.test>\r\n\r\nx', 'latin1')
  const { id } = await store(raw, 10)
  const row = await t.platform.db
    .selectFrom('bodies')
    .select(['envelope', 'structure', 'size_bytes'])
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  assert.match(row.envelope.subject ?? '', /^nul . and .$/u)
  assert.deepEqual(
    [row.structure.type, row.structure.bodyStart, row.size_bytes],
    ['text', raw.length - 1, raw.length],
  )
  assert.ok(raw.equals(await readBodyBytes(t.platform.db, id)))
})

test('a discarded body leaves no chunk', async () => {
  const writer = createBodyWriter(t.platform)
  await writer.write(randomBytes(3 * chunkBytes))
  const before = await countChunks()
  await writer.discard()
  assert.equal(before - (await countChunks()), 2) // the third was not full of what follows, so still in memory
})

async function countChunks(): Promise<number> {
  const { count } = await t.platform.db
    .selectFrom('body_chunks')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}

test('a body that does not exist is an error, not an empty message', async () => {
  await assert.rejects(readBodyBytes(t.platform.db, '00000000-0000-7000-8000-000000000000'))
})

test('50 MB pass through the writer and the reader in bounded memory', async () => {
  const piece = randomBytes(64 * 1024)
  const pieces = 800
  const written = createHash('sha256')
  const writer = createBodyWriter(t.platform)
  const start = await heldBytes()
  let peak = 0
  for (let n = 0; n < pieces; n++) {
    const bytes = Buffer.from(piece) // a socket gives a new buffer each time
    bytes.writeUInt32BE(n)
    written.update(bytes)
    await writer.write(bytes)
    if (n % 100 === 0) peak = Math.max(peak, (await heldBytes()) - start)
  }
  const body = await writer.finish()
  await inTransaction(t.platform, (tx) => insertBodies(tx, [body], new Date()))
  const read = createHash('sha256')
  let readBytes = 0
  for await (const bytes of readBody(t.platform.db, body.id)) {
    read.update(bytes)
    readBytes += bytes.length
    if (readBytes % (16 * chunkBytes) === 0) peak = Math.max(peak, (await heldBytes()) - start)
  }
  assert.equal(readBytes, pieces * piece.length)
  assert.equal(read.digest('hex'), written.digest('hex'))
  assert.ok(peak < 16 * 1024 * 1024, `${peak} bytes`)
})

/** What is alive: garbage does not count. V8 frees buffers in the background, so it gets time for it. */
async function heldBytes(): Promise<number> {
  setFlagsFromString('--expose-gc')
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    runInNewContext('gc')()
    await new Promise((resolve) => setTimeout(resolve, 10))
    const { heapUsed, external } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}
