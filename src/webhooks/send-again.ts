/** Sending an attempt's event again at once, while the caller waits: one more attempt of the same delivery. */
import { requireWrite, type Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { getAttempt, type LoggedAttempt } from './attempts.ts'
import { type Attempt, insertAttempts } from './completions.ts'
import { bodyOf, readEndpoints, requestHeaders } from './endpoint.ts'
import { judge } from './outcome.ts'
import { createPoster } from './post.ts'
import { tell } from './webhooks.ts'

export type SentAgain = { id: string; of: LoggedAttempt; attempt: Attempt; error: string | null }

/**
 * Sends the same body to where the webhook leads now, with a fresh signature. Not for a transaction: it waits for the world.
 * @throws Refusal webhook_delivery_not_found; webhook_state_conflict where the webhook is gone or wants it no more; forbidden.
 */
export async function sendAgain(
  platform: Platform,
  scope: Scope,
  format: string,
  attemptId: string,
): Promise<SentAgain> {
  requireWrite(scope)
  const of = await getAttempt(platform.db, scope, format, attemptId)
  const endpoint = (await readEndpoints(platform, [of.webhook_id])).get(of.webhook_id)
  if (of.unavailable === 'event_not_subscribed') {
    throw new Refusal('webhook_state_conflict', `The subscription does not have ${of.event_type} any more.`)
  }
  if (of.unavailable !== null || endpoint === undefined) {
    throw new Refusal('webhook_state_conflict', 'The subscription is gone.')
  }
  const body = await bodyOf(platform, endpoint, of.payload)
  const at = platform.clock.now()
  const { sent, shown } = requestHeaders(endpoint, of.delivery_id, at, body)
  const poster = createPoster(platform.config, platform.dns)
  try {
    const result = await poster.post(endpoint.url, sent, Buffer.from(body))
    const { error } = judge(platform.config, result, { attempts: 1, expiresAt: at, now: at })
    const logged = { webhookId: of.webhook_id, isReplay: true }
    return { id: newId(), of, attempt: { at, url: endpoint.url, headers: shown, result, logged }, error }
  } finally {
    poster.stop()
  }
}

/**
 * Keeps what came of it. A delivery that was waiting to be tried again, or had failed, is done when it was taken now.
 * @returns the new attempt. @throws Refusal webhook_delivery_not_found when it was forgotten meanwhile.
 */
export async function keepSentAgain(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  format: string,
  { id, of, attempt, error }: SentAgain,
): Promise<LoggedAttempt> {
  const webhook = await tx
    .selectFrom('webhooks')
    .select(['id', 'organization_id', 'workspace_id', 'url'])
    .where('id', '=', of.webhook_id)
    .forShare()
    .executeTakeFirst()
  if (!webhook) throw new Refusal('webhook_delivery_not_found')
  if (error === null) {
    await tx
      .updateTable('webhook_deliveries')
      .set({
        state: 'delivered',
        claim: null,
        last_status: attempt.result.status,
        last_error: null,
        finished_at: platform.clock.now(),
      })
      .where('id', '=', of.delivery_id)
      .where('state', '<>', 'delivered')
      .execute()
  }
  await insertAttempts([{ deliveryId: of.delivery_id, attempt, id }]).execute(tx)
  await tell(platform, tx, webhook, {
    type: 'webhook.replayed',
    data: { webhook_id: webhook.id, url: webhook.url, deliveries: 1 },
  })
  return await getAttempt(tx, scope, format, id)
}
