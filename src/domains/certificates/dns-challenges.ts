/**
 * DNS-01 challenges (RFC 8555 §8.4): TXT records in the zones that this platform serves, as rows that every name server of
 * it reads.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../../platform/database.ts'
import { DnsFailure } from '../../platform/dns.ts'
import { appendEvents } from '../../platform/events.ts'
import type { Platform } from '../../platform/platform.ts'
import { raiseOwnSerial } from '../zones/fingerprint.ts'
import type { RRset } from '../zones/records.ts'
import { touchZones } from '../zones/serial.ts'
import { certificatePolicy } from './policy.ts'
import { certificateSubject } from './subject.ts'

/** The name that a certificate is asked for, and the domain that it belongs to; null: the platform's own zone. */
export type ChallengedName = { hostName: string; domainId: string | null }

/** The challenge records of domains, by the domain's id; for their zones. */
export async function challengeRecords(db: Db, domainIds: readonly string[]): Promise<Map<string, RRset[]>> {
  const found = new Map<string, RRset[]>()
  if (domainIds.length === 0) return found
  const { rows } = await sql<{ domain_id: string; name: string; values: string[] }>`
    select domain_id, name, array_agg(value order by value) as values from acme_dns_challenges
    where domain_id = any(${domainIds}::uuid[]) group by domain_id, name order by name`.execute(db)
  for (const { domain_id: domainId, name, values } of rows) {
    found.set(domainId, [...(found.get(domainId) ?? []), rrsetOf(name, values)])
  }
  return found
}

/** Those of the platform's own name, for MAILWRIGHT_DNS_ZONE. */
export async function platformChallengeRecords(db: Db): Promise<RRset[]> {
  const { rows } = await sql<{ name: string; values: string[] }>`
    select name, array_agg(value order by value) as values from acme_dns_challenges
    where domain_id is null group by name order by name`.execute(db)
  return rows.map(({ name, values }) => rrsetOf(name, values))
}

function rrsetOf(name: string, values: readonly string[]): RRset {
  return { name, type: 'TXT', ttl: certificatePolicy.challengeTtlSeconds, values }
}

/** Whether the zone of a name is one that this platform answers for. */
export async function isServedHere(
  { db, config }: Pick<Platform, 'db' | 'config'>,
  { hostName, domainId }: ChallengedName,
): Promise<boolean> {
  if (domainId === null) return config.dnsZone !== null && isWithin(hostName, config.dnsZone)
  const row = await db
    .selectFrom('domains')
    .select('id')
    .where('id', '=', domainId)
    .where('dns_mode', '=', 'served')
    .where('state', '<>', 'deleted')
    .executeTakeFirst()
  return row !== undefined
}

function isWithin(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`)
}

/** Publishes a challenge, and waits for it to be seen, for a bounded time: what the resolver remembers may be older. */
export async function publishDnsChallenge(
  platform: Platform,
  challenged: ChallengedName,
  value: string,
): Promise<void> {
  const name = challengeName(challenged)
  const expiresAt = new Date(platform.clock.now().getTime() + certificatePolicy.challengeMs)
  await transaction(platform.db, async (tx) => {
    await tx
      .insertInto('acme_dns_challenges')
      .values({ name, value, domain_id: challenged.domainId, expires_at: expiresAt })
      .onConflict((conflict) => conflict.columns(['name', 'value']).doUpdateSet({ expires_at: expiresAt }))
      .execute()
    await tellZones(platform, tx, [challenged])
  })
  const until = performance.now() + certificatePolicy.challengeSeenMsMax
  do {
    // First, so that the name servers have heard of it: a resolver remembers what it did not find.
    await sleep(certificatePolicy.challengeLookMs)
  } while (performance.now() < until && !(await isSeen(platform, name, value)))
}

export async function withdrawDnsChallenge(
  platform: Platform,
  challenged: ChallengedName,
  value: string,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    await tx
      .deleteFrom('acme_dns_challenges')
      .where('name', '=', challengeName(challenged))
      .where('value', '=', value)
      .execute()
    await tellZones(platform, tx, [challenged])
  })
}

/** Removes what a node left that ended before its order did. */
export async function removeExpiredDnsChallenges(platform: Platform): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const rows = await tx
      .deleteFrom('acme_dns_challenges')
      .where('expires_at', '<=', platform.clock.now())
      .returning(['name', 'domain_id'])
      .execute()
    await tellZones(
      platform,
      tx,
      rows.map(({ name, domain_id: domainId }) => ({ hostName: name.slice(prefix.length), domainId })),
    )
  })
}

const prefix = '_acme-challenge.'

function challengeName({ hostName }: ChallengedName): string {
  return `${prefix}${hostName}`
}

async function tellZones(platform: Platform, tx: Tx, challenged: readonly ChallengedName[]): Promise<void> {
  const domainIds = new Set(challenged.flatMap(({ domainId }) => (domainId === null ? [] : [domainId])))
  await touchZones(platform, tx, [...domainIds])
  const own = challenged.filter(({ domainId }) => domainId === null)
  if (own.length === 0) return
  await raiseOwnSerial(platform, tx)
  const subject = await certificateSubject(tx, null)
  await appendEvents(
    platform,
    tx,
    own.map(({ hostName }) => ({
      type: 'certificate.challenge_changed' as const,
      ...subject,
      data: { host_name: hostName },
    })),
  )
}

async function isSeen(platform: Platform, name: string, value: string): Promise<boolean> {
  try {
    const texts = await platform.dns.lookup(name, 'TXT', { fresh: true })
    return texts.some((parts) => parts.join('') === value)
  } catch (error) {
    if (error instanceof DnsFailure) return false
    throw error
  }
}
