/** The DNS records of a domain: what is to be published, as it was last seen, and looked for now. */
import { createHash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { SeenRecord } from '../../domains/checks/tables.ts'
import { selectorSlots } from '../../domains/dkim-keys.ts'
import type { Domain } from '../../domains/domains.ts'
import { recordLevels } from '../../domains/plan/record.ts'
import { describeChecks, verifyDomain } from '../../domains/verification.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { findDomainWithin } from '../../mailboxes/domain-pages.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { enterProject, reachIn, type Served } from './caller.ts'
import { DomainPath } from './domains.ts'
import { inState } from './errors.ts'
import { errors, Id, Moment } from './schemas.ts'
import { recordStatuses, statusOfDomain, statusOfRecord } from './states.ts'
import { microseconds } from './times.ts'

const dnsTypes = [
  'unknown_dns_type',
  'cname_dns_type',
  'mx_dns_type',
  'srv_dns_type',
  'txt_dns_type',
] as const

const typeOf: Partial<Record<SeenRecord['type'], (typeof dnsTypes)[number]>> = {
  CNAME: 'cname_dns_type',
  MX: 'mx_dns_type',
  SRV: 'srv_dns_type',
  TXT: 'txt_dns_type',
}

const RecordView = Type.Object(
  {
    id: Id,
    domain_id: Id,
    status: OneOf(recordStatuses),
    level: OneOf(recordLevels, 'required: the domain becomes ready with these.'),
    dns_type: OneOf(dnsTypes),
    dns_name: Type.String({ description: 'With the final dot.' }),
    dns_value: Type.String({ description: 'As in a zone file, without quotes.' }),
    error: Type.Optional(Type.String({ description: 'What DNS has instead.' })),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'DomainRecord' },
)

/** Which record of a domain's plan stands in which slot: the first that fits. Calendars and contacts are not served here. */
const slots = {
  domain_validation: (record: SeenRecord) => record.purpose === 'ownership',
  mx: (record: SeenRecord) => record.purpose === 'mx',
  spf: (record: SeenRecord) => record.purpose === 'spf',
  // Of the keys the one that all verifiers know; a key that signs no more is optional.
  dkim: ({ purpose, name, level }: SeenRecord) =>
    purpose === 'dkim' && level === 'recommended' && rsaNames.some((selector) => name.startsWith(selector)),
  dmarc: (record: SeenRecord) => record.purpose === 'dmarc',
  imap: ({ name }: SeenRecord) => name.startsWith('_imaps._tcp.'),
  pop3: ({ name }: SeenRecord) => name.startsWith('_pop3s._tcp.'),
  submission: ({ name }: SeenRecord) => name.startsWith('_submissions._tcp.'),
  autoconfig: ({ purpose, type }: SeenRecord) => purpose === 'autoconfig' && type !== 'TXT',
  autodiscover: ({ purpose, type }: SeenRecord) => purpose === 'autodiscover' && type !== 'SRV',
} as const

type Slot = keyof typeof slots

const rsaNames = selectorSlots['rsa-sha256'].map((selector) => `${selector}._domainkey.`)

const optionalRecord = Type.Optional(RecordView)
const RecordsView = Type.Object({
  domain_validation: optionalRecord,
  mx: optionalRecord,
  spf: optionalRecord,
  dkim: optionalRecord,
  dmarc: optionalRecord,
  imap: optionalRecord,
  pop3: optionalRecord,
  submission: optionalRecord,
  autoconfig: optionalRecord,
  autodiscover: optionalRecord,
} satisfies Record<Slot, typeof optionalRecord>)

const tags = ['domains']
const path = '/mailbox/v1alpha1/domains/:domain_id'

export function recordRoutes(app: Api, served: Served): void {
  const { platform } = served
  app.get(
    `${path}/records`,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'Show the DNS records of a domain',
        description: 'As they were last seen; what the domain does not need has no slot.',
        tags,
        params: DomainPath,
        response: { 200: RecordsView, ...errors(404) },
      },
    },
    async (request) => {
      const { id, workspace_id } = await findDomainWithin(
        platform.db,
        reachIn(request),
        request.params.domain_id,
      )
      const scope = await enterProject(served, request, workspace_id)
      const { domain, records } = await describeChecks(platform, scope, id)
      return recordsView(domain, records)
    },
  )
  app.post(
    `${path}/validate-records`,
    {
      config: { resource: 'domain' },
      schema: {
        summary: 'Look for the DNS records of a domain now',
        description: 'When it answers, the look is over and the domain is as it found it.',
        tags,
        params: DomainPath,
        response: { 204: Type.Null(), ...errors(404, 409) },
      },
    },
    async (request, reply) => {
      const domain = await findDomainWithin(platform.db, reachIn(request), request.params.domain_id)
      const scope = await enterProject(served, request, domain.workspace_id)
      await inState(statusOfDomain(domain), () => verifyDomain(platform, scope, domain.id, lookHooks))
      return reply.code(204).send(null)
    },
  )
}

function recordsView(domain: Domain, records: readonly SeenRecord[]): Static<typeof RecordsView> {
  const view: Static<typeof RecordsView> = {}
  for (const slot of slotNames) {
    const record = records.find(slots[slot])
    if (record) view[slot] = recordView(domain, slot, record)
  }
  return view
}

const slotNames: readonly Slot[] = [
  'domain_validation',
  'mx',
  'spf',
  'dkim',
  'dmarc',
  'imap',
  'pop3',
  'submission',
  'autoconfig',
  'autodiscover',
]

function recordView(domain: Domain, slot: Slot, record: SeenRecord): Static<typeof RecordView> {
  const value = record.suggestion ?? record.value
  return {
    id: recordId(domain.id, slot),
    domain_id: domain.id,
    status: statusOfRecord[record.status],
    level: record.level,
    dns_type: typeOf[record.type] ?? 'unknown_dns_type',
    dns_name: `${record.name}.`,
    dns_value: namesHost(record) && !value.endsWith('.') ? `${value}.` : value,
    ...(record.status === 'wrong' ? { error: `found ${record.seen.join(', ')}` } : {}),
    created_at: microseconds(domain.created_at),
    updated_at: microseconds(record.checkedAt === null ? domain.created_at : new Date(record.checkedAt)),
  }
}

function namesHost({ type }: SeenRecord): boolean {
  return type === 'MX' || type === 'SRV' || type === 'CNAME'
}

/** The same at every call: a UUID by name (RFC 9562 §5.5), in the domain's id as the name space. */
function recordId(domainId: string, slot: Slot): string {
  const hash = createHash('sha1')
    .update(Buffer.from(domainId.replaceAll('-', ''), 'hex'))
    .update(slot)
    .digest()
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6)
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = hash.toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
