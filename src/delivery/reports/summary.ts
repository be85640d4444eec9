/**
 * What the reports of others say about a domain, in one answer: how much of its mail passes DMARC, who sends the rest, and
 * whether the policy can be made stricter without losing mail of one's own.
 */
import { sql } from 'kysely'
import type { Platform } from '../../platform/platform.ts'

/**
 * 'no_data': too few messages or days to say anything.
 * 'fix_sources': senders that look like one's own fail; a stricter policy would hit them.
 * 'safe_to_quarantine', 'safe_to_reject': what fails looks like forgery. 'enforced': the policy is reject already.
 */
export type DmarcAdvice = 'no_data' | 'fix_sources' | 'safe_to_quarantine' | 'safe_to_reject' | 'enforced'

export type DmarcSource = {
  address: string
  messages: number
  passed: number
  /** Failed, though SPF or DKIM passed for the domain itself or one below or above it, or the address also sends what passes. */
  failedOwn: number
  headerFrom: string | null
  reporters: number
}

export type DmarcSummary = {
  from: Date
  to: Date
  reports: number
  reporters: number
  days: number
  messages: number
  passed: number
  failedOwn: number
  /** What the newest report saw published. */
  policy: 'none' | 'quarantine' | 'reject' | null
  advice: DmarcAdvice
  /** Most messages first. */
  sources: DmarcSource[]
}

const sourcesMax = 50
const windowDays = 30
// Below these a week-end or one reporter decides; above, the rate of one's own failures does.
const messagesForAdvice = 100
const daysForAdvice = 7
const ownFailuresForQuarantine = 0.02
const ownFailuresForReject = 0.005

/** The last 30 days of a domain. The caller has checked that it may see the domain. */
export async function dmarcSummaryOf(
  platform: Platform,
  domain: { id: string; name: string },
): Promise<DmarcSummary> {
  const to = platform.clock.now()
  const from = new Date(to.getTime() - windowDays * 24 * 3600 * 1000)
  const sources = await sourcesOf(platform, domain, from)
  const totals = await totalsOf(platform, domain.id, from)
  const messages = sum(sources, 'messages')
  const passed = sum(sources, 'passed')
  const failedOwn = sum(sources, 'failedOwn')
  return {
    from,
    to,
    ...totals,
    messages,
    passed,
    failedOwn,
    advice: adviceFor({ ...totals, messages, failedOwn }),
    sources: sources.slice(0, sourcesMax),
  }
}

function sum(sources: readonly DmarcSource[], name: 'messages' | 'passed' | 'failedOwn'): number {
  return sources.reduce((total, source) => total + source[name], 0)
}

/** The rule, apart from the data. */
export function adviceFor(seen: {
  messages: number
  days: number
  failedOwn: number
  policy: DmarcSummary['policy']
}): DmarcAdvice {
  if (seen.policy === 'reject') return 'enforced'
  if (seen.messages < messagesForAdvice || seen.days < daysForAdvice) return 'no_data'
  const rate = seen.failedOwn / seen.messages
  if (rate <= ownFailuresForReject) return 'safe_to_reject'
  return rate <= ownFailuresForQuarantine && seen.policy !== 'quarantine'
    ? 'safe_to_quarantine'
    : 'fix_sources'
}

async function sourcesOf(
  platform: Platform,
  domain: { id: string; name: string },
  from: Date,
): Promise<DmarcSource[]> {
  const { rows } = await sql<DmarcSource>`
    with seen as (
      select source_address, row.message_count, dkim_aligned or spf_aligned as is_passed, header_from, organization,
        exists (
          select from jsonb_array_elements(row.dkim || row.spf) as entry
          where entry->>'result' = 'pass' and (entry->>'domain' = ${domain.name}::text
            or entry->>'domain' like '%.' || ${domain.name}::text
            or ${domain.name}::text like '%.' || (entry->>'domain'))
        ) as is_own
      from dmarc_reports report join dmarc_report_rows row on row.dmarc_report_id = report.id
      where report.domain_id = ${domain.id}::uuid and report.ends_at >= ${from}
    ), sources as (
      select source_address, sum(message_count) as messages,
        coalesce(sum(message_count) filter (where is_passed), 0) as passed,
        coalesce(sum(message_count) filter (where not is_passed and is_own), 0) as failed_own,
        coalesce(sum(message_count) filter (where not is_passed), 0) as failed,
        (array_agg(header_from order by message_count desc))[1] as header_from,
        count(distinct organization) as reporters
      from seen group by source_address
    )
    select host(source_address) as address, messages::bigint as messages, passed::bigint as passed,
      -- An address most of whose mail passes sends for the domain: what it fails in is a fault, not a forgery.
      (case when passed > failed then failed else failed_own end)::bigint as "failedOwn",
      header_from as "headerFrom", reporters::int as reporters
    from sources order by messages desc, source_address`.execute(platform.db)
  return rows
}

async function totalsOf(
  platform: Platform,
  domainId: string,
  from: Date,
): Promise<Pick<DmarcSummary, 'reports' | 'reporters' | 'days' | 'policy'>> {
  const { rows } = await sql<Pick<DmarcSummary, 'reports' | 'reporters' | 'days' | 'policy'>>`
    select count(*)::int as reports, count(distinct organization)::int as reporters,
      count(distinct (ends_at at time zone 'UTC')::date)::int as days,
      (array_agg(policy->>'p' order by ends_at desc, id desc))[1] as policy
    from dmarc_reports where domain_id = ${domainId}::uuid and ends_at >= ${from}`.execute(platform.db)
  return rows[0] ?? { reports: 0, reporters: 0, days: 0, policy: null }
}

export type TlsSummary = {
  from: Date
  to: Date
  reports: number
  successes: number
  failures: number
  /** By result type and receiving host, most first. */
  kinds: { resultType: string; receivingHost: string | null; count: number; reporters: number }[]
}

const kindsMax = 50

export async function tlsSummaryOf(platform: Platform, domainId: string): Promise<TlsSummary> {
  const to = platform.clock.now()
  const from = new Date(to.getTime() - windowDays * 24 * 3600 * 1000)
  const { rows: totals } = await sql<{ reports: number; successes: number; failures: number }>`
    select count(*)::int as reports, coalesce(sum(success_count), 0)::bigint as successes,
      coalesce(sum(failure_count), 0)::bigint as failures
    from tls_reports where domain_id = ${domainId}::uuid and ends_at >= ${from}`.execute(platform.db)
  const { rows: kinds } = await sql<TlsSummary['kinds'][number]>`
    select entry->>'resultType' as "resultType", entry->>'receivingHost' as "receivingHost",
      sum((entry->>'count')::bigint)::bigint as count, count(distinct organization)::int as reporters
    from tls_reports, jsonb_array_elements(failures) as entry
    where domain_id = ${domainId}::uuid and ends_at >= ${from}
    group by 1, 2 order by 3 desc, 1, 2 limit ${kindsMax}`.execute(platform.db)
  const [total = { reports: 0, successes: 0, failures: 0 }] = totals
  return { from, to, ...total, kinds }
}
