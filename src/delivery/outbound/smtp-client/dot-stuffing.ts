/** The message as it goes over the wire after DATA (RFC 5321 §4.5.2). */

const cr = 0x0d
const lf = 0x0a
const dot = 0x2e

export type DotStuffer = {
  /** The next bytes, with a second dot where a line begins with one, and CRLF at each end of a line (§2.3.8). */
  write(bytes: Buffer): Buffer
  /** What closes the message: the end of its last line where that is missing, and the dot. */
  end(): Buffer
}

export function createDotStuffer(): DotStuffer {
  let isLineStart = true
  let isAfterCr = false

  return {
    write(bytes) {
      const pieces: Buffer[] = []
      let start = 0
      const insert = (at: number, text: string): void => {
        pieces.push(bytes.subarray(start, at), Buffer.from(text))
        start = at
      }
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at]
        if (isAfterCr && byte !== lf) {
          insert(at, '\n') // a CR alone ends a line for some servers: then it does for all
          isLineStart = true
        }
        if (byte === lf) {
          if (!isAfterCr) insert(at, '\r')
          isLineStart = true
        } else {
          if (byte === dot && isLineStart) insert(at, '.')
          isLineStart = isLineStart && byte === cr
        }
        isAfterCr = byte === cr
      }
      if (pieces.length === 0) return bytes
      pieces.push(bytes.subarray(start))
      return Buffer.concat(pieces)
    },
    end() {
      if (isAfterCr) return Buffer.from('\n.\r\n')
      return Buffer.from(isLineStart ? '.\r\n' : '\r\n.\r\n')
    },
  }
}
