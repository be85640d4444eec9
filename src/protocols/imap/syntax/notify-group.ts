/** What a client wants to be notified of, RFC 5465 §8. */
import type { FetchItem } from './fetch-item.ts'

/** The events that are told; AnnotationChange is not among them (RFC 5257 is not offered). */
export const notifyEvents = [
  'MessageNew',
  'MessageExpunge',
  'FlagChange',
  'MailboxName',
  'SubscriptionChange',
  'MailboxMetadataChange',
  'ServerMetadataChange',
] as const
export type NotifyEvent = (typeof notifyEvents)[number]

/** Paths are Unicode, and need not be of mailboxes that exist. */
export type NotifyMailboxes =
  | { kind: 'selected'; delayed: boolean }
  | { kind: 'inboxes' | 'personal' | 'subscribed' }
  | { kind: 'subtree' | 'mailboxes'; paths: readonly string[] }

export type NotifyGroup = {
  mailboxes: NotifyMailboxes
  /** Empty for NONE. */
  events: ReadonlySet<NotifyEvent>
  /** What is fetched of new messages in the selected mailbox. */
  fetch: readonly FetchItem[]
}
