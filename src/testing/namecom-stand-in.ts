/** Stands in for Name.com's Core API v1 and holds every request against its contract. */
import assert from 'node:assert/strict'
import { type JsonReply, type JsonRequest, type JsonServer, startJsonServer } from './json-server.ts'
import { endOfTerm, namecomText, yearsLater } from './registration-terms.ts'

export type NamecomStandIn = JsonServer & {
  username: string
  token: string
  /** In dollars, as JSON numbers. */
  prices: { register: number; renew: number; premium: number }
  owned: Map<string, { expireDate: string | null; nameservers: string[]; registrant: unknown }>
  purchases: { name: string; call: string; years: number }[]
  next: Map<string, { when: 'instead' | 'then'; reply: JsonReply }>
}

const error = (status: number, message: string): JsonReply => ({ status, body: { message } })

export async function startNamecomStandIn(): Promise<NamecomStandIn> {
  const username = 'stand-in'
  const token = 'token-of-the-stand-in'
  const expected = `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`
  const replays = new Map<string, { fingerprint: string; reply: JsonReply }>()
  const state: Omit<NamecomStandIn, keyof JsonServer> = {
    username,
    token,
    prices: { register: 12.99, renew: 15.49, premium: 1250 },
    owned: new Map(),
    purchases: [],
    next: new Map(),
  }

  const handle = (request: JsonRequest): JsonReply => {
    if (request.headers.authorization !== expected) return error(401, 'Unauthenticated')
    if (request.method === 'POST') assert.match(String(request.headers['content-type']), /^application\/json/)
    const call = callOf(request)
    const planned = state.next.get(call.name)
    state.next.delete(call.name)
    if (planned?.when === 'instead') return planned.reply
    const reply = route(call, request)
    return planned?.reply ?? reply
  }

  const route = ({ name: call, domain }: Call, request: JsonRequest): JsonReply => {
    switch (call) {
      case 'check':
        return check(request.body)
      case 'create':
        return idempotently(request, () => create(request.body))
      case 'renew':
        return renew(domain, request.body)
      case 'pricing':
        return pricing(domain, Number(request.query.get('years')))
      case 'setNameservers':
        return setNameservers(domain, request.body)
      case 'get':
        return get(domain)
    }
  }

  const isPremium = (name: string): boolean => name.startsWith('premium')
  const priceOf = (name: string, years: number): number =>
    cents((isPremium(name) ? state.prices.premium : state.prices.register) * years)

  const check = (body: unknown): JsonReply => {
    const names = field(body, 'domainNames')
    assert.ok(Array.isArray(names) && names.length > 0 && names.length <= 50, 'from 1 to 50 names')
    const results = names.map((name) => {
      assert.ok(typeof name === 'string')
      if (state.owned.has(name) || name.startsWith('gone')) {
        return { domainName: name, purchasable: false, reason: 'Domain is not available' }
      }
      return {
        domainName: name,
        purchasable: true,
        premium: isPremium(name),
        purchaseType: name.startsWith('auction') ? 'auction' : 'registration',
        purchasePrice: priceOf(name, 1),
        renewalPrice: state.prices.renew,
      }
    })
    return { status: 200, body: { results } }
  }

  const create = (body: unknown): JsonReply => {
    const name = field(field(body, 'domain'), 'domainName')
    const years = field(body, 'years')
    assert.ok(typeof name === 'string' && Number.isInteger(years))
    if (state.owned.has(name) || name.startsWith('gone')) return error(422, 'Domain is not available')
    const price = field(body, 'purchasePrice')
    assert.equal(
      price !== undefined,
      isPremium(name),
      'a price is given for premium names, and only for them',
    )
    if (isPremium(name) && price !== priceOf(name, Number(years))) return error(422, 'Wrong purchase price')
    const contacts = field(field(body, 'domain'), 'contacts')
    if (contacts !== undefined) {
      for (const role of ['registrant', 'admin', 'tech', 'billing']) checkContact(field(contacts, role))
    }
    const expireDate = name.startsWith('slow') ? null : namecomText(endOfTerm(Number(years)))
    const registrant = field(contacts, 'registrant')
    state.owned.set(name, { expireDate, nameservers: ['ns1.vendor.example'], registrant })
    state.purchases.push({ name, call: 'create', years: Number(years) })
    return {
      status: 200,
      body: { domain: view(name), order: state.purchases.length, totalPaid: priceOf(name, Number(years)) },
    }
  }

  const renew = (name: string, body: unknown): JsonReply => {
    const owned = state.owned.get(name)
    const years = Number(field(body, 'years'))
    if (!owned?.expireDate) return error(404, 'Not Found')
    assert.ok(Number.isInteger(years))
    owned.expireDate = yearsLater(owned.expireDate, years)
    state.purchases.push({ name, call: 'renew', years })
    const totalPaid = cents(state.prices.renew * years)
    return { status: 200, body: { domain: view(name), order: state.purchases.length, totalPaid } }
  }

  const pricing = (name: string, years: number): JsonReply => {
    assert.ok(years >= 1 && years <= 10)
    const prices = { purchasePrice: priceOf(name, years), renewalPrice: cents(state.prices.renew * years) }
    return { status: 200, body: { ...prices, premium: isPremium(name) } }
  }

  const setNameservers = (name: string, body: unknown): JsonReply => {
    const names = field(body, 'nameservers')
    assert.ok(Array.isArray(names) && names.every((one) => typeof one === 'string'))
    const owned = state.owned.get(name)
    if (!owned) return error(404, 'Not Found')
    owned.nameservers = names
    return { status: 200, body: view(name) }
  }

  const get = (name: string): JsonReply =>
    state.owned.has(name) ? { status: 200, body: view(name) } : error(404, 'Not Found')

  const view = (name: string): object => {
    const owned = state.owned.get(name)
    const expiry = owned?.expireDate ? { expireDate: owned.expireDate } : {}
    return {
      domainName: name,
      ...expiry,
      locked: true,
      autorenewEnabled: false,
      nameservers: owned?.nameservers,
    }
  }

  const idempotently = (request: JsonRequest, work: () => JsonReply): JsonReply => {
    const key = request.headers['x-idempotency-key']
    assert.ok(typeof key === 'string' && key !== '', 'a registration without an X-Idempotency-Key')
    const fingerprint = JSON.stringify(request.body)
    const known = replays.get(key)
    if (known && known.fingerprint !== fingerprint) return error(409, 'The key was used with another body')
    if (known)
      return known.reply === 'lost' ? 'lost' : { ...known.reply, headers: { 'x-idempotent-replay': '1' } }
    const reply = work()
    replays.set(key, { fingerprint, reply })
    return reply
  }

  return Object.assign(await startJsonServer(handle), state)
}

type CallName = 'check' | 'create' | 'renew' | 'pricing' | 'setNameservers' | 'get'
type Call = { name: CallName; domain: string }

function callOf({ method, path }: JsonRequest): Call {
  if (method === 'POST' && path === '/domains:checkAvailability') return { name: 'check', domain: '' }
  if (method === 'POST' && path === '/domains') return { name: 'create', domain: '' }
  const [, domain = '', verb] = /^\/domains\/([a-z0-9.-]+)(?::(\w+))?$/.exec(path) ?? []
  if (method === 'GET' && verb === undefined && domain !== '') return { name: 'get', domain }
  if (method === 'GET' && verb === 'getPricing') return { name: 'pricing', domain }
  if (method === 'POST' && verb === 'renew') return { name: 'renew', domain }
  if (method === 'POST' && verb === 'setNameservers') return { name: 'setNameservers', domain }
  throw new Error(`the contract has no ${method} ${path}`)
}

const cents = (dollars: number): number => Math.round(dollars * 100) / 100

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

function checkContact(contact: unknown): void {
  for (const name of ['firstName', 'lastName', 'address1', 'city', 'zip', 'country', 'phone', 'email']) {
    assert.equal(typeof field(contact, name), 'string', `a contact without ${name}`)
  }
}
