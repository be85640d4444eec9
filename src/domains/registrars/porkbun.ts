/** Porkbun, API v3. The account is the operator's own; contacts are the account's. */
import { type Money, parseMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  type Bought,
  type CheckResult,
  type DomainInfo,
  type RefusedReason,
  type RegisterOrder,
  type Registrar,
  RegistrarFailure,
  type RenewOrder,
} from './driver.ts'
import { type HttpReply, listOf, member, momentOf, request, textOf, withoutFinalDot } from './http.ts'
import { createTokenBucket } from './rate.ts'

const defaultUrl = 'https://api.porkbun.com/api/json/v3'
const currency = 'USD'

// What the vendor allows: ten checks in ten seconds, one attempt to register in a second.
const checkRate = { capacity: 10, refillMs: 1000 }
const buyRate = { capacity: 1, refillMs: 1000 }
const waitMsMax = 30_000

type Client = {
  call(method: 'GET' | 'POST', path: string, body?: object, options?: CallOptions): Promise<unknown>
}
type CallOptions = { idempotencyKey?: string; signal?: AbortSignal }

/** @returns null without the operator's keys. */
export function createPorkbun({ config }: Pick<Platform, 'config'>): Registrar | null {
  const { porkbunApiKey, porkbunSecretKey } = config
  if (porkbunApiKey === null || porkbunSecretKey === null) return null
  const base = (config.porkbunApiUrl ?? defaultUrl).replace(/\/$/, '')
  const keys = { 'x-api-key': porkbunApiKey, 'x-secret-api-key': porkbunSecretKey }
  const client: Client = {
    async call(method, path, body, { idempotencyKey, signal } = {}) {
      const reply = await request({
        method,
        url: base + path,
        headers: { ...keys, ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }) },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      })
      return payload(reply)
    },
  }
  const checks = createTokenBucket(checkRate)
  const purchases = createTokenBucket(buyRate)
  return {
    name: 'porkbun',
    namesPerCheck: 1, // so that what was answered is kept when the time is over
    async check(names, years, signal) {
      const results: CheckResult[] = []
      for (const name of names) {
        await checks.take(signal)
        const body = await client.call('POST', `/domain/checkDomain/${name}`, {}, { signal })
        results.push(checkResult(name, years, body))
      }
      return results
    },
    async renewalCost(name, years) {
      await checks.take(AbortSignal.timeout(waitMsMax))
      const body = await client.call('POST', `/domain/checkDomain/${name}`, {})
      const { premium, minYears, renewal } = quoteOf(body)
      return renewal === null || years !== minYears ? null : { cost: renewal, premium }
    },
    async register(order) {
      await purchases.take(AbortSignal.timeout(waitMsMax))
      return await buy(client, 'create', order)
    },
    async renew(order) {
      await purchases.take(AbortSignal.timeout(waitMsMax))
      return await buy(client, 'renew', order)
    },
    get: (name) => getDomain(client, name),
    async setNameservers(name, nameservers) {
      await client.call('POST', `/domain/updateNs/${name}`, { ns: nameservers })
    },
  }
}

type Quote = {
  premium: boolean
  minYears: number
  price: Money | null
  renewal: Money | null
  isFree: boolean
}

function quoteOf(body: unknown): Quote {
  const response = member(body, 'response')
  const minYears = Number(textOf(response, 'minDuration') ?? '1')
  return {
    isFree: textOf(response, 'avail') === 'yes',
    premium: textOf(response, 'premium') === 'yes',
    minYears: Number.isSafeInteger(minYears) && minYears > 0 ? minYears : 1,
    price: moneyOf(textOf(response, 'price')),
    renewal: moneyOf(textOf(response, 'additional', 'renewal', 'price')),
  }
}

function checkResult(name: string, years: number, body: unknown): CheckResult {
  const { isFree, premium, minYears, price, renewal } = quoteOf(body)
  const result = { name, premium, cost: null, renewalCost: renewal, reason: null }
  if (!isFree) return { ...result, availability: 'taken' }
  // Premium names are sold on the vendor's site only.
  if (premium) return { ...result, availability: 'unsupported', reason: 'Premium names are not sold by API.' }
  // A name is sold for its registry's shortest term and for no other.
  if (years !== minYears) {
    return { ...result, availability: 'unsupported', reason: `It is sold for ${minYears} years at a time.` }
  }
  if (price === null) return { ...result, availability: 'unknown', reason: 'The price could not be read.' }
  return { ...result, availability: 'available', cost: price }
}

function moneyOf(text: string | null): Money | null {
  return text === null ? null : parseMoney(text, currency)
}

async function buy(
  client: Client,
  call: 'create' | 'renew',
  { name, expectedCost, idempotencyKey }: RegisterOrder | RenewOrder,
): Promise<Bought> {
  if (expectedCost.currency !== currency) {
    throw new RegistrarFailure('refused', 'It is sold in USD only.', { reason: 'price_changed' })
  }
  const terms = { cost: expectedCost.amount, agreeToTerms: 'yes' } // the cost is in cents
  const body = await client.call('POST', `/domain/${call}/${name}`, terms, { idempotencyKey })
  const cost = textOf(body, 'cost')
  const charged = cost === null || cost === String(expectedCost.amount) ? '' : `, charged ${cost} cents`
  const order = textOf(body, 'orderId')
  return { state: 'done', expiresAt: null, reference: order === null ? null : `order ${order}${charged}` }
}

// What the vendor says of a name that is not in the account.
const notOurs = new Set(['DOMAIN_NOT_FOUND', 'DOMAIN_NOT_OWNED', 'INVALID_DOMAIN', 'NOT_FOUND'])

async function getDomain(client: Client, name: string): Promise<DomainInfo | null> {
  try {
    const body = await client.call('GET', `/domain/get/${name}`)
    const domain = member(body, 'domain') ?? body
    const servers = await client.call('POST', `/domain/getNs/${name}`, {})
    const names = listOf(servers, 'ns').flatMap((one) =>
      typeof one === 'string' ? [withoutFinalDot(one)] : [],
    )
    const lock = textOf(domain, 'securityLock')
    return {
      state: 'active',
      expiresAt: momentOf(textOf(domain, 'expireDate')),
      nameservers: names,
      locked: lock === null ? null : lock === '1',
    }
  } catch (error) {
    if (error instanceof PorkbunFailure && notOurs.has(error.code)) return null
    throw error
  }
}

class PorkbunFailure extends RegistrarFailure {
  readonly code: string

  constructor(
    kind: ConstructorParameters<typeof RegistrarFailure>[0],
    code: string,
    words: string,
    reason: RefusedReason = 'registrar_refused',
  ) {
    super(kind, `${code}: ${words}`, { reason })
    this.code = code
  }
}

/** The body of a success. The status code alone says nothing: older calls answer 200 with an error. */
function payload({ status, json }: HttpReply): unknown {
  const state = textOf(json, 'status')
  if (status < 500 && status !== 429 && state === 'SUCCESS') return json
  const code = textOf(json, 'code') ?? String(status)
  const words = textOf(json, 'message') ?? 'The registrar gave no reason.'
  if (status === 429) throw new PorkbunFailure('busy', code, words)
  if (status >= 500 || state !== 'ERROR') throw new PorkbunFailure('uncertain', code, words)
  throw refusalOf(code, words)
}

const refusals: Readonly<Record<string, RefusedReason>> = {
  COST_MISMATCH: 'price_changed',
  DOMAIN_NOT_AVAILABLE: 'domain_unavailable',
}
// An earlier attempt with this key is under way, or there was one with another body: only reading back tells.
const underWay = new Set(['IDEMPOTENCY_KEY_IN_USE', 'IDEMPOTENCY_KEY_MISMATCH'])
// What the operator can put right without the customer.
const operators = /API_?KEY|API_ACCESS|VERIFICATION|FUNDS|BALANCE|SPEND|RATE|LIMIT|THROTTL/i

function refusalOf(code: string, words: string): PorkbunFailure {
  if (underWay.has(code)) return new PorkbunFailure('uncertain', code, words)
  if (operators.test(code)) return new PorkbunFailure('busy', code, words)
  return new PorkbunFailure('refused', code, words, refusals[code])
}
