/**
 * Quoted-printable to bytes (RFC 2045 §6.7), in one pass. Ours, because libqp 2.1 strips white space at line
 * ends with a regular expression that takes a minute for 200 kB of spaces.
 */

const lineFeed = 0x0a
const carriageReturn = 0x0d
const equalsSign = 0x3d

/** Broken escapes stay as they are; white space at line ends and soft line breaks are dropped. */
export function decodeQuotedPrintable(encoded: Buffer): Buffer {
  const decoded = Buffer.allocUnsafe(encoded.length)
  let length = 0
  let keptLength = 0 // without the literal white space that may turn out to end the line
  for (let at = 0; at < encoded.length; at++) {
    const byte = encoded[at] ?? 0
    if (byte === equalsSign) {
      const breakEnd = softBreakEnd(encoded, at + 1)
      const octet = breakEnd === -1 ? hexOctet(encoded[at + 1], encoded[at + 2]) : -1
      if (octet !== -1) at += 2
      if (breakEnd === -1) decoded[length++] = octet === -1 ? byte : octet
      else at = breakEnd - 1
      keptLength = length
    } else if (isSpace(byte)) {
      decoded[length++] = byte
    } else {
      if (byte === lineFeed || (byte === carriageReturn && encoded[at + 1] === lineFeed)) length = keptLength
      decoded[length++] = byte
      keptLength = length
    }
  }
  return decoded.subarray(0, keptLength)
}

/** The offset after a soft line break whose `=` stands before `at` (RFC 2045 §6.7 rule 5), or -1. */
function softBreakEnd(encoded: Buffer, at: number): number {
  let end = at
  while (isSpace(encoded[end])) end++
  if (end === encoded.length) return end
  if (encoded[end] === carriageReturn && encoded[end + 1] === lineFeed) return end + 2
  return encoded[end] === lineFeed ? end + 1 : -1
}

function hexOctet(high: number | undefined, low: number | undefined): number {
  const [first, second] = [hexDigit(high), hexDigit(low)]
  return first === -1 || second === -1 ? -1 : first * 16 + second
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20 // upper to lower case
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09
}
