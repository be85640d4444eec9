/** Reads a message once, for all the signatures that it gets: its header fields, and the hash of its body. */
import { parseHeaderFields } from '../../messages/mime/header-fields.ts'
import { createBodyHash } from './relaxed.ts'

export type RawField = {
  /** In lower case. */
  name: string
  /** With its folding and its line end. */
  raw: Buffer
}

export type MessageDigest = {
  /** In their order; lines that are no fields are left out. */
  fields: readonly RawField[]
  /** SHA-256 of the relaxed body in base64. */
  bodyHash: string
}

/** A header is held in memory, and nothing that people write has one of this size. */
export const headerBytesMax = 1024 * 1024

/** @returns null when the header is larger than `headerBytesMax`. */
export async function digestMessage(chunks: AsyncIterable<Buffer>): Promise<MessageDigest | null> {
  const body = createBodyHash()
  let header: Buffer = Buffer.alloc(0)
  let isInBody = false
  for await (const chunk of chunks) {
    if (isInBody) {
      body.update(chunk)
      continue
    }
    header = header.length === 0 ? chunk : Buffer.concat([header, chunk])
    const end = endOfHeader(header)
    if (end !== null) {
      isInBody = true
      body.update(header.subarray(end))
      header = header.subarray(0, end)
    }
    if (header.length > headerBytesMax) return null
  }
  return { fields: rawFields(header), bodyHash: body.digest() }
}

/** Behind the first empty line (RFC 5322 §2.1), which may be the first line of all. */
function endOfHeader(bytes: Buffer): number | null {
  for (let line = 0; ; ) {
    if (bytes[line] === 0x0a) return line + 1
    if (bytes[line] === 0x0d && bytes[line + 1] === 0x0a) return line + 2
    const feed = bytes.indexOf(0x0a, line)
    if (feed === -1) return null
    line = feed + 1
  }
}

function rawFields(header: Buffer): RawField[] {
  return parseHeaderFields(header).flatMap(({ name, start, end }) =>
    name === '' ? [] : [{ name: name.toLowerCase(), raw: header.subarray(start, end) }],
  )
}
