/** What the zone of a served domain holds: its plan, its name servers, and what its owner added. */
import type { Selectable } from 'kysely'
import type { Config } from '../../platform/config.ts'
import { isWithin } from '../../platform/dns-wire/names.ts'
import { desiredRecords } from '../desired-records.ts'
import type { DkimKey } from '../dkim-keys.ts'
import type { PlanDomain } from '../plan/record.ts'
import type { DomainsTable, ZoneRecordsTable } from '../tables.ts'
import { nameserversOf } from './own-names.ts'
import { ttlSeconds } from './policy.ts'
import { mergeRRsets, type RRset, type Zone } from './records.ts'

/** What of a domain its zone is made of. */
export type ServedDomain = Omit<PlanDomain, 'dns_mode' | 'zone_held'> &
  Pick<Selectable<DomainsTable>, 'zone_serial' | 'state' | 'state_before_deletion'>

export type CustomerRecord = Pick<Selectable<ZoneRecordsTable>, 'name' | 'type' | 'ttl' | 'value'>

/**
 * The records of a domain's zone, without the SOA. What its owner added stands beside the platform's, but never in the
 * way of it: see `withoutConflicts`.
 */
export function zoneContent(
  config: Config,
  domain: ServedDomain,
  keys: readonly DkimKey[],
  records: readonly CustomerRecord[],
  challenges: readonly RRset[] = [],
): Zone {
  const ours = mergeRRsets([
    setOf(domain.name, 'NS', zoneNameservers(config, domain.workspace_id)),
    ...desiredRecords(config, { ...domain, dns_mode: 'served', zone_held: false }, keys).map(
      ({ type, name, value }) => setOf(name, type, [value]),
    ),
    ...challenges,
  ])
  const theirs = mergeRRsets(
    records
      .filter(({ name }) => isWithin(name, domain.name))
      .map(({ name, type, ttl, value }) => ({ name, type, ttl, values: [value] })),
  )
  return {
    name: domain.name,
    serial: domain.zone_serial,
    rrsets: mergeRRsets([...ours, ...withoutConflicts(domain.name, ours, theirs)]),
  }
}

/** A zone has an NS set whatever is configured (RFC 1035 §5.2); without names for it, this host is the one. */
function zoneNameservers(config: Config, workspaceId: string): readonly string[] {
  const names = nameserversOf(config, workspaceId)
  return names.length > 0 ? names : [config.hostname]
}

function setOf(name: string, type: RRset['type'], values: readonly string[]): RRset {
  return { name, type, ttl: ttlSeconds[type], values }
}

/**
 * Leaves out of the owner's sets what would break the platform's: a CNAME beside other data or at the apex (RFC 1034
 * §3.6.2), other data beside a CNAME of ours, name servers at the apex, a delegation at or above a name of ours.
 */
function withoutConflicts(apex: string, ours: readonly RRset[], theirs: readonly RRset[]): RRset[] {
  const ourNames = new Set(ours.map(({ name }) => name))
  const ourCnames = namesOf(ours, (type) => type === 'CNAME')
  const theirData = namesOf(theirs, (type) => type !== 'CNAME')
  return theirs.flatMap((set) => {
    if (ourCnames.has(set.name)) return []
    if (set.type === 'CNAME') {
      const isAlone = set.name !== apex && !ourNames.has(set.name) && !theirData.has(set.name)
      return isAlone ? [{ ...set, values: set.values.slice(0, 1) }] : []
    }
    if (set.type === 'NS') {
      const hidesOurs = [...ourNames].some((name) => name !== apex && isWithin(name, set.name))
      return set.name === apex || hidesOurs ? [] : [set]
    }
    return [set]
  })
}

function namesOf(sets: readonly RRset[], isWanted: (type: RRset['type']) => boolean): ReadonlySet<string> {
  return new Set(sets.filter(({ type }) => isWanted(type)).map(({ name }) => name))
}
