/** /healthz, /readyz and /metrics: for whoever keeps this node running. No key is asked for. */
import { sql } from 'kysely'
import { Type } from 'typebox'
import { outboundPortState } from '../delivery/outbound-port.ts'
import { Refusal } from '../platform/errors.ts'
import type { Platform } from '../platform/platform.ts'
import { apiLimits } from './limits.ts'
import { problems } from './problem-view.ts'
import { type Api, OneOf } from './schemas.ts'

export type IsReady = () => Promise<boolean> | boolean

export function healthRoutes(app: Api, platform: Platform, isReady: IsReady): void {
  const tags = ['health']
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'Is the process alive',
        tags,
        security: [],
        response: { 200: Type.Object({ status: OneOf(['ok']) }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )
  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Is everything started, and does the database answer',
        tags,
        security: [],
        response: {
          200: Type.Object({
            status: OneOf(['ready']),
            outbound_port: OneOf(
              ['not_checked', 'open', 'blocked', 'no-hosts'],
              'Whether mail could leave by MX when this node started.',
            ),
          }),
          ...problems('not_ready', 'shutting_down'),
        },
      },
    },
    async () => {
      if (!(await isReady()) || !(await databaseAnswers(platform))) throw new Refusal('not_ready')
      return { status: 'ready' as const, outbound_port: outboundPortState(platform) }
    },
  )
  app.get(
    '/metrics',
    {
      schema: {
        summary: 'Figures for Prometheus',
        tags,
        security: [],
        produces: ['text/plain'],
        response: { 200: Type.String() },
      },
    },
    async (_request, reply) => {
      const text = await platform.metrics.registry.metrics()
      void reply.header('content-type', platform.metrics.registry.contentType)
      return text
    },
  )
}

async function databaseAnswers(platform: Platform): Promise<boolean> {
  const answer = sql`select 1`.execute(platform.db).then(
    () => true,
    () => false,
  )
  return await Promise.race([answer, within(apiLimits.readinessMsMax)])
}

function within(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms).unref()
  })
}
