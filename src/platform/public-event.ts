/** An event as every face shows it: the same JSON by `GET /v1/events`, streams, webhooks and `mailwright tail`. */
import { encodeEventCursor, placeOrder } from './event-cursor.ts'
import type { EventCursor, LoggedEvent } from './event-log.ts'

export type PublicEvent = {
  /** Stays the same wherever and however often it is shown: by it a consumer knows what it has seen. */
  id: string
  type: string
  created_at: string
  organization_id: string
  /** Null: it is no workspace's, but the organization's own. */
  workspace_id: string | null
  mailbox_id: string | null
  /** What happened, by type: docs/events.md. */
  data: unknown
  /** Reading goes on behind this event with it. */
  cursor: string
}

/** Whoever shows events leaves out those that `isPublicType` does not name. */
export function publicEvent(event: LoggedEvent): PublicEvent {
  return {
    id: event.id,
    type: event.type,
    created_at: event.created_at.toISOString(),
    organization_id: event.organization_id,
    workspace_id: event.workspace_id,
    mailbox_id: event.mailbox_id,
    data: event.data,
    cursor: encodeEventCursor(event.place),
  }
}

/** An event that many may be shown: its JSON is made once for all of them. */
export type ShownEvent = {
  readonly event: PublicEvent
  readonly place: EventCursor
  /** The place as a text that sorts as the log does. */
  readonly order: string
  readonly json: string
}

export function showEvent(logged: LoggedEvent): ShownEvent {
  const event = publicEvent(logged)
  let json: string | null = null
  return {
    event,
    place: logged.place,
    order: placeOrder(logged.place),
    get json() {
      json ??= JSON.stringify(event)
      return json
    },
  }
}
