/** Who stands behind the mail server that hands us a message by LMTP: the newest Received field tells (RFC 5321 §4.4). */
import { BlockList, isIP } from 'node:net'
import { collectHeaderValues } from '../../messages/mime/header-fields.ts'

const wanted = new Set(['received'])
const fromClause = /^from[ \t]+([^\s()[\]]{1,255}|\[[^\]]{1,64}\])([^;]{0,500}?)\sby\s/i
const literal = /\[(?:IPv6:)?([0-9a-f.:]{2,45})\]/gi

/** Addresses that no domain's SPF record could name for others (RFC 6890). */
const ownNetworks = new BlockList()
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const) {
  ownNetworks.addSubnet(network, bits, 'ipv4')
}
ownNetworks.addAddress('::1', 'ipv6')
ownNetworks.addSubnet('fc00::', 7, 'ipv6')
ownNetworks.addSubnet('fe80::', 10, 'ipv6')

/** @returns address null where it is not told, or is one of a network of the server's own: SPF has nothing to check then. */
export function clientBehind(header: Buffer): { helo: string; address: string | null } {
  const newest = collectHeaderValues(header, wanted).get('received')?.[0] ?? ''
  const clause = fromClause.exec(newest.slice(0, 1000))
  const helo = clause?.[1] ?? ''
  const address = [...(clause?.[2] ?? '').matchAll(literal)].at(-1)?.[1] ?? null
  const family = address === null ? 0 : isIP(address)
  if (address === null || family === 0) return { helo, address: null }
  const isOwn = ownNetworks.check(address, family === 6 ? 'ipv6' : 'ipv4')
  return { helo, address: isOwn ? null : address }
}
