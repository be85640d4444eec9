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

const local = networkList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '224.0.0.0/3',
  '::/96',
  'fc00::/7',
  'fe80::/10',
  'ff00::/8',
])

/** Whether an address is of a loopback, private, link-local or multicast network (RFC 6890), IPv4-mapped forms included. */
export function isLocalNetwork(address: string): boolean {
  return address === '' || local.has(address)
}
