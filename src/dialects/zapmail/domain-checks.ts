/** How domains stand: which of their records are there, and what that comes to. */

import { type Static, Type } from 'typebox'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { checkDomain } from '../../domains/verification.ts'
import { lookHooks } from '../../mailboxes/domain-activation.ts'
import { type DomainOverview, everyDomain, pageDomainOverviews } from '../../mailboxes/domain-overviews.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { livingStates, requireDomain, selectDomains } from './domain-selection.ts'
import { isThere } from './domain-view.ts'
import { providerOf } from './providers.ts'
import { DataOf, dataOf, errors, Ids, idsMax } from './schemas.ts'

const CheckBody = Type.Object({ domainIds: Type.Optional(Ids) })

const CheckView = Type.Object(
  {
    id: Type.String(),
    domain: Type.String(),
    spfRecord: Type.Boolean(),
    dmarcRecords: Type.Boolean(),
    dkimRecords: Type.Boolean(),
    mxRecords: Type.Boolean(),
  },
  { title: 'DomainDnsCheck' },
)

const Score = Type.Number({
  minimum: 0,
  maximum: 100,
  description: 'How many of a hundred of its records are there, those that are optional left out.',
})

const HealthView = Type.Object(
  {
    domain: Type.String(),
    averageScore: Score,
    score: Score,
    label: Type.String({ description: 'healthy, warning or critical.' }),
    reasons: Type.Array(Type.String()),
    recommendedActions: Type.Array(Type.String()),
    error: Type.Optional(Type.String({ description: 'Why nothing can be said.' })),
  },
  { title: 'DomainHealth' },
)

/** So many that are named are looked at now; of more, what was last seen is told. */
const looksPerCallMax = 10
const criticalMax = 30
const warningMax = 80
const tags = ['domains']

export function domainCheckRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/dns/check',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Check whether the mail records of domains are there',
        description: `Up to ${looksPerCallMax} domains that are named are looked at now; of others it is told what was last seen.`,
        tags,
        body: CheckBody,
        response: { 200: DataOf(Type.Array(CheckView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { domainIds = [] } = request.body
      const domains = await selectDomains(platform, scope, providerOf(request), { domainIds })
      const ids = domains.map(({ id }) => id)
      if (domainIds.length > 0 && ids.length <= looksPerCallMax) {
        await Promise.all(ids.map((id) => lookAt(platform, scope, id)))
      }
      const overviews = await overviewsOf(platform, scope, ids)
      return dataOf('DNS records checked successfully', overviews.map(checkView))
    },
  )
  app.get(
    '/v2/domains/health-score',
    {
      schema: {
        summary: 'Show how healthy the DNS of a domain is, or of all',
        description: 'By what was last seen of their records. Nobody is asked for a reputation.',
        tags,
        querystring: Type.Object({ domainId: Type.Optional(Type.String({ maxLength: 100 })) }),
        response: { 200: DataOf(Type.Union([HealthView, Type.Array(HealthView)])), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { domainId } = request.query
      const message = 'Domain health score fetched successfully'
      if (domainId === undefined || domainId === '') {
        return dataOf(message, (await overviewsOf(platform, scope, null)).map(healthView))
      }
      const { id } = await requireDomain(platform, scope, domainId)
      const [overview] = await overviewsOf(platform, scope, [id])
      if (!overview) throw new Refusal('domain_not_found')
      return dataOf(message, healthView(overview))
    },
  )
}

/** One that is looked at too often stays as it was last seen. */
async function lookAt(platform: Platform, scope: Scope, id: string): Promise<void> {
  try {
    await checkDomain(platform, scope, id, { isFresh: true, hooks: lookHooks })
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'rate_limited')) throw error
  }
}

/** @param domainIds null: all of the workspace. @throws Refusal invalid_request for too many. */
async function overviewsOf(
  platform: Platform,
  scope: Scope,
  domainIds: readonly string[] | null,
): Promise<DomainOverview[]> {
  requireWorkspace(scope)
  const filter = { ...everyDomain, domainIds, states: livingStates }
  const { rows, total } = await pageDomainOverviews(platform, scope, filter, { number: 1, size: idsMax })
  if (total > idsMax) {
    throw new Refusal('invalid_request', `The workspace has ${total} domains: name one with domainId.`)
  }
  return rows
}

function checkView(overview: DomainOverview): Static<typeof CheckView> {
  const { id, name } = overview.domain
  return {
    id,
    domain: name,
    spfRecord: isThere(overview, 'spf'),
    dmarcRecords: isThere(overview, 'dmarc'),
    dkimRecords: isThere(overview, 'dkim'),
    mxRecords: isThere(overview, 'mx'),
  }
}

function healthView({ domain, check }: DomainOverview): Static<typeof HealthView> {
  const { name, state } = domain
  if (check === null && state === 'active') return scored(name, 100, [], [])
  const records = (check?.records ?? []).filter(({ level }) => level !== 'optional')
  if (check?.checked_at == null || records.length === 0) {
    return { ...scored(name, 0, [], []), error: 'Its records were not looked at yet.' }
  }
  const wrong = records.filter(({ status }) => status !== 'valid')
  return scored(
    name,
    Math.round((100 * (records.length - wrong.length)) / records.length),
    wrong.map(({ type, name: at, status }) => `The ${type} record at ${at} is ${status}.`),
    wrong.map(({ type, name: at, value, suggestion }) => `Set ${type} ${at} to ${suggestion ?? value}`),
  )
}

function scored(
  domain: string,
  score: number,
  reasons: string[],
  recommendedActions: string[],
): Static<typeof HealthView> {
  const label = score <= criticalMax ? 'critical' : score <= warningMax ? 'warning' : 'healthy'
  return { domain, averageScore: score, score, label, reasons, recommendedActions }
}
