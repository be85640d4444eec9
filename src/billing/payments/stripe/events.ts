/** What Stripe tells by webhook: which events are looked at, and how it is proved that Stripe sent them. */
import type Stripe from 'stripe'
import { Refusal } from '../../../platform/errors.ts'
import type { ProviderEvent } from '../provider.ts'

/** To be enabled at the webhook endpoint; docs/billing.md has the same list. */
export const handledEvents = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.expired',
  'payment_intent.succeeded',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'payment_intent.processing',
  'payment_method.attached',
  'payment_method.detached',
  'payment_method.automatically_updated',
  'refund.created',
  'refund.updated',
  'refund.failed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
  'charge.dispute.funds_withdrawn',
  'charge.dispute.funds_reinstated',
] as const satisfies Stripe.EventListParams['types']

/** How old a signature may be, in seconds. */
const toleranceSeconds = 300

/**
 * @param secrets any of them may have signed.
 * @throws Refusal payment_event_refused.
 */
export function provedEvent(
  webhooks: typeof Stripe.webhooks,
  { secrets, livemode }: { secrets: readonly string[]; livemode: boolean },
  body: Buffer,
  signature: string,
): ProviderEvent {
  for (const [index, secret] of secrets.entries()) {
    try {
      const event = webhooks.constructEvent(body, signature, secret, toleranceSeconds)
      if (event.livemode !== livemode) {
        throw new Refusal('payment_event_refused', 'The event is of the other mode, live or test.')
      }
      return readEvent(event)
    } catch (error) {
      if (error instanceof Refusal) throw error
      if (index === secrets.length - 1) {
        throw new Refusal('payment_event_refused', 'The signature is not good.', { cause: error })
      }
    }
  }
  throw new Refusal('payment_event_refused')
}

export function readEvent(event: Stripe.Event): ProviderEvent {
  const { id, type, created, data } = event
  const objectId = 'id' in data.object && typeof data.object.id === 'string' ? data.object.id : ''
  return { id, type, objectId, createdAt: new Date(created * 1000) }
}
