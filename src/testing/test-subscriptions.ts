/** A platform with billing on, plans with prices, and a clock that a test sets. */
import type { Scope } from '../accounts/principals.ts'
import { renewSubscriptions } from '../billing/subscriptions/renew.ts'
import type { Subscription } from '../billing/subscriptions/rows.ts'
import type { Period } from '../billing/tables.ts'
import { type Tx, transaction } from '../platform/database.ts'
import { newId } from '../platform/ids.ts'
import type { Platform } from '../platform/platform.ts'
import { setPrice } from './test-billing.ts'
import { startTestPlatform, type TestPlatform } from './test-platform.ts'

export type TestSubscriptions = TestPlatform & {
  /** Sets the time. */
  at(moment: string): void
  /** Runs the job at this time. */
  renewAt(moment: string): Promise<void>
  /** All subscriptions, the oldest first. */
  subscriptions(): Promise<Subscription[]>
  /** The one that there is. */
  subscription(): Promise<Subscription>
  /** The events of subscriptions since the last call: type, without `billing.subscription_`. */
  news(): Promise<string[]>
  /** What was billed: kind, start, end, amount. */
  bills(): Promise<string[]>
}

export type TestPlan = { code: string; slots?: number; monthly: number; yearly?: number; slot?: number }

/** A plan with prices in minor units; a year costs ten months, a slot nothing but what is said. */
export async function makePlan(platform: Platform, plan: TestPlan): Promise<string> {
  const { code, slots = 10, monthly, yearly = 10 * monthly, slot } = plan
  const id = newId()
  const now = platform.clock.now()
  await platform.db
    .insertInto('plans')
    .values({
      id,
      code,
      name: code,
      description: null,
      slots,
      services: ['local'],
      archived_at: null,
      created_at: now,
      updated_at: now,
    })
    .execute()
  const prices: [Period, number, number | undefined][] = [
    ['monthly', monthly, slot],
    ['yearly', yearly, slot === undefined ? undefined : 10 * slot],
  ]
  for (const [period, amount, slotAmount] of prices) {
    await setPrice(platform, { item: 'plan', plan_id: id, period, unit_amount: amount })
    if (slotAmount !== undefined)
      await setPrice(platform, { item: 'plan_slot', plan_id: id, period, unit_amount: slotAmount })
  }
  return id
}

/** Begins on 2030-01-31 at noon. */
export async function startTestSubscriptions(): Promise<TestSubscriptions> {
  const test = await startTestPlatform({ MAILWRIGHT_BILLING: 'on' })
  let time = new Date('2030-01-31T12:00:00Z')
  const platform: Platform = { ...test.platform, clock: { now: () => new Date(time), advance: null } }
  const at = (moment: string): void => {
    time = new Date(moment)
  }
  let told = '00000000-0000-7000-8000-000000000000'
  const subscriptions = () => platform.db.selectFrom('subscriptions').selectAll().orderBy('id').execute()
  return {
    ...test,
    platform,
    at,
    async renewAt(moment) {
      at(moment)
      await renewSubscriptions(platform)
    },
    subscriptions,
    async subscription() {
      const [one] = await subscriptions()
      if (!one) throw new Error('there is no subscription')
      return one
    },
    async news() {
      const events = await platform.db
        .selectFrom('events')
        .select(['id', 'type'])
        .where('type', 'like', 'billing.subscription_%')
        .where('id', '>', told)
        .orderBy('id')
        .execute()
      told = events.at(-1)?.id ?? told
      return events.map(({ type }) => type.replace('billing.subscription_', ''))
    },
    async bills() {
      const lines = await platform.db.selectFrom('invoice_lines').selectAll().orderBy('id').execute()
      return lines.map(({ kind, item, amount, discount, period_started_at, period_ends_at }) => {
        const [from, to] = [period_started_at, period_ends_at].map((day) => day?.toISOString().slice(0, 10))
        return `${kind} ${item} ${from}..${to} ${amount - discount}`
      })
    },
    [Symbol.asyncDispose]: () => test[Symbol.asyncDispose](),
  }
}

/** Runs a change in a transaction of its own, as a call of the API does. */
export async function changed<T>(
  { platform, scope }: Pick<TestSubscriptions, 'platform' | 'scope'>,
  work: (tx: Tx, scope: Scope) => Promise<T>,
): Promise<T> {
  return await transaction(platform.db, (tx) => work(tx, scope))
}
