/** Name.com, Core API v1. The account is the operator's own. */
import { formatMoney, type Money, parseMoney, sameMoney } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  type Bought,
  type CheckResult,
  type ContactData,
  type DomainInfo,
  type RegisterOrder,
  type Registrar,
  RegistrarFailure,
  type RenewOrder,
} from './driver.ts'
import { type HttpReply, listOf, member, momentOf, request, textOf, withoutFinalDot } from './http.ts'
import { createTokenBucket } from './rate.ts'

const defaultUrl = 'https://api.name.com/core/v1'
const currency = 'USD'
// The vendor allows 20 a second and 3000 an hour.
const callRate = { capacity: 20, refillMs: 1200 }
const waitMsMax = 30_000

type Client = {
  call(method: 'GET' | 'POST', path: string, body?: object, options?: CallOptions): Promise<unknown>
}
type CallOptions = { idempotencyKey?: string; signal?: AbortSignal }

/** @returns null without the operator's user name and token. */
export function createNamecom({ config }: Pick<Platform, 'config'>): Registrar | null {
  const { namecomUsername, namecomToken } = config
  if (namecomUsername === null || namecomToken === null) return null
  const base = (config.namecomApiUrl ?? defaultUrl).replace(/\/$/, '')
  const authorization = `Basic ${Buffer.from(`${namecomUsername}:${namecomToken}`).toString('base64')}`
  const calls = createTokenBucket(callRate)
  const client: Client = {
    async call(method, path, body, { idempotencyKey, signal } = {}) {
      await calls.take(signal ?? AbortSignal.timeout(waitMsMax))
      const reply = await request({
        method,
        url: base + path,
        headers: {
          authorization,
          ...(idempotencyKey === undefined ? {} : { 'x-idempotency-key': idempotencyKey }),
        },
        ...(body === undefined ? {} : { body }),
        ...(signal === undefined ? {} : { signal }),
      })
      return payload(reply)
    },
  }
  return {
    name: 'namecom',
    namesPerCheck: 50,
    check: (names, years, signal) => check(client, names, years, signal),
    async renewalCost(name, years) {
      const pricing = await client.call('GET', `/domains/${name}:getPricing?years=${years}`)
      const cost = moneyOf(member(pricing, 'renewalPrice'))
      return cost === null ? null : { cost, premium: member(pricing, 'premium') === true }
    },
    register: (order) => register(client, order),
    renew: (order) => renew(client, order),
    get: (name) => getDomain(client, name),
    async setNameservers(name, nameservers) {
      await client.call('POST', `/domains/${name}:setNameservers`, { nameservers })
    },
  }
}

async function check(
  client: Client,
  names: readonly string[],
  years: number,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const body = await client.call('POST', '/domains:checkAvailability', { domainNames: names }, { signal })
  const found = new Map(listOf(body, 'results').map((one) => [textOf(one, 'domainName')?.toLowerCase(), one]))
  const results: CheckResult[] = []
  for (const name of names) {
    const result = checkResult(name, found.get(name))
    // The answer's price is for one year.
    results.push(
      years === 1 || result.cost === null ? result : await withPriceFor(client, result, years, signal),
    )
  }
  return results
}

function checkResult(name: string, answer: unknown): CheckResult {
  const premium = member(answer, 'premium') === true
  const renewalCost = moneyOf(member(answer, 'renewalPrice'))
  const reason = textOf(answer, 'reason')
  const result = { name, premium, cost: null, renewalCost, reason }
  if (answer === undefined) return { ...result, availability: 'unknown' }
  if (member(answer, 'purchasable') !== true) {
    return {
      ...result,
      availability: /not supported|unsupported/i.test(reason ?? '') ? 'unsupported' : 'taken',
    }
  }
  const purchaseType = textOf(answer, 'purchaseType') ?? 'registration'
  if (purchaseType !== 'registration') {
    return { ...result, availability: 'unsupported', reason: `It is sold by ${purchaseType} only.` }
  }
  const cost = moneyOf(member(answer, 'purchasePrice'))
  return cost === null
    ? { ...result, availability: 'unknown' }
    : { ...result, availability: 'available', cost }
}

async function withPriceFor(
  client: Client,
  result: CheckResult,
  years: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const path = `/domains/${result.name}:getPricing?years=${years}`
  const cost = moneyOf(member(await client.call('GET', path, undefined, { signal }), 'purchasePrice'))
  return cost === null
    ? { ...result, availability: 'unsupported', cost: null, reason: `It is not sold for ${years} years.` }
    : { ...result, cost }
}

/** The vendor's prices are JSON numbers, whose shortest text is what was written. */
function moneyOf(value: unknown): Money | null {
  return typeof value === 'number' ? parseMoney(String(value), currency) : null
}

/** Premium names are bought at exactly this price; for others the vendor takes none. */
function priceField({ premium, expectedCost }: RegisterOrder | RenewOrder): { purchasePrice?: number } {
  return premium ? { purchasePrice: Number(formatMoney(expectedCost)) } : {}
}

async function register(client: Client, order: RegisterOrder): Promise<Bought> {
  const domain = {
    domainName: order.name,
    autorenewEnabled: false, // this platform renews, at the price that was shown
    locked: true,
    ...(order.contact === null ? {} : { contacts: contactsOf(order.contact) }),
  }
  const body = await client.call(
    'POST',
    '/domains',
    { domain, years: order.years, ...priceField(order) },
    { idempotencyKey: order.idempotencyKey },
  )
  return bought(body, order.expectedCost)
}

function contactsOf(contact: ContactData): Record<'registrant' | 'admin' | 'tech' | 'billing', object> {
  const one = {
    firstName: contact.first_name,
    lastName: contact.last_name,
    ...(contact.organization === null ? {} : { companyName: contact.organization }),
    address1: contact.address1,
    ...(contact.address2 === null ? {} : { address2: contact.address2 }),
    city: contact.city,
    ...(contact.state === null ? {} : { state: contact.state }),
    zip: contact.zip,
    country: contact.country,
    phone: contact.phone,
    email: contact.email,
  }
  return { registrant: one, admin: one, tech: one, billing: one }
}

function bought(body: unknown, expected: Money): Bought {
  const expiresAt = momentOf(textOf(body, 'domain', 'expireDate') ?? textOf(body, 'expireDate'))
  const order = textOf(body, 'order')
  const paid = moneyOf(member(body, 'totalPaid'))
  const charged = paid === null || sameMoney(paid, expected) ? '' : `, charged ${formatMoney(paid)}`
  // Some registries finish later: then there is no expiry yet.
  return {
    state: expiresAt === null ? 'pending' : 'done',
    expiresAt,
    reference: order === null ? null : `order ${order}${charged}`,
  }
}

/** This call has no idempotency key: an expiry that has moved says that the renewal is there already. */
async function renew(client: Client, order: RenewOrder): Promise<Bought> {
  const now = await getDomain(client, order.name)
  if (now === null) throw new RegistrarFailure('refused', 'The name is not in the account.')
  if (now.expiresAt !== null && now.expiresAt > order.currentExpiry) {
    return { state: 'done', expiresAt: now.expiresAt, reference: null }
  }
  const path = `/domains/${order.name}:renew`
  const result = bought(
    await client.call('POST', path, { years: order.years, ...priceField(order) }),
    order.expectedCost,
  )
  return { ...result, state: 'done' }
}

async function getDomain(client: Client, name: string): Promise<DomainInfo | null> {
  try {
    const body = await client.call('GET', `/domains/${name}`)
    const expiresAt = momentOf(textOf(body, 'expireDate'))
    const locked = member(body, 'locked')
    return {
      state: expiresAt === null ? 'pending' : 'active',
      expiresAt,
      nameservers: listOf(body, 'nameservers').flatMap((one) =>
        typeof one === 'string' ? [withoutFinalDot(one)] : [],
      ),
      locked: typeof locked === 'boolean' ? locked : null,
    }
  } catch (error) {
    if (error instanceof NamecomFailure && error.status === 404) return null
    throw error
  }
}

class NamecomFailure extends RegistrarFailure {
  readonly status: number

  constructor(
    kind: ConstructorParameters<typeof RegistrarFailure>[0],
    status: number,
    words: string,
    more: ConstructorParameters<typeof RegistrarFailure>[2] = {},
  ) {
    super(kind, `${status}: ${words}`, more)
    this.status = status
  }
}

// 401 and 403: the token; 402: the credit. The operator can put them right, and nothing was bought.
const busyStatus = new Set([401, 402, 403, 429])

function payload({ status, json }: HttpReply): unknown {
  if (status >= 200 && status < 300 && json !== undefined) return json
  const message = textOf(json, 'message') ?? 'The registrar gave no reason.'
  const details = textOf(json, 'details')
  const words = details === null ? message : `${message} (${details})`
  if (busyStatus.has(status)) throw new NamecomFailure('busy', status, words)
  // 409: an earlier order with this key had another body; only reading back tells what became of it.
  if (status < 400 || status === 409 || status >= 500) throw new NamecomFailure('uncertain', status, words)
  const reason = /price/i.test(words)
    ? 'price_changed'
    : /avail|taken/i.test(words)
      ? 'domain_unavailable'
      : undefined
  throw new NamecomFailure('refused', status, words, reason === undefined ? {} : { reason })
}
