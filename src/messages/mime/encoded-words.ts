/** RFC 2047 encoded-words in header text, decoded for people and for search. */
import libmime from 'libmime'

/** Header text with its encoded-words replaced by what they say. What cannot be decoded stays as it is. */
export function decodeHeaderText(value: string): string {
  if (!value.includes('=?')) return value
  try {
    return libmime
      .decodeWords(value)
      .replaceAll('\0', '\ufffd')
      .replace(/[\r\n]+/g, ' ')
      .toWellFormed()
  } catch {
    return value
  }
}
