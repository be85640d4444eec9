/** The log of deliveries, as the owner of a webhook reads it. */
import { type Selectable, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import { type Page, type PageRequest, toPage } from '../platform/pages.ts'
import type { Platform } from '../platform/platform.ts'
import type { DeliveryState, WebhookAttemptsTable, WebhookDeliveriesTable } from './tables.ts'
import { getWebhook } from './webhooks.ts'

export type Delivery = Selectable<WebhookDeliveriesTable>
export type AttemptRow = Selectable<WebhookAttemptsTable>

export type DeliveryFilter = {
  state: DeliveryState | null
  type: string | null
  eventId: string | null
}

/** Newest first. @throws Refusal webhook_not_found, forbidden. */
export async function listDeliveries(
  platform: Platform,
  scope: Scope,
  webhookId: string,
  { state, type, eventId }: DeliveryFilter,
  page: PageRequest,
): Promise<Page<Delivery>> {
  const webhook = await getWebhook(platform, scope, webhookId)
  const rows = await platform.db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('webhook_id', '=', webhook.id)
    .$if(state !== null, (query) => query.where(sql<boolean>`state = ${sql.lit(state)}`))
    .$if(type !== null, (query) => query.where('event_type', '=', type ?? ''))
    .$if(eventId !== null, (query) => query.where('event_id', '=', eventId ?? ''))
    .$if(page.after !== null, (query) => query.where(sql<boolean>`id < ${page.after}::uuid`))
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return toPage(rows, page)
}

export type DeliveryDetails = {
  delivery: Delivery
  /** Null once it is not kept any more. */
  payload: string | null
  /** Oldest first. */
  attempts: AttemptRow[]
}

const attemptsShownMax = 200

/** @throws Refusal webhook_not_found, webhook_delivery_not_found, forbidden. */
export async function getDelivery(
  platform: Platform,
  scope: Scope,
  webhookId: string,
  id: string,
): Promise<DeliveryDetails> {
  const { db } = platform
  const webhook = await getWebhook(platform, scope, webhookId)
  const delivery = await findDelivery(db, webhook.id, id)
  const [event, attempts] = await Promise.all([
    db
      .selectFrom('webhook_events')
      .select('payload')
      .where('id', '=', delivery.content_id ?? delivery.event_id)
      .executeTakeFirst(),
    db
      .selectFrom('webhook_attempts')
      .selectAll()
      .where('delivery_id', '=', delivery.id)
      .orderBy('id', 'desc')
      .limit(attemptsShownMax)
      .execute(),
  ])
  return { delivery, payload: event?.payload ?? null, attempts: attempts.reverse() }
}

/** @throws Refusal webhook_delivery_not_found. */
export async function findDelivery(db: Db, webhookId: string, id: string): Promise<Delivery> {
  const found = isId(id)
    ? await db
        .selectFrom('webhook_deliveries')
        .selectAll()
        .where('webhook_id', '=', webhookId)
        .where('id', '=', id)
        .executeTakeFirst()
    : undefined
  if (!found) throw new Refusal('webhook_delivery_not_found')
  return found
}
