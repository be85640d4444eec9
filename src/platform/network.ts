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

/** Addresses and networks (`10.0.0.0/8`, RFC 4632) as one list that can be asked. */
export function networkList(networks: readonly string[]): { has(address: string): boolean } {
  const list = new BlockList()
  for (const network of networks) {
    const [address = '', length] = network.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (length === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(length), family)
  }
  return {
    has(address) {
      const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
      return plain !== '' && list.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
    },
  }
}
