/** DNS records of domains: the customer's, and beside them those that this platform keeps by itself. */
import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { wantedDnsMode } from '../../domains/nameservers.ts'
import { describeChecks } from '../../domains/verification.ts'
import {
  addZoneRecord,
  listZoneRecords,
  removeZoneRecord,
  updateZoneRecord,
  type ZoneRecord,
} from '../../domains/zones/customer-records.ts'
import { mxParts, mxValue } from '../../domains/zones/mx-values.ts'
import { recordPolicy } from '../../domains/zones/record-policy.ts'
import { type RecordType, recordTypes } from '../../domains/zones/records.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { requireDomain } from './domain-selection.ts'
import { DataOf, DoneView, dataOf, done, errors, Id, Moment } from './schemas.ts'

/** What the contract's `records` know; the others are in `domainDnsRecords` alone. */
const knownTypes: readonly RecordType[] = ['A', 'AAAA', 'CNAME', 'MX', 'TXT']
const recordsPerCallMax = 100

const RecordView = Type.Object(
  {
    id: Type.String(),
    assignedDomainId: Type.String(),
    cdfRecordId: Type.String(),
    cdfResponse: Type.Object({
      id: Type.String(),
      name: Type.String(),
      type: Type.String(),
      content: Type.String(),
    }),
    recordType: Type.String(),
    host: Type.String({ description: 'The full name.' }),
    value: Type.String(),
    priority: Nullable(Type.Integer()),
    createdAt: Type.Optional(Moment),
    updatedAt: Type.Optional(Moment),
  },
  { title: 'DnsRecord' },
)

const PlainRecordView = Type.Object(
  {
    id: Type.String(),
    type: Type.String(),
    name: Type.String(),
    content: Type.String(),
    ttl: Nullable(Type.Integer(), 'Null where its owner sets it.'),
    priority: Nullable(Type.Integer()),
  },
  { title: 'DomainDnsRecord' },
)

const RecordsView = Type.Object({
  domainDnsRecords: Type.Array(PlainRecordView),
  records: Type.Array(RecordView),
  disabledRecords: Type.Array(RecordView),
})

const recordFields = {
  host: Type.String({ maxLength: 255, description: 'Relative to the domain, which is @ itself.' }),
  value: Type.String({ minLength: 1, maxLength: recordPolicy.txtBytesMax }),
  recordType: OneOf(recordTypes),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, description: 'Of an MX.' })),
} as const

const RecordInput = Type.Object(recordFields)
const AddBody = Type.Object({
  assignedDomainId: Id,
  records: Type.Array(RecordInput, { minItems: 1, maxItems: recordsPerCallMax }),
})
const UpdateBody = Type.Object({ assignedDomainId: Id, dnsRecordId: Id, ...recordFields })

const tags = ['dns']

export function dnsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/dns',
    {
      schema: {
        summary: 'List the DNS records of a domain',
        description:
          'Where its owner keeps its DNS, they are those that it should have. What this platform keeps by itself cannot be changed.',
        tags,
        querystring: Type.Object({ id: Type.String({ maxLength: 100, description: 'Of the domain.' }) }),
        response: { 200: DataOf(RecordsView), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { id } = request.query
      const listed = await recordsOf(platform, scope, id)
      return dataOf('DNS records fetched successfully', {
        domainDnsRecords: listed.map(plainRecordView),
        records: listed
          .filter(({ type }) => knownTypes.includes(type))
          .map((record) => recordView(id.toLowerCase(), record)),
        disabledRecords: [],
      })
    },
  )
  writeRoutes(app, platform)
}

function writeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/dns',
    {
      schema: {
        summary: 'Add DNS records to a domain',
        description: 'All of them, or none.',
        tags,
        body: AddBody,
        response: { 200: DataOf(Type.Array(RecordView)), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { assignedDomainId, records } = request.body
      const { id } = await requireDomain(platform, caller.scope, assignedDomainId)
      const made = await transact(platform, caller, async (tx) => {
        const added: ZoneRecord[] = []
        for (const given of records) {
          const { record } = await addZoneRecord(platform, tx, caller.scope, id, {
            name: given.host,
            type: given.recordType,
            value: recordValue(given),
            ttl: recordPolicy.ttlSecondsDefault,
          })
          added.push(record)
        }
        return added
      })
      return dataOf(
        'DNS records added successfully',
        made.map((record) => recordView(id, ownRecord(record))),
      )
    },
  )
  app.put(
    '/v2/dns',
    {
      schema: {
        summary: 'Change one DNS record',
        tags,
        body: UpdateBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { assignedDomainId, dnsRecordId, ...given } = request.body
      const domain = await requireDomain(platform, caller.scope, assignedDomainId)
      const { id, value } = await requireOwnRecord(platform, caller.scope, domain, dnsRecordId)
      await transact(platform, caller, async (tx) => {
        const update = { name: given.host, value: recordValue(given, value) }
        const { record } = await updateZoneRecord(platform, tx, caller.scope, domain.id, id, update)
        if (record.type !== given.recordType) {
          throw new Refusal(
            'zone_record_invalid',
            `The record is a ${record.type}, and stays one: delete it and add another.`,
          )
        }
      })
      return done('DNS record updated successfully')
    },
  )
  app.delete(
    '/v2/dns',
    {
      schema: {
        summary: 'Delete one DNS record',
        tags,
        querystring: Type.Object({
          id: Type.String({ maxLength: 100, description: 'Of the record.' }),
          assignedDomainId: Id,
        }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const domain = await requireDomain(platform, caller.scope, request.query.assignedDomainId)
      const { id } = await requireOwnRecord(platform, caller.scope, domain, request.query.id)
      await transact(platform, caller, (tx) => removeZoneRecord(platform, tx, caller.scope, domain.id, id))
      return done('DNS record deleted successfully')
    },
  )
}

/** A record as it is listed: one of the plan has an id that is made of what it says, and no times. */
type Listed = {
  id: string
  type: RecordType
  name: string
  value: string
  ttl: number | null
  times: { createdAt: string; updatedAt: string } | null
}

/** @throws Refusal domain_not_found, forbidden. */
async function recordsOf(platform: Platform, scope: Scope, domainId: string): Promise<Listed[]> {
  if (!isId(domainId)) throw new Refusal('domain_not_found')
  const filter = { name: null, type: null, managed: null }
  const all = { after: null, limit: recordPolicy.recordsPerDomainMax }
  const { domain, page, planned } = await listZoneRecords(platform, scope, domainId, filter, all)
  const isByHand = domain.dns_mode === 'manual' && wantedDnsMode(domain) === 'manual'
  const wanted = isByHand
    ? (await describeChecks(platform, scope, domain.id)).records.map(({ type, name, value, suggestion }) => ({
        type,
        name,
        value: suggestion ?? value,
        ttl: null,
      }))
    : planned
  return [
    ...wanted.map((record) => ({ ...record, id: plannedId(domain.id, record), times: null })),
    ...page.rows.map(ownRecord),
  ]
}

function ownRecord({ id, type, name, value, ttl, created_at, updated_at }: ZoneRecord): Listed {
  const times = { createdAt: created_at.toISOString(), updatedAt: updated_at.toISOString() }
  return { id, type, name, value, ttl, times }
}

/** A UUID of the custom kind (RFC 9562 §5.8): the same as long as the record is the same. */
function plannedId(domainId: string, { type, name, value }: Pick<Listed, 'type' | 'name' | 'value'>): string {
  const hex = createHash('sha256').update([domainId, type, name, value].join('\0')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** @throws Refusal zone_record_protected for what the platform keeps by itself, zone_record_not_found. */
async function requireOwnRecord(
  platform: Platform,
  scope: Scope,
  domain: Domain,
  id: string,
): Promise<Listed> {
  if (!isId(id)) throw new Refusal('zone_record_not_found')
  const found = (await recordsOf(platform, scope, domain.id)).find((record) => record.id === id.toLowerCase())
  if (!found) throw new Refusal('zone_record_not_found')
  if (found.times === null) {
    throw new Refusal('zone_record_protected', 'The platform needs that record, and keeps it as it is.')
  }
  return found
}

/** @param before the value of the record that is changed: its preference stays where none is given. */
function recordValue({ recordType, value, priority }: Static<typeof RecordInput>, before = ''): string {
  return recordType === 'MX' ? mxValue(value, priority, mxParts(before)?.preference) : value
}

/** The value of an MX without its preference, which stands beside it. */
function contentOf({ type, value }: Listed): { content: string; priority: number | null } {
  const mx = type === 'MX' ? mxParts(value) : null
  return mx === null ? { content: value, priority: null } : { content: mx.exchange, priority: mx.preference }
}

function plainRecordView(record: Listed): Static<typeof PlainRecordView> {
  const { id, type, name, ttl } = record
  return { id, type, name, ...contentOf(record), ttl }
}

function recordView(domainId: string, record: Listed): Static<typeof RecordView> {
  const { id, type, name, times } = record
  const { content, priority } = contentOf(record)
  return {
    id,
    assignedDomainId: domainId,
    cdfRecordId: id,
    cdfResponse: { id, name, type, content },
    recordType: type,
    host: name,
    value: content,
    priority,
    ...(times ?? {}),
  }
}
