/** A zone in the form that questions are answered from: its sets in wire form, by name and type. */

import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { isWithin, parentOf } from '../../platform/dns-wire/names.ts'
import { soaTimers } from './policy.ts'
import { encodeRdata } from './rdata.ts'
import type { Zone } from './records.ts'
import { type SoaNames, soaRdata } from './soa.ts'
import type { WireRRset } from './zone-answer.ts'

export type CompiledZone = {
  /** The apex. */
  readonly name: string
  readonly serial: number
  /** Every name that exists, those that only have names below them too (RFC 4592 §2.2.2), with its sets by type. */
  readonly nodes: ReadonlyMap<string, ReadonlyMap<number, WireRRset>>
  /** Names below the apex that are given away. */
  readonly cuts: ReadonlySet<string>
  /** The SOA as it goes with what is not there: its TTL is that of the negative answer (RFC 2308 §3). */
  readonly negativeSoa: WireRRset
}

/**
 * @param names that exist although `zone` has nothing for them.
 * @param apexSets of types that no zone has by itself: the keys of one that is signed.
 * Values that are not of their type's form are left out: whoever takes them in refuses them.
 */
export function compileZone(
  zone: Zone,
  soa: SoaNames,
  names: readonly string[] = [],
  apexSets: readonly WireRRset[] = [],
): CompiledZone {
  const nodes = new Map<string, Map<number, WireRRset>>()
  const cuts = new Set<string>()
  const nodeAt = (name: string): Map<number, WireRRset> => {
    const known = nodes.get(name)
    if (known) return known
    const made = new Map<number, WireRRset>()
    nodes.set(name, made)
    const parent = name === zone.name ? null : parentOf(name)
    if (parent !== null) nodeAt(parent)
    return made
  }
  const soaSet = {
    owner: zone.name,
    type: dnsTypes.SOA,
    ttl: soaTimers.ttl,
    rdata: [soaRdata(soa, zone.serial)],
    wildcard: null,
  }
  nodeAt(zone.name).set(dnsTypes.SOA, soaSet)
  for (const { name, type, ttl, values } of zone.rrsets) {
    if (!isWithin(name, zone.name)) continue
    const rdata = values.flatMap((value) => encodeRdata(type, value) ?? [])
    if (rdata.length === 0) continue
    nodeAt(name).set(dnsTypes[type], {
      owner: name,
      type: dnsTypes[type],
      ttl,
      rdata,
      wildcard: null,
    })
    if (type === 'NS' && name !== zone.name) cuts.add(name)
  }
  for (const set of apexSets) nodeAt(zone.name).set(set.type, set)
  for (const name of names) nodeAt(name)
  return {
    name: zone.name,
    serial: zone.serial,
    nodes,
    cuts,
    negativeSoa: { ...soaSet, ttl: Math.min(soaTimers.ttl, soaTimers.negativeTtl) },
  }
}
