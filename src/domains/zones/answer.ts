/**
 * What a zone says to a question: the algorithm of RFC 1034 §4.3.2 with the wildcards of RFC 4592, for the zone that
 * is nearest to the name. CNAMEs are followed and addresses added within the zone only: what another zone says is for
 * its own answer, and may be another workspace's.
 */

import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { decodeName, isWithin, parentOf } from '../../platform/dns-wire/names.ts'
import type { CompiledZone } from './compiled-zone.ts'
import { zoneLimits } from './policy.ts'
import type { WireRRset, ZoneAnswer } from './zone-answer.ts'

type Sets = ReadonlyMap<number, WireRRset>

/** @param name at or below the zone's apex, in lower case. */
export function answerFrom(zone: CompiledZone, name: string, type: number): ZoneAnswer {
  const answers: WireRRset[] = []
  const seen = new Set<string>()
  const done = (
    kind: ZoneAnswer['kind'],
    at: string,
    rest: { authority?: readonly WireRRset[]; additional?: readonly WireRRset[]; sets?: Sets } = {},
  ): ZoneAnswer => ({
    kind,
    zone: zone.name,
    answers,
    authority: rest.authority ?? [],
    additional: rest.additional ?? [],
    name: at,
    types: [...(rest.sets?.keys() ?? [])],
  })

  for (let current = name; ; ) {
    seen.add(current)
    const cut = cutAbove(zone, current, type)
    if (cut !== null) {
      return done('referral', current, { authority: [cut], additional: addressesFor(zone, [cut]) })
    }
    const found = setsAt(zone, current)
    if (found === null) return done('nxdomain', current, { authority: [zone.negativeSoa] })
    const cname = found.get(dnsTypes.CNAME)
    if (cname !== undefined && !answersBesideCname.has(type)) {
      answers.push(cname)
      const target = decodeName(cname.rdata[0] ?? Buffer.alloc(1), 0)
      const goesOn = isWithin(target, zone.name) && !seen.has(target) && seen.size <= zoneLimits.chainMax
      if (!goesOn) return done('records', target)
      current = target
      continue
    }
    const set = type === dnsTypes.ANY ? anySet(found) : found.get(type)
    if (set === undefined) return done('nodata', current, { authority: [zone.negativeSoa], sets: found })
    answers.push(set)
    return done('records', current, { additional: addressesFor(zone, [set]), sets: found })
  }
}

/** Types that may stand beside a CNAME (RFC 4035 §2.5), CNAME itself, and ANY: they do not follow it. */
const answersBesideCname: ReadonlySet<number> = new Set([
  dnsTypes.CNAME,
  dnsTypes.RRSIG,
  dnsTypes.NSEC,
  dnsTypes.ANY,
])

/**
 * The delegation at or above a name, the one nearest to the apex. A DS set belongs to the parent's side of its cut
 * (RFC 4035 §3.1.4.1).
 */
function cutAbove(zone: CompiledZone, name: string, type: number): WireRRset | null {
  if (zone.cuts.size === 0) return null
  let highest: string | null = null
  for (let at: string | null = name; at !== null && at !== zone.name; at = parentOf(at)) {
    if (zone.cuts.has(at) && !(at === name && type === dnsTypes.DS)) highest = at
  }
  return highest === null ? null : (zone.nodes.get(highest)?.get(dnsTypes.NS) ?? null)
}

/** The sets at a name, or what the wildcard at its closest encloser makes of itself (RFC 4592 §3.3.1). */
function setsAt(zone: CompiledZone, name: string): Sets | null {
  const exact = zone.nodes.get(name)
  if (exact !== undefined) return exact
  let encloser = parentOf(name)
  while (encloser !== null && !zone.nodes.has(encloser)) encloser = parentOf(encloser)
  if (encloser === null) return null
  const wildcard = `*.${encloser}`
  const source = zone.nodes.get(wildcard)
  if (source === undefined) return null
  return new Map([...source].map(([type, set]) => [type, { ...set, owner: name, wildcard }]))
}

/** RFC 8482 §4.1: one of the sets stands for all. A CNAME is always that one; else it is a small one. */
function anySet(sets: Sets): WireRRset | undefined {
  const cname = sets.get(dnsTypes.CNAME)
  if (cname !== undefined) return cname
  const size = (set: WireRRset): number => set.rdata.reduce((bytes, one) => bytes + one.length, 0)
  return [...sets.values()].sort((one, other) => size(one) - size(other))[0]
}

/** Where in its RDATA a record names a host whose addresses whoever asked will want next. */
const hostOffsets: ReadonlyMap<number, number> = new Map([
  [dnsTypes.NS, 0],
  [dnsTypes.MX, 2],
  [dnsTypes.SRV, 6],
])

function addressesFor(zone: CompiledZone, sets: readonly WireRRset[]): WireRRset[] {
  const hosts = new Set<string>()
  for (const set of sets) {
    const offset = hostOffsets.get(set.type)
    if (offset === undefined) continue
    for (const rdata of set.rdata) {
      if (hosts.size < zoneLimits.additionalNamesMax) hosts.add(decodeName(rdata, offset))
    }
  }
  return [...hosts].flatMap((host) => {
    const node = zone.nodes.get(host)
    return [dnsTypes.A, dnsTypes.AAAA].flatMap((type) => node?.get(type) ?? [])
  })
}
