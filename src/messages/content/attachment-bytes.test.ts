import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newId } from '../../platform/ids.ts'
import { memoryBody } from '../../testing/memory-body.ts'
import { parseMessage } from '../mime/structure.ts'
import { countPartBytes, readPartBytes, readPartRange } from './attachment-bytes.ts'

async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

function message(encoding: string, encoded: Buffer): Buffer {
  const head = `Content-Type: application/x\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`
  return Buffer.concat([Buffer.from(head), encoded])
}

const rows: [encoding: string, encoded: string, want: string][] = [
  ['7bit', 'hello\r\n', 'hello\r\n'],
  ['binary', 'a\0b', 'a\0b'],
  ['x-uuencode', 'begin 644 a', 'begin 644 a'],
  ['base64', 'aGVs\r\nbG8=\r\n', 'hello'],
  ['BASE64', ' a G V s b G 8 ', 'hello'],
  ['base64', 'aGVsbG8=trailing', 'hello'],
  ['base64', 'aGVsbG', 'hell'],
  ['base64', '', ''],
  ['base64', '!!!!', ''],
  ['quoted-printable', 'a=3Db=\r\nc  \r\n', 'a=bc\r\n'],
  ['quoted-printable', 'bad =ZZ', 'bad =ZZ'],
]
for (const [encoding, encoded, want] of rows) {
  test(`${encoding} of ${JSON.stringify(encoded)}`, async () => {
    const raw = message(encoding, Buffer.from(encoded, 'latin1'))
    const { root } = parseMessage(raw)
    assert.equal((await joined(readPartBytes(memoryBody(raw), root))).toString('latin1'), want)
    assert.equal(await countPartBytes(memoryBody(raw), newId(), root), want.length)
  })
}

test('the count and every range are those of the decoded bytes, wherever the body is cut', async () => {
  const encodings = fc.constantFrom('base64', 'quoted-printable', '8bit', 'x-none')
  await fc.assert(
    fc.asyncProperty(
      encodings,
      fc.uint8Array({ maxLength: 300 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      fc.nat(320),
      fc.nat(320),
      async (encoding, bytes, isEncoded, pieceBytes, first, second) => {
        const content = isEncoded ? Buffer.from(Buffer.from(bytes).toString('base64')) : Buffer.from(bytes)
        const raw = message(encoding, content)
        const { root } = parseMessage(raw)
        const whole = await joined(readPartBytes(memoryBody(raw), root))
        const body = memoryBody(raw, pieceBytes)
        assert.deepEqual(await joined(readPartBytes(body, root)), whole)
        assert.equal(await countPartBytes(body, newId(), root), whole.length)
        const [start, end] = [Math.min(first, second), Math.max(first, second)]
        assert.deepEqual(await joined(readPartRange(body, root, start, end)), whole.subarray(start, end))
      },
    ),
  )
})

test('a size is counted once', async () => {
  const raw = message('base64', Buffer.from('aGVsbG8='))
  const { root } = parseMessage(raw)
  const id = newId()
  const body = memoryBody(raw)
  assert.equal(await countPartBytes(body, id, root), 5)
  const unreadable = { ...body, read: () => assert.fail('it is known') }
  assert.equal(await countPartBytes(unreadable, id, root), 5)
})
