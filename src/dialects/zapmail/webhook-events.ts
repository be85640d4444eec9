/** The events that this API's webhooks may hear of, and which of ours they come from. */
import type { EventType } from '../../platform/events.ts'

export const webhookEventTypes = [
  'domain.updated',
  'domain.connection_status_changed',
  'mailbox.updated',
  'subscription.status_changed',
  'subscription.billing_changed',
  'export.started',
  'export.completed',
  'export.failed',
  'export.reconnected',
  'placement_test.status_changed',
] as const
export type WebhookEventType = (typeof webhookEventTypes)[number]

const ended = ['export.completed'] as const

/** Of the last two nothing ever comes: there are no placement tests, and a sequencer that works again is no export. */
const sources = {
  'domain.updated': ['domain.created', 'domain.state_changed', 'domain.deleted'],
  'domain.connection_status_changed': ['domain.state_changed'],
  'mailbox.updated': ['mailbox.created', 'mailbox.updated', 'mailbox.renamed', 'mailbox.state_changed'],
  'subscription.status_changed': [
    'billing.subscription_created',
    'billing.subscription_past_due',
    'billing.subscription_suspended',
    'billing.subscription_reactivated',
    'billing.subscription_cancellation_scheduled',
    'billing.subscription_cancellation_withdrawn',
    'billing.subscription_canceled',
  ],
  'subscription.billing_changed': ['billing.subscription_changed', 'billing.subscription_renewed'],
  'export.started': ['export.created'],
  'export.completed': ended,
  'export.failed': ended,
  'export.reconnected': [],
  'placement_test.status_changed': [],
} as const satisfies Record<WebhookEventType, readonly EventType[]>

export function isWebhookEventType(type: string): type is WebhookEventType {
  return webhookEventTypes.some((one) => one === type)
}

export function sourcesOf(type: string): readonly string[] {
  return isWebhookEventType(type) ? sources[type] : []
}
