/** The log of attempts of webhooks in the format of a vendor: whatever was sent, also by those that are deleted by now. */
import { type RawBuilder, sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Db } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { isId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { webhookPolicy } from './policy.ts'

export type LoggedAttempt = {
  id: string
  webhook_id: string
  delivery_id: string
  event_id: string
  /** In the words of the format. */
  event_type: string
  url: string
  /** The body that was sent. */
  payload: string
  /** Null: there was no answer. */
  status: number | null
  response_body: string | null
  error: string | null
  duration_ms: number
  is_replay: boolean
  at: Date
  /** Why it cannot be sent again; null: it can. */
  unavailable: 'subscription_deleted' | 'event_not_subscribed' | null
}

/** Null wherever nothing is asked for. */
export type AttemptFilter = {
  webhookId: string | null
  eventType: string | null
  /** Whether the answer was a 2xx. */
  isSuccess: boolean | null
}

/**
 * Newest first. What has large payloads ends early: at `webhookPolicy.attemptsBytesMax` of them, but not before the first.
 * @param page.offset beyond `webhookPolicy.attemptsOffsetMax` there is nothing.
 */
export async function listAttempts(
  { db }: Platform,
  scope: Scope,
  format: string,
  { webhookId, eventType, isSuccess }: AttemptFilter,
  { limit, offset }: { limit: number; offset: number },
): Promise<LoggedAttempt[]> {
  const { attemptsOffsetMax, attemptsBytesMax } = webhookPolicy
  if (offset > attemptsOffsetMax || (webhookId !== null && !isId(webhookId))) return []
  const success = sql`coalesce(a.status between 200 and 299, false)`
  const { rows: found } = await sql<{ delivery_id: string; id: string; bytes: number }>`
    select newest.delivery_id, newest.id, coalesce(octet_length(e.payload), 0) as bytes from (
      select each.* from webhooks w cross join lateral (
        select a.delivery_id, a.id, coalesce(d.content_id, d.event_id) as content_id
        from webhook_attempts a join webhook_deliveries d on d.id = a.delivery_id
        where a.webhook_id = w.id
          ${eventType === null ? sql`` : sql`and d.event_type = ${eventType}`}
          ${isSuccess === null ? sql`` : sql`and ${success} = ${isSuccess}::boolean`}
        order by a.id desc limit ${limit + offset}
      ) as each
      where ${within(scope, format)} ${webhookId === null ? sql`` : sql`and w.id = ${webhookId}::uuid`}
      order by each.id desc limit ${limit} offset ${offset}
    ) as newest left join webhook_events e on e.id = newest.content_id
    order by newest.id desc`.execute(db)
  let bytes = 0
  const shown = found.filter((row, index) => {
    bytes += row.bytes
    return index === 0 || bytes <= attemptsBytesMax
  })
  return await readAttempts(
    db,
    shown.map(({ id }) => id),
  )
}

function within({ organizationId, workspaceId, mailboxId }: Scope, format: string): RawBuilder<unknown> {
  const mine =
    mailboxId === null
      ? sql``
      : sql`and case when w.scope = 'identities' then exists (
          select from identities i where i.id = w.identity_ids[1] and i.mailbox_id = ${mailboxId}::uuid
        ) else w.mailbox_ids @> array[${mailboxId}::uuid] end`
  return sql`w.organization_id = ${organizationId}::uuid and w.workspace_id = ${workspaceId}::uuid
    and w.format = ${format} ${mine}`
}

async function readAttempts(db: Db, ids: readonly string[]): Promise<LoggedAttempt[]> {
  const { rows } = await sql<LoggedAttempt>`
    select a.id, a.webhook_id, a.delivery_id, d.event_id, d.event_type, a.url, e.payload, a.status, a.response_body, a.error,
      a.duration_ms, a.is_replay, a.at,
      case when w.deleted_at is not null then 'subscription_deleted'
        when not d.event_type = any(w.event_types) then 'event_not_subscribed' end as unavailable
    from webhook_attempts a join webhook_deliveries d on d.id = a.delivery_id join webhooks w on w.id = a.webhook_id
      join webhook_events e on e.id = coalesce(d.content_id, d.event_id)
    where a.id = any(${uuidArray(ids)}) and a.webhook_id is not null
    order by a.id desc`.execute(db)
  return rows
}

/** @throws Refusal webhook_delivery_not_found. */
export async function getAttempt(db: Db, scope: Scope, format: string, id: string): Promise<LoggedAttempt> {
  const { rows } = isId(id)
    ? await sql<{ id: string }>`
        select a.id from webhook_attempts a join webhooks w on w.id = a.webhook_id
        where a.id = ${id}::uuid and a.webhook_id is not null and ${within(scope, format)}`.execute(db)
    : { rows: [] }
  const [attempt] = await readAttempts(
    db,
    rows.map((row) => row.id),
  )
  if (attempt === undefined) throw new Refusal('webhook_delivery_not_found')
  return attempt
}
