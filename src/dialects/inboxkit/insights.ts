/** Email insights: what mailboxes sent, and what bounced of it. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import {
  bouncePercent,
  type Figures,
  figureDaysMax,
  figuresOfMailboxes,
  noFigures,
} from '../../delivery/figures.ts'
import { deliverySettings, readDeliveryPolicy } from '../../delivery/policies.ts'
import { workspaceBouncing, workspaceDays, workspaceFigures } from '../../delivery/remembered-figures.ts'
import { mailboxesById } from '../../mailboxes/mailbox-sets.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import { pageWorkspaceMailboxes } from '../../mailboxes/workspace-pages.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { requireUid } from './mailbox-uids.ts'
import { errors, pageFields, pageInput, pageOf, pageOutput, Uid } from './schemas.ts'

const tags = ['Email Insights']
const listedMax = 100

/** This family has an envelope of its own. */
function DataOf<Data extends Parameters<typeof Type.Object>[0]>(data: Data) {
  return Type.Object({ success: Type.Literal(true), data: Type.Object(data) })
}

function dataOf<Data>(data: Data): { success: true; data: Data } {
  return { success: true as const, data }
}

const Percent = Type.Optional(Type.Number({ description: 'Left out where nothing was sent.' }))

const healthFields = {
  status: OneOf(['active', 'inactive'], 'Whether it sent something in 7 days.'),
  bounce_rate_30d: Percent,
  total_7d: Type.Integer({ description: 'Recipients elsewhere.' }),
  total_30d: Type.Integer(),
  last_event_at: Type.String(),
} as const

const statsFields = {
  total_7d: Type.Integer({ description: 'Recipients elsewhere, bounced ones among them.' }),
  bounced_7d: Type.Integer(),
  bounce_rate_7d: Percent,
  total_30d: Type.Integer(),
  bounced_30d: Type.Integer(),
  bounce_rate_30d: Percent,
  last_event_at: Type.String(),
} as const

const MailboxHealthView = Type.Object({ uid: Type.String(), email: Type.String(), ...healthFields })

export function insightRoutes(app: Api, platform: Platform): void {
  workspaceRoutes(app, platform)
  healthRoutes(app, platform)
  mailboxRoutes(app, platform)
}

function workspaceRoutes(app: Api, platform: Platform): void {
  const Overview = {
    ...statsFields,
    active_mailboxes_7d: Type.Integer({ description: 'That sent something.' }),
    active_mailboxes_30d: Type.Integer(),
  } as const
  app.get(
    '/email-insights/workspace/overview',
    {
      schema: {
        summary: 'What the workspace sent',
        tags,
        response: { 200: DataOf(Overview), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const figures = await workspaceFigures(platform, scope)
      return dataOf({
        ...statsView(figures),
        active_mailboxes_7d: figures.senders7d,
        active_mailboxes_30d: figures.senders30d,
      })
    },
  )
  const Day = Type.Object({ date: Type.String(), sent: Type.Integer(), bounced: Type.Integer() })
  app.get(
    '/email-insights/workspace/activity',
    {
      schema: {
        summary: 'What the workspace sent, day by day',
        description: `${figureDaysMax} days of UTC, the present one last.`,
        tags,
        response: { 200: DataOf({ activity: Type.Array(Day) }), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const days = await workspaceDays(platform, scope)
      return dataOf({ activity: days.map(({ day: date, sent, bounced }) => ({ date, sent, bounced })) })
    },
  )
}

function healthRoutes(app: Api, platform: Platform): void {
  app.get(
    '/email-insights/workspace/mailboxes-health',
    {
      schema: {
        summary: 'How mailboxes do',
        description: `The newest first, ${listedMax} unless another limit is asked for.`,
        tags,
        querystring: Type.Object(pageInput),
        response: {
          200: DataOf({ mailboxes: Type.Array(MailboxHealthView), ...pageOutput }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const page = pageOf(request.query, listedMax)
      const { rows, total } = await pageWorkspaceMailboxes(platform.db, scope, {}, page)
      const ids = rows.map(({ id }) => id)
      const figures = await figuresOfMailboxes(platform.db, ids, platform.clock.now())
      const mailboxes = rows.map(({ id: uid, address: email }) => ({
        uid,
        email,
        ...healthView(figures.get(uid) ?? noFigures),
      }))
      return dataOf({ mailboxes, ...pageFields({ total }, page) })
    },
  )
  app.get(
    '/email-insights/workspace/high-bounce-mailboxes',
    {
      schema: {
        summary: 'Mailboxes of which too much bounces',
        description: `By the rates of the workspace’s delivery policy, over 30 days. The worst first, ${listedMax} at most.`,
        tags,
        response: { 200: DataOf({ mailboxes: Type.Array(MailboxHealthView) }), ...errors() },
      },
    },
    async (request) => dataOf({ mailboxes: await highBounce(platform, callerOf(request).scope) }),
  )
}

async function highBounce(platform: Platform, scope: Scope): Promise<Static<typeof MailboxHealthView>[]> {
  const { workspaceId } = scope
  const policy = await readDeliveryPolicy(platform.db, { workspaceId, domainId: null, mailboxId: null })
  const found = await workspaceBouncing(platform, scope, {
    // A workspace that never pauses by itself is told all the same.
    percent: policy.pause_bounce_percent ?? deliverySettings.pause_bounce_percent.preset,
    minimum: policy.pause_minimum,
    max: listedMax,
  })
  const rows = await mailboxesById(
    platform.db,
    found.map(({ mailboxId }) => mailboxId),
  )
  const living = new Map(rows.filter(({ state }) => state !== 'deleted').map((row) => [row.id, row]))
  return found.flatMap(({ mailboxId: uid, figures }) => {
    const mailbox = living.get(uid)
    return mailbox ? [{ uid, email: mailbox.address, ...healthView(figures) }] : []
  })
}

function mailboxRoutes(app: Api, platform: Platform): void {
  const params = Type.Object({ uid: Uid })
  const figuresOf = async (scope: Scope, uid: string): Promise<Figures> => {
    const { id } = await getMailbox(platform, scope, requireUid(uid))
    return (await figuresOfMailboxes(platform.db, [id], platform.clock.now())).get(id) ?? noFigures
  }
  app.get(
    '/email-insights/mailbox/:uid/stats',
    {
      schema: {
        summary: 'What a mailbox sent',
        tags,
        params,
        response: { 200: DataOf(statsFields), ...errors() },
      },
    },
    async (request) => dataOf(statsView(await figuresOf(callerOf(request).scope, request.params.uid))),
  )
  app.get(
    '/email-insights/mailbox/:uid/health',
    {
      schema: {
        summary: 'How a mailbox does',
        tags,
        params,
        response: { 200: DataOf(healthFields), ...errors() },
      },
    },
    async (request) => dataOf(healthView(await figuresOf(callerOf(request).scope, request.params.uid))),
  )
}

const never = '0001-01-01T00:00:00Z'

function healthView({ sent7d, sent30d, bounced30d, lastAt }: Figures) {
  return {
    status: sent7d > 0 ? ('active' as const) : ('inactive' as const),
    ...rate('bounce_rate_30d', sent30d, bounced30d),
    total_7d: sent7d,
    total_30d: sent30d,
    last_event_at: lastAt?.toISOString() ?? never,
  }
}

function statsView({ sent7d, bounced7d, sent30d, bounced30d, lastAt }: Figures) {
  return {
    total_7d: sent7d,
    bounced_7d: bounced7d,
    ...rate('bounce_rate_7d', sent7d, bounced7d),
    total_30d: sent30d,
    bounced_30d: bounced30d,
    ...rate('bounce_rate_30d', sent30d, bounced30d),
    last_event_at: lastAt?.toISOString() ?? never,
  }
}

function rate<Name extends string>(name: Name, sent: number, bounced: number): { [N in Name]?: number } {
  const percent = bouncePercent(sent, bounced)
  const found: { [N in Name]?: number } = {}
  if (percent !== null) found[name] = percent
  return found
}
