import assert from 'node:assert/strict'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { createLineEnds } from './line-ends.ts'
import { headerBytesMax, prepareSpool, type Spooled, spoolMessage } from './spool.ts'

let t: TestPlatform
let directory: string
before(async () => {
  t = await startTestPlatform()
  directory = await prepareSpool(t.platform)
})
after(() => t[Symbol.asyncDispose]())

const options = { bytesMax: 100_000_000, lineEnds: 'keep' } as const

async function* cut(raw: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0
  for (const size of sizes) {
    if (at >= raw.length) return
    yield raw.subarray(at, at + size)
    at += size
  }
  if (at < raw.length) yield raw.subarray(at)
}

async function spooled(
  raw: Buffer,
  sizes: readonly number[] = [],
  more: Partial<typeof options> | { lineEnds: 'normalize' } = {},
): Promise<Spooled> {
  const result = await spoolMessage(t.platform, cut(raw, sizes), { ...options, ...more })
  assert.ok(result !== 'too-big')
  return result
}

async function allOf(message: Spooled, start?: number, end?: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of message.read(start, end)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const wire = fc.string({
  unit: fc.constantFrom('\r\n', '\r\n', '\r', '\n', 'a', ': ', '.', '\0', 'ä'),
  maxLength: 60,
})
const cuts = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 20 })

test('the same bytes and the same header, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(wire, cuts, async (text, sizes) => {
      const raw = Buffer.from(text)
      await using whole = await spooled(raw)
      await using pieces = await spooled(raw, sizes)
      assert.deepEqual(await allOf(pieces), raw)
      assert.deepEqual(pieces.header, whole.header)
      assert.equal(pieces.hasBareLineEnds, whole.hasBareLineEnds)
      assert.equal(pieces.hasBareLineEnds, /\r(?!\n)|(?<!\r)\n/.test(text))
    }),
  )
})

test('normalized, every line ends in CRLF, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(wire, cuts, async (text, sizes) => {
      const want = Buffer.from(text.replace(/\r\n|\r|\n/g, '\r\n'))
      await using message = await spooled(Buffer.from(text), sizes, { lineEnds: 'normalize' })
      assert.deepEqual(await allOf(message), want)
      assert.equal(message.sizeBytes, want.length)
    }),
  )
})

test('what is clean is passed on as it is, not copied', () => {
  const bytes = Buffer.from('a\r\nb\r\n')
  assert.equal(createLineEnds('normalize').write(bytes), bytes)
})

const headers: [what: string, raw: string, header: string][] = [
  ['a header and a body', 'A: b\r\n\r\nbody', 'A: b\r\n\r\n'],
  ['no header', '\r\nbody\r\n\r\n', '\r\n'],
  ['no body', 'A: b\r\n', 'A: b\r\n'],
  ['nothing', '', ''],
]
for (const [what, raw, header] of headers) {
  test(`the header of ${what}`, async () => {
    await using message = await spooled(Buffer.from(raw))
    assert.equal(message.header.toString(), header)
  })
}

describe('large messages', () => {
  const large = Buffer.from(`Subject: large\r\n\r\n${'0123456789abcdef\r\n'.repeat(200_000)}`)

  test('lie in a file that only we can read, are read again and again, and are gone when disposed of', async () => {
    {
      await using message = await spooled(
        large,
        Array.from({ length: 30 }, () => 50_000),
      )
      const [name, ...others] = await readdir(directory)
      assert.ok(name !== undefined && others.length === 0)
      assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600)
      assert.equal((await stat(directory)).mode & 0o777, 0o700)
      assert.equal(message.header.toString(), 'Subject: large\r\n\r\n')
      assert.ok(large.equals(await allOf(message)))
      assert.ok(large.equals(await allOf(message)), 'a second time')
      assert.deepEqual(await allOf(message, 1_500_000, 1_500_010), large.subarray(1_500_000, 1_500_010))
      assert.deepEqual(await allOf(message, large.length - 3), large.subarray(-3))
    }
    assert.deepEqual(await readdir(directory), [])
  })

  test('a header beyond the bound is cut', async () => {
    await using message = await spooled(Buffer.from(`X: ${'x'.repeat(2_000_000)}`))
    assert.equal(message.header.length, headerBytesMax)
  })

  test('of one that is too big the rest is read and nothing kept', async () => {
    let given = 0
    const source = (async function* () {
      for (; given < 100; given++) yield Buffer.alloc(100_000, 'x')
    })()
    assert.equal(await spoolMessage(t.platform, source, { ...options, bytesMax: 3_000_000 }), 'too-big')
    assert.equal(given, 100)
    assert.deepEqual(await readdir(directory), [])
  })

  test('an error of the source leaves nothing', async () => {
    const source = (async function* () {
      yield large
      throw new Error('the client left')
    })()
    await assert.rejects(spoolMessage(t.platform, source, options), /the client left/)
    assert.deepEqual(await readdir(directory), [])
  })

  test('memory stays flat for 50 MB', async () => {
    const piece = Buffer.alloc(64 * 1024, 'abcdefgh\r\n')
    const before = heldBytes()
    let peak = 0
    const source = (async function* () {
      for (let n = 0; n < 800; n++) {
        yield Buffer.from(piece)
        if (n % 50 === 0) peak = Math.max(peak, heldBytes() - before)
      }
    })()
    await using message = await spoolMessage(t.platform, source, options).then((result) => {
      assert.ok(result !== 'too-big')
      return result
    })
    let read = 0
    for await (const bytes of message.read()) {
      read += bytes.length
      peak = Math.max(peak, heldBytes() - before)
    }
    assert.equal(read, 800 * piece.length)
    assert.ok(peak < 8_000_000, `${peak} bytes were held`)
  })
})

setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')

/** What is really held: garbage does not count. */
function heldBytes(): number {
  if (typeof collect === 'function') collect()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}
