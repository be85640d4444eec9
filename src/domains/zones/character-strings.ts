/** Character-strings (RFC 1035 §5.1): how a TXT value stands in a zone file, and in the APIs that took over that form. */

const stringBytesMax = 255 // RFC 1035 §3.3

/** A text in quoted strings of at most 255 bytes; what is not printable ASCII is written as `\DDD`. */
export function quoteStrings(text: string): string {
  const bytes = Buffer.from(text)
  const strings: string[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += stringBytesMax) {
    strings.push(`"${[...bytes.subarray(at, at + stringBytesMax)].map(escapeByte).join('')}"`)
  }
  return strings.join(' ')
}

function escapeByte(byte: number): string {
  if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
  return byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
}

const quotedString = /"((?:[^"\\]|\\\d{3}|\\[^\d])*)"\s*/gsy
const part = /\\(\d{3})|\\(.)|([^\\]+)/gs

/** The other way round: strings in quotes as one text. @returns null for what is not of that form. */
export function joinStrings(text: string): string | null {
  const pieces: Buffer[] = []
  let end = 0
  for (const found of text.trim().matchAll(quotedString)) {
    end = found.index + found[0].length
    for (const [, decimal, escaped, plain] of (found[1] ?? '').matchAll(part)) {
      if (Number(decimal) > 255) return null
      pieces.push(
        decimal === undefined ? Buffer.from(escaped ?? plain ?? '') : Buffer.from([Number(decimal)]),
      )
    }
  }
  return end > 0 && end === text.trim().length ? Buffer.concat(pieces).toString() : null
}
