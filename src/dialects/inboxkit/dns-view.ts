/** DNS records as this API shows and names them: by 24 hexadecimal digits, their host relative to the zone. */
import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { SeenRecord } from '../../domains/checks/tables.ts'
import type { Domain } from '../../domains/domains.ts'
import { isSandboxName } from '../../domains/names.ts'
import type { ZoneRecord } from '../../domains/zones/customer-records.ts'
import { mxParts, mxValue } from '../../domains/zones/mx-values.ts'
import { ttlSeconds } from '../../domains/zones/policy.ts'
import { type RecordType, recordTypes } from '../../domains/zones/records.ts'
import { Refusal } from '../../platform/errors.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { objectId } from './domain-finding.ts'

export const recordStatuses = ['propagated', 'pending', 'failed', 'errored'] as const
type RecordStatus = (typeof recordStatuses)[number]

export const RecordView = Type.Object(
  {
    _id: Type.String(),
    host: Type.String({ description: '`@` is the domain itself.' }),
    type: Type.String(),
    value: Type.String(),
    ttl: Type.Integer(),
    status: OneOf(recordStatuses),
    priority: Nullable(Type.Integer()),
    proxied: Type.Boolean(),
  },
  { title: 'DnsRecord' },
)

const statusBySeen: Readonly<Record<SeenRecord['status'], RecordStatus>> = {
  valid: 'propagated',
  missing: 'pending',
  unchecked: 'pending',
  wrong: 'failed',
  unanswered: 'errored',
}

type Shown = { name: string; type: RecordType; value: string; ttl: number }

/** One that the platform keeps by itself, or wants its owner to keep. */
export function plannedView(domain: Domain, record: SeenRecord): Static<typeof RecordView> {
  const isThere = isSandboxName(domain.name) && domain.state === 'active'
  const shown = { ...record, ttl: ttlSeconds[record.type] }
  return view(domain, shown, plannedId(domain, record), isThere ? 'propagated' : statusBySeen[record.status])
}

/** It has no row, so that its id is made of what it says. */
export function plannedId({ id }: Domain, { type, name, value }: SeenRecord): string {
  return createHash('sha256').update(`${id} ${type} ${name} ${value}`).digest('hex').slice(0, 24)
}

/** One of the customer's. */
export function ownView(domain: Domain, record: ZoneRecord, status: RecordStatus): Static<typeof RecordView> {
  return view(domain, record, objectId(record.id), status)
}

function view(
  domain: Domain,
  { name, type, value, ttl }: Shown,
  id: string,
  status: RecordStatus,
): Static<typeof RecordView> {
  const host = name === domain.name ? '@' : name.slice(0, -domain.name.length - 1)
  const mx = type === 'MX' ? mxParts(value) : null
  return {
    _id: id,
    host,
    type,
    value: mx?.exchange ?? value,
    ttl,
    status,
    priority: mx?.preference ?? null,
    proxied: false,
  }
}

const textMax = 8192

export const recordFields = {
  host: Type.String({ maxLength: 254, description: '`@`, relative to the domain, or a whole name in it.' }),
  type: Type.String({ minLength: 1, maxLength: 10 }),
  value: Type.String({ minLength: 1, maxLength: textMax }),
  ttl: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 604_800, description: 'In seconds; 1: whatever is usual.' }),
  ),
  priority: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 65_535, description: 'Of an MX; 10 if not given.' }),
  ),
} as const

export type GivenRecord = { host: string; type: string; value: string; ttl?: number; priority?: number }

/** @throws Refusal zone_record_invalid. */
export function recordTypeOf(text: string): RecordType {
  const type = recordTypes.find((one) => one === text.toUpperCase())
  if (type === undefined) {
    throw new Refusal('zone_record_invalid', `type must be one of: ${recordTypes.join(', ')}`)
  }
  return type
}

/** The value as a zone file has it. @param usual the priority of an MX where none is given. */
export function recordValue({ value, priority }: GivenRecord, type: RecordType, usual?: number): string {
  return type === 'MX' ? mxValue(value, priority, usual) : value
}

/** @returns undefined for whatever is usual. */
export function ttlOf({ ttl }: GivenRecord): number | undefined {
  return ttl === 1 ? undefined : ttl
}
