/** Looks that a caller asks for: whole ones, one of a domain at a time, and so many in a minute. */
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { dkimKeysOf } from '../dkim-keys.ts'
import type { Domain } from '../tables.ts'
import { type Look, lookAt } from './look.ts'
import { checkPolicy } from './policy.ts'
import { type LookHooks, settleLook } from './settle.ts'
import { storedCheck } from './store.ts'

type Counter = { since: number; looks: number }

const minuteMs = 60_000
const countersMax = 10_000
const runningOf = new WeakMap<Platform, Map<string, Promise<Look>>>()
const countersOf = new WeakMap<Platform, Map<string, Counter>>()

/**
 * Looks at a domain, writes down what was seen and does what follows of it. Not for a transaction: it waits for the
 * world. Whoever asks while a look is running gets that one's result.
 * @throws Refusal rate_limited.
 */
export async function lookNow(platform: Platform, domain: Domain, hooks: LookHooks): Promise<Look> {
  const running = mapOf(runningOf, platform)
  const present = running.get(domain.id)
  if (present !== undefined) return await present
  if (running.size >= checkPolicy.looksAtOnceMax) {
    throw new Refusal('rate_limited', 'Many domains are being looked at just now.')
  }
  count(mapOf(countersOf, platform), domain)
  const looking = lookAndSettle(platform, domain, hooks).finally(() => running.delete(domain.id))
  running.set(domain.id, looking)
  return await looking
}

async function lookAndSettle(platform: Platform, domain: Domain, hooks: LookHooks): Promise<Look> {
  const [keys, stored] = await Promise.all([
    dkimKeysOf(platform.db, domain.id),
    storedCheck(platform.db, domain.id),
  ])
  const before = { delegation: stored?.delegation ?? null, records: stored?.records ?? [] }
  const look = await lookAt(platform, domain, keys, before, { isWhole: true })
  await transaction(platform.db, (tx) => settleLook(platform, tx, domain, look, hooks))
  return look
}

function count(counters: Map<string, Counter>, { id, name }: Domain): void {
  const now = performance.now()
  const counter = counters.get(id)
  if (counter === undefined || now - counter.since > minuteMs) {
    counters.delete(id) // to the end of the order
    counters.set(id, { since: now, looks: 1 })
    const [oldest] = counters.keys()
    if (counters.size > countersMax && oldest !== undefined) counters.delete(oldest)
    return
  }
  if (counter.looks >= checkPolicy.looksPerMinuteMax) {
    throw new Refusal('rate_limited', `${name} was looked at ${counter.looks} times in the last minute.`, {
      quota: { max: checkPolicy.looksPerMinuteMax, used: counter.looks },
    })
  }
  counter.looks++
}

function mapOf<V>(maps: WeakMap<Platform, Map<string, V>>, platform: Platform): Map<string, V> {
  const existing = maps.get(platform)
  if (existing) return existing
  const map = new Map<string, V>()
  maps.set(platform, map)
  return map
}
