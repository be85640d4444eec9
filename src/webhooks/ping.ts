/** A test: a ping is sent at once, and kept in the log like any delivery. */
import type { Scope } from '../accounts/principals.ts'
import { requireWrite } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { endOfEventLog } from '../platform/event-log.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { publicEvent } from '../platform/public-event.ts'
import { type Attempt, insertAttempts } from './completions.ts'
import { readEndpoints, requestHeaders } from './endpoint.ts'
import { judge } from './outcome.ts'
import { createPoster } from './post.ts'
import { getWebhook, lockWebhook } from './webhooks.ts'

export type Ping = {
  deliveryId: string
  eventId: string
  payload: string
  attempt: Attempt
  error: string | null
}

/**
 * Sends a ping to a webhook, whatever its state. Not for a transaction: it waits for the world.
 * @throws Refusal webhook_not_found, forbidden.
 */
export async function sendPing(platform: Platform, scope: Scope, webhookId: string): Promise<Ping> {
  requireWrite(scope)
  const webhook = await getWebhook(platform, scope, webhookId)
  const endpoint = (await readEndpoints(platform, [webhook.id])).get(webhook.id)
  if (!endpoint) throw new Refusal('webhook_not_found')
  const [deliveryId, eventId, at] = [newId(), newId(), platform.clock.now()]
  const event = publicEvent({
    id: eventId,
    type: 'webhook.test',
    organization_id: webhook.organization_id,
    workspace_id: webhook.workspace_id,
    mailbox_id: null,
    data: { webhook_id: webhook.id },
    created_at: at,
    place: await endOfEventLog(platform.db, at),
  })
  const payload = JSON.stringify(event)
  const { sent, shown } = requestHeaders(endpoint, deliveryId, at, payload)
  const poster = createPoster(platform.config, platform.dns)
  try {
    const result = await poster.post(endpoint.url, sent, Buffer.from(payload))
    const { error } = judge(platform.config, result, { attempts: 1, expiresAt: at, now: at })
    return { deliveryId, eventId, payload, attempt: { at, url: endpoint.url, headers: shown, result }, error }
  } finally {
    poster.stop()
  }
}

/** Keeps a ping in the log. @throws Refusal webhook_not_found, forbidden. */
export async function keepPing(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  webhookId: string,
  { deliveryId, eventId, payload, attempt, error }: Ping,
): Promise<void> {
  const webhook = await lockWebhook(platform, tx, scope, webhookId)
  const { at, result } = attempt
  await tx
    .insertInto('webhook_events')
    .values({ id: eventId, mailbox_id: null, payload, created_at: at })
    .execute()
  await tx
    .insertInto('webhook_deliveries')
    .values({
      id: deliveryId,
      webhook_id: webhook.id,
      event_id: eventId,
      event_type: 'webhook.test',
      content_id: null,
      state: error === null ? 'delivered' : 'failed',
      attempts: 1,
      next_attempt_at: at,
      claim: null,
      expires_at: at,
      last_status: result.status,
      last_error: error,
      created_at: at,
      finished_at: at,
    })
    .execute()
  await insertAttempts([{ deliveryId, attempt }]).execute(tx)
}
