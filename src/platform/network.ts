/** Facts of network addresses. */
import { BlockList, isIPv6 } from 'node:net'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an address is this machine's own (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), IPv4-mapped forms included. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  return plain !== '' && loopback.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}
