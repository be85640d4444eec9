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
import { formatOf, nativeFormat } from './formats.ts'
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
/** Payloads in other formats have messages in them: each counts as so many. */
const formattedWeight = 50
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
    const { heard, cut } = hearing(page.events, await subscriptionsOf(platform, tx, page.events))
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

type Listener = Subscription & {
  state: WebhookState
  /** Null: it hears in our own format. */
  formatted: { name: string; eventTypes: readonly string[]; settings: unknown } | null
}

/** The webhooks of these events' workspaces that hear of something. */
async function subscriptionsOf(
  platform: Platform,
  tx: Tx,
  events: readonly LoggedEvent[],
): Promise<Listener[]> {
  const workspaces = new Set(events.flatMap(({ workspace_id: id }) => id ?? []))
  const rows = await tx
    .selectFrom('webhooks')
    .select(['id', 'workspace_id', 'event_types', 'scope', 'start_id', 'state', 'format', 'settings'])
    // An identity may have got another mailbox since.
    .select(
      sql<string[]>`case when scope <> 'identities' then mailbox_ids else array(
        select i.mailbox_id from identities i where i.id = any(identity_ids) and i.mailbox_id is not null
      ) || case when format = ${nativeFormat} then mailbox_ids else '{}' end end`.as('mailbox_ids'),
    )
    .select(sql<string>`start_xid::text`.as('start_xid'))
    .where(sql<boolean>`workspace_id = any(${uuidArray([...workspaces])})`)
    .where('state', '<>', 'disabled')
    .execute()
  return rows.map((row) => {
    const { state, format: name, event_types: eventTypes, settings } = row
    const formatted = name === nativeFormat ? null : { name, eventTypes, settings }
    return { ...subscriptionOf(platform, row), state, formatted }
  })
}

export type Heard = { event: LoggedEvent; listener: Pick<Listener, 'id' | 'state' | 'formatted'> }

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
  let weight = 0
  for (const event of events) {
    const here = byWorkspace.get(event.workspace_id ?? '') ?? []
    for (const listener of here) {
      if (!hears(listener, event)) continue
      heard.push({ event, listener })
      weight += listener.formatted === null ? 1 : formattedWeight
    }
    if (weight >= deliveriesPerPage) return { heard, cut: event.place }
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
  const native = heard.filter(({ listener }) => listener.formatted === null)
  const events = new Map(native.map(({ event }) => [event.id, event]))
  const formatted = await formattedDeliveries(platform, tx, heard)
  const payloads = [
    ...[...events.values()].map((event) => ({
      id: event.id,
      mailbox_id: event.mailbox_id,
      payload: JSON.stringify(publicEvent(event)),
    })),
    ...formatted.map(({ content }) => content),
  ]
  for (let at = 0; at < payloads.length; at += rowsPerStatement) {
    await sql`/* prepared insert_webhook_events */
      insert into webhook_events (id, mailbox_id, payload, created_at)
      select id, mailbox_id, payload, ${now}::timestamptz
      from json_to_recordset(${JSON.stringify(payloads.slice(at, at + rowsPerStatement))}::json)
        as new (id uuid, mailbox_id uuid, payload text)
      on conflict (id) do nothing`.execute(tx)
  }
  const rows = [
    ...native.map((one) => rowOf(one, { id: newId(), type: one.event.type, contentId: null })),
    ...formatted.map(({ row }) => row),
  ]
  let made = 0
  for (let at = 0; at < rows.length; at += rowsPerStatement) {
    const { numAffectedRows } = await sql`/* prepared insert_webhook_deliveries */
      insert into webhook_deliveries (id, webhook_id, event_id, event_type, content_id, state, next_attempt_at, expires_at,
        last_error, created_at, finished_at)
      select id, webhook_id, event_id, event_type, content_id, state, ${now}::timestamptz, ${expires}::timestamptz,
        case when state = 'failed' then ${notSent}::text end, ${now}::timestamptz,
        case when state = 'failed' then ${now}::timestamptz end
      from json_to_recordset(${JSON.stringify(rows.slice(at, at + rowsPerStatement))}::json)
        as new (id uuid, webhook_id uuid, event_id uuid, event_type text, content_id uuid, state text)
      on conflict (webhook_id, event_id) do nothing`.execute(tx)
    made += Number(numAffectedRows ?? 0)
  }
  return made
}

type DeliveryRow = ReturnType<typeof rowOf>

function rowOf(
  { event, listener }: Heard,
  { id, type, contentId }: { id: string; type: string; contentId: string | null },
) {
  return {
    id,
    webhook_id: listener.id,
    event_id: event.id,
    event_type: type,
    content_id: contentId,
    state: listener.state === 'enabled' ? 'queued' : 'failed',
  }
}

type FormattedDelivery = {
  row: DeliveryRow
  content: { id: string; mailbox_id: string | null; payload: string }
}

/** Those in other formats, each with a payload of its own, as far as one comes of its event. */
async function formattedDeliveries(
  platform: Platform,
  tx: Tx,
  heard: readonly Heard[],
): Promise<FormattedDelivery[]> {
  const deliveries: FormattedDelivery[] = []
  for (const [name, those] of Map.groupBy(heard, ({ listener }) => listener.formatted?.name ?? null)) {
    const format = name === null ? null : formatOf(platform, name)
    if (format === null) continue
    const wanted = those.flatMap((one) => {
      const { event, listener } = one
      return listener.formatted === null ? [] : [{ one, heard: { event, webhook: listener.formatted } }]
    })
    const payloads = await format.payloadsOf(
      platform,
      tx,
      wanted.map((each) => each.heard),
    )
    for (const [index, { one }] of wanted.entries()) {
      const made = payloads[index]
      if (!made) continue
      const id = newId()
      const content = { id, mailbox_id: one.event.mailbox_id, payload: made.payload }
      deliveries.push({ row: rowOf(one, { id, type: made.type, contentId: id }), content })
    }
  }
  return deliveries
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
