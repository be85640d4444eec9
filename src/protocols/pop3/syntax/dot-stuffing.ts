/**
 * A multi-line response from bytes of a message (RFC 1939 §3): lines that begin with a dot get a second one, and the
 * last line is a dot alone.
 *
 * A message may have line ends of LF alone, and it is sent as it is: its size is the one that LIST gave, and its
 * signatures hold. Clients that take LF for a line end, which most do, would see the end of the response in "LF . CRLF";
 * clients that do not would see none in "LF . CRLF" at the end. So a dot is doubled behind any LF, and the last line is
 * closed unless it ends with CRLF.
 */

export type DotStuffer = {
  /** The next bytes as they go onto the wire: often the same. */
  write(chunk: Buffer): Buffer
  /** What closes the response. */
  end(): string
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const dot = 0x2e
const lineFeedDot = Buffer.from('\n.')

export function createDotStuffer(): DotStuffer {
  let last = lineFeed // the response begins at the start of a line
  let isClosed = true // after CRLF, or at the very beginning
  return {
    write(chunk) {
      if (chunk.length === 0) return chunk
      const stuffed = doubleDots(chunk, last === lineFeed && chunk[0] === dot)
      const beforeLast = chunk.length > 1 ? chunk[chunk.length - 2] : last
      last = chunk[chunk.length - 1] ?? last
      isClosed = last === lineFeed && beforeLast === carriageReturn
      return stuffed
    },
    end: () => (isClosed ? '.\r\n' : '\r\n.\r\n'),
  }
}

function doubleDots(chunk: Buffer, atStart: boolean): Buffer {
  let dots = atStart ? 1 : 0
  for (let at = chunk.indexOf(lineFeedDot); at !== -1; at = chunk.indexOf(lineFeedDot, at + 1)) dots += 1
  if (dots === 0) return chunk
  const stuffed = Buffer.allocUnsafe(chunk.length + dots)
  let from = 0
  let to = 0
  if (atStart) stuffed[to++] = dot
  for (let at = chunk.indexOf(lineFeedDot); at !== -1; at = chunk.indexOf(lineFeedDot, from)) {
    to += chunk.copy(stuffed, to, from, at + 1)
    stuffed[to++] = dot
    from = at + 1
  }
  chunk.copy(stuffed, to, from)
  return stuffed
}
