/** The charsets of SEARCH, RFC 9051 §6.4.4. */
import { isUtf8 } from 'node:buffer'
import iconv from 'iconv-lite'
import type { Reader } from './reader.ts'

export type DecodeSearchText = (bytes: Buffer, reader: Reader) => string

/** What BADCHARSET offers; more of the field's charsets are understood. */
export const offeredSearchCharsets = ['US-ASCII', 'UTF-8'] as const

// iconv-lite knows transfer encodings such as hex and base64 too: only charsets of mail pass.
const charsetName =
  /^(?:utf-?(?:7|8|16(?:le|be)?)|iso-8859-\d{1,2}|windows-\d{3,4}|cp\d{3,4}|koi8-[rut]|gbk?|gb2312|gb18030|big5(?:-hkscs)?|shift_jis|euc-(?:jp|kr)|tis-620|macintosh)$/i

/**
 * The decoder of a charset: one that refuses with BAD what is not of it, or null for an unknown charset, which the
 * server answers with NO [BADCHARSET].
 */
export function searchDecoder(charset: string | null): DecodeSearchText | null {
  // UTF-8 without CHARSET is RFC 9051's rule, and holds RFC 3501's US-ASCII.
  if (charset === null || /^(?:us-ascii|utf-?8)$/i.test(charset)) return decodeUtf8
  if (!charsetName.test(charset) || !iconv.encodingExists(charset)) return null
  return (bytes) => iconv.decode(bytes, charset).toWellFormed()
}

function decodeUtf8(bytes: Buffer, reader: Reader): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : reader.fail('Search text is not UTF-8')
}
