/**
 * A local Stripe for tests, to which the real SDK talks: it keeps state, takes only the parameters that the API has, holds
 * to the rules of idempotency, and can lose or delay an answer. What happens beyond the API is done by calls in process.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { stripeApiVersion } from '../billing/payments/stripe/stripe.ts'
import { decodeForm, type Form } from './stripe-form.ts'
import { type StripeActors, stripeActors } from './stripe-payments.ts'
import { carryOut, checkRequest, StripeProblem } from './stripe-routes.ts'
import { createStripeState, type StripeState, stripeId } from './stripe-state.ts'
import { createWebhookSender, type WebhookSender } from './stripe-webhooks.ts'

export type StripeRequest = { method: string; path: string; form: Form; key: string | null }

/** What goes wrong with the next request that fits: before it is carried out, or with its answer. */
export type StripeFault = {
  method?: string
  path: RegExp
  /** lost: the connection breaks after it was carried out. A number: answered so, and not carried out. */
  fault: 'lost' | 'refused_connection' | 429 | 500 | 503
  /** Waits with the answer, for whoever wants to do something meanwhile. */
  until?: Promise<unknown>
}

export type StripeStandIn = AsyncDisposable &
  StripeActors & {
    url: string
    secretKey: string
    state: StripeState
    webhooks: WebhookSender
    requests: StripeRequest[]
    faults: StripeFault[]
    /** Called when a request has been carried out and before it is answered. */
    onCarriedOut: ((request: StripeRequest) => Promise<void> | void) | null
    /** The environment of a platform that has it for its Stripe. */
    environment: Record<string, string>
  }

type Answer = { status: number; body: string }
type Remembered = { fingerprint: string; at: number; answer: Answer | null }

const rememberSeconds = 24 * 3600

export async function startStripeStandIn(
  now: () => number = () => Math.floor(Date.now() / 1000),
): Promise<StripeStandIn> {
  const state = createStripeState(stripeApiVersion, now)
  const secretKey = 'sk_test_of_the_stand_in'
  const requests: StripeRequest[] = []
  const faults: StripeFault[] = []
  const remembered = new Map<string, Remembered>()
  const sockets = new Set<Socket>()
  const webhooks = createWebhookSender(state)

  /** @returns null: no answer. */
  const answer = async (
    request: StripeRequest,
    text: string,
  ): Promise<(Answer & { replayed?: true }) | null> => {
    const { method, path, form, key } = request
    const index = faults.findIndex((one) => one.path.test(path) && (one.method ?? method) === method)
    const [fault] = index === -1 ? [] : faults.splice(index, 1)
    if (fault?.fault === 'refused_connection') return null
    if (typeof fault?.fault === 'number') return answerOf(problem(fault.fault))
    checkRequest(method, path, form)
    const done =
      method === 'POST' && key !== null ? await once(request, key, text) : answerOf(perform(request))
    await standIn.onCarriedOut?.(request)
    await fault?.until
    return fault?.fault === 'lost' ? null : done
  }
  const perform = ({ method, path, form }: StripeRequest): { status: number; body: object } => {
    try {
      return { status: 200, body: carryOut(state, method, path, form) }
    } catch (error) {
      if (error instanceof StripeProblem) return error
      throw error
    }
  }
  const once = async (
    request: StripeRequest,
    key: string,
    text: string,
  ): Promise<Answer & { replayed?: true }> => {
    const fingerprint = `${request.path} ${text}`
    const before = remembered.get(key)
    if (before && before.at > now() - rememberSeconds) {
      if (before.fingerprint !== fingerprint) {
        throw new StripeProblem(400, { type: 'idempotency_error', message: 'Keys for idempotent requests.' })
      }
      if (before.answer === null) {
        throw new StripeProblem(409, {
          type: 'invalid_request_error',
          code: 'idempotency_key_in_use',
          message: 'In use.',
        })
      }
      return { ...before.answer, replayed: true }
    }
    const mine: Remembered = { fingerprint, at: now(), answer: null }
    remembered.set(key, mine)
    mine.answer = answerOf(perform(request))
    return mine.answer
  }

  const answered = async (
    request: StripeRequest,
    text: string,
    headers: IncomingHttpHeaders,
  ): ReturnType<typeof answer> => {
    try {
      checkHeaders(headers, secretKey)
      return await answer(request, text)
    } catch (error) {
      return answerOf(error instanceof StripeProblem ? error : problem(599, String(error)))
    }
  }

  const server = createServer(async (incoming, outgoing) => {
    const text = await bodyOf(incoming)
    const url = new URL(incoming.url ?? '/', 'http://stand-in')
    const key = incoming.headers['idempotency-key']
    const method = incoming.method ?? ''
    const form = decodeForm(method === 'GET' ? url.search.slice(1) : text)
    const request = { method, path: url.pathname, form, key: typeof key === 'string' ? key : null }
    requests.push(request)
    const reply = await answered(request, text, incoming.headers)
    if (reply === null) return void incoming.socket.destroy()
    outgoing.writeHead(reply.status, {
      'content-type': 'application/json',
      'request-id': stripeId('req'),
      ...('replayed' in reply ? { 'idempotent-replayed': 'true' } : {}),
    })
    outgoing.end(reply.body)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the stand-in has no port')
  const url = `http://127.0.0.1:${address.port}`
  const standIn: StripeStandIn = {
    ...stripeActors(state),
    url,
    secretKey,
    state,
    webhooks,
    requests,
    faults,
    onCarriedOut: null,
    environment: {
      MAILWRIGHT_BILLING: 'on',
      MAILWRIGHT_STRIPE_SECRET_KEY: secretKey,
      MAILWRIGHT_STRIPE_WEBHOOK_SECRET: webhooks.secrets.join(','),
      MAILWRIGHT_STRIPE_URL: url,
      MAILWRIGHT_PAYMENT_RETURN_URL: 'https://shop.example/wallet',
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return standIn
}

function checkHeaders(headers: IncomingHttpHeaders, secretKey: string): void {
  if (headers.authorization !== `Bearer ${secretKey}`) {
    throw new StripeProblem(401, { type: 'invalid_request_error', message: 'Invalid API Key provided' })
  }
  if (headers['stripe-version'] !== stripeApiVersion) {
    throw new StripeProblem(400, { type: 'invalid_request_error', message: 'Invalid Stripe API version' })
  }
}

function answerOf({ status, body }: { status: number; body: object }): Answer {
  return { status, body: JSON.stringify(body) }
}

function problem(status: number, message = 'An unknown error occurred'): StripeProblem {
  return new StripeProblem(status, { type: status === 429 ? 'rate_limit_error' : 'api_error', message })
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
