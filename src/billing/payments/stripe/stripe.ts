/** Stripe, by its official SDK. The API's version is pinned: the shapes that read.ts expects are of that version. */
import type Stripe from 'stripe'
import type { NewCharge, NewCheckout, NewRefund, OnlinePayments } from '../provider.ts'
import { PaymentFailure } from '../provider.ts'
import { toStripeAmount } from './amounts.ts'
import { handledEvents, provedEvent, readEvent } from './events.ts'
import { paymentFailure } from './failures.ts'
import { readCard, readCheckout, readDispute, readPayment, readRefund } from './read.ts'

export type StripeOptions = {
  secretKey: string
  webhookSecrets: readonly string[]
  /** Null: Stripe's own address. */
  url: string | null
}

export const stripeApiVersion = '2026-10-28.endive'

const timeoutMs = 20_000
const networkRetries = 2
const cardsMax = 100
/** Of events that were told in vain, and of payments or refunds that are looked through. */
const listMax = 1000

type Client = { stripe: Stripe; errors: typeof Stripe.errors; webhooks: typeof Stripe.webhooks }

/** The SDK is loaded when it is first needed: it takes half a second, which a platform without Stripe need not wait. */
async function openClient({ secretKey, url }: StripeOptions): Promise<Client> {
  const { default: Sdk } = await import('stripe')
  const at = url === null ? null : new URL(url)
  const elsewhere = at && {
    host: at.hostname,
    port: at.port === '' ? (at.protocol === 'https:' ? 443 : 80) : Number(at.port),
    protocol: at.protocol === 'https:' ? ('https' as const) : ('http' as const),
  }
  const stripe = new Sdk(secretKey, {
    apiVersion: stripeApiVersion,
    maxNetworkRetries: networkRetries,
    timeout: timeoutMs,
    telemetry: false,
    ...elsewhere,
  })
  return { stripe, errors: Sdk.errors, webhooks: Sdk.webhooks }
}

export function stripePayments(options: StripeOptions): OnlinePayments {
  const livemode = /^[rs]k_live_/.test(options.secretKey)
  if (livemode && options.url !== null) throw new Error('a live key is for Stripe alone')
  let opened: Promise<Client> | null = null
  const client = (): Promise<Client> => {
    opened ??= openClient(options)
    return opened
  }
  /** One call, whose failure becomes one of ours. */
  const ask = async <T>(call: (stripe: Stripe) => Promise<T>): Promise<T> => {
    const { stripe, errors } = await client()
    try {
      return await call(stripe)
    } catch (error) {
      throw paymentFailure(errors, error)
    }
  }
  const ownMode = <T extends { livemode: boolean }>(object: T): T => {
    if (object.livemode !== livemode) throw new PaymentFailure('refused', 'it is of the other mode')
    return object
  }
  const withIntent = { expand: ['payment_intent'] }

  return {
    name: 'stripe',
    checkAmount: (money) => void toStripeAmount(money),
    createCustomer: (workspaceId, idempotencyKey) =>
      ask(async ({ customers }) => {
        const { id } = await customers.create({ metadata: { workspace_id: workspaceId } }, { idempotencyKey })
        return id
      }),
    createCheckout: (wanted, idempotencyKey) =>
      ask(async ({ checkout }) =>
        readCheckout(ownMode(await checkout.sessions.create(checkoutParams(wanted), { idempotencyKey }))),
      ),
    getCheckout: (id) =>
      ask(async ({ checkout }) => readCheckout(ownMode(await checkout.sessions.retrieve(id, withIntent)))),
    expireCheckout: (id) =>
      ask(async ({ checkout }) => readCheckout(ownMode(await checkout.sessions.expire(id, withIntent)))),
    chargeCard: (wanted, idempotencyKey) =>
      ask(async ({ paymentIntents }) =>
        readPayment(ownMode(await paymentIntents.create(chargeParams(wanted), { idempotencyKey }))),
      ),
    getPayment: (id) =>
      ask(async ({ paymentIntents }) => readPayment(ownMode(await paymentIntents.retrieve(id)))),
    findPayment: (customer, topUpId, since) =>
      ask(async ({ paymentIntents }) => {
        const all = await paymentIntents
          .list({ customer, created: { gte: Math.floor(since.getTime() / 1000) }, limit: 100 })
          .autoPagingToArray({ limit: listMax })
        const found = all.find(({ metadata }) => metadata['topup_id'] === topUpId)
        return found ? readPayment(ownMode(found)) : null
      }),
    cancelPayment: (id) => ask(async ({ paymentIntents }) => readPayment(await paymentIntents.cancel(id))),
    listCards: (customerId) =>
      ask(async ({ customers }) => {
        const customer = await customers.retrieve(customerId)
        if (customer.deleted) return null
        const { data } = await customers.listPaymentMethods(customerId, { type: 'card', limit: cardsMax })
        const chosen = customer.invoice_settings.default_payment_method
        return {
          cards: data.flatMap((method) => readCard(method) ?? []),
          defaultId: typeof chosen === 'string' ? chosen : (chosen?.id ?? null),
        }
      }),
    getCard: (id) => ask(async ({ paymentMethods }) => readCard(await paymentMethods.retrieve(id))),
    detachCard: (id) => ask(async ({ paymentMethods }) => void (await paymentMethods.detach(id))),
    createPortal: (customer, return_url) =>
      ask(async ({ billingPortal }) => (await billingPortal.sessions.create({ customer, return_url })).url),
    refund: (wanted, idempotencyKey) =>
      ask(async ({ refunds }) => readRefund(await refunds.create(refundParams(wanted), { idempotencyKey }))),
    getRefund: (id) => ask(async ({ refunds }) => readRefund(await refunds.retrieve(id))),
    findRefund: (payment_intent, refundRowId) =>
      ask(async ({ refunds }) => {
        const all = await refunds.list({ payment_intent, limit: 100 }).autoPagingToArray({ limit: listMax })
        const found = all.find(({ metadata }) => metadata?.['refund_id'] === refundRowId)
        return found ? readRefund(found) : null
      }),
    getDispute: (id) => ask(async ({ disputes }) => readDispute(ownMode(await disputes.retrieve(id)))),
    async readEvent(body, signature) {
      const { webhooks } = await client()
      return provedEvent(webhooks, { secrets: options.webhookSecrets, livemode }, body, signature)
    },
    missedEvents: (since) =>
      ask(async ({ events }) => {
        const created = { gte: Math.floor(since.getTime() / 1000) }
        const all = await events
          .list({ types: [...handledEvents], delivery_success: false, created, limit: 100 })
          .autoPagingToArray({ limit: listMax })
        return all.filter((event) => event.livemode === livemode).map(readEvent)
      }),
  }
}

/** Metadata of the session are not those of its payment: both get them. */
function checkoutParams(wanted: NewCheckout): Stripe.Checkout.SessionCreateParams {
  const { topUpId, workspaceId, customerId, money, returnUrl, expiresAt } = wanted
  const metadata = { topup_id: topUpId, workspace_id: workspaceId }
  const price = { currency: money.currency.toLowerCase(), unit_amount: toStripeAmount(money) }
  const back = (result: 'paid' | 'canceled'): string => {
    const url = new URL(returnUrl)
    url.searchParams.set('top_up', topUpId)
    url.searchParams.set('result', result)
    return url.href
  }
  return {
    mode: 'payment',
    customer: customerId,
    client_reference_id: topUpId,
    line_items: [{ quantity: 1, price_data: { ...price, product_data: { name: 'Wallet top-up' } } }],
    allowed_payment_method_types: ['card'],
    payment_intent_data: { setup_future_usage: 'off_session', metadata },
    saved_payment_method_options: { payment_method_save: 'enabled' },
    metadata,
    success_url: back('paid'),
    cancel_url: back('canceled'),
    expires_at: Math.floor(expiresAt.getTime() / 1000),
    expand: ['payment_intent'],
  }
}

function chargeParams(wanted: NewCharge): Stripe.PaymentIntentCreateParams {
  const { topUpId, workspaceId, customerId, cardId, money, isAutomatic } = wanted
  return {
    amount: toStripeAmount(money),
    currency: money.currency.toLowerCase(),
    customer: customerId,
    payment_method: cardId,
    confirm: true,
    off_session: true,
    allowed_payment_method_types: ['card'],
    description: isAutomatic ? 'Automatic wallet top-up' : 'Wallet top-up',
    metadata: { topup_id: topUpId, workspace_id: workspaceId, reason: isAutomatic ? 'auto' : 'manual' },
  }
}

function refundParams({ paymentId, money, refundRowId }: NewRefund): Stripe.RefundCreateParams {
  return {
    payment_intent: paymentId,
    amount: toStripeAmount(money),
    metadata: { refund_id: refundRowId },
  }
}
