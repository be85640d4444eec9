/** The bytes of network addresses. */
import { isIPv4, isIPv6 } from 'node:net'

/**
 * 4 bytes of an IPv4 address, those mapped into IPv6 included, 16 of an IPv6 address (RFC 4291 §2.2) without its zone.
 * @returns null for anything else.
 */
export function addressBytes(address: string): Buffer | null {
  const plain = unmapped(address).replace(/%.*$/, '')
  if (isIPv4(plain)) return Buffer.from(plain.split('.').map(Number))
  return isIPv6(plain) ? ipv6Bytes(plain) : null
}

function ipv6Bytes(text: string): Buffer {
  const [head = '', tail] = withoutDots(text).split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  const bytes = Buffer.alloc(16)
  for (const [at, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), at * 2)
  return bytes
}

/** The last 32 bits may be written as an IPv4 address is. */
function withoutDots(text: string): string {
  const match = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  if (!match) return text
  const [a = 0, b = 0, c = 0, d = 0] = match.slice(2).map(Number)
  return `${match[1]}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}

/** An IPv4 address that is mapped into IPv6 as the IPv4 address that it is (RFC 4291 §2.5.5.2), others as they are. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
