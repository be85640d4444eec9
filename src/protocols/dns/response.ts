/** Writes responses: sections with compressed names, cut where they do not fit (RFC 1035 §4.1, RFC 2181 §9). */

import type { WireRRset } from '../../domains/zones/zone-answer.ts'
import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { tryEncodeName } from '../../platform/dns-wire/names.ts'
import { dnsLimits } from './limits.ts'
import { headerBytes } from './query.ts'

export type Response = {
  rcode: number
  isAuthoritative: boolean
  answers: readonly WireRRset[]
  authority: readonly WireRRset[]
  additional: readonly WireRRset[]
  /** Whether the answer is of use without the additional section: a referral may not be (RFC 9471). */
  needsAdditional: boolean
}

const classInternet = 1
const truncatedBit = 0x02 // of the third byte, as is the next one
const authoritativeBit = 0x04
const responseBit = 0x80

// One message is written at a time, and copied out.
const scratch = Buffer.alloc(dnsLimits.tcpBytesMax)

/**
 * A response with the id 0.
 * @param question as it was asked; empty for none.
 * @param bytesMax what the message may have, without the OPT record that is put behind it later.
 */
export function writeResponse(question: Buffer, response: Response, bytesMax: number): Buffer {
  const writer = createWriter(question, bytesMax)
  const { answers, authority, additional } = response
  const isWhole =
    writer.add('answers', answers) &&
    writer.add('authority', authority) &&
    (writer.add('additional', additional) || !response.needsAdditional)
  if (!isWhole) writer.clear()
  return writer.finish(response, !isWhole)
}

/** An answer that only says that there is one over TCP. */
export function writeTruncation(question: Buffer): Buffer {
  const nothing = {
    isAuthoritative: true,
    answers: [],
    authority: [],
    additional: [],
    needsAdditional: false,
  }
  return createWriter(question, 0).finish({ rcode: 0, ...nothing }, true)
}

type Section = 'answers' | 'authority' | 'additional'

function createWriter(question: Buffer, bytesMax: number) {
  const counts = { answers: 0, authority: 0, additional: 0 }
  /** Where a name, or the rest of one, was written. */
  const places = new Map<string, number>()
  let end = headerBytes
  const limit = Math.min(bytesMax, scratch.length)

  if (question.length > 0) remember(question.subarray(0, -4), headerBytes, question.length)
  end += question.copy(scratch, headerBytes)

  /** Notes the labels of a name before `until`, which were written at `at`. A pointer has 14 bits. */
  function remember(name: Buffer, at: number, until: number): void {
    for (let label = 0; label < until && (name[label] ?? 0) > 0; label += 1 + (name[label] ?? 0)) {
      if (at + label > 0x3fff) return
      const key = suffixKey(name, label)
      if (!places.has(key)) places.set(key, at + label)
    }
  }
  /** Writes a name behind `at`. @returns its end, or null when there is no room. */
  function writeName(name: Buffer, at: number): number | null {
    let label = 0
    while ((name[label] ?? 0) > 0) {
      const place = places.get(suffixKey(name, label))
      if (place !== undefined) {
        if (at + label + 2 > limit) return null
        name.copy(scratch, at, 0, label)
        scratch.writeUInt16BE(0xc000 | place, at + label)
        remember(name, at, label)
        return at + label + 2
      }
      label += 1 + (name[label] ?? 0)
    }
    if (at + label + 1 > limit) return null
    name.copy(scratch, at, 0, label + 1)
    remember(name, at, label)
    return at + label + 1
  }
  function writeRdata(type: number, rdata: Buffer, at: number): number | null {
    const names = compressible.get(type)
    if (names === undefined) {
      if (at + rdata.length > limit) return null
      return at + rdata.copy(scratch, at)
    }
    let from = names.at
    if (at + from > limit) return null
    rdata.copy(scratch, at, 0, from)
    let to: number | null = at + from
    for (let count = 0; count < names.count && to !== null; count++) {
      const nameEnd = endOfName(rdata, from)
      to = writeName(rdata.subarray(from, nameEnd), to)
      from = nameEnd
    }
    if (to === null || to + rdata.length - from > limit) return null
    return to + rdata.copy(scratch, to, from)
  }
  function writeRecord(owner: Buffer, set: WireRRset, rdata: Buffer): boolean {
    const fields = writeName(owner, end)
    if (fields === null || fields + 10 > limit) return false
    scratch.writeUInt16BE(set.type, fields)
    scratch.writeUInt16BE(classInternet, fields + 2)
    scratch.writeUInt32BE(set.ttl, fields + 4)
    const after = writeRdata(set.type, rdata, fields + 10)
    if (after === null) return false
    scratch.writeUInt16BE(after - fields - 10, fields + 8)
    end = after
    return true
  }
  return {
    /** Whole sets only. @returns false when one did not fit: it is left out, and so are those behind it. */
    add(section: Section, sets: readonly WireRRset[]): boolean {
      for (const set of sets) {
        const before = end
        const owner = tryEncodeName(set.owner)
        if (owner === null) continue // a wildcard never makes a name that is too long: it is asked for
        for (const rdata of set.rdata) {
          if (writeRecord(owner, set, rdata)) continue
          end = before
          return false
        }
        counts[section] += set.rdata.length
      }
      return true
    },
    clear(): void {
      end = headerBytes + question.length
      Object.assign(counts, { answers: 0, authority: 0, additional: 0 })
    },
    finish({ rcode, isAuthoritative }: Response, isTruncated: boolean): Buffer {
      scratch.fill(0, 0, headerBytes)
      scratch[2] = responseBit | (isAuthoritative ? authoritativeBit : 0) | (isTruncated ? truncatedBit : 0)
      scratch[3] = rcode & 0xf
      for (const [at, count] of [
        question.length > 0 ? 1 : 0,
        counts.answers,
        counts.authority,
        counts.additional,
      ].entries()) {
        scratch.writeUInt16BE(count, 4 + at * 2)
      }
      return Buffer.from(scratch.subarray(0, end))
    },
  }
}

/** Names in RDATA of these types, and no others, may be compressed (RFC 3597 §4). */
const compressible: ReadonlyMap<number, { at: number; count: number }> = new Map([
  [dnsTypes.NS, { at: 0, count: 1 }],
  [dnsTypes.CNAME, { at: 0, count: 1 }],
  [dnsTypes.PTR, { at: 0, count: 1 }],
  [dnsTypes.MX, { at: 2, count: 1 }],
  [dnsTypes.SOA, { at: 0, count: 2 }],
])

function endOfName(bytes: Buffer, at: number): number {
  while ((bytes[at] ?? 0) > 0) at += 1 + (bytes[at] ?? 0)
  return at + 1
}

/** The labels from `label` on, in lower case: what is the same name has the same key. */
function suffixKey(name: Buffer, label: number): string {
  const bytes = name.subarray(label)
  for (const byte of bytes) if (byte >= 0x41 && byte <= 0x5a) return lowerCased(bytes).toString('latin1')
  return bytes.toString('latin1')
}

/** ASCII letters alone have a case (RFC 4343 §3). */
export function lowerCased(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)))
}
