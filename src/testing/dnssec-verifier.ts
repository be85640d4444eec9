/**
 * A small validator of signed answers, written from the RFCs and not from the signer: it takes records apart as they
 * would come over the wire, and knows nothing of how they were made.
 */
import { createPublicKey, verify } from 'node:crypto'
import type { WireRRset, ZoneAnswer } from '../domains/zones/zone-answer.ts'

const nsecType = 47
const rrsigType = 46
const nsType = 2
const nxname = 128

function wireName(name: string): Buffer {
  if (name === '') return Buffer.from([0])
  const labels = name.split('.').map((label) => {
    const bytes = Buffer.from(
      label.replace(/\\(\d{3})/g, (_, code: string) => String.fromCharCode(Number(code))),
      'latin1',
    )
    return Buffer.concat([Buffer.from([bytes.length]), bytes])
  })
  return Buffer.concat([...labels, Buffer.from([0])])
}

function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

function u32(value: number): Buffer {
  return Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
}

/** @param dnskey RDATA. @returns what is wrong with the signature over a set; null when it holds. */
export function faultOf(
  set: WireRRset,
  rrsig: WireRRset | undefined,
  zone: string,
  dnskey: Buffer,
  nowSeconds: number,
): string | null {
  const [rdata, ...more] = rrsig?.rdata ?? []
  if (rrsig === undefined || rdata === undefined || more.length > 0) return 'there is not one signature'
  if (rrsig.owner !== set.owner || rrsig.ttl !== set.ttl) return 'the signature is of another owner or TTL'
  const labels = set.owner === '' ? 0 : set.owner.replace(/^\*\./, '').split('.').length
  const signer = wireName(zone)
  const signature = rdata.subarray(18 + signer.length)
  if (rdata.readUInt16BE(0) !== set.type) return 'it covers another type'
  if (rdata[2] !== 13 || dnskey[3] !== 13) return 'the algorithm is another one'
  if (rdata[3] !== labels) return 'the number of labels is wrong'
  if (rdata.readUInt32BE(4) !== set.ttl) return 'the original TTL is another one'
  if (rdata.readUInt32BE(8) <= nowSeconds || rdata.readUInt32BE(12) > nowSeconds)
    return 'it does not hold now'
  if (!rdata.subarray(18, 18 + signer.length).equals(signer)) return 'the signer is another one'
  const records = set.rdata
    .toSorted(Buffer.compare)
    .filter((value, index, all) => index === 0 || !value.equals(all[index - 1] ?? Buffer.alloc(0)))
    .map((value) =>
      Buffer.concat([wireName(set.owner), u16(set.type), u16(1), u32(set.ttl), u16(value.length), value]),
    )
  const key = createPublicKey({
    key: {
      kty: 'EC',
      crv: 'P-256',
      x: dnskey.subarray(4, 36).toString('base64url'),
      y: dnskey.subarray(36).toString('base64url'),
    },
    format: 'jwk',
  })
  const signed = Buffer.concat([rdata.subarray(0, 18 + signer.length), ...records])
  return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature) ? null : 'it does not verify'
}

/** The types of an NSEC bitmap. */
export function typesOf(bitmap: Buffer): Set<number> {
  const types = new Set<number>()
  for (let at = 0; at < bitmap.length; at += 2 + (bitmap[at + 1] ?? 0)) {
    const length = bitmap[at + 1] ?? 0
    for (let bit = 0; bit < length * 8; bit++) {
      if (((bitmap[at + 2 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0)
        types.add((bitmap[at] ?? 0) * 256 + bit)
    }
  }
  return types
}

export type Question = { name: string; type: number }

/**
 * Validates a signed answer as a resolver would: every set of the zone's own has a signature that holds, and what is not
 * there is denied.
 * @returns what is wrong with it; null for nothing.
 */
export function faultOfAnswer(
  answer: ZoneAnswer,
  question: Question,
  dnskey: Buffer,
  nowSeconds: number,
): string | null {
  const sections = [...answer.answers, ...answer.authority]
  const signatures = sections.filter(({ type }) => type === rrsigType)
  const covered = (set: WireRRset): WireRRset | undefined =>
    signatures.find(({ owner, rdata }) => owner === set.owner && rdata[0]?.readUInt16BE(0) === set.type)
  const sets = sections.filter(({ type }) => type !== rrsigType)
  for (const set of sets) {
    const isDelegation = set.type === nsType && set.owner !== answer.zone
    if (isDelegation) {
      if (covered(set) !== undefined) return 'the delegation is signed'
      continue
    }
    const fault = faultOf(set, covered(set), answer.zone, dnskey, nowSeconds)
    if (fault !== null) return `${set.type} of ${set.owner}: ${fault}`
  }
  if (signatures.length !== sets.filter((set) => covered(set) !== undefined).length)
    return 'there are signatures of nothing'
  return faultOfDenial(answer, question)
}

function faultOfDenial(answer: ZoneAnswer, question: Question): string | null {
  const nsecs = answer.authority.filter(({ type }) => type === nsecType)
  if (answer.kind === 'records') return nsecs.length === 0 ? null : 'an answer with records is denied'
  const [nsec, ...more] = nsecs
  const rdata = nsec?.rdata[0]
  if (nsec === undefined || rdata === undefined || more.length > 0) return 'there is not one NSEC'
  const owner = wireName(nsec.owner)
  let end = 0
  while ((rdata[end] ?? 0) > 0) end += 1 + (rdata[end] ?? 0)
  const next = rdata.subarray(0, end + 1)
  const types = typesOf(rdata.subarray(end + 1))
  if (!next.equals(Buffer.concat([Buffer.from([1, 0]), owner])) && owner.length <= 253)
    return 'the next name is not the immediate successor'
  if (!types.has(nsecType) || !types.has(rrsigType)) return 'the bitmap has not NSEC and RRSIG'
  if (answer.kind === 'referral') {
    const isProof = types.has(nsType) && !types.has(43) && !types.has(6)
    return isProof && `.${answer.name}`.endsWith(`.${nsec.owner}`)
      ? null
      : 'no proof of an unsigned delegation'
  }
  if (nsec.owner !== answer.name) return 'the NSEC is of another name'
  if (types.has(question.type) || types.has(5)) return 'the bitmap has what is denied'
  if (types.has(nxname) && types.size !== 3) return 'a name that does not exist has types'
  return null
}
