/** The API of the local Stripe: its routes, the parameters that each takes, and what they do. */
import { type Form, textsAt, valueAt } from './stripe-form.ts'
import { decline, detach, makeRefund, newIntent, succeed } from './stripe-payments.ts'
import { cardOutcomes, type StripeSession, type StripeState, stripeId } from './stripe-state.ts'

/** An answer that is an error. */
export class StripeProblem extends Error {
  readonly status: number
  readonly body: object
  constructor(
    status: number,
    error: { type: string; code?: string; message: string } & Record<string, unknown>,
  ) {
    super(error.message)
    this.status = status
    this.body = { error }
  }
}

export const invalid = (code: string, message: string, param?: string): StripeProblem =>
  new StripeProblem(code === 'resource_missing' ? 404 : 400, {
    type: 'invalid_request_error',
    code,
    message,
    ...(param === undefined ? {} : { param }),
  })

type Handler = (state: StripeState, form: Form, id: string) => object

type Route = { method: 'GET' | 'POST'; path: RegExp; parameters: readonly string[]; handle: Handler }

const missing = (id: string, param = 'id'): StripeProblem =>
  invalid('resource_missing', `No such object: '${id}'`, param)

function found<T>(map: ReadonlyMap<string, T>, id: string, param?: string): T {
  const one = map.get(id)
  if (one === undefined) throw missing(id, param)
  return one
}

function required(form: Form, ...path: string[]): string {
  const value = valueAt(form, ...path)
  if (value === undefined)
    throw invalid('parameter_missing', `Missing required param: ${path.join('.')}`, path[0])
  return value
}

function liveCustomer(state: StripeState, id: string): string {
  const customer = found(state.customers, id, 'customer')
  if (customer.deleted) throw missing(id, 'customer')
  return customer.id
}

function amountOf(text: string): number {
  const amount = Number(text)
  if (!Number.isInteger(amount) || amount < 50)
    throw invalid('amount_too_small', 'Amount must be at least $0.50')
  if (amount > 99_999_999) throw invalid('amount_too_large', 'Amount must be no more than $999,999.99')
  return amount
}

const createSession: Handler = (state, form) => {
  const now = state.now()
  const expires_at = Number(valueAt(form, 'expires_at') ?? now + 24 * 3600)
  if (expires_at < now + 30 * 60 || expires_at > now + 24 * 3600) {
    throw invalid(
      'parameter_invalid',
      'The `expires_at` must be between 30 minutes and 24 hours from now',
      'expires_at',
    )
  }
  const price = ['line_items', '0', 'price_data'] as const
  const id = stripeId('cs_test')
  const session: StripeSession = {
    id,
    object: 'checkout.session',
    livemode: state.livemode,
    created: now,
    expires_at,
    mode: 'payment',
    status: 'open',
    payment_status: 'unpaid',
    client_reference_id: valueAt(form, 'client_reference_id') ?? null,
    customer: liveCustomer(state, required(form, 'customer')),
    currency: required(form, ...price, 'currency'),
    amount_total: amountOf(required(form, ...price, 'unit_amount')),
    metadata: textsAt(form, 'metadata'),
    payment_intent: null,
    url: `https://checkout.stripe.test/c/pay/${id}`,
    success_url: required(form, 'success_url'),
  }
  if (required(form, 'mode') !== 'payment') throw invalid('parameter_invalid', 'only payments here', 'mode')
  state.sessions.set(id, session)
  state.intentMetadata.set(id, textsAt(form, 'payment_intent_data', 'metadata'))
  return session
}

/** With its payment in it, as all our calls ask for it so. */
function shown(state: StripeState, session: StripeSession, form: Form): object {
  const isExpanded = Object.values(textsAt(form, 'expand')).includes('payment_intent')
  if (!isExpanded || session.payment_intent === null) return session
  return { ...session, payment_intent: found(state.intents, session.payment_intent) }
}

const createIntent: Handler = (state, form) => {
  const customer = liveCustomer(state, required(form, 'customer'))
  const method = found(state.methods, required(form, 'payment_method'), 'payment_method')
  if (method.customer !== customer) {
    throw invalid('payment_method_unexpected_state', 'The payment method is not attached.', 'payment_method')
  }
  if (valueAt(form, 'confirm') !== 'true' || valueAt(form, 'off_session') !== 'true')
    throw invalid('parameter_invalid', 'only off-session payments here')
  const currency = required(form, 'currency')
  const amount = amountOf(required(form, 'amount'))
  const intent = newIntent(state, { amount, currency, customer, metadata: textsAt(form, 'metadata') })
  const card = state.cardNames.get(method.id) ?? 'pm_card_visa'
  const outcome = cardOutcomes[card]
  intent.payment_method = method.id
  if (card === 'pm_card_slow') {
    intent.status = 'processing'
    state.emit('payment_intent.processing', intent)
    return intent
  }
  if (outcome === null) {
    succeed(state, intent)
    return intent
  }
  decline(state, intent, card)
  throw new StripeProblem(402, {
    type: 'card_error',
    message: 'Your card was declined.',
    ...outcome,
    payment_intent: { ...intent },
  })
}

const cancelIntent: Handler = (state, _form, id) => {
  const intent = found(state.intents, id, 'intent')
  if (['succeeded', 'canceled', 'processing'].includes(intent.status))
    throw invalid('payment_intent_unexpected_state', `It has a status of ${intent.status}.`)
  intent.status = 'canceled'
  state.emit('payment_intent.canceled', intent)
  return intent
}

const createRefund: Handler = (state, form) => {
  const intent = found(state.intents, required(form, 'payment_intent'), 'payment_intent')
  const amount = Number(required(form, 'amount'))
  const refunds = [...state.refunds.values()].filter(
    (one) => one.payment_intent === intent.id && one.status !== 'failed',
  )
  const left = intent.amount_received - refunds.reduce((sum, one) => sum + one.amount, 0)
  if (left === 0) throw invalid('charge_already_refunded', 'Charge has already been refunded.')
  if (amount > left)
    throw invalid('amount_too_large', 'Refund amount is greater than what is left.', 'amount')
  if ([...state.disputes.values()].some((one) => one.payment_intent === intent.id))
    throw invalid('charge_disputed', 'Charge has been charged back.')
  const { currency } = intent
  const id = makeRefund(state, {
    paymentId: intent.id,
    amount,
    currency,
    metadata: textsAt(form, 'metadata'),
  })
  return found(state.refunds, id)
}

/** The newest first, in pages. */
function listed(all: readonly { id: string }[], form: Form, url: string): object {
  const newest = [...all].reverse()
  const after = valueAt(form, 'starting_after')
  const from = after === undefined ? 0 : newest.findIndex(({ id }) => id === after) + 1
  const limit = Number(valueAt(form, 'limit') ?? 10)
  if (limit > 100) throw invalid('parameter_invalid', 'limit is at most 100', 'limit')
  const data = newest.slice(from, from + limit)
  return { object: 'list', url, has_more: from + limit < newest.length, data }
}

const since = (form: Form): number => Number(valueAt(form, 'created', 'gte') ?? 0)

const routes: readonly Route[] = [
  {
    method: 'POST',
    path: /^\/v1\/customers$/,
    parameters: ['metadata', 'email', 'name'],
    handle(state, form) {
      const id = stripeId('cus')
      const { livemode } = state
      const invoice_settings = { default_payment_method: null }
      const made = {
        id,
        object: 'customer' as const,
        livemode,
        metadata: textsAt(form, 'metadata'),
        invoice_settings,
      }
      state.customers.set(id, made)
      return made
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/customers\/(\w+)$/,
    parameters: [],
    handle: (state, _form, id) => found(state.customers, id),
  },
  {
    method: 'GET',
    path: /^\/v1\/customers\/(\w+)\/payment_methods$/,
    parameters: ['type', 'limit', 'starting_after'],
    handle: (state, form, id) => {
      liveCustomer(state, id)
      const own = [...state.methods.values()].filter(({ customer }) => customer === id)
      return listed(own, form, `/v1/customers/${id}/payment_methods`)
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/payment_methods\/(\w+)$/,
    parameters: [],
    handle: (state, _form, id) => found(state.methods, id),
  },
  {
    method: 'POST',
    path: /^\/v1\/payment_methods\/(\w+)\/detach$/,
    parameters: [],
    handle(state, _form, id) {
      const method = found(state.methods, id)
      if (method.customer === null) throw invalid('payment_method_unexpected_state', 'It is not attached.')
      detach(state, method)
      return method
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/checkout\/sessions$/,
    parameters: [
      'mode',
      'customer',
      'client_reference_id',
      'line_items',
      'allowed_payment_method_types',
      'payment_intent_data',
      'saved_payment_method_options',
      'metadata',
      'success_url',
      'cancel_url',
      'expires_at',
      'expand',
    ],
    handle: createSession,
  },
  {
    method: 'GET',
    path: /^\/v1\/checkout\/sessions\/(\w+)$/,
    parameters: ['expand'],
    handle: (state, form, id) => shown(state, found(state.sessions, id), form),
  },
  {
    method: 'POST',
    path: /^\/v1\/checkout\/sessions\/(\w+)\/expire$/,
    parameters: ['expand'],
    handle(state, form, id) {
      const session = found(state.sessions, id)
      if (session.status !== 'open') throw invalid('resource_state', 'Only open sessions can be expired.')
      session.status = 'expired'
      session.url = null
      state.emit('checkout.session.expired', session)
      return shown(state, session, form)
    },
  },
  {
    method: 'POST',
    path: /^\/v1\/payment_intents$/,
    parameters: [
      'amount',
      'currency',
      'customer',
      'payment_method',
      'confirm',
      'off_session',
      'allowed_payment_method_types',
      'description',
      'metadata',
    ],
    handle: createIntent,
  },
  {
    method: 'GET',
    path: /^\/v1\/payment_intents$/,
    parameters: ['customer', 'created', 'limit', 'starting_after'],
    handle(state, form) {
      const customer = valueAt(form, 'customer')
      const own = [...state.intents.values()].filter(
        (one) => one.customer === customer && one.created >= since(form),
      )
      return listed(own, form, '/v1/payment_intents')
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/payment_intents\/(\w+)$/,
    parameters: [],
    handle: (state, _form, id) => found(state.intents, id),
  },
  { method: 'POST', path: /^\/v1\/payment_intents\/(\w+)\/cancel$/, parameters: [], handle: cancelIntent },
  {
    method: 'POST',
    path: /^\/v1\/refunds$/,
    parameters: ['payment_intent', 'amount', 'metadata'],
    handle: createRefund,
  },
  {
    method: 'GET',
    path: /^\/v1\/refunds$/,
    parameters: ['payment_intent', 'limit', 'starting_after'],
    handle(state, form) {
      const payment = valueAt(form, 'payment_intent')
      const own = [...state.refunds.values()].filter((one) => one.payment_intent === payment)
      return listed(own, form, '/v1/refunds')
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/refunds\/(\w+)$/,
    parameters: [],
    handle: (state, _form, id) => found(state.refunds, id),
  },
  {
    method: 'GET',
    path: /^\/v1\/disputes\/(\w+)$/,
    parameters: [],
    handle: (state, _form, id) => found(state.disputes, id),
  },
  {
    method: 'POST',
    path: /^\/v1\/billing_portal\/sessions$/,
    parameters: ['customer', 'return_url'],
    handle(state, form) {
      const id = stripeId('bps')
      const customer = liveCustomer(state, required(form, 'customer'))
      const { livemode } = state
      const url = `https://billing.stripe.test/p/session/${id}`
      return {
        id,
        object: 'billing_portal.session',
        customer,
        livemode,
        url,
        return_url: required(form, 'return_url'),
      }
    },
  },
  {
    method: 'GET',
    path: /^\/v1\/events$/,
    parameters: ['types', 'delivery_success', 'created', 'limit', 'starting_after'],
    handle(state, form) {
      const types = Object.values(textsAt(form, 'types'))
      if (types.length > 20) throw invalid('parameter_invalid', 'at most 20 types', 'types')
      const own = state.events.filter(
        (one) => types.includes(one.type) && !one.delivered && one.created >= since(form),
      )
      const bodies: { id: string }[] = own.map(({ payload }) => JSON.parse(payload))
      return listed(bodies, form, '/v1/events')
    },
  },
]

/** Carries a request out. @throws StripeProblem. */
export function carryOut(state: StripeState, method: string, path: string, form: Form): object {
  const { route, id } = routeOf(method, path)
  return route.handle(state, form, id)
}

/** What is refused before anything is done: such an answer is not remembered for its key. */
export function checkRequest(method: string, path: string, form: Form): void {
  const { route } = routeOf(method, path)
  if ('payment_method_types' in form) {
    throw invalid('payment_method_types_no_longer_supported', 'It is gone.', 'payment_method_types')
  }
  const unknown = Object.keys(form).find((name) => !route.parameters.includes(name))
  if (unknown !== undefined)
    throw invalid('parameter_unknown', `Received unknown parameter: ${unknown}`, unknown)
}

function routeOf(method: string, path: string): { route: Route; id: string } {
  for (const route of routes) {
    const match = route.method === method ? route.path.exec(path) : null
    if (match) return { route, id: match[1] ?? '' }
  }
  throw new StripeProblem(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}).`,
  })
}
