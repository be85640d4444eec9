/**
 * Writing responses. Every function returns a *wire string*: a JavaScript string in which each character is one byte,
 * to be sent with `latin1`. Such strings are stored and joined by the engine at a byte per character, which keeps a
 * FETCH of 100,000 messages cheap; text beyond ASCII is in them as its UTF-8 bytes. RFC 9051 §9.
 */
import { isUtf8 } from 'node:buffer'
import { imapSyntaxLimits } from './limits.ts'
import { encodeMailboxName, type MailboxNameEncoding } from './mailbox-name.ts'

/** Plain ASCII that needs no escape, the usual case. */
const plainPattern = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/
/** The octets that no quoted string can hold. */
const unquotablePattern = /[\0\r\n]/
const astringPattern = /^[!#$&'+,\-./0-9:;<=>?@A-Z[\]^_`a-z|}~]+$/

/**
 * string: quoted where possible, else a literal of the octets. `utf8` (RFC 6855, RFC 9051) allows UTF-8 in quotes.
 * NUL goes into a literal as it is; a caller that must not send it removes it.
 */
export function encodeString(value: string | Buffer, utf8 = false): string {
  if (
    typeof value === 'string' &&
    value.length <= imapSyntaxLimits.quotedBytesMax &&
    plainPattern.test(value)
  ) {
    return `"${value}"`
  }
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value
  const octets = bytes.toString('latin1')
  const quotable =
    octets.length <= imapSyntaxLimits.quotedBytesMax &&
    !unquotablePattern.test(octets) &&
    (!/[\x80-\xff]/.test(octets) || (utf8 && isUtf8(bytes)))
  return quotable ? `"${octets.replace(/["\\]/g, '\\$&')}"` : literalHeader(octets.length) + octets
}

export function encodeNstring(value: string | Buffer | null | undefined, utf8 = false): string {
  return value === null || value === undefined ? 'NIL' : encodeString(value, utf8)
}

/** An atom where it can be one and cannot be taken for NIL. */
export function encodeAstring(value: string, utf8 = false): string {
  return astringPattern.test(value) && value.toUpperCase() !== 'NIL' ? value : encodeString(value, utf8)
}

/** A mailbox name in LIST, STATUS and the like: always quoted, as many clients expect. */
export function encodeMailbox(name: string, encoding: MailboxNameEncoding): string {
  const wire = encodeMailboxName(name, encoding)
  return encodeString(Buffer.from(wire, 'latin1'), encoding === 'utf-8')
}

/** What comes before a literal's octets: `{n}` or, for literal8 (RFC 3516), `~{n}`, and CRLF. */
export function literalHeader(sizeBytes: number, binary = false): string {
  return `${binary ? '~' : ''}{${sizeBytes}}\r\n`
}

/** `(\Seen $Forwarded)`. Flags are atoms already. */
export function encodeFlags(flags: Iterable<string>): string {
  return `(${[...flags].join(' ')})`
}

/** Free text at the end of a response: one line of ASCII, and never empty (RFC 9051 §9 resp-text). */
export function encodeResponseText(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, ' ').trim() || 'OK'
}
