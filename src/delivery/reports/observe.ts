/**
 * What our reports to others are made of. Mail that was kept has its trust block, and sessions their steps in the queue's
 * timeline: both are counted once for each day, so that nothing of it is in the way of the mail itself.
 */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Db } from '../../platform/database.ts'
import { idFloor } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import type { Arrival, Authentication } from '../inbound/arrival.ts'
import type { ObservedTrust } from './tables.ts'

/** A day in UTC, `YYYY-MM-DD`. */
export type Day = string

export function dayOf(at: Date): Day {
  return at.toISOString().slice(0, 10)
}

export function bounds(day: Day): { from: Date; to: Date } {
  const from = new Date(`${day}T00:00:00Z`)
  return { from, to: new Date(from.getTime() + 24 * 3600 * 1000) }
}

/** Counts a message that was refused because its author's domain asks for it: nothing else is left of it. */
export async function observeRefused(
  platform: Platform,
  arrival: Pick<Arrival, 'at' | 'mailFrom' | 'remoteAddress'>,
  { spf, dkim, dmarc }: Authentication,
): Promise<void> {
  if (dmarc.domain === null || dmarc.policy === null) return
  const trust: ObservedTrust = { spf, dkim, dmarc: { ...dmarc, disposition: 'reject' } }
  const text = JSON.stringify(trust)
  const envelopeFrom = domainPart(arrival.mailFrom)
  await sql`
    insert into dmarc_observations (day, domain, source_address, envelope_from, trust, fingerprint, message_count)
    values (${dayOf(arrival.at)}::date, ${dmarc.domain}::text, ${arrival.remoteAddress}::inet, ${envelopeFrom}::text,
      ${text}::jsonb, ${createHash('sha256').update(`${envelopeFrom} ${text}`).digest()}::bytea, 1)
    on conflict (day, domain, source_address, fingerprint)
      do update set message_count = dmarc_observations.message_count + 1`.execute(platform.db)
}

function domainPart(mailFrom: string): string {
  return mailFrom.slice(mailFrom.lastIndexOf('@') + 1).toLowerCase()
}

/** Counts the mail of a day that was kept. Called once for a day: the caller keeps it so. */
export async function observeKept(db: Db, day: Day): Promise<void> {
  const { from, to } = bounds(day)
  // Ids of bodies rise with the time of their making, so that a day is a range of the primary key.
  await sql`
    insert into dmarc_observations (day, domain, source_address, envelope_from, trust, fingerprint, message_count)
    select ${day}::date, domain, source_address, envelope_from, observed,
      sha256(convert_to(envelope_from || ' ' || observed::text, 'UTF8')), count(*)
    from (
      select trust->'dmarc'->>'domain' as domain, (trust->'remote'->>'address')::inet as source_address,
        lower(regexp_replace(trust->>'mail_from', '^.*@', '')) as envelope_from,
        jsonb_build_object('spf', trust->'spf', 'dkim', trust->'dkim', 'dmarc', trust->'dmarc') as observed
      from bodies
      where id >= ${idFloor(from)}::uuid and id < ${idFloor(to)}::uuid and trust is not null
        and trust->'dmarc'->>'policy' is not null and trust->'dmarc'->>'domain' is not null
    ) as kept
    group by domain, source_address, envelope_from, observed
    on conflict (day, domain, source_address, fingerprint)
      do update set message_count = dmarc_observations.message_count + excluded.message_count`.execute(db)
}

/** Counts the sessions of a day by domain, policy and how they ended. */
export async function observeSessions(db: Db, day: Day): Promise<void> {
  const { from, to } = bounds(day)
  await sql`
    insert into tls_observations (day, domain, policy_type, result_type, receiving_host, receiving_address,
      session_count)
    select ${day}::date, domain, policy_type, result_type, host, address, count(*)
    from (
      select domain, coalesce(detail->>'host', '') as host, coalesce(detail->>'address', '') as address,
        case detail->>'policy' when 'mta-sts' then 'sts' when 'dane' then 'tlsa' else 'no-policy-found' end
          as policy_type,
        case when detail->>'class' is distinct from 'tls' then '' else ${failureType(sql`detail->>'reply'`)} end
          as result_type
      from outbound_steps join outbound_recipients on outbound_recipients.id = outbound_recipient_id
      where at >= ${from} and at < ${to} and detail->>'policy' is distinct from 'relay'
        and ((step = 'delivered' and detail->'tls' is not null) or detail->>'class' = 'tls')
    ) as sessions
    group by domain, policy_type, result_type, host, address
    on conflict do nothing`.execute(db)
}

/** RFC 8460 §4.3, from what OpenSSL and the other server say. */
function failureType(reply: ReturnType<typeof sql>) {
  return sql`case
    when ${reply} ~* 'expired' then 'certificate-expired'
    when ${reply} ~* 'altname|host ?name|does not match' then 'certificate-host-mismatch'
    when ${reply} ~* 'self.signed|unable to (verify|get)|not trusted|untrusted' then 'certificate-not-trusted'
    when ${reply} ~* 'starttls' then 'starttls-not-supported'
    else 'validation-failure' end`
}
