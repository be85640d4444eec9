/** /v1/domains/{domain}/dmarc and /tls-reports: what other mail servers report about a domain. */
import { Type } from 'typebox'
import { dmarcSummaryOf, tlsSummaryOf } from '../delivery/reports/summary.ts'
import { getDomain } from '../domains/domains.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { readProblems } from './problem-view.ts'
import { type Api, Moment, Nullable, OneOf } from './schemas.ts'

const Count = Type.Integer({ minimum: 0 })

const advices = ['no_data', 'fix_sources', 'safe_to_quarantine', 'safe_to_reject', 'enforced'] as const

const DmarcView = Type.Object(
  {
    from: Moment,
    to: Moment,
    reports: Count,
    reporters: Count,
    days: Type.Integer({ minimum: 0, description: 'Days that reports cover.' }),
    messages: Count,
    passed: Type.Integer({ minimum: 0, description: 'Messages that passed DMARC.' }),
    failed_own: Type.Integer({
      minimum: 0,
      description: 'Messages that failed and look like the domain’s own: a stricter policy would hit them.',
    }),
    policy: Nullable(Type.String(), 'What reporters saw published last: none, quarantine or reject.'),
    advice: OneOf(
      advices,
      'Whether the policy can be made stricter without losing mail: see `failed_own` and `sources`.',
    ),
    sources: Type.Array(
      Type.Object({
        address: Type.String(),
        messages: Count,
        passed: Count,
        failed_own: Count,
        header_from: Nullable(Type.String()),
        reporters: Count,
      }),
      { description: 'The 50 addresses that sent most.' },
    ),
  },
  { title: 'DmarcSummary' },
)

const TlsView = Type.Object(
  {
    from: Moment,
    to: Moment,
    reports: Count,
    successes: Type.Integer({ minimum: 0, description: 'Sessions with TLS as the policy asks for.' }),
    failures: Count,
    kinds: Type.Array(
      Type.Object({
        result_type: Type.String({ description: 'RFC 8460 §4.3.' }),
        receiving_host: Nullable(Type.String()),
        count: Count,
        reporters: Count,
      }),
    ),
  },
  { title: 'TlsReportSummary' },
)

const DomainPath = Type.Object({ domain: Type.String({ description: 'Its id or its name.' }) })

export function domainReportRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/domains/:domain/dmarc',
    {
      schema: {
        summary: 'Summarise the DMARC reports about a domain',
        description:
          'Of the last 30 days. Reports come by mail to dmarc-reports@ the domain, as its DMARC record asks for.',
        tags: ['domains'],
        params: DomainPath,
        response: { 200: DmarcView, ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const domain = await getDomain(platform, scopeOf(request), request.params.domain)
      const { from, to, failedOwn, sources, ...summary } = await dmarcSummaryOf(platform, domain)
      return {
        ...summary,
        from: from.toISOString(),
        to: to.toISOString(),
        failed_own: failedOwn,
        sources: sources.map(({ failedOwn: own, headerFrom, ...source }) => ({
          ...source,
          failed_own: own,
          header_from: headerFrom,
        })),
      }
    },
  )
  app.get(
    '/v1/domains/:domain/tls-reports',
    {
      schema: {
        summary: 'Summarise the TLS reports about a domain',
        description: 'Of the last 30 days (RFC 8460). Reports come by mail to tls-reports@ the domain.',
        tags: ['domains'],
        params: DomainPath,
        response: { 200: TlsView, ...readProblems('domain_not_found') },
      },
    },
    async (request) => {
      const domain = await getDomain(platform, scopeOf(request), request.params.domain)
      const { from, to, kinds, ...summary } = await tlsSummaryOf(platform, domain.id)
      return {
        ...summary,
        from: from.toISOString(),
        to: to.toISOString(),
        kinds: kinds.map(({ resultType, receivingHost, ...kind }) => ({
          ...kind,
          result_type: resultType,
          receiving_host: receivingHost,
        })),
      }
    },
  )
}
