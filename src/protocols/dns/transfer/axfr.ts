/** The messages of a zone transfer (RFC 5936): SOA, everything else, SOA; as many records in each as fit. */
import type { WireRRset } from '../../../domains/zones/zone-answer.ts'
import {
  dnsClasses,
  dnsTypes,
  encodeMessage,
  encodeRecord,
  flagBits,
  headerBytes,
  type WireMessage,
} from '../../../platform/dns-wire/message.ts'
import { encodeName } from '../../../platform/dns-wire/names.ts'
import { signMessage, type TsigKey } from '../../../platform/dns-wire/tsig.ts'
import { transferLimits } from './limits.ts'

/** A zone as it is transferred: one version of it. */
export type TransferZone = {
  /** The apex. */
  name: string
  serial: number
  soa: WireRRset
  /** Everything but the SOA. */
  sets(): Iterable<WireRRset> | AsyncIterable<WireRRset>
}

export type TransferSignature = {
  key: TsigKey
  /** MAC of the request, which the first message is signed over. */
  requestMac: Buffer
  nowSeconds: () => number
}

/** The stream that answers AXFR, and IXFR in the form of a whole zone (RFC 1995 §4). */
export async function* axfrMessages(
  request: WireMessage,
  zone: TransferZone,
  signature: TransferSignature | null,
): AsyncGenerator<Buffer> {
  const finish = createFinisher(request, signature)
  let records: Buffer[] = []
  let bytes = 0
  /** @returns a message that is full without this set's records, or several. */
  const add = (set: WireRRset): Buffer[] => {
    const full: Buffer[] = []
    for (const record of encodeSet(set, zone.name)) {
      if (records.length > 0 && bytes + record.length > transferLimits.messageBytes) {
        full.push(finish(records))
        records = []
        bytes = 0
      }
      records.push(record)
      bytes += record.length
    }
    return full
  }
  yield* add(zone.soa)
  const sets = zone.sets()
  // Waiting for each of what is in memory would take longer than all the rest.
  if (Symbol.iterator in sets) for (const set of sets) for (const message of add(set)) yield message
  else for await (const set of sets) for (const message of add(set)) yield message
  yield* add(zone.soa)
  yield finish(records)
}

/** An answer of one message with these records. */
export function singleMessage(
  request: WireMessage,
  records: readonly Buffer[],
  signature: TransferSignature | null,
): Buffer {
  return createFinisher(request, signature)(records)
}

function createFinisher(request: WireMessage, signature: TransferSignature | null) {
  const hasEdns = request.additional.some(({ type }) => type === dnsTypes.OPT)
  let priorMac = signature?.requestMac ?? null
  let isContinuation = false
  return (records: readonly Buffer[]): Buffer => {
    const message = encodeMessage({
      id: request.id,
      flags: flagBits.response | flagBits.authoritative | (request.flags & 0x7900),
      questions: request.questions.slice(0, 1),
      answers: records,
      additional: hasEdns ? [opt] : [],
    })
    if (signature === null) return message
    const { key, nowSeconds } = signature
    const signed = signMessage(message, key, { priorMac, isContinuation, nowSeconds: nowSeconds() })
    priorMac = signed.mac
    isContinuation = true
    return signed.message
  }
}

const ednsBytes = 1232
const opt = encodeRecord({ owner: '', type: dnsTypes.OPT, class: ednsBytes, ttl: 0, rdata: Buffer.alloc(0) })

// Every message has the question first, whose name is the apex.
const apexPointer = Buffer.from([0xc0, headerBytes])

/** The records of a set for a message whose question is about the apex: that name is not written again. */
export function encodeSet({ owner, type, ttl, rdata }: WireRRset, apex: string): Buffer[] {
  const name =
    owner === apex
      ? apexPointer
      : owner.endsWith(`.${apex}`)
        ? Buffer.concat([encodeName(owner.slice(0, -apex.length - 1)).subarray(0, -1), apexPointer])
        : encodeName(owner)
  return rdata.map((value) => encodeRecord({ owner, type, class: dnsClasses.IN, ttl, rdata: value }, name))
}
