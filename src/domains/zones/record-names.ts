/** Names of records as people write them, and their one form. */
import { domainToASCII } from 'node:url'

const nameBytesMax = 253 // RFC 1035 §2.3.4, without the root's byte and the first length byte
// RFC 8552 §1.2: names of services begin with an underscore.
const label = /^(?![-])[a-z0-9_-]{1,63}(?<![-])$/
// What a URL's parser would cut off, resolve or skip is refused before it sees it; beyond ASCII IDNA judges (UTS 46).
const nameCharacters = /^[a-z0-9._*\u0080-\u{10ffff}-]+$/iu

/**
 * The owner of a record in the zone of a domain: `@` or nothing for the domain itself, a name relative to it (`www`,
 * `*.shop`, `_dmarc`), or a whole name within it, with or without the final dot; in A-labels or U-labels.
 * @returns the absolute name, lower case, no final dot; null for what is no name or lies outside.
 */
export function parseOwnerName(domain: string, text: string): string | null {
  const given = text.trim()
  if (given === '' || given === '@') return domain
  const isWhole = given.endsWith('.')
  const name = toAscii(isWhole ? given.slice(0, -1) : given)
  if (name === domain || (name?.endsWith(`.${domain}`) ?? false)) return checked(name, true)
  return isWhole ? null : checked(toAscii(`${given}.${domain}`), true)
}

/** A name that a record points to, always a whole one. @returns null for what is none. */
export function parseTargetName(text: string): string | null {
  const name = checked(toAscii(text.replace(/\.$/, '')), false)
  // A lone label is more likely a relative name, and a final label of digits an address.
  return name?.includes('.') && !/\.\d+$/.test(name) ? name : null
}

function toAscii(text: string): string | null {
  if (!nameCharacters.test(text)) return null
  // Of plain ASCII there is nothing to translate, and a name that ends in digits must not be read as an address.
  const isAscii = /^[\x20-\x7e]*$/.test(text)
  return (isAscii ? text.toLowerCase() : domainToASCII(text)) || null
}

function checked(name: string | null, mayBeWildcard: boolean): string | null {
  if (name === null || name.length > nameBytesMax) return null
  const labels = name.split('.')
  // RFC 4592 §2.1.1: the asterisk is the whole first label.
  if (mayBeWildcard && labels[0] === '*') labels.shift()
  return labels.every((part) => label.test(part)) ? name : null
}
