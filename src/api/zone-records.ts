/** /v1/domains/{domain}/records: the DNS records that customers keep in a zone, beside the platform's own. */
import { type Static, Type } from 'typebox'
import {
  addZoneRecord,
  listZoneRecords,
  type PlannedRecord,
  removeZoneRecord,
  updateZoneRecord,
  type ZoneRecord,
} from '../domains/zones/customer-records.ts'
import { recordPolicy } from '../domains/zones/record-policy.ts'
import { recordTypes } from '../domains/zones/records.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath } from './domains.ts'
import { apiLimits } from './limits.ts'
import { mutate } from './mutate.ts'
import { type DnsChange, OrPreview, PreviewView, preview } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  AnyOf,
  type Api,
  closed,
  Id,
  Moment,
  momentOrNull,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
} from './schemas.ts'

const RecordView = Type.Object(
  {
    id: Nullable(Id, 'Null for a record of the platform’s own.'),
    name: Type.String({ description: 'The whole name, in A-labels, without the final dot.' }),
    type: OneOf(recordTypes),
    value: Type.String(),
    ttl: Type.Integer({ description: 'In seconds. Of a set with several the smallest holds.' }),
    managed: Type.Boolean({
      description: 'Whether the platform keeps it by itself: it cannot be changed here.',
    }),
    created_at: Nullable(Moment),
    updated_at: Nullable(Moment),
  },
  { title: 'ZoneRecord' },
)

const fields = {
  name: Type.String({
    maxLength: apiLimits.addressLengthMax,
    description:
      '`@` for the domain itself, a name relative to it (`www`, `*.shop`, `_dmarc`), or a whole name in it; in A-labels or U-labels.',
  }),
  value: Type.String({
    minLength: 1,
    maxLength: 2 * recordPolicy.txtBytesMax,
    description:
      'As in a zone file: `192.0.2.1`, `10 mx.example.com`, `0 5 993 imap.example.com`, `0 issue "ca.example"`. Names are whole ones. For TXT the text itself, without quotes and in one piece; what stands in quotes is read as strings of a zone file.',
  }),
  ttl: (description: string) =>
    Type.Integer({ minimum: recordPolicy.ttlSecondsMin, maximum: recordPolicy.ttlSecondsMax, description }),
  preview: Type.Optional(Type.Boolean({ description: 'Only say what would happen.' })),
}
const RecordBody = Type.Object(
  {
    name: fields.name,
    type: OneOf(recordTypes),
    value: fields.value,
    ttl: Type.Optional(fields.ttl(`In seconds; ${recordPolicy.ttlSecondsDefault} if not given.`)),
    preview: fields.preview,
  },
  closed,
)
const RecordChanges = Type.Object(
  {
    name: Type.Optional(fields.name),
    value: Type.Optional(fields.value),
    ttl: Type.Optional(fields.ttl('In seconds.')),
    preview: fields.preview,
  },
  closed,
)
const RecordsQuery = Type.Object(
  {
    ...pageQuery,
    name: Type.Optional(
      Type.String({ maxLength: apiLimits.addressLengthMax, description: 'Only of this name.' }),
    ),
    type: Type.Optional(OneOf(recordTypes, 'Only of this type.')),
    managed: Type.Optional(
      Type.Boolean({ description: 'Only the platform’s own records, or only the customer’s.' }),
    ),
  },
  closed,
)
const PreviewQuery = Type.Object({ preview: fields.preview }, closed)
const RecordPath = Type.Object({
  ...DomainPath.properties,
  record: Type.String({ description: 'Its id.' }),
})

const tags = ['dns']
const changeProblems = [
  'domain_not_found',
  'domain_dns_manual',
  'zone_record_invalid',
  'zone_record_conflict',
  'zone_record_protected',
  'zone_record_limit_reached',
] as const

export function zoneRecordRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/records',
    {
      schema: {
        summary: 'List a domain’s DNS records',
        description:
          'The customer’s, oldest first. The platform’s own stand before them on the first page, beyond its `limit`; a domain whose DNS is in its owner’s hands (`dns_mode` manual) has none here, see `/dns`. What else a driven host has is not listed.',
        tags,
        params: DomainPath,
        querystring: RecordsQuery,
        response: { 200: PageOf(RecordView), ...readProblems('domain_not_found', 'invalid_cursor') },
      },
    },
    async (request) => {
      const { name = null, type = null, managed = null } = request.query
      const { domain: ref } = request.params
      const { planned, page } = await listZoneRecords(
        platform,
        scopeOf(request),
        ref,
        { name, type, managed },
        pageRequest(request.query),
      )
      return {
        data: [...planned.map(plannedView), ...page.rows.map(recordView)],
        next_cursor: page.nextCursor,
      }
    },
  )
  addRoute(app, platform)
  changeRoute(app, platform)
  removeRoute(app, platform)
}

function addRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/:domain/records',
    {
      schema: {
        summary: 'Add a DNS record',
        description:
          'For domains whose zone this platform answers for, or whose DNS host it drives: there the record is written by the host’s job.',
        tags,
        params: DomainPath,
        body: RecordBody,
        response: { 200: PreviewView, 201: RecordView, ...postProblems(...changeProblems) },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const { preview: isPreview = false, ttl = recordPolicy.ttlSecondsDefault, ...rest } = request.body
      if (isPreview) {
        return preview(platform, reply, async (tx) => {
          const { record } = await addZoneRecord(platform, tx, scope, ref, { ...rest, ttl })
          return { objects: [], dnsChanges: [change('add', record)] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { domain, record } = await addZoneRecord(platform, tx, scope, ref, { ...rest, ttl })
        const location = `/v1/domains/${domain.id}/records/${record.id}`
        return { status: 201, body: recordView(record), headers: { location } }
      })
    },
  )
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/domains/:domain/records/:record',
    {
      schema: {
        summary: 'Change a DNS record',
        description: 'What is left out stays. Its type cannot be changed.',
        tags,
        params: RecordPath,
        body: RecordChanges,
        response: {
          200: OrPreview(RecordView),
          ...writeProblems(...changeProblems, 'zone_record_not_found'),
        },
      },
      config: { documented: { replies: { 200: AnyOf(RecordView, PreviewView) } } },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref, record: id } = request.params
      const { preview: isPreview = false, ...update } = request.body
      if (isPreview) {
        return preview(platform, reply, async (tx) => {
          const { before, record } = await updateZoneRecord(platform, tx, scope, ref, id, update)
          return { objects: [], dnsChanges: [change('remove', before), change('add', record)] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        const { record } = await updateZoneRecord(platform, tx, scope, ref, id, update)
        return { status: 200, body: recordView(record) }
      })
    },
  )
}

function removeRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/domains/:domain/records/:record',
    {
      schema: {
        summary: 'Delete a DNS record',
        tags,
        params: RecordPath,
        querystring: PreviewQuery,
        response: {
          200: PreviewView,
          204: Type.Null(),
          ...writeProblems('domain_not_found', 'zone_record_not_found'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref, record: id } = request.params
      if (request.query.preview === true) {
        return preview(platform, reply, async (tx) => {
          const { record } = await removeZoneRecord(platform, tx, scope, ref, id)
          return { objects: [], dnsChanges: [change('remove', record)] }
        })
      }
      return mutate(platform, request, reply, async (tx) => {
        await removeZoneRecord(platform, tx, scope, ref, id)
        return { status: 204, body: undefined }
      })
    },
  )
}

function change(action: 'add' | 'remove', { name, type, value }: ZoneRecord): DnsChange {
  return { action, name, type, value }
}

function recordView(record: ZoneRecord): Static<typeof RecordView> {
  const { id, name, type, value, ttl } = record
  return {
    id,
    name,
    type,
    value,
    ttl,
    managed: false,
    created_at: momentOrNull(record.created_at),
    updated_at: momentOrNull(record.updated_at),
  }
}

function plannedView({ name, type, value, ttl }: PlannedRecord): Static<typeof RecordView> {
  return { id: null, name, type, value, ttl, managed: true, created_at: null, updated_at: null }
}
