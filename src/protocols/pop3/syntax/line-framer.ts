/** Cuts what arrives into lines. A line ends with LF; a CR before it belongs to the line end. */

export type LineEvent =
  | { kind: 'line'; bytes: Buffer }
  /** One line was longer than it may be; what follows it is read again. */
  | { kind: 'line-too-long' }
  /** It goes on for so long that it is no line. */
  | { kind: 'out-of-step' }

export type LineFramer = {
  /** Keeps a reference to the chunk: the caller must not reuse it. */
  push(chunk: Buffer): void
  /** The next event, or null until more has come. */
  next(): LineEvent | null
  readonly bufferedBytes: number
  discardBuffered(): void
}

export type LineLimits = { readonly lineBytesMax: number; readonly discardBytesMax: number }

const lineFeed = 0x0a
const carriageReturn = 0x0d

export function createLineFramer(limits: LineLimits): LineFramer {
  let bytes: Buffer = Buffer.alloc(0)
  let scanned = 0 // no LF before it
  let discarded = 0 // of a line that is too long

  const drop = (count: number): void => {
    bytes = bytes.subarray(count)
    scanned = 0
  }
  const discardOn = (): LineEvent | null => {
    const end = bytes.indexOf(lineFeed)
    discarded += end === -1 ? bytes.length : end + 1
    drop(end === -1 ? bytes.length : end + 1)
    if (discarded > limits.discardBytesMax) return { kind: 'out-of-step' }
    if (end === -1) return null
    discarded = 0
    return { kind: 'line-too-long' }
  }
  return {
    push(chunk) {
      // The owner bounds what is pushed ahead of next(), so that copying it stays cheap.
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    },
    next() {
      if (discarded > 0) return discardOn()
      const end = bytes.indexOf(lineFeed, scanned)
      scanned = bytes.length
      if (end >= limits.lineBytesMax || (end === -1 && bytes.length >= limits.lineBytesMax)) {
        return discardOn()
      }
      if (end === -1) return null
      const line = bytes.subarray(0, end > 0 && bytes[end - 1] === carriageReturn ? end - 1 : end)
      drop(end + 1)
      return { kind: 'line', bytes: line }
    },
    get bufferedBytes() {
      return bytes.length
    },
    discardBuffered() {
      drop(bytes.length)
      discarded = 0
    },
  }
}
