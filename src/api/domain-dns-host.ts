/** /v1/domains/{domain}/dns-host and /dns/apply: letting a DNS host's API keep a domain's records. */

import { type Static, Type } from 'typebox'
import { leaveDnsHost, requireZone, setDnsHost, type WantedHosting } from '../domains/dns-hosts/drive.ts'
import { getHosting, type Hosting, type HostRecordRow } from '../domains/dns-hosts/hosting.ts'
import {
  type HostPreview,
  previewLeaving,
  previewRun,
  previewSetting,
  runNow,
} from '../domains/dns-hosts/preview-host.ts'
import { requireUnsignedToLeave } from '../domains/zones/dnssec/leaving.ts'
import { recordTypes } from '../domains/zones/records.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath } from './domains.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import { type Api, closed, Id, Moment, momentOrNull, Nullable, OneOf } from './schemas.ts'

const Value = { name: Type.String(), type: OneOf(recordTypes), value: Type.String() }

const ConflictView = Type.Object({
  ...Value,
  reason: OneOf(
    ['foreign_values', 'several_spf', 'cname'] as const,
    'several_spf: the name has more than one SPF record, which is an error. cname: beside a CNAME there can be nothing.',
  ),
  seen: Type.Array(Type.String(), { description: 'What stands in the way, as `TYPE value`.' }),
})

const HostStateView = Type.Object(
  {
    dns_host_id: Id,
    zone: Nullable(Type.String(), 'The zone that is written into; null until it was found.'),
    state: OneOf(
      ['pending', 'in_sync', 'conflict', 'failing'] as const,
      'conflict: everything is there but what is listed under `conflicts`.',
    ),
    error: Nullable(
      Type.Object({
        kind: OneOf(['credentials', 'zone_missing', 'conflict', 'rejected', 'rate_limited', 'unreachable']),
        detail: Type.String({ description: 'In the host’s own words.' }),
      }),
    ),
    conflicts: Type.Array(ConflictView),
    take_over: Type.Boolean(),
    create_zone: Type.Boolean(),
    checked_at: Nullable(Moment, 'When the host’s records were last compared.'),
    retry_at: Nullable(Moment, 'After a failure: when it is tried again.'),
    records: Type.Array(Type.Object(Value), { description: 'What we put there, and nothing else.' }),
    displaced: Type.Array(Type.Object(Value), {
      description: 'What was taken out, to be put back when the host is left.',
    }),
  },
  { title: 'DomainDnsHost' },
)

const HostRunView = Type.Object(
  {
    preview: Type.Boolean({ description: 'Whether nothing was done.' }),
    zone: Nullable(Type.String()),
    dns_changes: Type.Array(
      Type.Object({
        action: OneOf(['add', 'remove'] as const),
        ...Value,
        ttl: Type.Integer({ description: 'In seconds.' }),
      }),
    ),
    conflicts: Type.Array(ConflictView),
  },
  { title: 'DnsHostRun' },
)

const HostBody = Type.Object(
  {
    dns_host_id: Type.String({ minLength: 1, maxLength: 100 }),
    take_over: Type.Optional(
      Type.Boolean({
        description:
          'Records of others that contradict ours (another MX, say) are taken out and remembered. Otherwise they stay and are reported. DMARC and TLS reporting that are there stay in any case, and an SPF record is added to.',
      }),
    ),
    create_zone: Type.Optional(Type.Boolean({ description: 'Make the zone when the host has none.' })),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would be changed at the host.' })),
  },
  closed,
)
const LeaveQuery = Type.Object(
  {
    put_back: Type.Optional(
      Type.Boolean({ description: 'Whether records that were taken out come back; true if not given.' }),
    ),
    preview: Type.Optional(Type.Boolean({ description: 'Only say what would be changed at the host.' })),
  },
  closed,
)
const ApplyBody = Type.Object(
  { preview: Type.Optional(Type.Boolean({ description: 'Only say what would be changed.' })) },
  closed,
)

const tags = ['dns']
const hostProblems = [
  'domain_not_found',
  'domain_dns_not_driven',
  'dns_zone_not_found',
  'dns_host_credentials_refused',
  'dns_host_failed',
] as const

export function domainDnsHostRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/dns-host',
    {
      schema: {
        summary: 'Show the DNS host that a domain’s records are kept at',
        tags,
        params: DomainPath,
        response: { 200: HostStateView, ...readProblems('domain_not_found', 'domain_dns_not_driven') },
      },
    },
    async (request) => {
      const { hosting, records } = await getHosting(platform, scopeOf(request), request.params.domain)
      return stateView(hosting, records)
    },
  )
  setRoute(app, platform)
  leaveRoute(app, platform)
  applyRoute(app, platform)
}

function setRoute(app: Api, platform: Platform): void {
  app.put(
    '/v1/domains/:domain/dns-host',
    {
      schema: {
        summary: 'Let a DNS host’s API keep a domain’s records',
        description:
          'A job writes the records that are missing, now and whenever they change. What others have in the zone is never touched, but for what is said at `take_over`. What was put at another host before is removed there.',
        tags,
        params: DomainPath,
        body: HostBody,
        response: {
          200: HostRunView,
          202: HostStateView,
          ...writeProblems(
            ...hostProblems,
            'dns_host_not_found',
            'domain_state_conflict',
            'dnssec_parent_has_ds',
            'dnssec_parent_unanswered',
          ),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const {
        dns_host_id: dnsHostId,
        take_over: takeOver = false,
        create_zone: createZone = false,
      } = request.body
      const wanted: WantedHosting = { dnsHostId, takeOver, createZone }
      await requireUnsignedToLeave(platform, scope, ref, 'driven')
      if (request.body.preview === true) {
        return runView(await previewSetting(platform, scope, ref, wanted), true)
      }
      await requireZone(platform, scope, ref, wanted)
      return mutate(platform, request, reply, async (tx) => {
        const hosting = await setDnsHost(platform, tx, scope, ref, wanted)
        return { status: 202, body: stateView(hosting, []) }
      })
    },
  )
}

function leaveRoute(app: Api, platform: Platform): void {
  app.delete(
    '/v1/domains/:domain/dns-host',
    {
      schema: {
        summary: 'Keep a domain’s records at its DNS host no more',
        description:
          'A job removes what we put there, and nothing else. A domain that was driven is in its owner’s hands then (`dns_mode` manual), or goes on to the mode that was pending; one whose delegation had not followed stays `served`.',
        tags,
        params: DomainPath,
        querystring: LeaveQuery,
        response: { 200: HostRunView, 204: Type.Null(), ...writeProblems(...hostProblems) },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const { domain: ref } = request.params
      const putBack = request.query.put_back ?? true
      if (request.query.preview === true) {
        return runView(await previewLeaving(platform, scope, ref, putBack), true)
      }
      return mutate(platform, request, reply, async (tx) => {
        await leaveDnsHost(platform, tx, scope, ref, putBack)
        return { status: 204, body: undefined }
      })
    },
  )
}

function applyRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/domains/:domain/dns/apply',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Bring a domain’s records to its DNS host now',
        description:
          'What the job does by itself, waited for. With `preview` the host is only read. Asking again changes nothing that is right already.',
        tags,
        params: DomainPath,
        body: ApplyBody,
        response: { 200: HostRunView, ...postProblems(...hostProblems) },
      },
    },
    async (request) => {
      const isPreview = request.body.preview === true
      const run = isPreview ? previewRun : runNow
      return runView(await run(platform, scopeOf(request), request.params.domain), isPreview)
    },
  )
}

function runView(run: HostPreview, isPreview: boolean): Static<typeof HostRunView> {
  return { preview: isPreview, zone: run.zone, dns_changes: run.changes, conflicts: run.conflicts }
}

function stateView(hosting: Hosting, records: readonly HostRecordRow[]): Static<typeof HostStateView> {
  const { error_kind: kind, last_error: detail } = hosting
  const values = (displaced: boolean) =>
    records
      .filter((one) => one.displaced === displaced)
      .map(({ name, type, value }) => ({ name, type, value }))
  return {
    dns_host_id: hosting.dns_host_id,
    zone: hosting.zone_name,
    state: hosting.state,
    error: kind === null ? null : { kind, detail: detail ?? '' },
    conflicts: hosting.conflicts,
    take_over: hosting.take_over,
    create_zone: hosting.create_zone,
    checked_at: momentOrNull(hosting.checked_at),
    retry_at: momentOrNull(hosting.next_attempt_at),
    records: values(false),
    displaced: values(true),
  }
}
