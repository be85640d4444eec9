/**
 * Compact denial of existence (RFC 9824): what is not there is denied by one NSEC record made for the name that was
 * asked about, which says that nothing stands between it and its immediate successor.
 */
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import { encodeName } from '../../../platform/dns-wire/names.ts'
import type { WireRRset } from '../zone-answer.ts'

/**
 * @param types those at the name, without RRSIG and NSEC. None at all: an empty non-terminal (§3.3).
 * @param exists whether the name does; NXNAME marks one that does not (§3.1).
 */
export function nsecOf(name: string, types: readonly number[], exists: boolean, ttl: number): WireRRset {
  return nsecTo(name, successor(encodeName(name)), exists ? types : [...types, dnsTypes.NXNAME], ttl)
}

/** @param next in wire form. @param types without RRSIG and NSEC. */
export function nsecTo(name: string, next: Buffer, types: readonly number[], ttl: number): WireRRset {
  const rdata = Buffer.concat([next, typeBitmap([...types, dnsTypes.RRSIG, dnsTypes.NSEC])])
  return { owner: name, type: dnsTypes.NSEC, ttl, rdata: [rdata], wildcard: null }
}

/** The types of a bitmap (RFC 4034 §4.1.2), in windows of 256. */
export function typeBitmap(types: readonly number[]): Buffer {
  const windows = Map.groupBy(new Set(types), (type) => type >> 8)
  const parts = [...windows]
    .toSorted(([a], [b]) => a - b)
    .map(([window, inWindow]) => {
      const low = inWindow.map((type) => type & 0xff)
      const bits = Buffer.alloc((Math.max(...low) >> 3) + 1)
      for (const bit of low) bits.writeUInt8((bits[bit >> 3] ?? 0) | (0x80 >> (bit & 7)), bit >> 3)
      return Buffer.concat([Buffer.from([window, bits.length]), bits])
    })
  return Buffer.concat(parts)
}

const nameBytesMax = 255
const labelBytesMax = 63

/**
 * The next name in the canonical order, in wire form (RFC 4471 §3.1.2): a label `\000` in front; where there is no room
 * for it, a byte more in the first label; where that is full, its last byte that can be raised.
 */
export function successor(name: Buffer): Buffer {
  if (name.length + 2 <= nameBytesMax) return Buffer.concat([Buffer.from([1, 0]), name])
  const first = name[0] ?? 0
  const rest = name.subarray(1 + first)
  const label = name.subarray(1, 1 + first)
  if (name.length < nameBytesMax && first < labelBytesMax)
    return Buffer.concat([Buffer.from([first + 1]), label, Buffer.from([0]), rest])
  for (let at = label.length - 1; at >= 0; at--) {
    const byte = label[at] ?? 0xff
    if (byte === 0xff) continue
    // Upper case sorts as lower case, so that the byte before A is followed by the one behind Z.
    const raised = byte === 0x40 ? 0x5b : byte + 1
    return Buffer.concat([Buffer.from([at + 1]), label.subarray(0, at), Buffer.from([raised]), rest])
  }
  return successorOfParent(rest)
}

/** What follows everything below a name whose child is full: not a child of it again. */
function successorOfParent(name: Buffer): Buffer {
  const first = name[0] ?? 0
  if (first === 0) return name
  if (first < labelBytesMax) {
    return Buffer.concat([
      Buffer.from([first + 1]),
      name.subarray(1, 1 + first),
      Buffer.from([0]),
      name.subarray(1 + first),
    ])
  }
  return successorOfParent(name.subarray(1 + first))
}
