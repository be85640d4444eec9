/** How an endpoint does: failures behind each other, until when it is left alone, and when its webhook is paused. */
import { sql } from 'kysely'
import type { Tx } from '../platform/database.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import type { PausedReason } from './tables.ts'
import { addSettling, tell } from './webhooks.ts'

/** What one attempt says of its endpoint. */
export type Health = {
  webhookId: string
  /** Behind each other, as this node counts them; 0 after a success. */
  failures: number
  isSuccess: boolean
  isGone: boolean
  blockedUntil: Date | null
  error: string | null
}

/** Of several attempts at the same endpoint, in their order. */
type Summary = {
  id: string
  has_success: boolean
  failures: number
  is_gone: boolean
  blocked_until: Date | null
  error: string | null
}

/** Writes down what attempts say of their endpoints, and pauses those that must be. */
export async function writeHealth(platform: Platform, tx: Tx, attempts: readonly Health[]): Promise<void> {
  const rows = [...summaries(attempts)].sort((one, other) => (one.id < other.id ? -1 : 1))
  if (rows.length === 0) return
  const now = platform.clock.now()
  const failingBefore = new Date(now.getTime() - platform.config.webhookPauseAfter * 1000)
  // Locked in one order, so that two nodes do not wait for each other.
  const { rows: changing } = await sql<{ id: string }>`/* prepared lock_webhook_health */
    select w.id from webhooks w join json_to_recordset(${JSON.stringify(rows)}::json) as new (id uuid, failures int)
      on new.id = w.id
    where new.failures > 0 or w.consecutive_failures > 0 order by w.id for no key update of w`.execute(tx)
  if (changing.length === 0) return
  const { rows: paused } = await sql<Paused>`/* prepared write_webhook_health */
    update webhooks w set
      consecutive_failures = new.failures,
      failing_since = case when new.failures = 0 then null when new.has_success then ${now}::timestamptz
        else coalesce(w.failing_since, ${now}::timestamptz) end,
      blocked_until = new.blocked_until, last_error = new.error,
      state = case when pause.reason is null then w.state else 'paused' end,
      paused_reason = coalesce(pause.reason, w.paused_reason),
      paused_at = case when pause.reason is null then w.paused_at else ${now}::timestamptz end
    from json_to_recordset(${JSON.stringify(rows)}::json)
        as new (id uuid, has_success boolean, failures int, is_gone boolean, blocked_until timestamptz, error text)
      join webhooks before on before.id = new.id,
      lateral (select case when before.state <> 'enabled' then null when new.is_gone then 'gone'
        when new.failures > 0 and not new.has_success and before.failing_since <= ${failingBefore}::timestamptz
        then 'failing' end as reason) as pause
    where w.id = new.id and w.id = any(${uuidArray(changing.map(({ id }) => id))})
    returning w.id, w.organization_id, w.workspace_id, w.url, pause.reason, w.last_error`.execute(tx)
  for (const one of paused) if (one.reason !== null) await announcePause(platform, tx, one, one.reason)
}

type Paused = {
  id: string
  organization_id: string
  workspace_id: string
  url: string
  reason: PausedReason | null
  last_error: string | null
}

async function announcePause(
  platform: Platform,
  tx: Tx,
  webhook: Paused,
  reason: PausedReason,
): Promise<void> {
  const { id, url, last_error: error } = webhook
  await addSettling(tx, id)
  await tell(platform, tx, webhook, { type: 'webhook.paused', data: { webhook_id: id, url, reason, error } })
  platform.log.info({ event: 'webhooks.paused', webhook_id: id, reason })
}

function summaries(attempts: readonly Health[]): Iterable<Summary> {
  const found = new Map<string, Summary>()
  for (const { webhookId: id, failures, isSuccess, isGone, blockedUntil, error } of attempts) {
    const one = found.get(id)
    found.set(id, {
      id,
      has_success: isSuccess || one?.has_success === true,
      failures,
      is_gone: isGone || one?.is_gone === true,
      blocked_until: isSuccess ? null : blockedUntil,
      error: isSuccess ? null : error,
    })
  }
  return found.values()
}
