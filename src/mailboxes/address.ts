/** Addresses (RFC 5321 §4.1.2, RFC 6531 §3.3): read once at the edge into one canonical form. */
import { type DomainName, parseDomainName } from '../domains/names.ts'

export type Address = {
  /** Decoded, NFC, lower case: upper and lower case reach the same mailbox here. */
  localPart: string
  domain: DomainName
  /** The canonical text: the local part is quoted only where it must be. */
  address: string
}

export type ParsedAddress = { ok: true; value: Address } | { ok: false; problem: string }

const localPartBytesMax = 64 // RFC 5321 §4.5.3.1.1
const addressBytesMax = 254 // RFC 5321 §4.5.3.1.3 (a path of 256 with its brackets), as RFC 3696 erratum 1690 says

// RFC 5321 §4.1.2 atext, and RFC 6531 §3.3: any character beyond ASCII.
const dotString = /^[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+(\.[\w!#$%&'*+/=?^`{|}~\u0080-\u{10ffff}-]+)*$/u
// RFC 5321 §4.1.2 Quoted-string: printable ASCII and space, with quoted-pairs, and UTF-8 (RFC 6531).
const quotedString = /^"(?:[ !#-[\]-~\u0080-\u{10ffff}]|\\[ -~])*"$/u
// Control, format, unassigned and private characters, and spaces other than ASCII's, cannot be seen or typed.
const unsafe = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

/** Reads `local@domain`. The domain may be given in U-labels. */
export function parseAddress(text: string): ParsedAddress {
  const at = text.lastIndexOf('@')
  if (at < 0) return { ok: false, problem: 'has no @' }
  const domain = parseDomainName(text.slice(at + 1))
  if (domain === null) return { ok: false, problem: 'has no valid domain after the @' }
  const localPart = parseLocalPart(text.slice(0, at))
  if (!localPart.ok) return localPart
  const address = `${quoted(localPart.value)}@${domain}`
  if (Buffer.byteLength(address) > addressBytesMax) {
    return { ok: false, problem: `is longer than ${addressBytesMax} bytes` }
  }
  return { ok: true, value: { localPart: localPart.value, domain, address } }
}

type ParsedLocalPart = { ok: true; value: string } | { ok: false; problem: string }

const localPartTooLong = {
  ok: false,
  problem: `has more than ${localPartBytesMax} bytes before the @`,
} as const

function parseLocalPart(text: string): ParsedLocalPart {
  if (text === '') return { ok: false, problem: 'has nothing before the @' }
  if (Buffer.byteLength(text) > localPartBytesMax) return localPartTooLong
  if (unsafe.test(text)) return { ok: false, problem: 'has a character that cannot be seen before the @' }
  if (dotString.test(text)) return canonical(text)
  if (quotedString.test(text) && text.length > 2) return canonical(text.slice(1, -1).replace(/\\(.)/g, '$1'))
  return {
    ok: false,
    problem: 'has characters before the @ that need quotes, or a dot at an end or twice in a row',
  }
}

// A letter and its accent may have a common code point in lower case only (ǰ), so that NFC comes again. Lower case
// may need more bytes (Ⱥ), so that the length is looked at again.
function canonical(localPart: string): ParsedLocalPart {
  const value = localPart.normalize('NFC').toLowerCase().normalize('NFC')
  return Buffer.byteLength(quoted(value)) > localPartBytesMax ? localPartTooLong : { ok: true, value }
}

function quoted(localPart: string): string {
  return dotString.test(localPart) ? localPart : `"${localPart.replace(/["\\]/g, '\\$&')}"`
}

export const subAddressSeparator = '+'

/** The address without its detail: `name+tag@domain` is `name@domain` (RFC 5233); null when there is none. */
export function withoutDetail(address: Address): string | null {
  const at = address.localPart.indexOf(subAddressSeparator)
  return at > 0 ? `${quoted(address.localPart.slice(0, at))}@${address.domain}` : null
}

/** The same local part in another domain. */
export function atDomain(address: Address, domain: DomainName): Address {
  return { localPart: address.localPart, domain, address: `${quoted(address.localPart)}@${domain}` }
}
