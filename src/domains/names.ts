/** Domain names: what may be connected, and its one canonical form. */
import { domainToASCII } from 'node:url'
import { parse } from 'tldts'

declare const kind: unique symbol
/** A-labels, lower case, no final dot (RFC 5891, RFC 1035 §2.3.4). */
export type DomainName = string & { readonly [kind]: 'DomainName' }

const nameBytesMax = 253 // RFC 1035 §2.3.4, without the root's byte and the first length byte
const label = /^(?!-)[a-z0-9-]{1,63}(?<!-)$/

// The host parser below is a URL's: it would cut off a path, resolve %61 and skip line ends. What is beyond ASCII
// is IDNA's to judge (UTS 46).
const nameCharacters = /^[a-z0-9.\u0080-\u{10ffff}-]+$/iu

/** @returns null when the text is no domain name that mail could be addressed to. */
export function parseDomainName(text: string): DomainName | null {
  if (!nameCharacters.test(text)) return null
  const ascii = domainToASCII(text.replace(/\.$/, '')) // empty for what IDNA (UTS 46) refuses
  const labels = ascii.split('.')
  return ascii.length <= nameBytesMax &&
    labels.length >= 2 &&
    labels.every((part) => label.test(part)) &&
    !isIp(ascii)
    ? toName(ascii)
    : null
}

// The one place where text becomes a DomainName.
function toName(ascii: string): DomainName {
  return ascii as DomainName
}

// A final label of digits only makes an IPv4 address, not a name (WHATWG URL, RFC 3696 §2).
function isIp(ascii: string): boolean {
  return /\.\d+$/.test(ascii)
}

/** Whether the name is a registry's own (com, co.uk), which nobody can connect. */
export function isPublicSuffix(name: DomainName): boolean {
  const { publicSuffix, isIcann } = parse(name, { allowPrivateDomains: false })
  return publicSuffix === name && isIcann === true
}

/** Names under .test (RFC 6761 §6.2) are sandboxes: active at once, and mail for them never leaves. */
export function isSandboxName(name: string): boolean {
  return name.endsWith('.test')
}
