/** Subscriptions: the plan that a workspace pays for, and what it notes of it. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { notesLengthMax, setNotes } from '../../billing/subscriptions/notes.ts'
import { products } from '../../domains/products.ts'
import { listPaidPlans, type PaidThing, paidThingOf } from '../../mailboxes/payment/paid-things.ts'
import { serviceMappingOf } from '../../mailboxes/service-mapping.ts'
import type { Db } from '../../platform/database.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { prefixedId, requireId } from './ids.ts'
import { DataOf, dataOf, errors, idPath, Moment } from './schemas.ts'
import { type MailboxType, TypeView, typeOf } from './types.ts'

const SubscriptionView = Type.Object(
  {
    id: Type.String(),
    type: Type.Optional({ ...TypeView, description: 'Left out where its slots are for several types.' }),
    quantity: Type.Integer({ description: 'The slots of the plan, and those bought beside it.' }),
    status: Type.String({
      description: 'ACTIVE or PAST_DUE; of one that was noted on, also SUSPENDED or CANCELED.',
    }),
    notes: Nullable(Type.String()),
    createdAt: Moment,
  },
  { title: 'Subscription' },
)

const NotesBody = Type.Object({
  notes: Nullable(
    Type.String({ maxLength: notesLengthMax, pattern: '^[^\\u0000]*$' }),
    'Null or empty: none.',
  ),
})

const tags = ['Subscriptions']

export function subscriptionRoutes(app: Api, platform: Platform): void {
  app.get(
    '/subscriptions',
    {
      schema: {
        summary: 'List active subscriptions',
        tags,
        response: { 200: DataOf(Type.Array(SubscriptionView)), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const plans = await listPaidPlans(platform, scope)
      const active = plans.filter(({ state }) => state === 'active' || state === 'past_due')
      const typeOfPlan = await typesIn(platform.db, scope)
      return dataOf(active.map((plan) => subscriptionView(plan, typeOfPlan(plan))))
    },
  )
  for (const path of ['/subscriptions/:id', '/subscriptions/:id/notes']) notesRoute(app, platform, path)
}

/** The contract is not sure of the path: both do. */
function notesRoute(app: Api, platform: Platform, path: string): void {
  app.patch(
    path,
    {
      schema: {
        summary: 'Replace the notes of a subscription',
        tags,
        params: idPath('sub_'),
        body: NotesBody,
        response: { 200: DataOf(SubscriptionView), ...errors(400, 404) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const id = requireId('subscription', request.params.id)
      const { notes } = request.body
      return await transact(platform, caller, async (tx) => {
        await setNotes(platform, tx, caller.scope, id, { notes, versions: null })
        const plan = await paidThingOf(platform, tx, caller.scope, id)
        return dataOf(subscriptionView(plan, (await typesIn(tx, caller.scope))(plan)))
      })
    },
  )
}

/** What a plan's slots are for, where that is one type. */
async function typesIn(db: Db, scope: Scope): Promise<(plan: PaidThing) => MailboxType | null> {
  const mapping = await serviceMappingOf(db, scope.workspaceId)
  return ({ plan }) => {
    const served = products.filter((product) => plan?.services.includes(mapping[product]))
    const [only = null, ...others] = new Set(served.map((product) => typeOf[product]))
    return others.length > 0 ? null : only
  }
}

function subscriptionView(
  { id, state, plan, extraSlots, notes, createdAt }: PaidThing,
  type: MailboxType | null,
): Static<typeof SubscriptionView> {
  return {
    id: prefixedId('subscription', id),
    ...(type === null ? {} : { type }),
    quantity: (plan?.slots ?? 0) + extraSlots,
    status: state.toUpperCase(),
    notes,
    createdAt: createdAt.toISOString(),
  }
}
