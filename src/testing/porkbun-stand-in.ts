/** Stands in for Porkbun's API v3 and holds every request against its contract. */
import assert from 'node:assert/strict'
import { type JsonReply, type JsonRequest, type JsonServer, startJsonServer } from './json-server.ts'
import { endOfTerm, porkbunText, yearsLater } from './registration-terms.ts'

/** A function is called when its moment has come, and may take its time. */
type Planned = JsonReply | (() => Promise<JsonReply>)

export type PorkbunStandIn = JsonServer & {
  keys: { api: string; secret: string }
  /** Prices in dollars, as the vendor writes them. */
  prices: { register: string; renew: string }
  /** Names in the account, with what `expireDate` says. */
  owned: Map<string, { expireDate: string; ns: string[] }>
  /** What was charged, in cents. */
  charges: { name: string; call: string; cents: number }[]
  /** The registry's shortest term, in years. */
  terms: { minDuration: number }
  /** Answers the next call of that kind, before (`instead`) or after (`then`) it is carried out. */
  next: Map<string, { when: 'instead' | 'then'; reply: Planned }>
}

const error = (status: number, code: string, message = code): JsonReply => ({
  status,
  body: { status: 'ERROR', code, message },
})
const success = (body: object): JsonReply => ({ status: 200, body: { status: 'SUCCESS', ...body } })

function answerOf(planned: Planned): JsonReply | Promise<JsonReply> {
  return typeof planned === 'function' ? planned() : planned
}

export async function startPorkbunStandIn(): Promise<PorkbunStandIn> {
  const keys = { api: 'pk1_stand_in', secret: 'sk1_stand_in' }
  const replays = new Map<string, { fingerprint: string; reply: JsonReply }>()
  const state: Omit<PorkbunStandIn, keyof JsonServer> = {
    keys,
    prices: { register: '11.08', renew: '12.50' },
    owned: new Map(),
    charges: [],
    terms: { minDuration: 1 },
    next: new Map(),
  }
  const handle = (request: JsonRequest): JsonReply | Promise<JsonReply> => {
    const [, call = '', name = ''] = /^\/domain\/(\w+)\/([a-z0-9.-]+)$/.exec(request.path) ?? []
    assert.match(String(request.headers['content-type']), /^application\/json/)
    if (request.headers['x-api-key'] !== keys.api || request.headers['x-secret-api-key'] !== keys.secret) {
      return error(400, 'INVALID_API_KEYS_001', 'Invalid API key.')
    }
    const planned = state.next.get(call)
    state.next.delete(call)
    if (planned?.when === 'instead') return answerOf(planned.reply)
    const reply = route(call, name, request)
    return planned ? answerOf(planned.reply) : reply
  }
  const route = (call: string, name: string, request: JsonRequest): JsonReply => {
    switch (call) {
      case 'checkDomain':
        assert.equal(request.method, 'POST')
        return check(name)
      case 'create':
      case 'renew':
        return idempotently(request, () => buy(call, name, request.body))
      case 'get':
        return get(name)
      case 'getNs':
        return state.owned.has(name)
          ? success({ ns: state.owned.get(name)?.ns.map((one) => `${one}.`) })
          : error(400, 'DOMAIN_NOT_FOUND')
      case 'updateNs':
        return updateNs(name, request.body)
      default:
        throw new Error(`the contract has no ${request.method} ${request.path}`)
    }
  }
  const check = (name: string): JsonReply =>
    success({
      response: {
        avail: state.owned.has(name) || name.startsWith('gone') ? 'no' : 'yes',
        type: 'registration',
        price: state.prices.register,
        regularPrice: state.prices.register,
        firstYearPromo: 'no',
        premium: name.startsWith('premium') ? 'yes' : 'no',
        minDuration: state.terms.minDuration,
        additional: { renewal: { price: state.prices.renew }, transfer: { price: state.prices.renew } },
      },
    })
  const idempotently = (request: JsonRequest, work: () => JsonReply): JsonReply => {
    const key = request.headers['idempotency-key']
    assert.ok(typeof key === 'string' && key !== '', 'a purchase without an Idempotency-Key')
    const fingerprint = JSON.stringify([request.path, request.body])
    const known = replays.get(key)
    if (known && known.fingerprint !== fingerprint) return error(409, 'IDEMPOTENCY_KEY_MISMATCH')
    if (known) {
      return known.reply === 'lost'
        ? known.reply
        : { ...known.reply, headers: { 'idempotent-replayed': 'true' } }
    }
    const reply = work()
    replays.set(key, { fingerprint, reply })
    return reply
  }
  const buy = (call: 'create' | 'renew', name: string, body: unknown): JsonReply => {
    assert.ok(typeof body === 'object' && body !== null)
    const cost: unknown = Reflect.get(body, 'cost')
    assert.ok(Number.isInteger(cost), 'the cost is whole cents')
    assert.equal(Reflect.get(body, 'agreeToTerms'), 'yes')
    const price = call === 'create' ? state.prices.register : state.prices.renew
    const cents = Number(price.replace('.', ''))
    const owned = state.owned.get(name)
    if (call === 'create' && (owned || name.startsWith('gone'))) return error(400, 'DOMAIN_NOT_AVAILABLE')
    if (call === 'renew' && !owned) return error(400, 'DOMAIN_NOT_FOUND')
    if (cost !== cents) return error(400, 'COST_MISMATCH', `The cost is ${cents}.`)
    const years = state.terms.minDuration
    const expireDate = owned ? yearsLater(owned.expireDate, years) : porkbunText(endOfTerm(years))
    state.owned.set(name, { expireDate, ns: owned?.ns ?? ['ns1.vendor.example'] })
    state.charges.push({ name, call, cents })
    return success({ domain: name, cost: cents, orderId: 1000 + state.charges.length, balance: 100_000 })
  }
  const get = (name: string): JsonReply => {
    const owned = state.owned.get(name)
    if (!owned) return error(400, 'DOMAIN_NOT_FOUND')
    const { expireDate } = owned
    return success({
      domain: {
        domain: name,
        status: 'ACTIVE',
        createDate: porkbunText(endOfTerm(-1)),
        expireDate,
        securityLock: '1',
      },
    })
  }
  const updateNs = (name: string, body: unknown): JsonReply => {
    const ns: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'ns') : undefined
    assert.ok(Array.isArray(ns) && ns.every((one) => typeof one === 'string'))
    const owned = state.owned.get(name)
    if (!owned) return error(400, 'DOMAIN_NOT_FOUND')
    owned.ns = ns
    return success({})
  }
  return Object.assign(await startJsonServer(handle), state)
}
