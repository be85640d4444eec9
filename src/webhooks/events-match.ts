/** Which webhooks hear of an event. */
import { placeOrder } from '../platform/event-cursor.ts'
import type { EventPlace } from '../platform/event-log.ts'
import { isPublicType, parseTypeFilter, type TypeFilter, wantsType } from '../platform/event-types.ts'
import type { Platform } from '../platform/platform.ts'
import { formatOf, nativeFormat } from './formats.ts'
import type { WebhooksTable } from './tables.ts'

/** What of a webhook decides. */
export type Subscription = {
  id: string
  workspaceId: string
  filter: TypeFilter
  /** Null: of the whole workspace. */
  mailboxIds: ReadonlySet<string> | null
  /** It hears of what stands behind this place. */
  start: EventPlace
}

export type Matchable = {
  type: string
  workspace_id: string | null
  mailbox_id: string | null
  data: unknown
  place: EventPlace
}

type Columns = Pick<
  WebhooksTable,
  'id' | 'workspace_id' | 'event_types' | 'scope' | 'mailbox_ids' | 'start_xid' | 'start_id'
> & { format: string }

export function subscriptionOf(platform: Platform, row: Columns): Subscription {
  return {
    id: row.id,
    workspaceId: row.workspace_id,
    filter: filterOf(platform, row),
    mailboxIds: row.scope === 'workspace' ? null : new Set(row.mailbox_ids),
    start: { xid: row.start_xid, id: row.start_id },
  }
}

function filterOf(platform: Platform, { format: name, event_types: types }: Columns): TypeFilter {
  if (name === nativeFormat) return parseTypeFilter(types, '/event_types')
  const format = formatOf(platform, name)
  return {
    types: new Set(format === null ? [] : types.flatMap((type) => format.sourcesOf(type))),
    prefixes: [],
  }
}

/** Whether it hears of the event. What is the organization's, beside any workspace, goes to nobody. */
export function hears(webhook: Subscription, event: Matchable): boolean {
  return concerns(webhook, event) && isBehind(event.place, webhook.start)
}

/** The same, whenever the event was. */
export function concerns(webhook: Omit<Subscription, 'start'>, event: Omit<Matchable, 'place'>): boolean {
  if (event.workspace_id !== webhook.workspaceId || !isPublicType(event.type)) return false
  const { mailboxIds } = webhook
  if (mailboxIds !== null && (event.mailbox_id === null || !mailboxIds.has(event.mailbox_id))) return false
  return wantsType(webhook.filter, event.type) && !isAbout(event, webhook.id)
}

/** A webhook is not told of itself: others are. */
function isAbout({ type, data }: Pick<Matchable, 'type' | 'data'>, webhookId: string): boolean {
  if (!type.startsWith('webhook.')) return false
  return typeof data === 'object' && data !== null && 'webhook_id' in data && data.webhook_id === webhookId
}

/** The order of the log (decision 0009). */
export function isBehind(place: EventPlace, other: EventPlace): boolean {
  return placeOrder(place) > placeOrder(other)
}
