/** The spool: a message is held while it is judged, before anything of it is stored. */
import type { SpooledMessage } from './arrival.ts'

/** Bytes of a header that are looked at. */
export const headerBytesMax = 256 * 1024

/**
 * Reads a message whole.
 * @param bytesMax past it the rest is read and nothing kept, so that the connection stays in step.
 */
export async function spoolMessage(
  source: AsyncIterable<Buffer>,
  bytesMax: number,
): Promise<SpooledMessage | 'too-big'> {
  const pieces: Buffer[] = []
  let sizeBytes = 0
  for await (const piece of source) {
    sizeBytes += piece.length
    if (sizeBytes <= bytesMax) pieces.push(piece)
    else pieces.length = 0
  }
  return sizeBytes > bytesMax ? 'too-big' : spooledBytes(Buffer.concat(pieces))
}

/** A message that is in memory anyway. */
export function spooledBytes(raw: Buffer): SpooledMessage {
  const end = raw.indexOf('\r\n\r\n')
  return {
    sizeBytes: raw.length,
    header: raw.subarray(0, Math.min(headerBytesMax, end < 0 ? raw.length : end + 4)),
    async *read(start = 0, stop = raw.length) {
      yield raw.subarray(start, stop)
    },
    async [Symbol.asyncDispose]() {},
  }
}
