/** Which of our events are events of this API, and of which message each tells. */
import { blockedFolderPath } from '../../messages/direction.ts'
import type { LoggedEvent } from '../../platform/event-log.ts'

export const mailEventTypes = [
  'message.received',
  'message.sent',
  'message.forwarded',
  'message.delivered',
  'message.bounced',
  'message.failed',
] as const

export type MailEventType = (typeof mailEventTypes)[number]

/** The types of our events of which one of these may come. */
const sources: Readonly<Record<MailEventType, readonly string[]>> = {
  'message.received': ['message.received'],
  'message.sent': ['message.sent'],
  'message.forwarded': ['message.sent'],
  'message.delivered': ['message.delivered'],
  'message.bounced': ['message.bounced', 'message.complained'],
  'message.failed': ['message.bounced', 'message.cancelled'],
}

export function sourcesOf(type: string): readonly string[] {
  return Object.entries(sources).find(([name]) => name === type)?.[1] ?? []
}

export type Told = {
  type: MailEventType
  mailboxId: string
  /** The message, or the message of the queue by which it is found. */
  messageId: string | null
  outboundId: string | null
}

/** @returns null for an event of which this API tells nothing. */
export function toldBy({ type, mailbox_id: mailboxId, data }: LoggedEvent): Told | null {
  const kind = kindOf(type, data)
  if (kind === null || mailboxId === null) return null
  const about = {
    messageId: fieldOf(data, 'message_id'),
    outboundId: fieldOf(data, 'outbound_message_id'),
  }
  if (about.messageId === null && about.outboundId === null) return null
  return { type: kind, mailboxId, ...about }
}

function kindOf(type: string, data: unknown): MailEventType | null {
  switch (type) {
    case 'message.received':
      return fieldOf(data, 'folder') === blockedFolderPath ? null : 'message.received'
    case 'message.sent':
      return isForward(data) ? 'message.forwarded' : 'message.sent'
    case 'message.delivered':
      return 'message.delivered'
    case 'message.complained':
      return 'message.bounced'
    case 'message.bounced':
      // Nobody refused what was given up on.
      return fieldOf(data, 'class') === 'expired' ? 'message.failed' : 'message.bounced'
    case 'message.cancelled':
      return 'message.failed'
    default:
      return null
  }
}

function isForward(data: unknown): boolean {
  return typeof data === 'object' && data !== null && 'answers' in data
    ? fieldOf(data.answers, 'kind') === 'forward'
    : false
}

function fieldOf(data: unknown, name: string): string | null {
  const value: unknown = typeof data === 'object' && data !== null ? Reflect.get(data, name) : null
  return typeof value === 'string' ? value : null
}
