/**
 * The PROXY protocol, versions 1 and 2: how a load balancer tells whose connection it passes on.
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
 */
import { isIP } from 'node:net'

/** The client, or null where the balancer speaks for itself (LOCAL, UNKNOWN). */
export type ProxiedClient = { address: string; port: number } | null

export type ProxyHeader =
  | { kind: 'header'; client: ProxiedClient; lengthBytes: number }
  | { kind: 'need-more' }
  | { kind: 'invalid' }

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const textBytesMax = 107 // §2.1
const binaryBytesMax = 4096 // addresses take 36 bytes; the rest are TLVs, of which none is used here
const invalid: ProxyHeader = { kind: 'invalid' }
const needMore: ProxyHeader = { kind: 'need-more' }

/** Takes what has arrived so far. Keeps no state and touches no socket. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader {
  const compared = Math.min(bytes.length, signature.length)
  if (bytes.subarray(0, compared).equals(signature.subarray(0, compared))) {
    return compared < signature.length ? needMore : parseBinary(bytes)
  }
  return parseText(bytes)
}

function parseText(bytes: Buffer): ProxyHeader {
  const end = bytes.subarray(0, textBytesMax).indexOf('\r\n')
  const isBegun =
    'PROXY '.startsWith(bytes.toString('latin1', 0, 6)) || bytes.toString('latin1', 0, 6) === 'PROXY '
  if (!isBegun || (end < 0 && bytes.length >= textBytesMax)) return invalid
  if (end < 0) return needMore
  const [, family, source = '', destination = '', port = '', ownPort = '', ...more] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const lengthBytes = end + 2
  if (family === 'UNKNOWN') return { kind: 'header', client: null, lengthBytes }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
  const isRight =
    version !== 0 &&
    more.length === 0 &&
    isIP(source) === version &&
    isIP(destination) === version &&
    isPort(port) &&
    isPort(ownPort)
  return isRight ? { kind: 'header', client: { address: source, port: Number(port) }, lengthBytes } : invalid
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535
}

function parseBinary(bytes: Buffer): ProxyHeader {
  if (bytes.length < 16) return needMore
  const command = bytes.readUInt8(12)
  const family = bytes.readUInt8(13)
  const lengthBytes = 16 + bytes.readUInt16BE(14)
  if (command >> 4 !== 2 || (command & 15) > 1 || lengthBytes > binaryBytesMax) return invalid
  if (bytes.length < lengthBytes) return needMore
  // §2.2: LOCAL, and families that are not TCP's, leave the addresses of the connection itself.
  if ((command & 15) === 0) return { kind: 'header', client: null, lengthBytes }
  const addresses = bytes.subarray(16, lengthBytes)
  if (family === 0x11) {
    if (addresses.length < 12) return invalid
    const address = [...addresses.subarray(0, 4)].join('.')
    return { kind: 'header', client: { address, port: addresses.readUInt16BE(8) }, lengthBytes }
  }
  if (family === 0x21) {
    if (addresses.length < 36) return invalid
    return {
      kind: 'header',
      client: { address: v6(addresses), port: addresses.readUInt16BE(32) },
      lengthBytes,
    }
  }
  return family === 0 ? { kind: 'header', client: null, lengthBytes } : invalid
}

/** In the usual short form (RFC 5952), an IPv4-mapped one as IPv4. */
function v6(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16))
  const host = new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host)
  if (!mapped) return host
  const number = (Number.parseInt(mapped[1] ?? '', 16) << 16) + Number.parseInt(mapped[2] ?? '', 16)
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}
