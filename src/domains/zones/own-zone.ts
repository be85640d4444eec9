/**
 * The platform's own zone, MAILWRIGHT_DNS_ZONE: the names of its name servers, of its host, and the DKIM keys of all
 * domains, which those whose DNS is elsewhere point to.
 */
import { isIPv4 } from 'node:net'
import type { Config } from '../../platform/config.ts'
import { isWithin } from '../../platform/dns-wire/names.ts'
import { type DkimKey, dkimRecord } from '../dkim-keys.ts'
import { dkimTarget, parseDkimLabel } from './own-names.ts'
import { ttlSeconds } from './policy.ts'
import { mergeRRsets, type RRset, type Zone } from './records.ts'

type Settings = Pick<Config, 'dnsZone' | 'nameservers' | 'publicAddresses' | 'hostname'>

/** Its name servers: the configured ones, else `ns1` and `ns2` within it, which its parent needs glue for. */
export function ownNameservers({ dnsZone, nameservers }: Settings): readonly string[] {
  if (dnsZone === null || nameservers.length > 0) return nameservers.map((name) => name.toLowerCase())
  return [`ns1.${dnsZone}`, `ns2.${dnsZone}`]
}

/** Without the DKIM keys; null when there is no such zone. */
export function ownZone(config: Settings, serial: number): Zone | null {
  const { dnsZone } = config
  if (dnsZone === null) return null
  const nameservers = ownNameservers(config)
  const hosts = [dnsZone, config.hostname.toLowerCase(), ...nameservers]
  // The workspaces' name servers (own-names.ts) are many, and all are this platform: a secondary can serve that, too.
  if (config.nameservers.length === 0) hosts.push(`*.ns.${dnsZone}`)
  return {
    name: dnsZone,
    serial,
    rrsets: mergeRRsets([
      { name: dnsZone, type: 'NS', ttl: ttlSeconds.NS, values: nameservers },
      ...hosts.filter((host) => isWithin(host, dnsZone)).flatMap((host) => addressSets(config, host)),
    ]),
  }
}

function addressSets({ publicAddresses }: Settings, name: string): RRset[] {
  const ofType = (type: 'A' | 'AAAA', values: readonly string[]): RRset[] =>
    values.length === 0 ? [] : [{ name, type, ttl: ttlSeconds[type], values }]
  return [
    ...ofType('A', publicAddresses.filter(isIPv4)),
    ...ofType(
      'AAAA',
      publicAddresses.filter((address) => !isIPv4(address)),
    ),
  ]
}

/** The sets of one domain's keys in it. */
export function dkimSets(
  config: Pick<Config, 'dnsZone'>,
  domainId: string,
  keys: readonly DkimKey[],
): RRset[] {
  return keys.flatMap((key) => {
    const name = dkimTarget(config, domainId, key.selector)
    return name === null
      ? []
      : [{ name, type: 'TXT' as const, ttl: ttlSeconds.TXT, values: [dkimRecord(key)] }]
  })
}

/** The name below which the keys are: it exists, whether there are keys or not. */
export function dkimNode(dnsZone: string): string {
  return `dkim.${dnsZone}`
}

/** The domain whose keys a name is about; null for other names of the zone. */
export function dkimDomainOf(dnsZone: string, name: string): string | null {
  const suffix = `.${dkimNode(dnsZone)}`
  if (!name.endsWith(suffix)) return null
  const domainLabel = name.slice(0, -suffix.length).split('.').at(-1) ?? ''
  return parseDkimLabel(`any.${domainLabel}.dkim`)?.domainId ?? null
}
