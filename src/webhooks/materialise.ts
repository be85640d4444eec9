/**
 * Making deliveries of events: the log is read from where it was read to, in pages, and a page's deliveries are made in the
 * transaction that moves the place on. Whatever is killed when, each event is looked at once. One node reads at a time.
 */
import { sql } from 'kysely'
import { type Db, type Tx, transaction } from '../platform/database.ts'
import { type EventPlace, type LoggedEvent, readEventLog, startOfEventLog } from '../platform/event-log.ts'
import { idFloor, newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { publicEvent } from '../platform/public-event.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { hears, isBehind, type Subscription, subscriptionOf } from './events-match.ts'
import type { WebhookState } from './tables.ts'

/** What one look at the log came to. */
export type Materialised = {
  /** There are webhooks to read it for. */
  isListened: boolean
  deliveries: number
  /** There is more to read now. */
  isMore: boolean
}

const nothing: Materialised = { isListened: true, deliveries: 0, isMore: false }
const eventsPerPage = 500
// Readers of the log lag behind the oldest running writer: however many hear of each event, a transaction is short.
const deliveriesPerPage = 5_000
const rowsPerStatement = 2_000

/** Reads one page, unless another node is reading, and makes its deliveries. */
export async function materialise(platform: Platform): Promise<Materialised> {
  const { db } = platform
  const place = await placeOf(db)
  if (place === null) return { ...nothing, isListened: false }
  if ((await readEventLog(db, 'all', place, 1)).events.length === 0) return nothing
  return await transaction(db, async (tx) => {
    const { rows } = await sql`
      select 1 from webhook_cursor where id = 1 for update skip locked`.execute(tx)
    const from = rows.length === 0 ? null : await placeOf(tx)
    if (from === null) return nothing
    const page = await readEventLog(tx, 'all', from, eventsPerPage)
    if (page.events.length === 0) return nothing
    // After the events: whoever was told of a new webhook before an event was written finds it here.
    const { heard, cut } = hearing(page.events, await subscriptionsOf(tx, page.events))
    const deliveries = await insertDeliveries(platform, tx, heard)
    const next = cut ?? page.next
    await tx
      .updateTable('webhook_cursor')
      .set({ xid: next.xid, event_id: next.id })
      .where('id', '=', 1)
      .execute()
    return { isListened: true, deliveries, isMore: page.isMore || cut !== null }
  })
}

/** Where to read on. What lies before every webhook is passed over. Null: there is no webhook. */
async function placeOf(db: Db): Promise<EventPlace | null> {
  const { rows } = await sql<{ xid: string; id: string; start_xid: string; start_id: string }>`
    select cursor.xid::text as xid, cursor.event_id as id, first.start_xid::text as start_xid, first.start_id
    from webhook_cursor as cursor, lateral (
      select start_xid, start_id from webhooks where state <> 'disabled' order by start_xid, start_id limit 1
    ) as first
    where cursor.id = 1`.execute(db)
  const [row] = rows
  if (row === undefined) return null
  const start = { xid: row.start_xid, id: row.start_id }
  return isBehind(start, row) ? start : { xid: row.xid, id: row.id }
}

type Listener = Subscription & { state: WebhookState }

/** The webhooks of these events' workspaces that hear of something. */
async function subscriptionsOf(tx: Tx, events: readonly LoggedEvent[]): Promise<Listener[]> {
  const workspaces = new Set(events.flatMap(({ workspace_id: id }) => id ?? []))
  const rows = await tx
    .selectFrom('webhooks')
    .select(['id', 'workspace_id', 'event_types', 'scope', 'mailbox_ids', 'start_id', 'state'])
    .select(sql<string>`start_xid::text`.as('start_xid'))
    .where(sql<boolean>`workspace_id = any(${uuidArray([...workspaces])})`)
    .where('state', '<>', 'disabled')
    .execute()
  return rows.map((row) => ({ ...subscriptionOf(row), state: row.state }))
}

type Heard = { event: LoggedEvent; listener: Pick<Listener, 'id' | 'state'> }

/**
 * Who hears of which event.
 * @returns `cut`: behind which event it ended, because that is enough for one transaction; null: behind the last.
 */
function hearing(
  events: readonly LoggedEvent[],
  listeners: readonly Listener[],
): { heard: Heard[]; cut: EventPlace | null } {
  const byWorkspace = Map.groupBy(listeners, ({ workspaceId }) => workspaceId)
  const heard: Heard[] = []
  for (const event of events) {
    const here = byWorkspace.get(event.workspace_id ?? '') ?? []
    for (const listener of here) if (hears(listener, event)) heard.push({ event, listener })
    if (heard.length >= deliveriesPerPage) return { heard, cut: event.place }
  }
  return { heard, cut: null }
}

/**
 * Makes deliveries of events, each once for a webhook, whoever makes them. One for a webhook that is paused is kept as
 * failed, so that it can be replayed.
 * @returns how many are new.
 */
export async function insertDeliveries(platform: Platform, tx: Tx, heard: readonly Heard[]): Promise<number> {
  const now = platform.clock.now()
  const expires = new Date(now.getTime() + platform.config.webhookLifetime * 1000)
  const events = new Map(heard.map(({ event }) => [event.id, event]))
  const payloads = [...events.values()].map((event) => ({
    id: event.id,
    mailbox_id: event.mailbox_id,
    payload: JSON.stringify(publicEvent(event)),
  }))
  for (let at = 0; at < payloads.length; at += rowsPerStatement) {
    await sql`/* prepared insert_webhook_events */
      insert into webhook_events (id, mailbox_id, payload, created_at)
      select id, mailbox_id, payload, ${now}::timestamptz
      from json_to_recordset(${JSON.stringify(payloads.slice(at, at + rowsPerStatement))}::json)
        as new (id uuid, mailbox_id uuid, payload text)
      on conflict (id) do nothing`.execute(tx)
  }
  const rows = heard.map(({ event, listener }) => ({
    id: newId(),
    webhook_id: listener.id,
    event_id: event.id,
    event_type: event.type,
    state: listener.state === 'enabled' ? 'queued' : 'failed',
  }))
  let made = 0
  for (let at = 0; at < rows.length; at += rowsPerStatement) {
    const { numAffectedRows } = await sql`/* prepared insert_webhook_deliveries */
      insert into webhook_deliveries (id, webhook_id, event_id, event_type, state, next_attempt_at, expires_at, last_error,
        created_at, finished_at)
      select id, webhook_id, event_id, event_type, state, ${now}::timestamptz, ${expires}::timestamptz,
        case when state = 'failed' then ${notSent}::text end, ${now}::timestamptz,
        case when state = 'failed' then ${now}::timestamptz end
      from json_to_recordset(${JSON.stringify(rows.slice(at, at + rowsPerStatement))}::json)
        as new (id uuid, webhook_id uuid, event_id uuid, event_type text, state text)
      on conflict (webhook_id, event_id) do nothing`.execute(tx)
    made += Number(numAffectedRows ?? 0)
  }
  return made
}

/** What is said of a delivery that was not sent because its webhook was not enabled. */
export const notSent = 'It was not sent: the webhook was paused or disabled.'

/**
 * After a dump is restored into another cluster, places count in xids of the old one, while its events were taken in at
 * the beginning of the log (decision 0009): then it is read from there, and what was delivered is not made again.
 * Called at each start.
 */
export async function adoptRestoredPlaces({ db, log }: Platform): Promise<void> {
  await transaction(db, async (tx) => {
    const { numAffectedRows } = await sql`
      update webhook_cursor set xid = ${startOfEventLog.xid}::xid8, event_id = ${startOfEventLog.id}::uuid
      where xid >= pg_snapshot_xmax(pg_current_snapshot())`.execute(tx)
    const { rows } = await sql<{ id: string; created_at: Date }>`
      select id, created_at from webhooks where start_xid >= pg_snapshot_xmax(pg_current_snapshot())`.execute(
      tx,
    )
    for (const { id, created_at: at } of rows) {
      await tx
        .updateTable('webhooks')
        .set({ start_xid: startOfEventLog.xid, start_id: idFloor(at) })
        .where('id', '=', id)
        .execute()
    }
    const count = Number(numAffectedRows ?? 0) + rows.length
    if (count > 0) log.warn({ event: 'webhooks.adopted_after_restore', count })
  })
}
