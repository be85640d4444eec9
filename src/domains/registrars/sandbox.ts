/**
 * A registrar that sells .test names (RFC 6761 §6.2) for nothing, so that the whole way of an order can be tried without
 * an account. Prices are rows of sandbox_prices; what it has sold is in sandbox_registrations, by the platform's clock.
 * The beginning of a name decides how it behaves (docs/registering.md):
 *
 *     taken-     is sold to somebody else
 *     premium-   costs the premium price
 *     pending-   is finished only after two minutes
 *     refused-   its orders are refused
 *     timeout-   its orders are carried out, but the answer is lost
 *     silent-    its first order is neither carried out nor answered
 */
import { sql } from 'kysely'
import { addDuration } from '../../platform/clock.ts'
import { transaction } from '../../platform/database.ts'
import type { Money } from '../../platform/money.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  type Bought,
  type CheckResult,
  type DomainInfo,
  type RegisterOrder,
  type Registrar,
  RegistrarFailure,
  type RenewOrder,
} from './driver.ts'

const pendingMs = 2 * 60_000
const yearsMax = 10

type PriceKind = 'register' | 'renew' | 'premium'
type Prices = Record<PriceKind, Money>
type Sold = { name: string; expires_at: Date; ready_at: Date; nameservers: string[]; locked: boolean }

export function createSandbox(platform: Platform): Registrar {
  return {
    name: 'sandbox',
    namesPerCheck: 1000,
    check: (names, years) => check(platform, names, years),
    async renewalCost(name, years) {
      const sold = await find(platform, name)
      if (!sold || years > yearsMax) return null
      return { cost: times((await prices(platform)).renew, years), premium: isPremium(name) }
    },
    register: (order) => buy(platform, 'register', order),
    renew: (order) => buy(platform, 'renew', order),
    get: (name) => get(platform, name),
    async setNameservers(name, nameservers) {
      const { numAffectedRows } =
        await sql`update sandbox_registrations set nameservers = ${[...nameservers]}::text[]
        where name = ${name}`.execute(platform.db)
      if (numAffectedRows === 0n) throw new RegistrarFailure('refused', 'The name is not registered.')
    },
  }
}

async function prices(platform: Platform): Promise<Prices> {
  const { rows } = await sql<{ kind: string; amount: number; currency: string }>`
    select kind, amount, currency from sandbox_prices`.execute(platform.db)
  const priceOf = (kind: PriceKind): Money => {
    const row = rows.find((one) => one.kind === kind)
    if (!row) throw new RegistrarFailure('busy', `The sandbox has no price of the kind ${kind}.`)
    return { amount: row.amount, currency: row.currency }
  }
  return { register: priceOf('register'), renew: priceOf('renew'), premium: priceOf('premium') }
}

const isPremium = (name: string): boolean => name.startsWith('premium-')

function costOf(all: Prices, kind: 'register' | 'renew', name: string, years: number): Money {
  return times(kind === 'register' && isPremium(name) ? all.premium : all[kind], years)
}

function times({ amount, currency }: Money, years: number): Money {
  return { amount: amount * years, currency }
}

async function check(platform: Platform, names: readonly string[], years: number): Promise<CheckResult[]> {
  const all = await prices(platform)
  const { rows } = await sql<{ name: string }>`
    select name from sandbox_registrations where name = any(${[...names]}::text[])`.execute(platform.db)
  const sold = new Set(rows.map(({ name }) => name))
  return names.map((name) => {
    const result = { name, premium: isPremium(name), cost: null, renewalCost: all.renew, reason: null }
    if (name.startsWith('taken-') || sold.has(name)) return { ...result, availability: 'taken' }
    if (years > yearsMax) {
      return { ...result, availability: 'unsupported', reason: `It is sold for ${yearsMax} years at most.` }
    }
    return { ...result, availability: 'available', cost: costOf(all, 'register', name, years) }
  })
}

async function find(platform: Platform, name: string): Promise<Sold | undefined> {
  const { rows } = await sql<Sold>`
    select name, expires_at, ready_at, nameservers, locked from sandbox_registrations where name = ${name}`.execute(
    platform.db,
  )
  return rows[0]
}

async function get(platform: Platform, name: string): Promise<DomainInfo | null> {
  const sold = await find(platform, name)
  if (!sold) return null
  return {
    state: sold.ready_at <= platform.clock.now() ? 'active' : 'pending',
    expiresAt: sold.expires_at,
    nameservers: sold.nameservers,
    locked: sold.locked,
  }
}

async function buy(
  platform: Platform,
  kind: 'register' | 'renew',
  order: RegisterOrder | RenewOrder,
): Promise<Bought> {
  if (order.name.startsWith('refused-'))
    throw new RegistrarFailure('refused', 'The sandbox refuses this name.')
  const cost = costOf(await prices(platform), kind, order.name, order.years)
  if (cost.amount !== order.expectedCost.amount || cost.currency !== order.expectedCost.currency) {
    throw new RegistrarFailure('refused', 'The price is another one.', { reason: 'price_changed' })
  }
  const isNew = await noteOrder(platform, kind, order, cost)
  if (order.name.startsWith('silent-') && isNew)
    throw new RegistrarFailure('uncertain', 'There was no answer.')
  await carryOut(platform, kind, order)
  if (order.name.startsWith('timeout-') && isNew)
    throw new RegistrarFailure('uncertain', 'The answer was lost.')
  const info = await get(platform, order.name)
  return {
    state: info?.state === 'active' ? 'done' : 'pending',
    expiresAt: info?.expiresAt ?? null,
    reference: `sandbox ${order.idempotencyKey}`,
  }
}

/** @returns whether the key is new. */
async function noteOrder(
  platform: Platform,
  kind: 'register' | 'renew',
  order: RegisterOrder | RenewOrder,
  cost: Money,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    insert into sandbox_orders (idempotency_key, kind, name, years, amount, currency, created_at)
    values (${order.idempotencyKey}, ${kind}, ${order.name}, ${order.years}, ${cost.amount}, ${cost.currency},
      ${platform.clock.now()})
    on conflict (idempotency_key) do nothing`.execute(platform.db)
  return numAffectedRows === 1n
}

/** Once for each key. */
async function carryOut(
  platform: Platform,
  kind: 'register' | 'renew',
  { name, years, idempotencyKey }: RegisterOrder | RenewOrder,
): Promise<void> {
  await transaction(platform.db, async (tx) => {
    const now = platform.clock.now()
    const { rows } = await sql<{ idempotency_key: string }>`update sandbox_orders set done_at = ${now}
      where idempotency_key = ${idempotencyKey} and done_at is null returning idempotency_key`.execute(tx)
    if (rows.length === 0) return
    if (kind === 'renew') {
      const { rows: before } = await sql<{ expires_at: Date }>`
        select expires_at from sandbox_registrations where name = ${name} for update`.execute(tx)
      const [row] = before
      if (!row) throw new RegistrarFailure('refused', 'The name is not registered.')
      await sql`update sandbox_registrations set expires_at = ${addDuration(row.expires_at, `P${years}Y`)}
        where name = ${name}`.execute(tx)
      return
    }
    const readyAt = new Date(now.getTime() + (name.startsWith('pending-') ? pendingMs : 0))
    const { numAffectedRows } = await sql`
      insert into sandbox_registrations (name, registered_at, ready_at, expires_at)
      values (${name}, ${now}, ${readyAt}, ${addDuration(now, `P${years}Y`)})
      on conflict (name) do nothing`.execute(tx)
    if (numAffectedRows === 0n) {
      throw new RegistrarFailure('refused', 'The name is taken.', { reason: 'domain_unavailable' })
    }
  })
}
