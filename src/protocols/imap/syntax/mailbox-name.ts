/**
 * Mailbox names (the product's folders). Inside they are Unicode with '/' between levels; on the wire they are modified
 * UTF-7 (RFC 3501 §5.1.3) or, once IMAP4rev2 or UTF8=ACCEPT is enabled, UTF-8 (RFC 9051 §5.1, RFC 6855 §3).
 */
import { isUtf8 } from 'node:buffer'
import { imapSyntaxLimits } from './limits.ts'

declare const brand: unique symbol

/** Unicode, checked by isMailboxName; the first level is spelled INBOX whenever it means INBOX. */
export type MailboxName = string & { readonly [brand]: 'MailboxName' }

export type MailboxNameEncoding = 'modified-utf-7' | 'utf-8'

export const hierarchyDelimiter = '/'

/** The name in the wire's bytes as a latin1 string. Ill-formed UTF-16 becomes U+FFFD. */
export function encodeMailboxName(name: string, encoding: MailboxNameEncoding): string {
  if (encoding === 'modified-utf-7') return encodeModifiedUtf7(name)
  return Buffer.from(name, 'utf8').toString('latin1')
}

/**
 * Unicode text from the wire's bytes (a latin1 string), without the rules for names: references and patterns use it.
 * null when the bytes are no valid modified UTF-7 or UTF-8.
 */
export function decodeMailboxText(wire: string, encoding: MailboxNameEncoding): string | null {
  if (encoding === 'modified-utf-7') return decodeModifiedUtf7(wire)
  const bytes = Buffer.from(wire, 'latin1')
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}

/** INBOX is case-insensitive (RFC 9051 §5.1); so that it has one set of children, its first level is too. */
export function canonicalMailboxName(name: string): string {
  return /^inbox(?=\/|$)/i.test(name) ? `INBOX${name.slice(5)}` : name
}

/** No controls (RFC 5198 §2), no empty level, bounded, canonical INBOX. */
export function isMailboxName(name: string): name is MailboxName {
  return (
    name !== '' &&
    !`${hierarchyDelimiter}${name}${hierarchyDelimiter}`.includes(hierarchyDelimiter.repeat(2)) &&
    !/\p{Cc}/u.test(name) &&
    name.isWellFormed() &&
    Buffer.byteLength(name) <= imapSyntaxLimits.mailboxNameBytesMax &&
    canonicalMailboxName(name) === name
  )
}

/** RFC 3501 §5.1.3: printable ASCII stands for itself, `&` is `&-`, the rest is UTF-16 in base64 with `,` for `/`. */
export function encodeModifiedUtf7(text: string): string {
  if (/^[\x20-\x25\x27-\x7e]*$/.test(text)) return text
  return text.toWellFormed().replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-'
    const base64 = Buffer.from(run, 'utf16le').swap16().toString('base64')
    return `&${base64.replaceAll('/', ',').replace(/=+$/, '')}-`
  })
}

/**
 * null when malformed. Only the one canonical spelling of a text is taken, so that two names on the wire are never one
 * name inside: RFC 3501 §5.1.3 forbids superfluous shifts and printable ASCII in base64.
 */
export function decodeModifiedUtf7(wire: string): string | null {
  if (/^[\x20-\x25\x27-\x7e]*$/.test(wire)) return wire
  let malformed = false
  const text = wire.replace(/&([^-]*)(-?)/g, (_shift, base64: string, end: string) => {
    if (base64 === '' && end === '-') return '&'
    const bytes = Buffer.from(base64.replaceAll(',', '/'), 'base64')
    if (end === '' || bytes.length === 0 || bytes.length % 2 !== 0) {
      malformed = true
      return ''
    }
    return bytes.swap16().toString('utf16le')
  })
  if (malformed || !text.isWellFormed() || encodeModifiedUtf7(text) !== wire) return null
  return text
}
