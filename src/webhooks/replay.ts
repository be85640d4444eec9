/** Sending again: one delivery, or all of a range; also of events of which there was no delivery. */
import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { readEventLog, startOfEventLog } from '../platform/event-log.ts'
import { parseTypeFilter, wantsType } from '../platform/event-types.ts'
import { addJob, type JobTypes } from '../platform/jobs.ts'
import type { Platform } from '../platform/platform.ts'
import { beforeAllIds } from './claim.ts'
import { type Delivery, findDelivery } from './deliveries.ts'
import { concerns, subscriptionOf } from './events-match.ts'
import { insertDeliveries } from './materialise.ts'
import { webhookPolicy } from './policy.ts'
import { lockWebhook, tell, type Webhook } from './webhooks.ts'

/**
 * Puts a delivery into the queue once more, under its id.
 * @throws Refusal webhook_not_found, webhook_delivery_not_found, webhook_state_conflict, forbidden.
 */
export async function replayDelivery(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  webhookId: string,
  id: string,
): Promise<Delivery> {
  const webhook = await lockWebhook(platform, tx, scope, webhookId)
  requireEnabled(webhook)
  const { id: found } = await findDelivery(tx, webhook.id, id)
  const now = platform.clock.now()
  const replayed = await tx
    .updateTable('webhook_deliveries')
    .set({ ...queuedAnew(platform, now), claim: null })
    .where('id', '=', found)
    .where(sql<boolean>`exists (select from webhook_events e where e.id = coalesce(content_id, event_id))`)
    .returningAll()
    .executeTakeFirst()
  if (!replayed) throw new Refusal('webhook_delivery_not_found', 'Its content is not kept any more.')
  await tell(platform, tx, webhook, {
    type: 'webhook.replayed',
    data: {
      webhook_id: webhook.id,
      url: webhook.url,
      deliveries: 1,
    },
  })
  return replayed
}

function requireEnabled({ state }: Webhook): void {
  if (state !== 'enabled') throw new Refusal('webhook_state_conflict', `The webhook is ${state}.`)
}

function queuedAnew({ config }: Platform, now: Date) {
  return {
    state: 'queued' as const,
    attempts: 0,
    next_attempt_at: now,
    expires_at: new Date(now.getTime() + config.webhookLifetime * 1000),
    finished_at: null,
  }
}

export type ReplayRange = {
  /** Null: from as far back as it goes. */
  from: Date | null
  until: Date | null
  /** all: also what was delivered, and events of which there was no delivery. */
  state: 'failed' | 'all'
  types: readonly string[]
}

/**
 * Has everything of a range sent again, by a job.
 * @throws Refusal webhook_not_found, webhook_state_conflict, invalid_request, forbidden.
 */
export async function replayRange(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  webhookId: string,
  { from, until, state, types }: ReplayRange,
): Promise<{ from: Date; until: Date }> {
  const webhook = await lockWebhook(platform, tx, scope, webhookId)
  requireEnabled(webhook)
  parseTypeFilter(types, '/types')
  const now = platform.clock.now()
  const oldest = new Date(now.getTime() - webhookPolicy.replayDaysMax * 86_400_000)
  const range = { from: from === null || from < oldest ? oldest : from, until: until ?? now }
  const payload = {
    webhook_id: webhook.id,
    from: range.from.toISOString(),
    until: range.until.toISOString(),
    state,
    types: [...types],
  }
  await addJob(tx, 'webhooks.replay', payload, { queue: `webhooks.replay:${webhook.id}` })
  return range
}

const rowsPerStatement = 2_000
const eventsPerPage = 1_000

/** The job. Run again it makes nothing twice, and may send twice. */
export async function runReplay(platform: Platform, payload: JobTypes['webhooks.replay']): Promise<void> {
  const webhook = await platform.db
    .selectFrom('webhooks')
    .selectAll()
    .select(sql<string>`start_xid::text`.as('start_xid'))
    .where('id', '=', payload.webhook_id)
    .executeTakeFirst()
  if (webhook?.state !== 'enabled') return
  let deliveries = await requeue(platform, payload)
  if (payload.state === 'all') deliveries += await fromEventLog(platform, webhook, payload)
  await transaction(platform.db, (tx) =>
    tell(platform, tx, webhook, {
      type: 'webhook.replayed',
      data: { webhook_id: webhook.id, url: webhook.url, deliveries },
    }),
  )
}

/** Deliveries by the moment of their making, as long as there is something to send. */
async function requeue(platform: Platform, payload: JobTypes['webhooks.replay']): Promise<number> {
  const { webhook_id: webhookId, from, until, state } = payload
  const filter = parseTypeFilter(payload.types, '/types')
  const states = state === 'failed' ? ['failed'] : ['failed', 'delivered']
  let replayed = 0
  for (let after = beforeAllIds; ; ) {
    const { rows } = await sql<{ id: string; event_type: string }>`
      select id, event_type from webhook_deliveries d
      where webhook_id = ${webhookId}::uuid and id > ${after}::uuid and state = any(${states}::text[])
        and created_at >= ${from}::timestamptz and created_at <= ${until}::timestamptz
        and exists (select from webhook_events e where e.id = coalesce(d.content_id, d.event_id))
      order by id limit ${rowsPerStatement}::int`.execute(platform.db)
    const wanted = rows.filter((row) => row.event_type !== testType && wantsType(filter, row.event_type))
    if (wanted.length > 0) {
      const { numUpdatedRows } = await platform.db
        .updateTable('webhook_deliveries')
        .set(queuedAnew(platform, platform.clock.now()))
        .where(
          'id',
          'in',
          wanted.map(({ id }) => id),
        )
        .where('state', 'in', ['failed', 'delivered'])
        .executeTakeFirstOrThrow()
      replayed += Number(numUpdatedRows)
    }
    const last = rows.at(-1)
    if (rows.length < rowsPerStatement || last === undefined) return replayed
    after = last.id
  }
}

const testType = 'webhook.test'

/** What the log still has of the range and the webhook was not told of: it was disabled, or not there yet. */
async function fromEventLog(
  platform: Platform,
  webhook: Webhook,
  { from, until, types }: JobTypes['webhooks.replay'],
): Promise<number> {
  const subscription = subscriptionOf(platform, webhook)
  const filter = parseTypeFilter(types, '/types')
  const [first, last] = [new Date(from), new Date(until)]
  let made = 0
  for (let place = startOfEventLog; ; ) {
    const page = await readEventLog(platform.db, { workspaceId: webhook.workspace_id }, place, eventsPerPage)
    const heard = page.events.filter(
      (event) =>
        event.created_at >= first &&
        event.created_at <= last &&
        wantsType(filter, event.type) &&
        concerns(subscription, event),
    )
    if (heard.length > 0) {
      made += await transaction(platform.db, (tx) =>
        insertDeliveries(
          platform,
          tx,
          heard.map((event) => ({ event, listener: { id: webhook.id, state: 'enabled', formatted: null } })),
        ),
      )
    }
    if (!page.isMore) return made
    place = page.next
  }
}
