/** /v1/domains/{domain}/dns and /verify: which DNS records a domain should have, and which it has. */

import { type Static, Type } from 'typebox'
import { delegationStates, recordStatuses, type SeenRecord } from '../domains/checks/tables.ts'
import { wantedNameservers } from '../domains/nameservers.ts'
import { recordLevels, recordPurposes } from '../domains/plan/record.ts'
import { checkDomain, type DomainCheck, verifyDomain } from '../domains/verification.ts'
import { recordTypes } from '../domains/zones/records.ts'
import { lookHooks } from '../mailboxes/domain-activation.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const RecordView = Type.Object(
  {
    purpose: OneOf(recordPurposes),
    type: OneOf(recordTypes),
    name: Type.String(),
    value: Type.String({ description: 'As in a zone file, without quotes.' }),
    level: OneOf(
      recordLevels,
      'required: the domain becomes active with these. optional: nothing is lost without it.',
    ),
    status: OneOf(recordStatuses),
    seen: Type.Array(Type.String(), { description: 'What DNS had at that name, as far as it matters.' }),
    answered_by: Nullable(Type.String(), 'The name server that said so; null: the resolver, or nobody.'),
    checked_at: Nullable(Moment),
  },
  { title: 'DnsRecord' },
)

const DelegationView = Type.Object(
  {
    state: OneOf(
      [...delegationStates, 'unchecked'] as const,
      'ours: exactly `wanted`. half_changed: some of those, or others beside them. elsewhere: none of those. none: the name is no zone of its own, or does not exist. unanswered: nobody could say.',
    ),
    parent: Nullable(Type.String(), 'The zone whose servers said so; null when a resolver was asked.'),
    wanted: Type.Array(Type.String(), { description: 'What to set at the registrar.' }),
    nameservers: Type.Array(
      Type.Object({
        name: Type.String(),
        state: OneOf(
          ['right', 'wrong_set', 'lame', 'silent', 'unasked'] as const,
          'right: it answers, with the set that the parent has. wrong_set: it has another set. lame: it does not have the zone.',
        ),
        set: Type.Array(Type.String(), { description: 'The name servers that it names itself.' }),
      }),
    ),
    ds: Type.Array(
      Type.Object({
        key_tag: Type.Integer(),
        algorithm: Type.Integer(),
        digest_type: Type.Integer(),
        digest: Type.String({ description: 'Hexadecimal.' }),
      }),
      { description: 'What the parent says of its DNSSEC keys.' },
    ),
  },
  { title: 'Delegation' },
)

const dnsFields = {
  records: Type.Array(RecordView),
  checked_at: Nullable(Moment, 'When it was last looked at.'),
  next_check_at: Nullable(Moment, 'Null: when someone asks.'),
  asked: OneOfOrNull(
    ['authority', 'resolver'] as const,
    'Who was asked: the name servers of the zone, or a resolver where none of them can be reached.',
  ),
  delegation: DelegationView,
  problem: Nullable(Type.String(), 'What is wrong with the delegation.'),
}

const statusHelp =
  'The name servers of the domain are asked, not a cache. `unanswered`: there was no answer, which says nothing about the record; `unchecked`: it was not asked for yet.'

const DnsQuery = Type.Object(
  { fresh: Type.Optional(Type.Boolean({ description: 'Look now, some twenty times in a minute at most.' })) },
  closed,
)

export function domainDnsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/dns',
    {
      schema: {
        summary: 'Show the DNS records that a domain should have, and has',
        description: `What was seen the last time, or is seen now with \`fresh=true\`. ${statusHelp}`,
        tags: ['domains'],
        params: DomainPath,
        querystring: DnsQuery,
        response: { 200: Type.Object(dnsFields), ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const { fresh = false } = request.query
      const options = { isFresh: fresh, hooks: lookHooks }
      return dnsView(platform, await checkDomain(platform, scopeOf(request), request.params.domain, options))
    },
  )
  app.post(
    '/v1/domains/:domain/verify',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Look for a domain’s records, and make it active when they are there',
        description: `A domain in the state \`pending_records\` becomes active when its required records are valid, one in \`pending_nameservers\` when it is delegated to exactly our name servers, and so do the mailboxes that wait for it. Otherwise the reply says what is missing. It is looked at from time to time without this call, too. ${statusHelp}`,
        tags: ['domains'],
        params: DomainPath,
        body: Type.Object({}, closed),
        response: {
          200: Type.Object({ domain: DomainView, ...dnsFields }),
          ...postProblems('domain_not_found', 'domain_state_conflict'),
        },
      },
    },
    async (request, reply) => {
      const check = await verifyDomain(platform, scopeOf(request), request.params.domain, lookHooks)
      return mutate(platform, request, reply, async () => ({
        status: 200,
        body: { domain: domainView(platform, check.domain), ...dnsView(platform, check) },
      }))
    },
  )
}

const DnsShape = Type.Object(dnsFields)

function dnsView(platform: Platform, { domain, records, stored }: DomainCheck): Static<typeof DnsShape> {
  const delegation = stored?.delegation
  return {
    records: records.map(recordView),
    checked_at: momentOrNull(stored?.checked_at ?? null),
    next_check_at: momentOrNull(stored?.due_at ?? null),
    asked: stored?.asked ?? null,
    delegation: {
      state: delegation?.state ?? 'unchecked',
      parent: delegation?.parent ?? null,
      wanted: wantedNameservers(platform, domain),
      nameservers: (delegation?.nameservers ?? []).map(({ name, state, set }) => ({
        name,
        state,
        set: [...set],
      })),
      ds: (delegation?.ds ?? []).map((ds) => ({
        key_tag: ds.keyTag,
        algorithm: ds.algorithm,
        digest_type: ds.digestType,
        digest: ds.digestHex,
      })),
    },
    problem: stored?.problem ?? null,
  }
}

function recordView(record: SeenRecord): Static<typeof RecordView> {
  const { purpose, type, name, value, level, status, seen } = record
  return {
    purpose,
    type,
    name,
    value: record.suggestion ?? value,
    level,
    status,
    seen: [...seen],
    answered_by: record.answeredBy,
    checked_at: record.checkedAt,
  }
}
