/** Pieces of a message that end where lines end, and the two line ends that files have. */

/** A line that is longer is cut: no header or text that a person wrote is. */
const lineBytesMax = 1024 * 1024

/** Cuts pieces behind a line feed, so that what looks at lines sees them whole. */
export async function* atLineEnds(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const piece of pieces) {
    const joined = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    const end = joined.lastIndexOf(0x0a) + 1
    const cut = end === 0 && joined.length > lineBytesMax ? joined.length : end
    if (cut > 0) yield joined.subarray(0, cut)
    rest = joined.subarray(cut)
  }
  if (rest.length > 0) yield rest
}

/** Every line ends in CRLF, as RFC 5322 §2.1 wants it. A CR alone stays. */
export async function* withCrlf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  for await (const piece of atLineEnds(pieces)) yield crlfOf(piece)
}

/** @param lines ends behind a line feed, or at the end of all. */
export function crlfOf(lines: Buffer): Buffer {
  let bare = 0
  for (let at = lines.indexOf(0x0a); at !== -1; at = lines.indexOf(0x0a, at + 1)) {
    if (lines[at - 1] !== 0x0d) bare += 1
  }
  if (bare === 0) return lines
  const result = Buffer.allocUnsafe(lines.length + bare)
  let from = 0
  let to = 0
  for (let at = lines.indexOf(0x0a); at !== -1; at = lines.indexOf(0x0a, at + 1)) {
    if (lines[at - 1] === 0x0d) continue
    to += lines.copy(result, to, from, at)
    result[to++] = 0x0d
    from = at
  }
  lines.copy(result, to, from)
  return result
}

/** Every line ends in LF, as files on Unix do. */
export async function* withLf(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  for await (const piece of atLineEnds(pieces)) {
    yield piece.includes('\r\n')
      ? Buffer.from(piece.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
      : piece
  }
}
