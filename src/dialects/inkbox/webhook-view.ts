/** Subscriptions and what was sent for them, as clients see them. */
import { type Static, Type } from 'typebox'
import type { LoggedAttempt } from '../../webhooks/attempts.ts'
import type { OwnedWebhook } from '../../webhooks/owned-webhooks.ts'
import { prefixedId } from './ids.ts'
import { Moment, orNull, Uuid } from './schemas.ts'
import { contextOf } from './webhook-settings.ts'

const ContextClassView = orNull(
  Type.Object({
    mode: Type.String(),
    count: Type.Optional(Type.Integer()),
    hours: Type.Optional(Type.Integer()),
  }),
)

const subscriptionFields = {
  id: Uuid,
  organization_id: Type.String(),
  mailbox_id: orNull(Uuid),
  phone_number_id: Type.Null(),
  agent_identity_id: orNull(Uuid),
  owner_identity_id: orNull(Uuid),
  url: Type.String(),
  event_types: Type.Array(Type.String()),
  status: Type.Literal('active'),
  context_config: orNull(
    Type.Object({ email: ContextClassView, texts: ContextClassView, calls: ContextClassView }),
  ),
  has_auth_token: Type.Boolean(),
  created_at: Moment,
  updated_at: Moment,
}
export const SubscriptionView = Type.Object(subscriptionFields, { title: 'WebhookSubscription' })
export const NewSubscriptionView = Type.Object(
  {
    ...subscriptionFields,
    signing_key: orNull(Type.String({ description: 'The owner’s first key, shown once; else null.' })),
  },
  { title: 'WebhookSubscriptionCreated' },
)

export function subscriptionView(row: OwnedWebhook): Static<typeof SubscriptionView> {
  return {
    id: row.id,
    organization_id: prefixedId('organization', row.workspace_id),
    mailbox_id: row.scope === 'mailboxes' ? (row.mailbox_ids[0] ?? null) : null,
    phone_number_id: null,
    agent_identity_id: row.scope === 'identities' ? (row.identity_ids[0] ?? null) : null,
    owner_identity_id: row.owner_identity_id,
    url: row.url,
    event_types: row.event_types,
    status: 'active',
    context_config: contextOf(row.settings),
    has_auth_token: row.header_names.includes('authorization'),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

export const DeliveryView = Type.Object(
  {
    id: Uuid,
    organization_id: Type.String(),
    webhook_subscription_id: Uuid,
    phone_number_id: Type.Null(),
    event_id: Type.String({ description: 'The `id` of the payload, the same in every attempt.' }),
    event_type: Type.String(),
    url: Type.String(),
    request_payload: Type.String({ description: 'The body that was sent.' }),
    response_status: orNull(Type.Integer()),
    response_body: orNull(Type.String({ description: 'The first 4 kB.' })),
    error_detail: orNull(Type.String()),
    duration_ms: Type.Integer(),
    is_replay: Type.Boolean(),
    replayable: Type.Boolean(),
    replay_unavailable_reason: orNull(Type.String()),
    created_at: Moment,
  },
  { title: 'WebhookDelivery' },
)

/** @param workspaceId of the caller, which is that of the attempt. */
export function deliveryView(row: LoggedAttempt, workspaceId: string): Static<typeof DeliveryView> {
  return {
    id: row.id,
    organization_id: prefixedId('organization', workspaceId),
    webhook_subscription_id: row.webhook_id,
    phone_number_id: null,
    event_id: prefixedId('event', row.event_id),
    event_type: row.event_type,
    url: row.url,
    request_payload: row.payload,
    response_status: row.status,
    response_body: row.response_body,
    error_detail: row.error,
    duration_ms: row.duration_ms,
    is_replay: row.is_replay,
    replayable: row.unavailable === null,
    replay_unavailable_reason: row.unavailable,
    created_at: row.at.toISOString(),
  }
}
