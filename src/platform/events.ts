/**
 * The event log (outbox): every change writes its event in the same transaction. Webhooks, streams, the
 * audit log, IDLE and the other nodes' caches all read this log; decision 0009 has its order.
 */
import { type RawBuilder, sql } from 'kysely'
import { actorOf } from './actors.ts'
import { afterCommit, type Db, type Tx } from './database.ts'
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
    /** Who causes it, for the listeners of this process; it is not written down. */
    origin?: symbol
    data: EventTypes[T]
    /** What was there, for who undoes it: in the audit log alone, as it may hold what is nobody else's business. */
    before?: object
  }
}[EventType]

/** Writes events in the caller's transaction, and tells this process of them after the commit. */
export async function appendEvents(platform: Platform, tx: Tx, events: readonly NewEvent[]): Promise<void> {
  if (events.length > 0) await eventsStatement(platform, tx, events).execute(tx)
}

/** The same as a statement that the caller sends, in this transaction and with others. */
export function eventsStatement(
  platform: Platform,
  tx: Tx,
  events: readonly NewEvent[],
): RawBuilder<unknown> {
  publishAfterCommit(platform, tx, events)
  const rows = events.map((event) => ({
    id: newId(),
    type: event.type,
    organization_id: event.organizationId,
    workspace_id: event.workspaceId,
    mailbox_id: event.mailboxId ?? null,
    data: event.data,
    before: event.before ?? null,
  }))
  const news = sql`json_to_recordset(${JSON.stringify(rows)}::json) as new (
      id uuid, type text, organization_id uuid, workspace_id uuid, mailbox_id uuid, data jsonb, before jsonb
    )`
  const now = platform.clock.now()
  const actor = actorOf(tx)
  if (actor === null || !events.some(isAudited)) {
    return sql`/* prepared insert_events */
      insert into events (id, node_id, type, organization_id, workspace_id, mailbox_id, data, created_at)
      select id, ${platform.nodeId}::uuid, type, organization_id, workspace_id, mailbox_id, data, ${now}::timestamptz
      from ${news}`
  }
  return sql`/* prepared insert_audited_events */
    with news as materialized (select * from ${news}),
    audited as (
      insert into audit_log (id, organization_id, workspace_id, mailbox_id, actor, action, data, before, created_at)
      select id, organization_id, workspace_id, mailbox_id, ${actor}::text, type, data, before, ${now}::timestamptz
      from news where not (type like any (${unaudited.map((prefix) => `${prefix}%`)}::text[]))
    )
    insert into events (id, node_id, type, organization_id, workspace_id, mailbox_id, data, created_at)
    select id, ${platform.nodeId}::uuid, type, organization_id, workspace_id, mailbox_id, data, ${now}::timestamptz
    from news`
}

/** Work with mail is in the event log alone: it is much, and the folders show it. */
const unaudited = ['message.', 'folder.'] as const

function isAudited({ type }: NewEvent): boolean {
  return !unaudited.some((prefix) => type.startsWith(prefix))
}

/**
 * An insert for a statement that computes its event's data itself: a row for each row of `from`. Who sends it tells
 * this process of the same event by `publishAfterCommit`.
 */
export function computedEvent(
  platform: Platform,
  event: Omit<NewEvent, 'data'>,
  data: RawBuilder<unknown>,
  from: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`
    insert into events (id, node_id, type, organization_id, workspace_id, mailbox_id, data, created_at)
    select ${newId()}::uuid, ${platform.nodeId}::uuid, ${event.type}::text, ${event.organizationId}::uuid,
      ${event.workspaceId}::uuid, ${event.mailboxId ?? null}::uuid, ${data}, ${platform.clock.now()}::timestamptz
    from ${from}`
}

/** Tells this process of events that a statement of this transaction has written. */
export function publishAfterCommit(platform: Platform, tx: Tx, events: readonly NewEvent[]): void {
  afterCommit(tx, () => publishCommitted(platform, events))
}

/** Tells this process of events that are committed, and the other nodes that there is something to read. */
export function publishCommitted(platform: Platform, events: readonly NewEvent[]): void {
  if (events.length === 0) return
  platform.bus.publish(events.map((event) => ({ ...event, mailboxId: event.mailboxId ?? null })))
  platform.feed.announce()
}

/** How long the log is kept: readers may resume from any cursor within it. */
export const eventRetentionDays = 7

// Readers of the log lag behind the oldest running writer, so that no deletion may run for long.
const deletionsPerStatement = 5000

/** Deletes events past their retention. @returns how many. */
export async function deleteOldEvents(platform: Platform): Promise<number> {
  const before = new Date(platform.clock.now().getTime() - eventRetentionDays * 24 * 3600 * 1000)
  for (let total = 0; ; ) {
    const { numAffectedRows } = await sql`
      delete from events where (xid, id) in (
        select xid, id from events where created_at < ${before} limit ${deletionsPerStatement}
      )`.execute(platform.db)
    const deleted = Number(numAffectedRows ?? 0)
    total += deleted
    if (deleted < deletionsPerStatement) return total
  }
}

/** Deletes what the audit log has kept for long enough. @returns how many rows. */
export async function deleteOldAudit({ db, clock, config }: Platform): Promise<number> {
  const before = new Date(clock.now().getTime() - config.auditDays * 24 * 3600 * 1000)
  const { numAffectedRows } = await sql`
    delete from audit_log where id in (
      select id from audit_log where created_at < ${before} limit ${deletionsPerStatement}
    )`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/**
 * Makes the events of another cluster readable (decision 0009). After a dump is restored, their xids may lie ahead
 * of this cluster's and would stay hidden; such rows get xid 0, before everything that is written here, in the order
 * of their ids. Called at each start: without such rows it costs one look into the primary key.
 *
 * Nothing that this cluster wrote can be among them, also while other nodes write: what one snapshot sees of its
 * own transactions has an xid below the snapshot's xmax.
 * @returns how many events were taken in.
 */
export async function adoptRestoredEvents(db: Db): Promise<number> {
  const { numAffectedRows } = await sql`
    update events set xid = '0'::xid8 where xid >= pg_snapshot_xmax(pg_current_snapshot())`.execute(db)
  return Number(numAffectedRows ?? 0)
}
