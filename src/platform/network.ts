/** Facts of network addresses. */
import { BlockList, isIPv6 } from 'node:net'
import { addressBytes, unmapped } from './address-bytes.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether an address is this machine's own (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), IPv4-mapped forms included. */
export function isLoopback(address: string): boolean {
  const plain = unmapped(address)
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
      const plain = unmapped(address)
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

/**
 * A network in CIDR form (RFC 4632, RFC 4291 §2.3), bits beyond its prefix cleared; an address alone is a network of
 * one. IPv4 addresses that are mapped into IPv6 are IPv4 addresses, and have its prefix lengths.
 * @returns null for anything else.
 */
export function canonicalNetwork(text: string): string | null {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text.trim())
  const read = addressBytes(match?.[1] ?? '')
  if (read === null) return null
  const bytes = isMapped(read) ? read.subarray(12) : read
  const bits = bytes.length * 8
  const prefix = match?.[2] === undefined ? bits : Number(match[2])
  if (prefix > bits) return null
  for (const [at, byte] of bytes.entries()) {
    const kept = Math.min(8, Math.max(0, prefix - at * 8))
    bytes[at] = byte & (0xff << (8 - kept))
  }
  return `${addressText(bytes)}/${prefix}`
}

/** RFC 4291 §2.5.5.2. */
function isMapped(bytes: Buffer): boolean {
  return bytes.length === 16 && bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'))
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups: string[] = []
  for (let at = 0; at < bytes.length; at += 2) groups.push(bytes.readUInt16BE(at).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1) // RFC 5952
}
