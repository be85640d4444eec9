/** /v1/domains/{domain}/dns and /verify: which DNS records a domain should have, and which it has. */
import { type Static, Type } from 'typebox'
import type { ObservedRecord } from '../domains/observed-records.ts'
import { checkDomain } from '../domains/verification.ts'
import { verifyDomain } from '../mailboxes/domain-activation.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { DomainPath, DomainView, domainView } from './domains.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, emptyBodyIsObject, OneOf } from './schemas.ts'

const RecordView = Type.Object(
  {
    purpose: OneOf(['ownership', 'mx', 'spf', 'dkim', 'dmarc', 'tls_rpt'] as const),
    type: OneOf(['TXT', 'MX'] as const),
    name: Type.String(),
    value: Type.String({ description: 'As in a zone file, without quotes.' }),
    level: OneOf(['required', 'recommended'] as const),
    status: OneOf(['valid', 'missing', 'wrong', 'unanswered'] as const),
    seen: Type.Array(Type.String(), { description: 'What DNS has at that name now, as far as it matters.' }),
  },
  { title: 'DnsRecord' },
)

const statusHelp =
  'Everything is looked up now. `unanswered`: the resolver gave no answer, which says nothing about the record.'

export function domainDnsRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/dns',
    {
      schema: {
        summary: 'Show the DNS records that a domain should have, and has',
        description: statusHelp,
        tags: ['domains'],
        params: DomainPath,
        response: {
          200: Type.Object({ records: Type.Array(RecordView) }),
          ...readProblems('domain_not_found'),
        },
      },
    },
    async (request) => {
      const { records } = await checkDomain(platform, scopeOf(request), request.params.domain)
      return { records: records.map(recordView) }
    },
  )
  app.post(
    '/v1/domains/:domain/verify',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Look for a domain’s records, and make it active when they are there',
        description: `A domain in the state \`pending_records\` becomes active when its required records are valid, and so do the mailboxes that wait for it. Otherwise the reply says what is missing. ${statusHelp}`,
        tags: ['domains'],
        params: DomainPath,
        body: Type.Object({}, closed),
        response: {
          200: Type.Object({ domain: DomainView, records: Type.Array(RecordView) }),
          ...postProblems('domain_not_found', 'domain_state_conflict'),
        },
      },
    },
    async (request, reply) => {
      const scope = scopeOf(request)
      const check = await checkDomain(platform, scope, request.params.domain)
      return mutate(platform, request, reply, async (tx) => {
        const domain = await verifyDomain(platform, tx, scope, check)
        return { status: 200, body: { domain: domainView(domain), records: check.records.map(recordView) } }
      })
    },
  )
}

function recordView(record: ObservedRecord): Static<typeof RecordView> {
  const { purpose, type, name, value, level, status, seen } = record
  return { purpose, type, name, value, level, status, seen }
}
