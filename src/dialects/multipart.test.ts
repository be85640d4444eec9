/** Forms with files, as clients send them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Refusal } from '../platform/errors.ts'
import { readForm } from './multipart.ts'

async function encoded(form: FormData): Promise<[string, Buffer]> {
  const response = new Response(form)
  return [response.headers.get('content-type') ?? '', Buffer.from(await response.arrayBuffer())]
}

test('whatever bytes a form holds come out as they went in', async () => {
  const value = fc.uint8Array({ maxLength: 200 })
  const parts = fc.array(fc.tuple(fc.stringMatching(/^[ -$&-~]{1,20}$/), value), { maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(parts, async (wanted) => {
      const form = new FormData()
      for (const [name, bytes] of wanted) form.append(name, new File([new Uint8Array(bytes)], `${name}.bin`))
      const read = readForm(...(await encoded(form)))
      assert.deepEqual(
        read.map(({ name, filename, bytes }) => [name, filename, [...bytes]]),
        wanted.map(([name, bytes]) => [name, `${name}.bin`, [...bytes]]),
      )
    }),
  )
})

test('fields are no files', async () => {
  const form = new FormData()
  form.set('key', 'imports/1')
  form.set('file', new File(['x'], 'x.txt', { type: 'text/plain' }))
  const [field, file] = readForm(...(await encoded(form)))
  assert.deepEqual([field?.filename, field?.bytes.toString()], [null, 'imports/1'])
  assert.deepEqual([file?.filename, file?.contentType], ['x.txt', 'text/plain'])
})

const head = '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
const broken: [what: string, type: string, body: string][] = [
  ['another type', 'application/json', '{}'],
  ['no boundary', 'multipart/form-data; x=y', head],
  ['nothing', 'multipart/form-data; boundary=b', ''],
  ['cut short', 'multipart/form-data; boundary=b', `${head}value`],
  ['no name', 'multipart/form-data; boundary=b', '--b\r\nX: y\r\n\r\nv\r\n--b--'],
  ['too many parts', 'multipart/form-data; boundary=b', `${`${head}v\r\n`.repeat(101)}--b--`],
]
for (const [what, type, body] of broken) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => readForm(type, Buffer.from(body)),
      (error) => error instanceof Refusal && error.code === 'invalid_request',
    )
  })
}
