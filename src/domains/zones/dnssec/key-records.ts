/** DNSKEY and what names it (RFC 4034 §2, §5; RFC 7344): their RDATA, of ECDSA P-256 keys only (RFC 6605). */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { encodeName } from '../../../platform/dns-wire/names.ts'

/** ECDSAP256SHA256. */
export const signingAlgorithm = 13
/** SHA-256 (RFC 4509). */
export const dsDigestType = 2
// Zone Key and Secure Entry Point: one key signs everything, which keeps answers small.
const flags = 257
const protocol = 3

/** The 64 bytes of a P-256 point, x and y, as DNSKEY has them (RFC 6605 §4). */
export function publicPoint(key: KeyObject): Buffer {
  const { x, y } = createPublicKey(key.export({ type: 'pkcs8', format: 'pem' })).export({ format: 'jwk' })
  if (x === undefined || y === undefined) throw new Error('the key is no elliptic curve key')
  return Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
}

/** RDATA of DNSKEY, and of CDNSKEY (RFC 7344 §3.2). */
export function dnskeyRdata(point: Buffer): Buffer {
  return Buffer.concat([Buffer.from([flags >> 8, flags & 0xff, protocol, signingAlgorithm]), point])
}

/** RFC 4034 appendix B. */
export function keyTagOf(dnskey: Buffer): number {
  let sum = 0
  for (const [index, byte] of dnskey.entries()) sum += index % 2 === 0 ? byte << 8 : byte
  return (sum + (sum >> 16)) & 0xffff
}

/** RDATA of DS (RFC 4034 §5.1), and of CDS (RFC 7344 §3.1). */
export function dsRdata(zone: string, dnskey: Buffer): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(keyTagOf(dnskey), 0)
  head.writeUInt8(signingAlgorithm, 2)
  head.writeUInt8(dsDigestType, 3)
  return Buffer.concat([head, createHash('sha256').update(encodeName(zone)).update(dnskey).digest()])
}

/** A DS record as registrars ask for it. */
export type DelegationSigner = { keyTag: number; algorithm: number; digestType: number; digest: string }

export function delegationSigner(zone: string, point: Buffer): DelegationSigner {
  const rdata = dsRdata(zone, dnskeyRdata(point))
  return {
    keyTag: rdata.readUInt16BE(0),
    algorithm: signingAlgorithm,
    digestType: dsDigestType,
    digest: rdata.subarray(4).toString('hex').toUpperCase(),
  }
}
