/** Facts of a client's address that the filter needs. */

import { BlockList, isIP } from 'node:net'
import { unmapped } from '../../platform/address-bytes.ts'
import { reversedAddress } from '../../platform/dns.ts'

// IANA's registries of special-purpose addresses (RFC 6890), as far as they are not reachable globally.
const special = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  special.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  special.addSubnet(network, prefix, 'ipv6')
}

/** An IPv4-mapped address (RFC 4291 §2.5.5.2) as the IPv4 address that it is, without a zone. */
export function plainAddress(address: string): string {
  return unmapped(address).replace(/%.*$/, '')
}

/** Whether an address is one of the public internet, about which others can say something. */
export function isPublicAddress(address: string): boolean {
  const plain = plainAddress(address)
  const family = isIP(plain)
  return family !== 0 && !special.check(plain, family === 6 ? 'ipv6' : 'ipv4')
}

/** The network that a sender's servers share: /24 or /64 (RFC 6647 advises these). What is no address stands for itself. */
export function networkOf(address: string): string {
  const reversed = reversedAddress(plainAddress(address))
  if (reversed === null) return address
  const labels = reversed.split('.').toReversed()
  return labels.slice(0, labels.length === 4 ? 3 : 16).join('.')
}
