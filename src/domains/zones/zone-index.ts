/** Which zone a name belongs to, among those that this node serves. */

import { dnsTypes } from '../../platform/dns-wire/message.ts'
import { parentOf } from '../../platform/dns-wire/names.ts'

export type IndexedZone = {
  readonly id: string
  readonly name: string
  readonly workspaceId: string
  /** Whether it was seen that the name is the workspace's. */
  readonly isProven: boolean
}

export type ZoneIndex<Z extends IndexedZone> = {
  /** Rises whenever a name may belong to another zone than before, although no zone in question has changed. */
  readonly topology: number
  readonly size: number
  get(name: string): Z | undefined
  byId(id: string): Z | undefined
  ids(): IterableIterator<string>
  put(zone: Z): void
  remove(id: string): void
  nearest(name: string, type: number): Z | null
}

export function createZoneIndex<Z extends IndexedZone>(): ZoneIndex<Z> {
  const byName = new Map<string, Z>()
  const byId = new Map<string, Z>()
  /** How many zones there are below a name. */
  const below = new Map<string, number>()
  let topology = 0

  const countBelow = (name: string, change: 1 | -1): void => {
    for (let at = parentOf(name); at !== null; at = parentOf(at)) {
      const count = (below.get(at) ?? 0) + change
      if (count > 0) below.set(at, count)
      else below.delete(at)
      if (byName.has(at)) topology++
    }
    if (below.has(name)) topology++
  }
  const remove = (id: string): void => {
    const zone = byId.get(id)
    if (zone === undefined) return
    byId.delete(id)
    // Its name may have been connected anew already.
    if (byName.get(zone.name) !== zone) return
    byName.delete(zone.name)
    countBelow(zone.name, -1)
  }
  return {
    get topology() {
      return topology
    },
    get size() {
      return byId.size
    },
    get: (name) => byName.get(name),
    byId: (id) => byId.get(id),
    ids: () => byId.keys(),
    put(zone) {
      const before = byName.get(zone.name)
      byName.set(zone.name, zone)
      byId.set(zone.id, zone)
      if (before === undefined) countBelow(zone.name, 1)
      else if (before.isProven !== zone.isProven || before.id !== zone.id) topology++
    },
    remove,
    nearest(name, type) {
      let best: Z | null = null
      let child: Z | null = null
      for (let at: string | null = name; at !== null; at = parentOf(at)) {
        const zone = byName.get(at)
        if (zone === undefined) continue
        // RFC 4035 §3.1.4.1: DS is the parent's, when we have it.
        if (type === dnsTypes.DS && at === name) child = zone
        else if (best === null || isTakenFrom(zone, best)) best = zone
      }
      return best ?? child
    },
  }
}

/**
 * Whether `lower` may not speak for names within `upper`: another workspace has connected a name within a zone whose
 * owner is known, and nobody has seen yet that it was given to them.
 */
function isTakenFrom(upper: IndexedZone, lower: IndexedZone): boolean {
  return upper.isProven && !lower.isProven && upper.workspaceId !== lower.workspaceId
}
