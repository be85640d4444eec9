/** The text of a part of a message, read in pieces: a large text needs no more memory than a small one. */
import type { BodyReader } from '../bodies-read.ts'
import { decodeCharset } from '../mime/charset.ts'
import type { MimePart } from '../mime/structure.ts'
import { createTransferDecoder, type TransferDecoder } from '../mime/transfer-decoder.ts'

/** Decoded bytes of a text that become characters together. */
const segmentBytes = 64 * 1024

/**
 * The text of a text part in pieces, its transfer encoding and charset undone. A character is in one piece. Never fails: what
 * cannot be decoded is taken as it is.
 */
export async function* readPartText(body: BodyReader, part: MimePart): AsyncGenerator<string, void> {
  const charset = part.params?.find(([name]) => name === 'charset')?.[1] ?? null
  const decoder = createTransferDecoder(part.encoding) ?? identity
  const range = { start: part.bodyStart, end: part.end }
  const held = body.inMemory(range)
  let pending: Buffer = Buffer.alloc(0)
  for await (const piece of held === null ? body.read(range) : [held]) {
    pending = join(pending, decoder.write(piece))
    if (pending.length < segmentBytes) continue
    const cut = endOfLines(pending, charset)
    yield decodeCharset(pending.subarray(0, cut), charset)
    pending = pending.subarray(cut)
  }
  yield decodeCharset(join(pending, decoder.end()), charset)
}

const identity: TransferDecoder = { write: (bytes) => bytes, end: () => Buffer.alloc(0) }

function join(first: Buffer, second: Buffer): Buffer {
  if (first.length === 0) return second
  return second.length === 0 ? first : Buffer.concat([first, second])
}

/**
 * Where to cut bytes so that no character is parted: behind a line feed, which in every charset of mail but UTF-16 and
 * UTF-32 is that byte and nothing else. One character is lost where a line alone fills a segment.
 */
function endOfLines(bytes: Buffer, charset: string | null): number {
  const cut = bytes.lastIndexOf(0x0a) + 1 || bytes.length
  return /^utf-?(?:16|32)/i.test(charset ?? '') ? cut - (cut % 4) : cut
}
