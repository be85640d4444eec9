/**
 * Reading the event log (decision 0009): in its one order, by a cursor that leaves no gap and repeats nothing. Streams,
 * webhooks and `GET /v1/events` all read by this.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from './database.ts'
import { Refusal } from './errors.ts'
import { eventRetentionDays } from './events.ts'
import { isId, newId } from './ids.ts'

/** A place in the log: what stands behind it was not read yet. */
export type EventPlace = { xid: string; id: string }

export type LoggedEvent = {
  id: string
  type: string
  organization_id: string
  /** Null: the whole organization's. */
  workspace_id: string | null
  mailbox_id: string | null
  data: unknown
  created_at: Date
  place: EventPlace
}

/** Whose events: those of a workspace, those that are the organization's own, or everything. */
export type EventsOf = { workspaceId: string } | { organizationId: string } | 'all'

export type EventLogPage = {
  events: LoggedEvent[]
  /** Where to go on: behind the last event, or where it was before. */
  next: EventPlace
  /** As many came as were asked for: there may be more. */
  isMore: boolean
}

/** Reads what stands behind a place, as far as the order of the log is settled; one indexed statement. */
export async function readEventLog(
  db: Db | Tx,
  of: EventsOf,
  after: EventPlace,
  limit: number,
): Promise<EventLogPage> {
  const { rows } = await sql<LoggedEvent & EventPlace>`${nameOf(of)}
    select id, type, organization_id, workspace_id, mailbox_id, data, created_at, xid::text as xid
    from events
    where ${whose(of)} xid < pg_snapshot_xmin(pg_current_snapshot())
      and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid)
    order by events.xid, events.id limit ${limit}`.execute(db)
  const events = rows.map(({ xid, ...event }) => ({ ...event, place: { xid, id: event.id } }))
  return { events, next: events.at(-1)?.place ?? after, isMore: events.length === limit }
}

function nameOf(of: EventsOf): RawBuilder<unknown> {
  if (of === 'all') return sql`/* prepared read_all_events */`
  return 'workspaceId' in of
    ? sql`/* prepared read_workspace_events */`
    : sql`/* prepared read_organization_events */`
}

function whose(of: EventsOf): RawBuilder<unknown> {
  if (of === 'all') return sql``
  return 'workspaceId' in of
    ? sql`workspace_id = ${of.workspaceId}::uuid and`
    : sql`organization_id = ${of.organizationId}::uuid and workspace_id is null and`
}

/** The end of the log now: whatever commits from here on stands behind it. */
export async function endOfEventLog(db: Db | Tx): Promise<EventPlace> {
  const { rows } = await sql<{ xid: string }>`
    select greatest(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 0)::text as xid`.execute(db)
  // Transactions from xmin on are told of whole; of the one before it, which is settled, nothing is newer than this id.
  return { xid: rows[0]?.xid ?? '0', id: newId() }
}

/** Cursors are opaque to callers, so that their contents may change. */
export function encodeEventCursor({ xid, id }: EventPlace): string {
  const bytes = Buffer.alloc(24)
  bytes.writeBigUInt64BE(BigInt(xid))
  bytes.write(id.replaceAll('-', ''), 8, 'hex')
  return bytes.toString('base64url')
}

/** @throws Refusal invalid_cursor. */
export function decodeEventCursor(cursor: string): EventPlace {
  const bytes = Buffer.from(cursor, 'base64url')
  if (bytes.length !== 24 || bytes.toString('base64url') !== cursor) throw new Refusal('invalid_cursor')
  const hex = bytes.toString('hex', 8)
  const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  const place = { xid: bytes.readBigUInt64BE().toString(), id }
  if (!isId(id) || bytes.readBigInt64BE() < 0n) throw new Refusal('invalid_cursor')
  return place
}

/**
 * Refuses a cursor behind which events may be missing: one that is older than the log is kept for, or of another
 * database, which a backup was restored into.
 * @throws Refusal cursor_expired.
 */
export async function requireLivePlace(db: Db, now: Date, { xid, id }: EventPlace): Promise<void> {
  const madeAtMs = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) // RFC 9562 §5.7
  const { rows } = await sql<{ isAhead: boolean }>`
    select ${xid}::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) as "isAhead"`.execute(db)
  const oldestMs = now.getTime() - eventRetentionDays * 24 * 3600 * 1000
  if (rows[0]?.isAhead !== false || madeAtMs < oldestMs) throw new Refusal('cursor_expired')
}
