/** Whom a domain is delegated to, as its parent says it, and what those name servers say themselves. */
import type { Config } from '../../platform/config.ts'
import type { Dns } from '../../platform/dns.ts'
import type { FoundZone, SeenNameserver } from '../../platform/dns-authority/zones.ts'
import { wantedDnsMode } from '../nameservers.ts'
import type { Domain } from '../tables.ts'
import { isNameserverLabel, nameserversOf } from '../zones/own-names.ts'
import type { DelegationState, SeenDelegation } from './tables.ts'

type Zone = Pick<Config, 'dnsZone' | 'nameservers'>

/** @param seen what its name servers said, if they were asked; else what is known from before. */
export function delegationOf(
  config: Zone,
  { workspace_id: workspaceId }: Pick<Domain, 'workspace_id'>,
  found: FoundZone,
  seen: readonly SeenNameserver[] | null,
  before: SeenDelegation | null,
): SeenDelegation {
  if (found.kind === 'inside') {
    return { state: 'none', parent: found.servers.zone, nameservers: [], ds: [], namesPlatform: false }
  }
  if (found.kind !== 'delegated') return unanswered
  const { nameservers, parent, ds } = found.delegation
  const names = nameservers.map(({ name }) => name)
  const isSameSet = sameNames(names, before?.nameservers.map(({ name }) => name) ?? [])
  return {
    state: stateOf(config, workspaceId, names),
    parent,
    nameservers: seen ?? (isSameSet && before !== null ? before.nameservers : names.map(unasked)),
    ds,
    namesPlatform: names.some((name) => isOfPlatform(config, name)),
  }
}

/** The same where only a resolver can be asked: it follows the parent's delegation, and shows the zone's own set. */
export async function resolvedDelegation(
  config: Zone,
  dns: Dns,
  { workspace_id: workspaceId, name: zone }: Pick<Domain, 'workspace_id' | 'name'>,
): Promise<SeenDelegation> {
  const names = await dns.lookup(zone, 'NS', { fresh: true }).catch(() => null)
  if (names === null) return unanswered
  const set = names.map((name) => name.toLowerCase().replace(/\.$/, ''))
  return {
    state: set.length === 0 ? 'none' : stateOf(config, workspaceId, set),
    parent: null,
    nameservers: set.map(unasked),
    ds: [],
    namesPlatform: set.some((name) => isOfPlatform(config, name)),
  }
}

const unanswered: SeenDelegation = {
  state: 'unanswered',
  parent: null,
  nameservers: [],
  ds: [],
  namesPlatform: false,
}

function unasked(name: string): SeenDelegation['nameservers'][number] {
  return { name, state: 'unasked', set: [] }
}

function stateOf(config: Zone, workspaceId: string, names: readonly string[]): DelegationState {
  const ours = nameserversOf(config, workspaceId)
  if (ours.length > 0 && sameNames(ours, names)) return 'ours'
  return names.some((name) => ours.includes(name)) ? 'half_changed' : 'elsewhere'
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.toSorted().join(' ') === other.toSorted().join(' ')
}

/** Whether a name server is this platform's, for whichever workspace. */
function isOfPlatform({ dnsZone, nameservers }: Zone, name: string): boolean {
  const suffix = `.${dnsZone}`
  return (
    nameservers.some((one) => one.toLowerCase() === name) ||
    (dnsZone !== null && name.endsWith(suffix) && isNameserverLabel(name.slice(0, -suffix.length)))
  )
}

/** None of its name servers is this platform's, for whichever workspace. No answer says nothing. */
export function hasLeft({ state, namesPlatform }: SeenDelegation): boolean {
  return state !== 'unanswered' && !namesPlatform
}

/** What is wrong with a delegation, in a sentence; null when nothing is. */
export function delegationProblem(
  config: Zone,
  domain: Pick<Domain, 'workspace_id' | 'dns_mode' | 'zone_held' | 'pending_dns_mode'>,
  { state, nameservers }: SeenDelegation,
): string | null {
  const names = nameservers.map(({ name }) => name).join(', ')
  const wanted = nameserversOf(config, domain.workspace_id).join(', ')
  const isServed = wantedDnsMode(domain) === 'served'
  if (state === 'unanswered') return 'The name servers of the domain, or of the zone above it, do not answer.'
  if (isServed && state === 'none')
    return `The domain is not delegated; its name servers should be ${wanted}.`
  if (isServed && state === 'elsewhere')
    return `The domain is delegated to ${names}; it should be to ${wanted}.`
  if (isServed && state === 'half_changed') {
    return `The delegation is half changed: it names ${names}; it should name exactly ${wanted}.`
  }
  if (isServed && domain.zone_held) {
    return 'Another workspace had this domain on the same name servers, and its delegation may be left over from then: move it elsewhere first, or prove the domain by its TXT record.'
  }
  return troubleOf(nameservers)
}

function troubleOf(nameservers: SeenDelegation['nameservers']): string | null {
  const named = (state: string): string[] =>
    nameservers.flatMap((one) => (one.state === state ? [one.name] : []))
  const [wrong, lame, silent] = [named('wrong_set'), named('lame'), named('silent')]
  const parts = [
    ...(wrong.length > 0 ? [`${wrong.join(', ')}: another set of name servers than the parent has`] : []),
    ...(lame.length > 0 ? [`${lame.join(', ')}: does not have the zone`] : []),
    ...(silent.length > 0 ? [`${silent.join(', ')}: does not answer`] : []),
  ]
  return parts.length === 0 ? null : `Name servers that are not right: ${parts.join('; ')}.`
}
