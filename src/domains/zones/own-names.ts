/**
 * Names in MAILWRIGHT_DNS_ZONE, the zone that is delegated to this platform. They are made of ids, so that no row is
 * needed to know them.
 */
import { createHash } from 'node:crypto'
import type { Config } from '../../platform/config.ts'

type Zone = Pick<Config, 'dnsZone' | 'nameservers'>

const workspaceLabelLength = 12
const perWorkspace = ['a', 'b'] as const

/**
 * The name servers that a workspace's domains are delegated to; empty when this platform serves no zones. Without
 * MAILWRIGHT_NAMESERVERS each workspace has names of its own, so that a delegation says which workspace is meant: nobody
 * can take over a name that another workspace has left behind.
 */
export function nameserversOf({ dnsZone, nameservers }: Zone, workspaceId: string): string[] {
  if (nameservers.length > 0) return nameservers.map((name) => name.toLowerCase())
  if (dnsZone === null) return []
  return perWorkspace.map((letter) => `${letter}.${workspaceLabel(workspaceId)}.ns.${dnsZone}`)
}

function workspaceLabel(workspaceId: string): string {
  return createHash('sha256').update(workspaceId).digest('hex').slice(0, workspaceLabelLength)
}

/** Whether a delegation to these name servers can only mean one workspace. */
export function nameserversAreOwn({ dnsZone, nameservers }: Zone): boolean {
  return nameservers.length === 0 && dnsZone !== null
}

const nameserverName = new RegExp(`^[${perWorkspace.join('')}]\\.[0-9a-f]{${workspaceLabelLength}}\\.ns$`)

/** Whether a name below the zone (without it) is that of a name server. */
export function isNameserverLabel(relative: string): boolean {
  return nameserverName.test(relative)
}

/**
 * Where a domain whose DNS is elsewhere points a selector to (CNAME), so that its keys can be changed without its owner.
 * null without a zone of our own.
 */
export function dkimTarget(
  { dnsZone }: Pick<Config, 'dnsZone'>,
  domainId: string,
  selector: string,
): string | null {
  return dnsZone === null ? null : `${selector}.${domainId.replaceAll('-', '')}.dkim.${dnsZone}`
}

const dkimName =
  /^([a-z0-9]{1,63})\.([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})\.dkim$/

/** The other way round, of a name below the zone (without it). */
export function parseDkimLabel(relative: string): { domainId: string; selector: string } | null {
  const found = dkimName.exec(relative)
  if (!found) return null
  const [, selector = '', ...parts] = found
  return { selector, domainId: parts.join('-') }
}
