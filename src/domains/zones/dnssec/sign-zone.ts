/**
 * A whole zone with its signatures and its chain of NSEC records (RFC 4034 §4, RFC 4035 §2), for secondaries: they cannot
 * sign, and answer from what they were given. Our own answers deny compactly instead; a resolver takes either.
 */
import { setImmediate as pause } from 'node:timers/promises'
import { dnsTypes } from '../../../platform/dns-wire/message.ts'
import { encodeName, parentOf, sortNames } from '../../../platform/dns-wire/names.ts'
import type { CompiledZone } from '../compiled-zone.ts'
import type { ZoneSigner } from '../found-zone.ts'
import type { WireRRset } from '../zone-answer.ts'
import { nsecTo } from './denial.ts'

/** Sets that are signed before others have their turn. */
const setsInATurn = 50

/** All sets but the SOA, whose signature is among them. */
export async function* signedSets(
  zone: CompiledZone,
  signer: Pick<ZoneSigner, 'signSet'>,
): AsyncGenerator<WireRRset> {
  const names = authoritativeNames(zone)
  let signed = 0
  for (const [index, name] of names.entries()) {
    const node = zone.nodes.get(name)
    if (node === undefined) continue
    const isCut = zone.cuts.has(name)
    // RFC 4035 §2.2: of a delegation, NS is not signed, and what else is known there is the child's.
    const own = [...node.values()].filter(({ type }) => !isCut || type === dnsTypes.DS)
    for (const set of node.values()) if (set.type !== dnsTypes.SOA) yield set
    const types = isCut ? [dnsTypes.NS, ...own.map(({ type }) => type)] : [...node.keys()]
    const nsec = nsecTo(name, encodeName(names[index + 1] ?? zone.name), types, zone.negativeSoa.ttl)
    yield nsec
    for (const set of [...own, nsec]) {
      yield signer.signSet(set)
      if (++signed % setsInATurn === 0) await pause()
    }
  }
  for (const [name, node] of zone.nodes) if (isBelowCut(zone, name)) yield* node.values() // glue
}

/** The names that have sets of the zone's own, in canonical order (RFC 4034 §6.1). */
function authoritativeNames(zone: CompiledZone): string[] {
  const own = [...zone.nodes].filter(([name, node]) => node.size > 0 && !isBelowCut(zone, name))
  return sortNames(own.map(([name]) => name))
}

function isBelowCut(zone: CompiledZone, name: string): boolean {
  if (zone.cuts.size === 0 || name === zone.name) return false
  for (let at = parentOf(name); at !== null && at !== zone.name; at = parentOf(at)) {
    if (zone.cuts.has(at)) return true
  }
  return false
}
