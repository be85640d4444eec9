/**
 * The feed between nodes: reads from the log what other nodes committed and publishes it here. It is
 * woken by NOTIFY and, because a node may die between its COMMIT and its NOTIFY, by a poll.
 */
import { sql } from 'kysely'
import pg from 'pg'
import type { Db } from './database.ts'
import type { EventBus, PublishedEvent } from './event-bus.ts'
import { firstUnsettledXid } from './event-order.ts'
import type { Logger } from './log.ts'

export type EventFeed = {
  /** Lets the other nodes know, soon and once for many commits, that there is something to read. */
  announce(): void
  /**
   * Resolves once this process was told of everything that other nodes had committed before the call, also of what the
   * order of the log still holds back. Those who ask at the same moment share one statement.
   */
  catchUp(): Promise<void>
  stop(): Promise<void>
}

export type EventFeedOptions = {
  db: Db
  bus: EventBus
  log: Logger
  nodeId: string
  connectionString: string
  pollIntervalMs?: number
}

const channel = 'mailwright_events'
const announceDelayMs = 20
const usualPollIntervalMs = 1000
const batchMax = 1000

export async function startEventFeed(options: EventFeedOptions): Promise<EventFeed> {
  const { db, log, nodeId, pollIntervalMs = usualPollIntervalMs } = options
  const reader = await createReader(options)
  let stopped = false
  let announcing: NodeJS.Timeout | null = null
  let running: Promise<void> | null = null
  let waiting: Promise<void> | null = null
  let wantsAll = false

  /** Nobody joins a reading that has begun: what he wants to hear of may have happened since. */
  const read = (): Promise<void> => {
    if (stopped) return Promise.resolve()
    waiting ??= (async () => {
      await running?.catch(() => undefined) // who asked for that one has heard of it
      await new Promise((resolve) => setImmediate(resolve))
      running = reader({ all: wantsAll })
      waiting = null
      wantsAll = false
      await running.finally(() => {
        running = null
      })
    })()
    return waiting
  }
  const wake = (): void => {
    read().catch((error: unknown) => log.warn({ event: 'feed.read_failed', cause: error }))
  }
  const poll = setInterval(wake, pollIntervalMs)
  const listener = listen(options, (payload) => payload !== nodeId && wake())

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
    catchUp() {
      wantsAll = true
      return read()
    },
    async stop() {
      stopped = true
      clearInterval(poll)
      if (announcing) clearTimeout(announcing)
      await listener.stop()
      await Promise.allSettled([waiting, running])
    },
  }
}

type Read = (options: {
  /** Also what the order of the log holds back, because a transaction that began earlier still runs. */
  all: boolean
}) => Promise<void>

/** @returns a function that publishes everything that other nodes committed since its last call. */
async function createReader({ db, bus, nodeId }: EventFeedOptions): Promise<Read> {
  const start = await sql<{
    xid: string
  }>`select ${firstUnsettledXid}::text as xid`.execute(db)
  const beforeAll = '00000000-0000-0000-0000-000000000000'
  let cursor = start.rows[0]?.xid ?? '0'
  /** Events behind the cursor that were published already, and their xids. */
  let told = new Map<string, bigint>()

  return async ({ all }) => {
    let from = { xid: cursor, id: beforeAll }
    let settled: string | null = null
    const published: { id: string; xid: bigint }[] = []
    for (;;) {
      // One statement, so one snapshot: all below its xmin is decided, and nothing can appear there later.
      const { rows } = await sql<FeedRow>`/* prepared event_feed */
        select snapshot.xmin::text as xmin, news.*
        from (select ${firstUnsettledXid} as xmin) snapshot
        left join lateral (
          select xid::text as xid, id, type, organization_id, workspace_id, mailbox_id, data, xid as place from events
          where (xid < snapshot.xmin or ${all}::boolean)
            and (events.xid, events.id) > (${from.xid}::xid8, ${from.id}::uuid) and node_id <> ${nodeId}::uuid
          order by events.xid, events.id limit ${sql.lit(batchMax)}
        ) news on true order by news.place, news.id`.execute(db)
      settled ??= rows[0]?.xmin ?? cursor
      const events = rows.flatMap((row) => (row.id === null ? [] : [row]))
      bus.publish(events.filter(({ id }) => !told.has(id)).map(toPublished))
      for (const { id, xid } of events) published.push({ id, xid: BigInt(xid) })
      const last = events.at(-1)
      if (events.length < batchMax || !last) break
      from = last
    }
    if (BigInt(settled) > BigInt(cursor)) cursor = settled // the mark of this reading may be a lower one (event-order.ts)
    const known = [...told, ...published.map(({ id, xid }) => [id, xid] as const)]
    const end = BigInt(cursor)
    told = new Map(known.filter(([, xid]) => xid >= end))
  }
}

function toPublished(row: Exclude<FeedRow, { id: null }>): PublishedEvent {
  return {
    type: row.type,
    organizationId: row.organization_id,
    workspaceId: row.workspace_id,
    mailboxId: row.mailbox_id,
    data: row.data,
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
