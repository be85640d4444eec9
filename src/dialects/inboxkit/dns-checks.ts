/** Whether the records that mail needs are in DNS, and putting them there where this platform can. */
import { type Static, Type } from 'typebox'
import { requireWrite, type Scope } from '../../accounts/principals.ts'
import type { SeenRecord } from '../../domains/checks/tables.ts'
import { hostedDomains } from '../../domains/dns-hosts/hosted-domains.ts'
import { runNow } from '../../domains/dns-hosts/preview-host.ts'
import { type Domain, domainsById } from '../../domains/domains.ts'
import { isSandboxName, parseDomainName } from '../../domains/names.ts'
import { wantedDnsMode, wantedNameservers } from '../../domains/nameservers.ts'
import type { RecordPurpose } from '../../domains/plan/record.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { findByName, type NamedDomains } from './domain-finding.ts'
import { matchStatusOf } from './domain-status.ts'
import { DomainName } from './domains.ts'
import { type Looked, lookAtAll, looksMax } from './looks.ts'
import { platformOf } from './mailbox-states.ts'
import { closed, errors, Ok, ok, Uid } from './schemas.ts'

const TargetsBody = Type.Object(
  {
    domain: Type.Optional(DomainName),
    domains: Type.Optional(Type.Array(DomainName, { maxItems: looksMax })),
    uid: Type.Optional(Uid),
    uids: Type.Optional(Type.Array(Uid, { maxItems: looksMax })),
  },
  closed,
)

const labels = ['MX', 'SPF', 'DKIM', 'DMARC'] as const
const purposeOf = { MX: 'mx', SPF: 'spf', DKIM: 'dkim', DMARC: 'dmarc' } as const satisfies Record<
  (typeof labels)[number],
  RecordPurpose
>
const recordStatuses = ['ok', 'missing', 'wrong', 'pending', 'not_applicable'] as const
type RecordStatus = (typeof recordStatuses)[number]
const healths = ['healthy', 'warning', 'critical', 'unknown'] as const

const VerifiedView = Ok({
  summary: Type.Object({
    total_requested: Type.Integer(),
    total_verified: Type.Integer(),
    total_failed: Type.Integer(),
    healthy: Type.Integer(),
    critical: Type.Integer(),
    issues_found: Type.Integer({ description: 'Records that are missing or wrong.' }),
    needs_repair: Type.Integer(),
  }),
  results: Type.Array(
    Type.Object({
      domain: Type.String(),
      status: OneOf(['verified', 'failed'], 'failed: it was not looked at.'),
      error_message: Nullable(Type.String()),
      platform: Nullable(Type.String()),
      cloudflare_checked: Type.Boolean(),
      overall_health: OneOf(healths),
      needs_repair: Type.Boolean(),
      records: Type.Array(Type.Object({ label: OneOf(labels), status: OneOf(recordStatuses) })),
    }),
  ),
})
type Verified = Static<typeof VerifiedView>['results'][number]

const RepairedView = Ok({
  summary: Type.Object({
    total_requested: Type.Integer(),
    total_repaired: Type.Integer(),
    total_failed: Type.Integer(),
  }),
  results: Type.Array(
    Type.Object({
      domain: Type.String(),
      status: OneOf(['repaired', 'failed']),
      error_message: Nullable(Type.String()),
    }),
  ),
})
type Repaired = Static<typeof RepairedView>['results'][number]

const tags = ['DNS']

export function dnsCheckRoutes(app: Api, platform: Platform): void {
  app.post(
    '/dns/verify',
    {
      schema: {
        summary: 'Look now for the mail records of domains',
        tags,
        body: TargetsBody,
        response: { 200: VerifiedView, ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const targets = await targetsOf(platform, scope, request.body)
      const looks = await looksAt(platform, scope, targets)
      const zones = await hostedDomains(platform.db, scope, 'cloudflare', [...looks.keys()])
      const results = targets.map(({ ref, domain }) => {
        const look = domain === null ? undefined : looks.get(domain.id)
        return look === undefined ? notFound(ref) : verified(look, zones.has(look.domain.id))
      })
      return ok('DNS verification completed', { summary: summaryOf(results), results })
    },
  )
  app.post(
    '/dns/repair',
    {
      schema: {
        summary: 'Put the mail records of domains in order',
        description:
          'At the DNS host that this server drives for a domain. In a zone that it answers itself they are always in order, and what is missing is the delegation; where the owner keeps the records, the owner sets them.',
        tags,
        body: TargetsBody,
        response: { 200: RepairedView, ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      requireWrite(scope)
      const targets = await targetsOf(platform, scope, request.body)
      const problems = new Map<string, string | null>()
      // One after the other: only so many runs at a host may be waited for at once.
      for (const { domain } of targets) {
        if (domain && wantedDnsMode(domain) === 'driven') {
          problems.set(domain.id, await problemAtHost(platform, scope, domain, targets.length))
        }
      }
      const looks = await looksAt(
        platform,
        scope,
        targets.filter(({ domain }) => domain !== null && !problems.has(domain.id)),
      )
      for (const look of looks.values()) problems.set(look.domain.id, problemOf(platform, look))
      const results = targets.map(({ ref, domain }): Repaired => {
        const problem = domain === null ? 'Domain not found' : (problems.get(domain.id) ?? null)
        const status = problem === null ? 'repaired' : 'failed'
        return { domain: domain?.name ?? ref, status, error_message: problem }
      })
      const failed = results.filter(({ status }) => status === 'failed').length
      const total = results.length
      const summary = { total_requested: total, total_repaired: total - failed, total_failed: failed }
      return ok('DNS repair completed', { summary, results })
    },
  )
}

type Target = { ref: string; domain: Domain | null }

/** What is named, each once. @throws Refusal domain_not_found where nothing of it is there, invalid_request. */
async function targetsOf(
  platform: Platform,
  scope: Scope,
  { uid, uids = [], domain, domains = [] }: NamedDomains,
): Promise<Target[]> {
  const ids = [...new Set([...(uid === undefined ? [] : [uid]), ...uids])]
  const names = [...new Set([...(domain === undefined ? [] : [domain]), ...domains])]
  if (ids.length + names.length === 0) throw new Refusal('invalid_request', 'domains is required')
  const byName = await findByName(platform.db, scope, names)
  const byId = await domainsById(platform.db, scope, ids.filter(isId))
  const found: Target[] = [
    ...ids.map((ref) => ({ ref, domain: living(byId.get(ref.toLowerCase())) })),
    ...names.map((ref) => ({ ref, domain: living(byName.get(parseDomainName(ref) ?? '')) })),
  ]
  if (found.every((one) => one.domain === null)) throw new Refusal('domain_not_found')
  return [...new Map(found.map((one) => [one.domain?.id ?? one.ref, one])).values()]
}

function living(domain: Domain | undefined): Domain | null {
  return domain === undefined || domain.state === 'deleted' ? null : domain
}

/** By the domains' ids. @throws Refusal rate_limited where only one was asked for. */
async function looksAt(
  platform: Platform,
  scope: Scope,
  targets: readonly Target[],
): Promise<Map<string, Looked>> {
  const domains = targets.flatMap(({ domain }) => domain ?? [])
  const looks = await lookAtAll(platform, scope, domains)
  const [first] = looks
  if (looks.length === 1 && first?.refusal?.code === 'rate_limited') throw first.refusal
  return new Map(looks.map((look) => [look.domain.id, look]))
}

function verified({ domain, records, refusal }: Looked, isAtCloudflare: boolean): Verified {
  const isSandbox = isSandboxName(domain.name)
  const found = labels.map((label) => ({
    label,
    status: isSandbox ? ('not_applicable' as const) : statusOfAll(records, purposeOf[label]),
  }))
  const bad = found.filter(({ status }) => status === 'missing' || status === 'wrong')
  const isUnknown = refusal !== null || found.some(({ status }) => status === 'pending')
  const isCritical = bad.some(({ label }) => label !== 'DMARC')
  return {
    domain: domain.name,
    status: refusal === null ? 'verified' : 'failed',
    error_message: refusal?.detail ?? null,
    platform: domain.product === null ? null : platformOf({ product: domain.product, service: 'local' }),
    cloudflare_checked: isAtCloudflare,
    overall_health: isCritical ? 'critical' : isUnknown ? 'unknown' : bad.length > 0 ? 'warning' : 'healthy',
    needs_repair: bad.length > 0,
    records: found,
  }
}

/** The worst of a purpose's records: of what was not asked for or not answered nothing is known. */
function statusOfAll(records: readonly SeenRecord[], wanted: RecordPurpose): RecordStatus {
  const seen = records.filter(({ purpose }) => purpose === wanted).map(({ status }) => status)
  if (seen.length === 0) return wanted === 'dkim' ? 'pending' : 'not_applicable' // keys are made soon
  if (seen.includes('wrong')) return 'wrong'
  if (seen.includes('missing')) return 'missing'
  return seen.every((status) => status === 'valid') ? 'ok' : 'pending'
}

function notFound(ref: string): Verified {
  return {
    domain: ref,
    status: 'failed',
    error_message: 'Domain not found',
    platform: null,
    cloudflare_checked: false,
    overall_health: 'unknown',
    needs_repair: false,
    records: [],
  }
}

function summaryOf(results: readonly Verified[]): Static<typeof VerifiedView>['summary'] {
  const count = (is: (one: Verified) => boolean): number => results.filter(is).length
  return {
    total_requested: results.length,
    total_verified: count(({ status }) => status === 'verified'),
    total_failed: count(({ status }) => status === 'failed'),
    healthy: count(({ overall_health }) => overall_health === 'healthy'),
    critical: count(({ overall_health }) => overall_health === 'critical'),
    issues_found: results.reduce(
      (sum, { records }) =>
        sum + records.filter(({ status }) => status === 'missing' || status === 'wrong').length,
      0,
    ),
    needs_repair: count(({ needs_repair }) => needs_repair),
  }
}

/** Brings the records to the host that is driven. @returns what stands in the way; null: nothing. */
async function problemAtHost(
  platform: Platform,
  scope: Scope,
  { id }: Domain,
  asked: number,
): Promise<string | null> {
  try {
    const { conflicts } = await runNow(platform, scope, id)
    if (conflicts.length === 0) return null
    const names = [...new Set(conflicts.map(({ name, type }) => `${type} ${name}`))].join(', ')
    return `Records of others are in the way: ${names}.`
  } catch (error) {
    if (!(error instanceof Refusal) || (error.code === 'rate_limited' && asked === 1)) throw error
    return error.detail
  }
}

/** What keeps the records of a domain from being right that no host of ours is driven for. */
function problemOf(platform: Platform, { domain, stored, records, refusal }: Looked): string | null {
  if (refusal !== null) return refusal.detail
  if (isSandboxName(domain.name)) return null
  if (wantedDnsMode(domain) === 'served') {
    if (matchStatusOf({ domain, check: stored }) === 'matched') return null
    return `Its name servers are to be set to ${wantedNameservers(platform, domain).join(', ')}.`
  }
  const isRight = records.every(({ level, status }) => level === 'optional' || status === 'valid')
  return isRight
    ? null
    : 'Its records are in its owner’s hands: those of /dns/list are to be set where its DNS is.'
}
