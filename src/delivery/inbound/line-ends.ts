/**
 * Line ends of a message while it arrives: CRLF is the only one, and a CR or an LF without the other ends a line for some
 * servers and not for others, which is how messages are smuggled (RFC 5321 §2.3.8).
 */

const carriageReturn = 0x0d
const lineFeed = 0x0a
const crlf = Buffer.from('\r\n')

export type LineEnds = {
  /** Takes the next bytes. @returns what to keep of them: in mode `keep` what was given. */
  write(bytes: Buffer): Buffer
  /** @returns what is left at the end: the second half of a line end whose first half came last. */
  end(): Buffer
  /** Whether a CR or an LF stood alone so far. */
  readonly hasBare: boolean
}

/** @param mode `normalize` makes a CRLF of each bare CR and LF (RFC 6409 §8 lets a submission server mend what it gets). */
export function createLineEnds(mode: 'keep' | 'normalize'): LineEnds {
  let wasReturn = false
  let hasBare = false
  return {
    get hasBare() {
      return hasBare
    },
    write(bytes) {
      const at = firstBare(bytes, wasReturn)
      if (at < bytes.length) hasBare = true
      const before = wasReturn
      if (bytes.length > 0) wasReturn = bytes[bytes.length - 1] === carriageReturn
      return at < bytes.length && mode === 'normalize' ? normalized(bytes, before) : bytes
    },
    end() {
      if (!wasReturn) return Buffer.alloc(0)
      hasBare = true
      return mode === 'normalize' ? crlf.subarray(1) : Buffer.alloc(0)
    },
  }
}

/** Where the first bare CR or LF is known to be; the length when there is none. A CR at the end is not known yet. */
function firstBare(bytes: Buffer, wasReturn: boolean): number {
  let previous = wasReturn ? carriageReturn : 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if ((byte === lineFeed) !== (previous === carriageReturn)) return at
    previous = byte
  }
  return bytes.length
}

/** A CR is written when it is seen, and its LF with whatever comes next, so that nothing has to be held back. */
function normalized(bytes: Buffer, wasReturn: boolean): Buffer {
  const pieces: Buffer[] = []
  let previous = wasReturn ? carriageReturn : 0
  let start = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (previous === carriageReturn && byte !== lineFeed) {
      pieces.push(bytes.subarray(start, at), crlf.subarray(1))
      start = at
    } else if (previous !== carriageReturn && byte === lineFeed) {
      pieces.push(bytes.subarray(start, at), crlf)
      start = at + 1
    }
    previous = byte
  }
  pieces.push(bytes.subarray(start))
  return Buffer.concat(pieces)
}
