/** Which webhooks hear of an event. */
import type { EventPlace } from '../platform/event-log.ts'

/** What of a webhook decides. */
export type Subscription = {
  id: string
  workspaceId: string
  eventTypes: readonly string[]
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

/** Whether it hears of the event. What is the organization's, beside any workspace, goes to nobody. */
export function hears(webhook: Subscription, event: Matchable): boolean {
  return isBehind(event.place, webhook.start) && concerns(webhook, event)
}

/** The same, whenever the event was. */
export function concerns(webhook: Omit<Subscription, 'start'>, event: Omit<Matchable, 'place'>): boolean {
  if (event.workspace_id !== webhook.workspaceId) return false
  const { mailboxIds } = webhook
  if (mailboxIds !== null && (event.mailbox_id === null || !mailboxIds.has(event.mailbox_id))) return false
  return isWanted(webhook.eventTypes, event.type) && !isAbout(event, webhook.id)
}

export function isWanted(wanted: readonly string[], type: string): boolean {
  return wanted.some((one) => one === '*' || one === type || (one.endsWith('.*') && type.startsWith(one.slice(0, -1))))
}

/** A webhook is not told of itself: others are. */
function isAbout({ type, data }: Pick<Matchable, 'type' | 'data'>, webhookId: string): boolean {
  if (!type.startsWith('webhook.')) return false
  return typeof data === 'object' && data !== null && 'webhook_id' in data && data.webhook_id === webhookId
}

/** The order of the log (decision 0009). */
export function isBehind(place: EventPlace, other: EventPlace): boolean {
  const [xid, otherXid] = [BigInt(place.xid), BigInt(other.xid)]
  return xid === otherXid ? place.id > other.id : xid > otherXid
}

const typePattern = /^(?:\*|[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*(?:\.\*)?)$/

/** Whether a text may stand in a filter: a type, a family of types, or everything. */
export function isEventFilter(text: string): boolean {
  return text.length <= 100 && typePattern.test(text)
}
