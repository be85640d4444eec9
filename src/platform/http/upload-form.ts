/** A form with a file at its end (RFC 7578), read as it comes: fields are held, the file is passed on in pieces. */
import { Refusal } from '../errors.ts'

export type UploadForm = {
  fields: ReadonlyMap<string, string>
  /** Of the part named `file`, to be read to its end. */
  file: AsyncIterable<Buffer>
}

const headerBytesMax = 16 * 1024
const fieldBytesMax = 64 * 1024
const fieldsMax = 100

/**
 * @param contentType as the header had it.
 * @throws Refusal invalid_request for what is no such form, or has no file.
 */
export async function readUploadForm(body: AsyncIterable<Buffer>, contentType: string): Promise<UploadForm> {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary === undefined) throw broken('it has no boundary')
  const reader = readerOf(body)
  const end = `\r\n--${boundary}`
  if ((await reader.until(`--${boundary}`, headerBytesMax)) !== '')
    throw broken('it does not begin with a part')
  const fields = new Map<string, string>()
  for (let parts = 0; parts <= fieldsMax; parts++) {
    if ((await reader.until('\r\n', headerBytesMax)).startsWith('--')) throw broken('it has no file')
    const header = await reader.until('\r\n\r\n', headerBytesMax)
    const name = /^content-disposition:[^\r\n]*;\s*name="([^"]*)"/im.exec(header)?.[1]
    if (name === undefined) throw broken('a part has no name')
    if (name === 'file') return { fields, file: reader.pieces(end) }
    fields.set(name, await reader.until(end, fieldBytesMax))
  }
  throw broken('it has too many fields')
}

function broken(why: string): Refusal {
  return new Refusal('invalid_request', `The form cannot be read: ${why}.`)
}

function readerOf(body: AsyncIterable<Buffer>) {
  const source = body[Symbol.asyncIterator]()
  let held: Buffer = Buffer.alloc(0)
  const more = async (): Promise<void> => {
    const next = await source.next()
    if (next.done) throw broken('it ends too early')
    held = held.length === 0 ? next.value : Buffer.concat([held, next.value])
  }
  return {
    /** What stands in front of a mark, which is passed over. */
    async until(mark: string, bytesMax: number): Promise<string> {
      for (;;) {
        const at = held.indexOf(mark)
        if (at !== -1) {
          const text = held.subarray(0, at).toString('utf8')
          held = held.subarray(at + mark.length)
          return text
        }
        if (held.length > bytesMax) throw broken('a part of it is too long')
        await more()
      }
    },
    /** The same in pieces, however long it is. */
    async *pieces(mark: string): AsyncGenerator<Buffer, void> {
      for (;;) {
        const at = held.indexOf(mark)
        if (at !== -1) {
          if (at > 0) yield held.subarray(0, at)
          held = held.subarray(at + mark.length)
          return
        }
        // The mark may begin in these bytes and end in the next.
        const sure = held.length - mark.length + 1
        if (sure > 0) {
          yield held.subarray(0, sure)
          held = held.subarray(sure)
        }
        await more()
      }
    },
  }
}
