/** Notices of mailboxes, which a query chooses, are those of the rule that plans go by, over random periods. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { noticeOf } from '../../billing/notices.ts'
import { periodBefore, periods, runningPeriod } from '../../billing/periods.ts'
import type { Period } from '../../billing/tables.ts'
import { timeArray, uuidArray } from '../../platform/sql-arrays.ts'
import { openShop, type Shop } from '../../testing/test-shop.ts'
import { announceRenewals } from './notices.ts'

type Case = { period: Period; ageMs: number; noticed: number | null }

const hourMs = 3600_000
const count = 40

const cases = fc.array(
  fc.record({
    period: fc.constantFrom(...periods),
    // Half an hour from every moment at which something becomes due, as time goes on meanwhile.
    ageMs: fc.integer({ min: 0, max: 36_000 }).map((hours) => (hours + 0.5) * hourMs),
    noticed: fc.option(fc.integer({ min: 1, max: 50 })),
  }),
  { minLength: count, maxLength: count },
)
const noticeDays = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 })

type Told = Record<string, number>

function expected(all: readonly Case[], days: readonly number[], now: Date): { told: Told; ends: Date[] } {
  const told: Told = {}
  const ends = all.map(({ period, ageMs, noticed: noticedDays }) => {
    const anchor = new Date(now.getTime() - ageMs)
    const { endsAt } = runningPeriod(anchor, period, anchor, now)
    const startsAt = periodBefore(anchor, period, endsAt)
    const { days: due } = noticeOf(days, { startsAt, endsAt, noticedDays }, now)
    if (due !== null) told[due] = (told[due] ?? 0) + 1
    return endsAt
  })
  return { told, ends }
}

async function put(
  { platform }: Shop,
  all: readonly Case[],
  ends: readonly Date[],
  now: Date,
): Promise<void> {
  const { rows } = await sql<{ id: string }>`select id from mailboxes order by id`.execute(platform.db)
  await sql`update mailboxes set period = new.period, period_anchor_at = new.anchor, period_ends_at = new.ends_at,
      noticed_days = new.noticed
    from unnest(${uuidArray(rows.map(({ id }) => id))}, ${all.map(({ period }) => period)}::text[],
      ${timeArray(all.map(({ ageMs }) => new Date(now.getTime() - ageMs)))}, ${timeArray(ends)},
      ${all.map(({ noticed }) => noticed)}::int[]) as new (id, period, anchor, ends_at, noticed)
    where mailboxes.id = new.id`.execute(platform.db)
}

async function announced({ platform }: Shop): Promise<Told> {
  await sql`delete from events where type = 'billing.renewal_due'`.execute(platform.db)
  while ((await announceRenewals(platform)) > 0);
  const { rows } = await sql<{ days: string; mailboxes: number }>`
    select data->>'days' as days, sum((data->>'mailboxes')::int)::int as mailboxes from events
    where type = 'billing.renewal_due' group by 1`.execute(platform.db)
  return Object.fromEntries(rows.map(({ days, mailboxes }) => [days, mailboxes]))
}

test('what is announced is what the rule says', async () => {
  await using shop = await openShop(1_000_000)
  const mailboxes = Array.from({ length: count }, (_, index) => ({ address: `m${index}@demo.test` }))
  assert.equal((await shop.create({ mailboxes })).status, 200)
  await fc.assert(
    fc.asyncProperty(cases, noticeDays, async (all, days) => {
      const now = shop.platform.clock.now()
      const { told, ends } = expected(all, days, now)
      await put(shop, all, ends, now)
      await sql`update billing_settings set notice_days = ${days}::int[]`.execute(shop.platform.db)
      assert.deepEqual(await announced(shop), told)
      assert.deepEqual(await announced(shop), {}, 'once')
    }),
    { numRuns: 15 },
  )
})
