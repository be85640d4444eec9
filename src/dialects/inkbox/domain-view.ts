/** Domains in JSON: our states, checks and records in this API's words. */
import { type Static, Type } from 'typebox'
import type { SeenRecord } from '../../domains/checks/tables.ts'
import type { Domain } from '../../domains/domains.ts'
import type { RecordPurpose } from '../../domains/plan/record.ts'
import type { DomainStanding } from '../../domains/standings.ts'
import { mxParts } from '../../domains/zones/mx-values.ts'
import { prefixedId } from './ids.ts'
import { Moment, momentOrNull, orNull } from './schemas.ts'

export const domainStatuses = [
  'not_started',
  'awaiting_ownership',
  'pending',
  'dns_invalid',
  'verifying',
  'verified',
  'failed',
  'pending_dkim_rotation',
  'degraded',
  'pending_deletion',
] as const
export type DomainStatus = (typeof domainStatuses)[number]

export const DomainStatus = Type.Unsafe<DomainStatus>({ type: 'string', enum: [...domainStatuses] })

export const DomainView = Type.Object(
  {
    id: Type.String(),
    organization_id: Type.String(),
    domain: Type.String(),
    mail_from_subdomain: Type.String({ description: 'Empty: bounces go to the domain itself.' }),
    is_default: Type.Boolean(),
    status: DomainStatus,
    failure_reason: orNull(Type.String()),
    verified_at: orNull(Moment),
    last_checked_at: orNull(Moment),
    dkim_selector: orNull(Type.String()),
    ownership_token: orNull(Type.String()),
  },
  { title: 'Domain' },
)

export function domainView(
  domain: Domain,
  standing: DomainStanding,
  defaultId: string | null,
): Static<typeof DomainView> {
  const { check, keys } = standing
  const status = statusOf(domain, standing)
  const selector = keys.find(({ state }) => state === 'active') ?? keys[0]
  return {
    id: prefixedId('domain', domain.id),
    organization_id: prefixedId('organization', domain.workspace_id),
    domain: domain.name,
    mail_from_subdomain: '',
    is_default: domain.id === defaultId,
    status,
    failure_reason: status === 'verified' ? null : reasonOf(domain, standing),
    verified_at: momentOrNull(domain.activated_at ?? (domain.state === 'active' ? domain.created_at : null)),
    last_checked_at: momentOrNull(check?.checked_at ?? null),
    dkim_selector: selector?.selector ?? null,
    ownership_token: domain.ownership_token,
  }
}

export function statusOf(domain: Domain, { check, keys }: DomainStanding): DomainStatus {
  switch (domain.state) {
    case 'active':
      if (check?.broken_since) return 'degraded'
      return keys.some(({ state }) => state === 'pending') ? 'pending_dkim_rotation' : 'verified'
    case 'pending_nameservers':
    case 'pending_records':
      return domain.activated_at === null ? waitingStatus(check?.records ?? []) : 'degraded'
    case 'pending_payment':
    case 'registering':
      return 'not_started'
    case 'deletion_scheduled':
    case 'deleted':
      return 'pending_deletion'
    case 'suspended':
    case 'expired':
    case 'failed':
      return 'failed'
  }
}

/** By its required records, as they were last seen. */
function waitingStatus(records: readonly SeenRecord[]): DomainStatus {
  const required = records.filter(({ level }) => level === 'required')
  const ownership = required.filter(({ purpose }) => purpose === 'ownership' || purpose === 'nameservers')
  if (ownership.length === 0 || ownership.some(({ status }) => status !== 'valid'))
    return 'awaiting_ownership'
  if (required.some(({ status }) => status === 'wrong')) return 'dns_invalid'
  return required.every(({ status }) => status === 'valid') ? 'verifying' : 'pending'
}

function reasonOf({ state }: Domain, { check }: DomainStanding): string | null {
  if (state === 'suspended') return 'The domain is suspended.'
  if (state === 'expired') return 'The registration of the domain has expired.'
  if (check === null) return null
  const wrong = check.records.filter(({ level, status }) => level === 'required' && status === 'wrong')
  if (wrong.length === 0) return check.problem
  return `These records have other values: ${wrong.map(({ type, name }) => `${type} ${name}`).join(', ')}.`
}

const purposes = {
  mx: 'inbound_mx',
  ownership: 'ownership',
  dkim: 'dkim',
  spf: 'mail_from_spf',
  dmarc: 'dmarc',
} as const satisfies Partial<Record<RecordPurpose, string>>

type Purpose = (typeof purposes)[keyof typeof purposes]

export const DnsRecordView = Type.Object(
  {
    purpose: Type.Unsafe<Purpose>({ type: 'string', enum: Object.values(purposes) }),
    type: Type.String(),
    host: Type.String(),
    value: Type.String(),
    priority: orNull(Type.Integer()),
    status: Type.String(),
  },
  { title: 'DomainDnsRecord' },
)

/** Those that mail stands on; name servers and what is only good to have are not shown here. */
export function dnsRecordViews(records: readonly SeenRecord[]): Static<typeof DnsRecordView>[] {
  return records.flatMap((record) => {
    const purpose = isShown(record.purpose) ? purposes[record.purpose] : null
    return purpose === null ? [] : [dnsRecordView(record, purpose)]
  })
}

function dnsRecordView(
  { type, name, value, suggestion, status }: SeenRecord,
  purpose: Purpose,
): Static<typeof DnsRecordView> {
  const mx = type === 'MX' ? mxParts(value) : null
  return {
    purpose,
    type,
    host: name,
    value: mx?.exchange ?? suggestion ?? value,
    priority: mx?.preference ?? null,
    status: status === 'valid' ? 'verified' : status === 'wrong' ? 'invalid' : 'pending',
  }
}

function isShown(purpose: RecordPurpose): purpose is keyof typeof purposes {
  return purpose in purposes
}
