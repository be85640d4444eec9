/** What the parent zone says of a zone's keys: its DS records (RFC 4035 §2.4). */
import { getServers } from 'node:dns'
import { isIP } from 'node:net'
import type * as dnsPacket from 'dns-packet'
import { DnsFailure } from '../../../platform/dns.ts'
import { askSecurely } from '../../../platform/dns-secure.ts'
import { Refusal } from '../../../platform/errors.ts'
import type { Platform } from '../../../platform/platform.ts'
import { isSandboxName, parseDomainName } from '../../names.ts'
import { type DelegationSigner, delegationSigner } from './key-records.ts'

/**
 * valid: one of the DS records is that of our key. wrong: there are others only, and validating resolvers refuse what the
 * zone says. missing: the zone is not known to be signed. unanswered: nobody could say.
 */
export type ParentStatus = 'valid' | 'wrong' | 'missing' | 'unanswered'

export async function parentStatus(platform: Platform, zone: string, point: Buffer): Promise<ParentStatus> {
  const seen = await lookupDs(platform, zone).catch((error: unknown) => {
    if (error instanceof DnsFailure) return null
    throw error
  })
  if (seen === null) return 'unanswered'
  if (seen.length === 0) return 'missing'
  const ours = delegationSigner(zone, point)
  const isOurs = (ds: DelegationSigner): boolean =>
    ds.keyTag === ours.keyTag && ds.algorithm === ours.algorithm && ds.digest === ours.digest
  return seen.some(isOurs) ? 'valid' : 'wrong'
}

/**
 * Whether DNSSEC may be turned off. Not for a transaction: it waits for the world.
 * @throws Refusal dnssec_parent_has_ds, dnssec_parent_unanswered.
 */
export async function requireNoDs(platform: Platform, zone: string): Promise<void> {
  const name = parseDomainName(zone)
  if (name !== null && isSandboxName(name)) return // .test is delegated to nobody (RFC 6761 §6.2)
  let seen: DelegationSigner[]
  try {
    seen = await lookupDs(platform, zone)
  } catch (cause) {
    if (cause instanceof DnsFailure) throw new Refusal('dnssec_parent_unanswered', undefined, { cause })
    throw cause
  }
  if (seen.length === 0) return
  const tags = seen.map(({ keyTag }) => keyTag).join(', ')
  throw new Refusal(
    'dnssec_parent_has_ds',
    `The parent zone of ${zone} has a DS record (key tag ${tags}). Have it removed at the registrar, and wait for its TTL to pass.`,
  )
}

/** @throws DnsFailure when there is no answer. */
async function lookupDs({ config }: Platform, zone: string): Promise<DelegationSigner[]> {
  const resolver = config.resolver ?? systemResolver()
  if (resolver === null) throw new DnsFailure(zone, 'DS', 'ENORESOLVER', null)
  const { answers } = await askSecurely(resolver, zone, 'DS')
  return answers.flatMap((answer) => (answer.type === 'DS' ? [delegationOf(answer)] : []))
}

function delegationOf({ data }: dnsPacket.DSAnswer): DelegationSigner {
  const { keyTag, algorithm, digestType, digest } = data
  return { keyTag, algorithm, digestType, digest: digest.toString('hex').toUpperCase() }
}

const dnsPort = 53

/** The first resolver of the system as `ip:port`. */
function systemResolver(): string | null {
  const [first] = getServers()
  if (first === undefined) return null
  const kind = isIP(first)
  return kind === 0 ? first : kind === 6 ? `[${first}]:${dnsPort}` : `${first}:${dnsPort}`
}
