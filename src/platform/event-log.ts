/**
 * Reading the event log (decision 0009): in its one order, by a place that leaves no gap and repeats nothing. Streams,
 * webhooks and `GET /v1/events` all read by this.
 */
import { type RawBuilder, sql } from 'kysely'
import type { Db, Tx } from './database.ts'
import { firstUnsettledXid } from './event-order.ts'

/** A place in the log: what stands behind it was not read yet. */
export type EventPlace = { xid: string; id: string }

/** A place that leaves the program: with its age, and with the database cluster whose xids it counts in. */
export type EventCursor = EventPlace & { at: Date; cluster: number }

export type LoggedEvent = {
  id: string
  type: string
  organization_id: string
  /** Null: the whole organization's. */
  workspace_id: string | null
  mailbox_id: string | null
  data: unknown
  created_at: Date
  place: EventCursor
}

/** Whose events: those of a workspace, those that are the organization's own, or everything. */
export type EventsOf = { workspaceId: string } | { organizationId: string } | 'all'

export type EventLogPage = {
  events: LoggedEvent[]
  /**
   * Where to go on: behind the last event or, when there are no more, at the end of what is settled. So the place of
   * who reads a log in which nothing happens does not grow old.
   */
  next: EventCursor
  /** As many came as were asked for: there may be more. */
  isMore: boolean
}

/** Behind every event of a transaction. */
const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** In front of everything that was ever written. */
export const startOfEventLog: EventPlace = { xid: '0', id: '00000000-0000-0000-0000-000000000000' }

/**
 * Reads what stands behind a place, as far as the order of the log is settled; one indexed statement.
 * @param now for the age of the place that comes back.
 */
export async function readEventLog(
  db: Db | Tx,
  of: EventsOf,
  after: EventPlace,
  limit: number,
  now = new Date(),
): Promise<EventLogPage> {
  // One statement, so one snapshot: all below its xmin is decided, and nothing can appear there later.
  const { rows } = await sql<LogRow>`${nameOf(of)}
    select log.settled::text as settled, log.cluster, news.* from (${logNow}) log
    left join lateral (
      select id, type, organization_id, workspace_id, mailbox_id, data, created_at, xid::text as xid, xid as place
      from events
      where ${whose(of)} xid < log.xmin and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid)
      order by events.xid, events.id limit ${limit}
    ) news on true order by news.place, news.id`.execute(db)
  return toPage(rows, after, limit, now)
}

/** Whose events a tail follows. Null: of everybody, because they are so many that to name them costs more. */
export type FollowedOwners = { workspaceIds: readonly string[]; organizationIds: readonly string[] } | null

/**
 * The same for many owners at once.
 * @returns also whether something of theirs is committed that the order of the log still holds back.
 */
export async function readEventLogOf(
  db: Db,
  owners: FollowedOwners,
  after: EventPlace,
  limit: number,
  now: Date,
): Promise<EventLogPage & { isHeldBack: boolean }> {
  const theirs = sql`(${owners === null}::boolean or workspace_id = any(${owners?.workspaceIds ?? []}::uuid[])
    or (workspace_id is null and organization_id = any(${owners?.organizationIds ?? []}::uuid[])))`
  const { rows } = await sql<LogRow & { held: boolean }>`/* prepared follow_events */
    select log.settled::text as settled, log.cluster, news.*,
      exists (
        select 1 from events
        where xid >= log.xmin and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid) and ${theirs}
      ) as held
    from (${logNow}) log
    left join lateral (
      select id, type, organization_id, workspace_id, mailbox_id, data, created_at, xid::text as xid, xid as place
      from events
      where xid < log.xmin and (events.xid, events.id) > (${after.xid}::xid8, ${after.id}::uuid) and ${theirs}
      order by events.xid, events.id limit ${limit}
    ) news on true order by news.place, news.id`.execute(db)
  return { ...toPage(rows, after, limit, now), isHeldBack: rows[0]?.held ?? false }
}

/** The end of the log now: whatever becomes readable from here on stands behind it. */
export async function endOfEventLog(db: Db | Tx, now = new Date()): Promise<EventCursor> {
  const { rows } = await sql<LogNow>`
    select settled::text as settled, cluster from (${logNow}) log`.execute(db)
  return endOf(rows[0], now)
}

/** `settled`: the last transaction that is settled. `cluster`: whose xids they are, in short. */
type LogNow = { settled: string; cluster: number }

const logNow = sql`select xmin, (xmin::text::bigint - 1)::text::xid8 as settled,
    (system_identifier & 4294967295)::bigint as cluster
  from pg_control_system(), (select ${firstUnsettledXid} as xmin) order_of_log`

type LogRow = LogNow & (EventRow | { id: null })

type EventRow = Omit<LoggedEvent, 'place'> & { xid: string }

function toPage(rows: readonly LogRow[], after: EventPlace, limit: number, now: Date): EventLogPage {
  const events = rows.flatMap((row) => (row.id === null ? [] : [toLogged(row)]))
  const isMore = events.length === limit
  const last = events.at(-1)
  if (isMore && last !== undefined) return { events, next: last.place, isMore }
  const end = endOf(rows[0], now)
  // An earlier statement may have seen further (event-order.ts): up to `after` everything was read.
  return {
    events,
    next: BigInt(end.xid) < BigInt(after.xid) ? { ...end, xid: after.xid, id: after.id } : end,
    isMore,
  }
}

function toLogged(row: LogNow & EventRow): LoggedEvent {
  const { id, type, organization_id, workspace_id, mailbox_id, data, created_at, xid, cluster } = row
  const place = { xid, id, at: created_at, cluster }
  return { id, type, organization_id, workspace_id, mailbox_id, data, created_at, place }
}

function endOf(log: LogNow | undefined, at: Date): EventCursor {
  if (log === undefined) throw new Error('the event log has no end')
  return { xid: log.settled, id: lastId, at, cluster: log.cluster }
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
