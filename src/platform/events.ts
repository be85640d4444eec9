/**
 * The event log (outbox): every change writes its event in the same transaction. Webhooks, streams, the
 * audit log, IDLE and the other nodes' caches all read this log; decision 0009 has its order.
 */
import { sql } from 'kysely'
import { afterCommit, type Tx } from './database.ts'
import { newId } from './ids.ts'
import type { Platform } from './platform.ts'

/** Event types and what each carries. A folder adds its own by module augmentation. */
// biome-ignore lint/suspicious/noEmptyInterface: the folders above fill it
export interface EventTypes {}

export type EventType = keyof EventTypes

export type NewEvent = {
  [T in EventType]: {
    type: T
    organizationId: string
    workspaceId: string | null
    mailboxId?: string | null
    data: EventTypes[T]
  }
}[EventType]

/** Writes events in the caller's transaction, and tells this process of them after the commit. */
export async function appendEvents(platform: Platform, tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length === 0) return
  const at = platform.clock.now()
  const rows = events.map((event) => ({
    id: newId(),
    type: event.type,
    organization_id: event.organizationId,
    workspace_id: event.workspaceId,
    mailbox_id: event.mailboxId ?? null,
    data: event.data,
  }))
  await sql`/* prepared insert_events */
    insert into events (id, node_id, type, organization_id, workspace_id, mailbox_id, data, created_at)
    select id, ${platform.nodeId}::uuid, type, organization_id, workspace_id, mailbox_id, data, ${at}::timestamptz
    from json_to_recordset(${JSON.stringify(rows)}::json) as new (
      id uuid, type text, organization_id uuid, workspace_id uuid, mailbox_id uuid, data jsonb
    )`.execute(tx)
  afterCommit(tx, () => {
    platform.bus.publish(events.map((event) => ({ ...event, mailboxId: event.mailboxId ?? null })))
    platform.feed.announce()
  })
}

/** How long the log is kept: readers may resume from any cursor within it. */
export const eventRetentionDays = 7

/** Deletes events past their retention. @returns how many. */
export async function deleteOldEvents(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - eventRetentionDays * 24 * 3600 * 1000)
  const { numDeletedRows } = await platform.db
    .deleteFrom('events')
    .where('created_at', '<', before)
    .executeTakeFirst()
  return Number(numDeletedRows)
}
