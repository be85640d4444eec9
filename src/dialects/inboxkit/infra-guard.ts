/** InfraGuard: bounces of a domain. The rest of that product, watching for money, is not sold here. */
import { Type } from 'typebox'
import { bouncePercent, domainFigures, figureDaysMax } from '../../delivery/figures.ts'
import { getDomain } from '../../domains/domains.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { isId } from '../../platform/ids.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { errors, Ok, ok, Uid } from './schemas.ts'

const tags = ['InfraGuard']

const MetricsView = Type.Object({
  uid: Type.String(),
  domain: Type.String(),
  period_days: Type.Integer(),
  total_sent: Type.Integer({ description: 'Recipients elsewhere.' }),
  total_bounced: Type.Integer(),
  bounce_rate: Type.Number({ description: 'Percent; 0 where nothing was sent.' }),
  by_class: Type.Record(Type.String(), Type.Integer(), { description: 'Bounced ones by their reason.' }),
})

export function infraGuardRoutes(app: Api, platform: Platform): void {
  app.get(
    '/infra-guard/pricing',
    {
      schema: {
        summary: 'Nothing: it is not sold',
        tags,
        response: {
          200: Ok({ pricing: Type.Object({ price_per_month: Type.Number() }) }),
          ...errors(),
        },
      },
    },
    () => ok('Bounces are counted here at no price', { pricing: { price_per_month: 0 } }),
  )
  app.get(
    '/infra-guard/stats',
    {
      schema: {
        summary: 'Not offered: nothing is watched for money',
        tags,
        response: {
          200: Ok({ stats: Type.Object({ monitored_domains: Type.Integer(), open_alerts: Type.Integer() }) }),
          ...errors(),
        },
      },
    },
    () => ok('ok', { stats: { monitored_domains: 0, open_alerts: 0 } }),
  )
  metricsRoute(app, platform)
}

function metricsRoute(app: Api, platform: Platform): void {
  app.get(
    '/infra-guard/bounce-metrics',
    {
      schema: {
        summary: 'What bounced of a domain’s mail',
        description: `Over ${figureDaysMax} days, for as long as it is known, or fewer.`,
        tags,
        querystring: Type.Object({
          uid: Uid,
          period_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
        }),
        response: { 200: Ok({ metrics: MetricsView }), ...errors(400) },
      },
    },
    async (request) => {
      const { uid: wanted, period_days: asked = figureDaysMax } = request.query
      if (!isId(wanted)) throw new Refusal('domain_not_found')
      const { id: uid, name: domain } = await getDomain(platform, callerOf(request).scope, wanted)
      const days = Math.min(asked, figureDaysMax)
      const { sent, bounced, classes } = await domainFigures(platform.db, uid, platform.clock.now(), days)
      return ok('Bounce metrics retrieved successfully', {
        metrics: {
          uid,
          domain,
          period_days: days,
          total_sent: sent,
          total_bounced: bounced,
          bounce_rate: bouncePercent(sent, bounced) ?? 0,
          by_class: classes,
        },
      })
    },
  )
}
