/** /v1/subscriptions: what a workspace pays for by periods. Its plan is taken, changed and canceled here. */

import { type Static, Type } from 'typebox'
import { periods } from '../billing/periods.ts'
import { cancelSubscription, keepSubscription } from '../billing/subscriptions/cancellation.ts'
import { changeSubscription } from '../billing/subscriptions/changes.ts'
import { notesLengthMax, setNotes } from '../billing/subscriptions/notes.ts'
import type { Subscription } from '../billing/subscriptions/rows.ts'
import { subscribe } from '../billing/subscriptions/subscribe.ts'
import { getPaidThing, listPaidThings, paidThingOf } from '../mailboxes/payment/paid-things.ts'
import { usedSlots } from '../mailboxes/payment/slots.ts'
import type { Tx } from '../platform/database.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { EditHeaders } from './documented.ts'
import { etagOf, versionsOfIfMatch } from './etag.ts'
import { type ChangeReply, type ChangeRequest, mutate } from './mutate.ts'
import { OrPreview, type PreviewReply, PreviewView, preview, type TouchedObject } from './preview.ts'
import { postProblems, readProblems, writeProblems } from './problem-view.ts'
import {
  AnyOf,
  type Api,
  closed,
  Nullable,
  OneOf,
  PageOf,
  pageQuery,
  pageRequest,
  pageView,
} from './schemas.ts'
import { SubscriptionView, subscriptionView } from './subscription-view.ts'

const Preview = Type.Optional(
  Type.Boolean({ description: 'Only say what would happen, and what it would cost.' }),
)
const fields = {
  plan: Type.String({ minLength: 1, maxLength: 100, description: 'Its id or code.' }),
  period: OneOf(periods, 'For how long it is paid at a time.'),
  extra_slots: Type.Integer({
    minimum: 0,
    maximum: 1_000_000,
    description: 'Slots beside those of the plan.',
  }),
}
const NewBody = Type.Object(
  { ...fields, extra_slots: Type.Optional(fields.extra_slots), preview: Preview },
  closed,
)
const ChangesBody = Type.Object(
  {
    ...Type.Partial(Type.Object(fields)).properties,
    notes: Type.Optional(
      Nullable(Type.String({ maxLength: notesLengthMax }), 'For yourself. Null or empty: none.'),
    ),
    preview: Preview,
  },
  closed,
)
const CancelBody = Type.Object(
  {
    at: Type.Optional(
      OneOf(['period_end', 'now'], 'Default: period_end. One whose period is not paid ends at once.'),
    ),
    preview: Preview,
  },
  closed,
)
const KeepBody = Type.Object({ preview: Preview }, closed)
const SubscriptionPath = Type.Object({
  subscription: Type.String({ description: 'The id of a plan’s subscription.' }),
})
const tags = ['billing']
const config = { documented: { replies: { 200: AnyOf(SubscriptionView, PreviewView) } } }
const paying = [
  'billing_off',
  'plan_not_found',
  'item_not_priced',
  'insufficient_funds',
  'wallet_locked',
] as const

export function subscriptionRoutes(app: Api, platform: Platform): void {
  readRoutes(app, platform)
  subscribeRoute(app, platform)
  changeRoute(app, platform)
  cancellationRoutes(app, platform)
}

function readRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v1/subscriptions',
    {
      schema: {
        summary: 'List subscriptions',
        description: 'What the workspace pays for by periods, and has not ended: its plan and its mailboxes.',
        tags,
        querystring: Type.Object(pageQuery, closed),
        response: { 200: PageOf(SubscriptionView), ...readProblems('invalid_cursor') },
      },
    },
    async (request) =>
      pageView(
        await listPaidThings(platform, scopeOf(request), pageRequest(request.query)),
        subscriptionView,
      ),
  )
  app.get(
    '/v1/subscriptions/:subscription',
    {
      schema: {
        summary: 'Get a subscription',
        description: 'Of a plan, also one that is over; of a mailbox by the mailbox’s id.',
        tags,
        params: SubscriptionPath,
        response: { 200: SubscriptionView, ...readProblems('subscription_not_found') },
      },
    },
    async (request) =>
      subscriptionView(await getPaidThing(platform, scopeOf(request), request.params.subscription)),
  )
}

function subscribeRoute(app: Api, platform: Platform): void {
  app.post(
    '/v1/subscriptions',
    {
      schema: {
        summary: 'Subscribe to a plan',
        description: 'Its first period is paid at once. A workspace has one plan at a time.',
        tags,
        body: NewBody,
        response: {
          200: PreviewView,
          201: OrPreview(SubscriptionView),
          ...postProblems('subscription_exists', ...paying),
        },
      },
    },
    async (request, reply) => {
      const { plan, period, extra_slots: extraSlots = 0 } = request.body
      const work = (tx: Tx) => subscribe(platform, tx, scopeOf(request), { plan, period, extraSlots })
      return await changing(platform, request, reply, 'create', work)
    },
  )
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/v1/subscriptions/:subscription',
    {
      schema: {
        summary: 'Change a plan',
        description:
          'What costs more for the rest of the period is so at once: the part that is left of what was paid is credited, and the same part of the new price charged. What costs less waits for the period’s end. What is left out stays.',
        tags,
        params: SubscriptionPath,
        body: ChangesBody,
        response: {
          200: OrPreview(SubscriptionView),
          ...writeProblems(
            'subscription_not_found',
            'subscription_state_conflict',
            'slots_in_use',
            'edit_conflict',
            ...paying,
          ),
        },
      },
      config: { documented: { ...config.documented, headers: EditHeaders } },
    },
    async (request, reply) => {
      const { plan, period, extra_slots: extraSlots, notes } = request.body
      const wish = {
        ...(plan === undefined ? {} : { plan }),
        ...(period === undefined ? {} : { period }),
        ...(extraSlots === undefined ? {} : { extraSlots }),
      }
      const versions = versionsOfIfMatch(request.headers['if-match'])
      const { subscription: id } = request.params
      const work = async (tx: Tx): Promise<Subscription> => {
        const scope = scopeOf(request)
        const noted =
          notes === undefined ? null : await setNotes(platform, tx, scope, id, { notes, versions })
        if (noted !== null && Object.keys(wish).length === 0) return noted
        const options = { countUsed: usedSlots, versions: noted === null ? versions : [noted.version] }
        return await changeSubscription(platform, tx, scope, id, wish, options)
      }
      return await changing(platform, request, reply, 'update', work)
    },
  )
}

const endings = {
  200: OrPreview(SubscriptionView),
  ...postProblems('subscription_not_found', 'subscription_state_conflict', 'billing_off'),
}

function cancellationRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v1/subscriptions/:subscription/cancel',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Cancel a plan',
        description: 'It ends with its period, or at once; nothing is paid back.',
        tags,
        params: SubscriptionPath,
        body: CancelBody,
        response: endings,
      },
      config,
    },
    async (request, reply) => {
      const { at = 'period_end' } = request.body
      const { subscription: id } = request.params
      const work = (tx: Tx) => cancelSubscription(platform, tx, scopeOf(request), id, at)
      return await changing(platform, request, reply, 'delete', work)
    },
  )
  app.post(
    '/v1/subscriptions/:subscription/keep',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Take the cancellation of a plan back',
        description: 'Until its period ends. Then the next one begins.',
        tags,
        params: SubscriptionPath,
        body: KeepBody,
        response: endings,
      },
      config,
    },
    async (request, reply) => {
      const { subscription: id } = request.params
      const work = (tx: Tx) => keepSubscription(platform, tx, scopeOf(request), id)
      return await changing(platform, request, reply, 'renew', work)
    },
  )
}

type Action = Extract<TouchedObject['action'], 'create' | 'update' | 'delete' | 'renew'>

/** Makes a change, or tries it out. */
async function changing(
  platform: Platform,
  request: ChangeRequest & { body: { preview?: boolean } },
  reply: ChangeReply & PreviewReply,
  action: Action,
  work: (tx: Tx) => Promise<Subscription>,
) {
  const scope = scopeOf(request)
  if (request.body.preview === true) {
    return await preview(platform, reply, async (tx) => {
      const subscription = await work(tx)
      return {
        objects: [touched(action, subscription, await paidThingOf(platform, tx, scope, subscription.id))],
      }
    })
  }
  return await mutate(platform, request, reply, async (tx) => {
    const subscription = await work(tx)
    const body: Static<typeof SubscriptionView> = subscriptionView(
      await paidThingOf(platform, tx, scope, subscription.id),
    )
    const headers = { etag: etagOf(subscription) }
    if (action !== 'create') return { status: 200, body, headers }
    return { status: 201, body, headers: { ...headers, location: `/v1/subscriptions/${subscription.id}` } }
  })
}

function touched(
  action: Action,
  subscription: Subscription,
  { plan }: { plan: { name: string } | null },
): TouchedObject {
  const { id, state, cancel_at_period_end, next_plan_id, next_period, next_extra_slots, period_ends_at } =
    subscription
  const waits = [next_plan_id, next_period, next_extra_slots].some((next) => next !== null)
  const isLater =
    action === 'renew' || (action === 'update' && waits) || (action === 'delete' && cancel_at_period_end)
  return {
    type: 'subscription',
    action,
    id: action === 'create' ? null : id,
    name: plan?.name ?? '',
    state,
    ...(isLater ? { at: period_ends_at.toISOString() } : {}),
  }
}
