/** A platform where mailboxes cost something, and what its tests look at. */
import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { newId } from '../platform/ids.ts'
import { at, type Reply, startTestApi, type TestApi } from './test-api.ts'
import { balanceOf, giveMoney, setPrice } from './test-billing.ts'
import { handlersWith, runJobs } from './test-jobs.ts'

export type Shop = TestApi & {
  create(body: object): Promise<Reply>
  post(address: string, action: string, body?: object): Promise<Reply>
  get(address: string): Promise<unknown>
  money(): Promise<{ balance: number; held: number }>
  pay(amount: number): Promise<void>
  pass(duration: string): Promise<void>
}

/** A monthly mailbox costs 500, a yearly one 5000. */
export async function openShop(money: number): Promise<Shop> {
  const api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  const { platform, scope } = api
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: 500 })
  await setPrice(platform, { item: 'mailbox', service: 'local', period: 'yearly', unit_amount: 5000 })
  if (money > 0) await giveMoney(platform, scope, money)
  return {
    ...api,
    create: (body) => api.call('POST', '/v1/mailboxes', { body }),
    post: (address, action, body) => api.call('POST', `/v1/mailboxes/${address}/${action}`, { body }),
    get: async (address) => (await api.call('GET', `/v1/mailboxes/${address}`)).json,
    money: () => balanceOf(platform, scope.workspaceId),
    pay: async (amount) => {
      await giveMoney(platform, scope, amount)
      await handlersWith({})['billing.settle'](platform, { workspace_id: scope.workspaceId })
      await runJobs(platform)
    },
    pass: async (duration) => {
      const moved = await api.call('POST', '/v1/test/clock', { body: { advance: duration } })
      assert.equal(moved.status, 200)
      await handlersWith({})['mailbox.end_periods'](platform, {})
    },
    [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
  }
}

export const shown = (json: unknown): unknown[] =>
  ['state', 'in_slot', 'unpaid_since'].map((name) => at(json, name))

export async function linesOf({ platform }: Shop, address: string): Promise<unknown[]> {
  const { rows } = await sql<{ amount: number }>`select amount from invoice_lines
    join mailboxes on mailboxes.id = subject_id where address = ${address} order by period_started_at`.execute(
    platform.db,
  )
  return rows.map(({ amount }) => amount)
}

/** No period of a mailbox is billed twice, and they touch each other. */
export async function assertNoGaps({ platform }: Shop, address: string): Promise<void> {
  const { rows } = await sql<{
    starts: Date
    ends: Date
  }>`select line.period_started_at as starts, line.period_ends_at as ends
    from invoice_lines as line join mailboxes on mailboxes.id = subject_id where address = ${address}
    order by period_started_at`.execute(platform.db)
  for (const [index, { starts }] of rows.entries()) {
    if (index > 0) assert.deepEqual(starts, rows[index - 1]?.ends)
  }
}

/** A plan of so many slots for local mailboxes, as if it were paid. */
export async function givePlan({ platform, scope }: Shop, slots: number): Promise<void> {
  const now = platform.clock.now()
  const planId = newId()
  await platform.db
    .insertInto('plans')
    .values({
      id: planId,
      code: planId,
      name: 'Plan',
      description: null,
      slots,
      services: ['local'],
      archived_at: null,
      created_at: now,
      updated_at: now,
    })
    .execute()
  await sql`insert into subscriptions (id, organization_id, workspace_id, plan_id, extra_slots, state, period,
      period_anchor_at, period_started_at, period_ends_at, cancel_at_period_end, version, created_at, updated_at)
    values (${newId()}, ${scope.organizationId}, ${scope.workspaceId}, ${planId}, 0, 'active', 'yearly', ${now}, ${now},
      ${new Date(now.getTime() + 1e12)}, false, 1, ${now}, ${now})`.execute(platform.db)
}
