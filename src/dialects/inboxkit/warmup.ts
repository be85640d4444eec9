/** Warm-up: not offered, as there is no pool of mailboxes that answer each other. Sequencers bring their own. */

import { type Static, Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import { pageWorkspaceMailboxes } from '../../mailboxes/workspace-pages.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { closed, errors, Ok, ok, pageFields, pageInput, pageOf, pageOutput, Uid } from './schemas.ts'

const tags = ['Warmup']
const warmedMax = 100

const MailboxUids = Type.Array(Uid, { minItems: 1, maxItems: warmedMax })
const AddBody = Type.Object(
  { mailbox_uids: MailboxUids, activate_immediately: Type.Optional(Type.Boolean()) },
  closed,
)
const WhoseBody = Type.Object({ mailbox_uids: MailboxUids }, closed)

const ListBody = Type.Object(
  {
    ...pageInput,
    status: Type.Optional(OneOf(['pending', 'active', 'in_progress', 'paused', 'cancelled'])),
    include_cancelled: Type.Optional(Type.Boolean()),
  },
  closed,
)

const None = Type.Array(Type.Object({}), { maxItems: 0, description: 'There are none.' })

const OutcomeView = Type.Object({
  success: None,
  failed: Type.Array(Type.Object({ mailbox_uid: Type.String(), error: Type.String() })),
})

const refused = 'Warm-up is not offered here: a sequencer that the mailbox is exported to can do it'

export function warmupRoutes(app: Api, platform: Platform): void {
  app.post(
    '/warmup/add',
    {
      schema: { summary: 'Not offered', description: refused, tags, body: AddBody, response: errors(400) },
    },
    () => {
      throw new Refusal('invalid_request', refused)
    },
  )
  for (const [action, did] of [
    ['cancel', 'cancelled'],
    ['pause', 'paused'],
    ['resume', 'resumed'],
  ] as const) {
    outcomeRoute(app, platform, action, did)
  }
  const empty = { tags, summary: 'Not offered: there are none' }
  app.post(
    '/warmup/list',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        ...empty,
        body: ListBody,
        response: { 200: Ok({ subscriptions: None, ...pageOutput }), ...errors(400) },
      },
    },
    (request) =>
      ok('Warmup subscriptions retrieved successfully', {
        subscriptions: [],
        ...pageFields({ total: 0 }, pageOf(request.body)),
      }),
  )
  app.get(
    '/warmup/pricing',
    { schema: { ...empty, response: { 200: Ok({ price_per_month: Type.Number() }), ...errors() } } },
    () => ok(refused, { price_per_month: 0 }),
  )
  const Stats = Type.Object({
    activeCount: Type.Integer(),
    pendingCount: Type.Integer(),
    pausedCount: Type.Integer(),
    avgHealthScore: Type.Number(),
    monthlyTotal: Type.Number(),
  })
  app.get(
    '/warmup/stats',
    { schema: { ...empty, response: { 200: Ok({ stats: Stats }), ...errors() } } },
    () =>
      ok('ok', {
        stats: { activeCount: 0, pendingCount: 0, pausedCount: 0, avgHealthScore: 0, monthlyTotal: 0 },
      }),
  )
}

/** What none of the mailboxes has cannot be ended, each says for itself. */
function outcomeRoute(app: Api, platform: Platform, action: string, did: string): void {
  app.post(
    `/warmup/${action}`,
    {
      schema: {
        summary: 'Not offered: no mailbox has any',
        tags,
        body: WhoseBody,
        response: { 200: Ok({ results: OutcomeView }), ...errors(400) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      requireWrite(scope)
      const ids = [...new Set(request.body.mailbox_uids)]
      const page = { number: 1, size: warmedMax }
      const { rows } = await pageWorkspaceMailboxes(
        platform.db,
        scope,
        { among: { ids, domainIds: [] } },
        page,
      )
      const known = new Set(rows.map(({ id }) => id))
      const failed: Static<typeof OutcomeView>['failed'] = ids.map((uid) => ({
        mailbox_uid: uid,
        error: known.has(uid.toLowerCase()) ? 'It has no warmup subscription' : 'Mailbox not found',
      }))
      const message = `Processed ${ids.length} mailbox(es): 0 ${did}, ${ids.length} failed`
      return ok(message, { results: { success: [], failed } })
    },
  )
}
