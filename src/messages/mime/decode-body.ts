/** A part's body as text, for search and previews: transfer encoding (RFC 2045 §6) undone, charset decoded. */
import { decodeCharset } from './charset.ts'
import { decodeQuotedPrintable } from './quoted-printable.ts'

/**
 * Never throws. An unknown transfer encoding is taken as identity; an unknown charset as UTF-8 if valid, else
 * windows-1252. NUL becomes U+FFFD, because PostgreSQL text cannot hold it.
 */
export function decodePartBody(body: Buffer, encoding: string, charset: string | null): string {
  return decodeCharset(decodeTransferEncoding(body, encoding), charset).replaceAll('\0', '\ufffd')
}

/** The bytes that the transfer encoding stands for. Broken input gives what could be decoded. */
export function decodeTransferEncoding(body: Buffer, encoding: string): Buffer {
  switch (encoding.trim().toLowerCase()) {
    case 'base64':
      return Buffer.from(body.toString('latin1'), 'base64')
    case 'quoted-printable':
      return decodeQuotedPrintable(body)
    default:
      return body
  }
}
