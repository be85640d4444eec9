import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { transaction } from '../platform/database.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { lockPayer } from './payers.ts'

test('locking a payer is planned once, also where there are many prices', async () => {
  await using t = await startTestPlatform()
  const { db } = t.platform
  await sql`insert into prices (id, item, tld, service, period, currency, unit_amount, valid_from, created_at)
    select gen_random_uuid(), case when is_mailbox then 'mailbox' else 'domain_register' end,
      case when not is_mailbox then 'tld' || number end, case when is_mailbox then 'local' end,
      case when is_mailbox then 'monthly' end, 'USD', number, now() - make_interval(mins => number), now()
    from generate_series(1, 5000) as number, lateral (select number % 100 = 0 as is_mailbox) as kind`.execute(
    db,
  )
  await sql`analyze prices`.execute(db)
  const plans = await transaction(db, async (tx) => {
    for (let time = 0; time < 8; time++) {
      const { prices } = await lockPayer(t.platform, tx, t.scope, ['mailbox'])
      assert.equal(prices.length, 50)
    }
    const { rows } = await sql<{ generic_plans: number }>`
      select generic_plans::int from pg_prepared_statements where name = 'lock_payer'`.execute(tx)
    return rows.reduce((sum, row) => sum + row.generic_plans, 0)
  })
  // PostgreSQL plans the first five for their values, and then judges.
  assert.ok(plans > 0)
})
