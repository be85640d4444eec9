/** Forms with a file at their end, as clients send them, and as nobody should. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../errors.ts'
import { readUploadForm } from './upload-form.ts'

/** In pieces of so many bytes, as a socket might bring them. */
function inPieces(body: Buffer, size: number): Readable {
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length; at += size) pieces.push(body.subarray(at, at + size))
  return Readable.from(pieces)
}

async function read(type: string, body: Buffer, size: number): Promise<[Map<string, string>, Buffer]> {
  const { fields, file } = await readUploadForm(inPieces(body, size), type)
  return [new Map(fields), await buffer(file)]
}

test('whatever bytes a form holds come out as they went in, however they are cut', async () => {
  const text = fc.stringMatching(/^[ -$&-~]{1,20}$/).filter((name) => name !== 'file')
  const fields = fc.array(fc.tuple(text, text), { maxLength: 5 })
  const file = fc.uint8Array({ maxLength: 300 })
  await fc.assert(
    fc.asyncProperty(fields, file, fc.integer({ min: 1, max: 50 }), async (wanted, bytes, size) => {
      const form = new FormData()
      for (const [name, value] of wanted) form.set(name, value)
      form.set('file', new File([new Uint8Array(bytes)], 'x.mbox'))
      const response = new Response(form)
      const type = response.headers.get('content-type') ?? ''
      const [seen, content] = await read(type, Buffer.from(await response.arrayBuffer()), size)
      assert.deepEqual(seen, new Map(wanted.map(([name, value]) => [name.replaceAll('"', '%22'), value])))
      assert.deepEqual([...content], [...bytes])
    }),
  )
})

const type = 'multipart/form-data; boundary=b'
const part = (name: string): string => `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`
const broken: [what: string, type: string, body: string][] = [
  ['another type', 'application/json', '{}'],
  ['no boundary', 'multipart/form-data; x=y', part('file')],
  ['nothing', type, ''],
  ['no file', type, `${part('a')}v\r\n--b--\r\n`],
  ['a file that is cut short', type, `${part('file')}value`],
  ['a field that is cut short', type, `${part('a')}value`],
  ['no name', type, '--b\r\nX: y\r\n\r\nv\r\n--b--'],
  ['something before it', type, `preamble\r\n${part('file')}x\r\n--b--`],
  ['too many parts of one name', type, `${`${part('a')}v\r\n`.repeat(200)}${part('file')}x\r\n--b--`],
  ['a field without end', type, `${part('a')}${'x'.repeat(100_000)}`],
  ['a header without end', type, `--b\r\nX: ${'x'.repeat(100_000)}`],
]
for (const [what, contentType, body] of broken) {
  test(`${what} is refused`, async () => {
    await assert.rejects(
      read(contentType, Buffer.from(body), 1000),
      (error) => error instanceof Refusal && error.code === 'invalid_request',
    )
  })
}
