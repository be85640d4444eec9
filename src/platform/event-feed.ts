/**
 * The feed between nodes: reads from the log what other nodes committed and publishes it here. It is
 * woken by NOTIFY and, because a node may die between its COMMIT and its NOTIFY, by a poll.
 */
import { sql } from 'kysely'
import pg from 'pg'
import type { Db } from './database.ts'
import type { EventBus } from './event-bus.ts'
import type { Logger } from './log.ts'

export type EventFeed = {
  /** Lets the other nodes know, soon and once for many commits, that there is something to read. */
  announce(): void
  stop(): Promise<void>
}

export type EventFeedOptions = {
  db: Db
  bus: EventBus
  log: Logger
  nodeId: string
  connectionString: string
}

const channel = 'mailwright_events'
const announceDelayMs = 20
const pollIntervalMs = 1000
const batchMax = 1000

export async function startEventFeed(options: EventFeedOptions): Promise<EventFeed> {
  const { db, log, nodeId } = options
  const reader = await createReader(options)
  let stopped = false
  let announcing: NodeJS.Timeout | null = null
  let reading: Promise<void> | null = null
  let again = false

  const read = (): void => {
    if (stopped) return
    if (reading) {
      again = true
      return
    }
    reading = reader()
      .catch((error: unknown) => log.warn({ event: 'feed.read_failed', cause: error }))
      .finally(() => {
        reading = null
        if (again) {
          again = false
          read()
        }
      })
  }
  const poll = setInterval(read, pollIntervalMs)
  const listener = listen(options, (payload) => payload !== nodeId && read())

  return {
    announce() {
      if (stopped || announcing) return
      announcing = setTimeout(() => {
        announcing = null
        sql`select pg_notify(${channel}, ${nodeId})`
          .execute(db)
          .catch((error: unknown) => log.warn({ event: 'feed.announce_failed', cause: error }))
      }, announceDelayMs)
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      if (announcing) clearTimeout(announcing)
      await listener.stop()
      await reading
    },
  }
}

/** @returns a function that publishes everything that other nodes committed since its last call. */
async function createReader({ db, bus, nodeId }: EventFeedOptions): Promise<() => Promise<void>> {
  const start = await sql<{
    xid: string
  }>`select pg_snapshot_xmin(pg_current_snapshot())::text as xid`.execute(db)
  const beforeAll = '00000000-0000-0000-0000-000000000000'
  let xid = start.rows[0]?.xid ?? '0'
  let id = beforeAll

  return async () => {
    for (;;) {
      // One statement, so one snapshot: all below its xmin is decided, and nothing can appear there later.
      const { rows } = await sql<FeedRow>`
        select snapshot.xmin::text as xmin, news.*
        from (select pg_snapshot_xmin(pg_current_snapshot()) as xmin) snapshot
        left join lateral (
          select xid::text as xid, id, type, organization_id, workspace_id, mailbox_id, data, xid as place from events
          where xid < snapshot.xmin and (events.xid, events.id) > (${xid}::xid8, ${id}::uuid)
            and node_id <> ${nodeId}::uuid
          order by events.xid, events.id limit ${batchMax}
        ) news on true order by news.place, news.id`.execute(db)
      const events = rows.flatMap((row) => (row.id === null ? [] : [row]))
      bus.publish(
        events.map((row) => ({
          type: row.type,
          organizationId: row.organization_id,
          workspaceId: row.workspace_id,
          mailboxId: row.mailbox_id,
          data: row.data,
        })),
      )
      const last = events.at(-1)
      if (events.length < batchMax || !last) {
        xid = rows[0]?.xmin ?? xid
        id = beforeAll
        return
      }
      xid = last.xid
      id = last.id
    }
  }
}

type FeedRow = { xmin: string } & (
  | { id: null }
  | {
      xid: string
      id: string
      type: string
      organization_id: string
      workspace_id: string | null
      mailbox_id: string | null
      data: unknown
    }
)

const reconnectDelayMs = 1000

/** Keeps a connection of its own on LISTEN, for as long as the feed runs. */
function listen(
  { connectionString, log }: EventFeedOptions,
  onNotify: (payload: string | undefined) => void,
): { stop(): Promise<void> } {
  let client: pg.Client | null = null
  let retry: NodeJS.Timeout | null = null
  let stopped = false

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ connectionString, application_name: 'mailwright feed' })
    client = next
    const lost = (error?: Error): void => {
      if (client !== next) return
      client = null
      if (stopped) return
      log.warn({ event: 'feed.connection_lost', cause: error })
      retry = setTimeout(() => void connect(), reconnectDelayMs)
      next.end().catch(() => undefined) // it is broken already; the poll covers the gap
    }
    next.on('error', lost)
    next.on('end', () => lost())
    next.on('notification', (message) => onNotify(message.payload))
    try {
      await next.connect()
      await next.query(`listen ${channel}`)
    } catch (error) {
      lost(error instanceof Error ? error : new Error(String(error)))
    }
  }
  const connected = connect()
  return {
    async stop() {
      stopped = true
      if (retry) clearTimeout(retry)
      await connected
      const last = client
      client = null
      await last?.end().catch(() => undefined)
    },
  }
}
