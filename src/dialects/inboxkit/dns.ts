/** DNS records of domains: the platform's own, and those that customers keep beside them. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { describeChecks } from '../../domains/verification.ts'
import {
  addZoneRecord,
  listZoneRecords,
  removeZoneRecord,
  updateZoneRecord,
  type ZoneRecord,
} from '../../domains/zones/customer-records.ts'
import { mxParts } from '../../domains/zones/mx-values.ts'
import { recordPolicy } from '../../domains/zones/record-policy.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import {
  type GivenRecord,
  ownView,
  plannedId,
  plannedView,
  RecordView,
  recordFields,
  recordTypeOf,
  recordValue,
  ttlOf,
} from './dns-view.ts'
import { objectId, requireOne } from './domain-finding.ts'
import { matchStatusOf } from './domain-status.ts'
import { DomainName } from './domains.ts'
import { closed, DoneView, done, errors, Ok, ok, Uid } from './schemas.ts'

const recordsPerCallMax = 200
const tags = ['DNS']
const named = { uid: Type.Optional(Uid), domain: Type.Optional(DomainName) }
const RecordId = Type.String({ pattern: '^[0-9a-f]{24}$', description: 'As `_id` has it.' })

const many = { minItems: 1, maxItems: recordsPerCallMax }
const AddBody = Type.Object(
  { ...named, records: Type.Array(Type.Object(recordFields, closed), many) },
  closed,
)
const UpdateBody = Type.Object(
  { ...named, records: Type.Array(Type.Object({ ...recordFields, record_id: RecordId }, closed), many) },
  closed,
)
const DeleteBody = Type.Object({ ...named, record_ids: Type.Array(RecordId, many) }, closed)
const replies = { 200: DoneView, ...errors(400) }

export function dnsRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  addRoute(app, platform)
  updateRoute(app, platform)
  deleteRoute(app, platform)
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/dns/list',
    {
      schema: {
        summary: 'List the DNS records of a domain',
        description:
          'First those of the platform; where the domain’s DNS is in its owner’s hands they are what the owner is to set.',
        tags,
        querystring: Type.Object(named),
        response: {
          200: Ok({
            dns_record: Type.Object({
              uid: Type.String(),
              domain: Type.String(),
              records: Type.Array(RecordView),
            }),
          }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { id } = await requireOne(platform.db, scope, request.query).catch((error: unknown) => {
        if (!(error instanceof Refusal && error.code === 'domain_not_found')) throw error
        throw new Refusal('zone_record_not_found', 'Domain or DNS records not found')
      })
      const { domain, stored, records } = await describeChecks(platform, scope, id)
      const own = await ownRecords(platform, scope, domain)
      const status = matchStatusOf({ domain, check: stored }) === 'matched' ? 'propagated' : 'pending'
      return ok('DNS records retrieved successfully', {
        dns_record: {
          uid: domain.id,
          domain: domain.name,
          records: [
            ...records.map((record) => plannedView(domain, record)),
            ...own.map((record) => ownView(domain, record, status)),
          ],
        },
      })
    },
  )
}

async function ownRecords(platform: Platform, scope: Scope, { id }: Domain): Promise<ZoneRecord[]> {
  const filter = { name: null, type: null, managed: false }
  const all = { after: null, limit: recordPolicy.recordsPerDomainMax }
  return (await listZoneRecords(platform, scope, id, filter, all)).page.rows
}

function addRoute(app: Api, platform: Platform): void {
  app.post(
    '/dns/add',
    {
      schema: {
        summary: 'Add DNS records',
        description: 'All or none.',
        tags,
        body: AddBody,
        response: replies,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { records, ...names } = request.body
      await transact(platform, caller, async (tx) => {
        const domain = await requireOne(tx, caller.scope, names)
        for (const given of records) await add(platform, tx, caller.scope, domain, given)
      })
      return done('DNS records added successfully')
    },
  )
}

async function add(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { id }: Domain,
  given: GivenRecord,
): Promise<void> {
  const type = recordTypeOf(given.type)
  const ttl = ttlOf(given) ?? recordPolicy.ttlSecondsDefault
  await addZoneRecord(platform, tx, scope, id, {
    name: given.host,
    type,
    value: recordValue(given, type),
    ttl,
  })
}

/**
 * The customer's records of a domain by the ids that this API shows.
 * @throws Refusal zone_record_protected for the platform's own, zone_record_not_found for what there is not.
 */
async function finderOf(
  platform: Platform,
  scope: Scope,
  domain: Domain,
): Promise<(recordId: string) => ZoneRecord> {
  const own = new Map(
    (await ownRecords(platform, scope, domain)).map((record) => [objectId(record.id), record]),
  )
  const { records } = await describeChecks(platform, scope, domain.id)
  const planned = new Set(records.map((record) => plannedId(domain, record)))
  return (recordId) => {
    const found = own.get(recordId)
    if (found) return found
    throw new Refusal(planned.has(recordId) ? 'zone_record_protected' : 'zone_record_not_found')
  }
}

function updateRoute(app: Api, platform: Platform): void {
  app.post(
    '/dns/update',
    {
      schema: {
        summary: 'Replace DNS records',
        description:
          'All or none. A TTL or priority that is left out stays. One of another type is a new one.',
        tags,
        body: UpdateBody,
        response: replies,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { records, ...names } = request.body
      const domain = await requireOne(platform.db, scope, names)
      const find = await finderOf(platform, scope, domain)
      await transact(platform, caller, async (tx) => {
        for (const { record_id: recordId, ...given } of records) {
          await replace(platform, tx, scope, domain, find(recordId), given)
        }
      })
      return done('DNS records updated successfully')
    },
  )
}

async function replace(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  domain: Domain,
  before: ZoneRecord,
  given: GivenRecord,
): Promise<void> {
  const type = recordTypeOf(given.type)
  const ttl = ttlOf(given) ?? before.ttl
  if (type !== before.type) {
    await removeZoneRecord(platform, tx, scope, domain.id, before.id)
    return await add(platform, tx, scope, domain, { ...given, ttl })
  }
  const value = recordValue(given, type, mxParts(before.value)?.preference)
  await updateZoneRecord(platform, tx, scope, domain.id, before.id, { name: given.host, value, ttl })
}

function deleteRoute(app: Api, platform: Platform): void {
  app.post(
    '/dns/delete',
    {
      schema: {
        summary: 'Delete DNS records',
        description: 'All or none.',
        tags,
        body: DeleteBody,
        response: replies,
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { record_ids: ids, ...names } = request.body
      const domain = await requireOne(platform.db, scope, names)
      const find = await finderOf(platform, scope, domain)
      const found = [...new Set(ids)].map(find)
      await transact(platform, caller, async (tx) => {
        for (const { id } of found) await removeZoneRecord(platform, tx, scope, domain.id, id)
      })
      return done('DNS records deleted successfully')
    },
  )
}
