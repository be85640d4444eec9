/** Domains as this API shows them, and what its batches count. */
import { type Static, Type } from 'typebox'
import type { Domain } from '../../domains/domains.ts'
import type { DomainState } from '../../domains/lifecycle.ts'
import { wantedNameservers } from '../../domains/nameservers.ts'
import { standingsOf } from '../../domains/standings.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { prefixedId } from './ids.ts'
import { Moment, NameServer } from './schemas.ts'

export const domainStatuses = ['QUEUED', 'PENDING_NS', 'ACTIVE', 'FAILED'] as const
export type DomainStatus = (typeof domainStatuses)[number]

/** A domain that its owner has to see to, or that was removed, is FAILED: nobody waits for it. */
const statusByState: Readonly<Record<DomainState, DomainStatus>> = {
  pending_payment: 'QUEUED',
  registering: 'QUEUED',
  pending_nameservers: 'PENDING_NS',
  pending_records: 'PENDING_NS',
  active: 'ACTIVE',
  suspended: 'FAILED',
  expired: 'FAILED',
  failed: 'FAILED',
  deletion_scheduled: 'FAILED',
  deleted: 'FAILED',
}

export type Standing = { domain: Domain; status: DomainStatus; ns1: string | null; ns2: string | null }

/** Each as it is: queued until its keys are made, without which its zone is not all there. */
export async function standingsIn(platform: Platform, domains: readonly Domain[]): Promise<Standing[]> {
  const keys = await standingsOf(
    platform.db,
    domains.map(({ id }) => id),
  )
  return domains.map((domain) => {
    const status = statusOf(domain, (keys.get(domain.id)?.keys.length ?? 0) > 0)
    const [ns1 = null, ns2 = ns1] = status === 'QUEUED' ? [] : wantedNameservers(platform, domain)
    return { domain, status, ns1, ns2 }
  })
}

export function statusOf({ state }: Pick<Domain, 'state'>, hasKeys: boolean): DomainStatus {
  const status = statusByState[state]
  return status === 'PENDING_NS' && !hasKeys ? 'QUEUED' : status
}

export const StatusView = OneOf(domainStatuses)

export const BatchDomainView = Type.Object(
  { id: Type.String(), domain: Type.String(), status: StatusView, createdAt: Moment },
  { title: 'BatchDomain' },
)

export const DomainView = Type.Object(
  { ...BatchDomainView.properties, ns1: NameServer, ns2: NameServer },
  { title: 'Domain' },
)

export function batchDomainView({ domain, status }: Standing): Static<typeof BatchDomainView> {
  return {
    id: prefixedId('domain', domain.id),
    domain: domain.name,
    status,
    createdAt: domain.created_at.toISOString(),
  }
}

export function domainView(standing: Standing): Static<typeof DomainView> {
  const { ns1, ns2 } = standing
  return { ...batchDomainView(standing), ns1, ns2 }
}

export const BatchView = Type.Object(
  {
    batchId: Type.String(),
    status: OneOf(['PARTIAL', ...domainStatuses], 'The state that all domains are in, or PARTIAL.'),
    total: Type.Integer({ description: 'The four that follow.' }),
    queued: Type.Integer(),
    pending_ns: Type.Integer(),
    active: Type.Integer(),
    failed: Type.Integer({ description: 'Also those that were not taken, and those that are removed.' }),
    groups: Type.Array(
      Type.Object({ ns1: Type.String(), ns2: Type.String(), domains: Type.Array(BatchDomainView) }),
      { description: 'Those that have name servers, by pair.' },
    ),
  },
  { title: 'DomainBatch' },
)

/** @param refused how many of the batch could not be connected. */
export function batchView(
  id: string,
  standings: readonly Standing[],
  refused: number,
): Static<typeof BatchView> {
  const count = (wanted: DomainStatus): number => standings.filter(({ status }) => status === wanted).length
  const failed = count('FAILED') + refused
  return {
    batchId: prefixedId('batch', id),
    status: statusOfAll([
      ...standings.map(({ status }) => status),
      ...(refused > 0 ? ['FAILED' as const] : []),
    ]),
    total: standings.length + refused,
    queued: count('QUEUED'),
    pending_ns: count('PENDING_NS'),
    active: count('ACTIVE'),
    failed,
    groups: groupsOf(standings),
  }
}

export function statusOfAll(statuses: readonly DomainStatus[]): DomainStatus | 'PARTIAL' {
  const [first = 'FAILED', ...others] = new Set(statuses)
  return others.length === 0 ? first : 'PARTIAL'
}

function groupsOf(standings: readonly Standing[]): Static<typeof BatchView>['groups'] {
  const groups = new Map<string, { ns1: string; ns2: string; domains: Static<typeof BatchDomainView>[] }>()
  for (const standing of standings) {
    const { domain, ns1, ns2 } = standing
    if (ns1 === null || ns2 === null || domain.state === 'deleted') continue
    const key = `${ns1} ${ns2}`
    const group = groups.get(key) ?? { ns1, ns2, domains: [] }
    group.domains.push(batchDomainView(standing))
    groups.set(key, group)
  }
  return [...groups.values()]
}
