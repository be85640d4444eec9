/** Two nodes on one database that renew, sell and number at the same time, from the same wallets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { jobHandlers } from '../src/job-handlers.ts'
import { provisionMailbox } from '../src/mailboxes/provision.ts'
import { transaction } from '../src/platform/database.ts'
import { Refusal } from '../src/platform/errors.ts'
import type { Platform } from '../src/platform/platform.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../src/testing/test-billing.ts'
import { openSecondNode } from '../src/testing/test-node.ts'
import { startTestPlatform } from '../src/testing/test-platform.ts'

const price = 300
const first = 20
const wanted = 15
/** For the first mailboxes, their renewals, and some of those that are then asked for. */
const money = price * (2 * first + 10)

test('two nodes renew and sell at once: each period is paid once, the wallet keeps its limit, numbers have no gap', async () => {
  await using stack = new AsyncDisposableStack()
  const environment = { MAILWRIGHT_BILLING: 'on' }
  const one = stack.use(await startTestPlatform(environment))
  const other = await openSecondNode(stack, one, environment)
  const nodes = [one.platform, other]
  await setPrice(one.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: price })
  await giveMoney(one.platform, one.scope, money)
  const buy = async (platform: Platform, address: string): Promise<boolean> => {
    try {
      const none = { displayName: null, firstName: null, lastName: null, password: 'correct horse battery' }
      await transaction(platform.db, (tx) =>
        provisionMailbox(platform, tx, one.scope, { address, ...none, tags: [], service: 'local' }),
      )
      return true
    } catch (error) {
      if (error instanceof Refusal && error.code === 'insufficient_funds') return false
      throw error
    }
  }
  for (let n = 0; n < first; n++) assert.ok(await buy(one.platform, `first${n}@demo.test`))
  // The test's platform has a clock of its own, and so has the node.
  for (const { clock } of nodes) clock.advance?.('P1M')
  const work = nodes.flatMap((platform, node) => [
    ...Array.from({ length: wanted }, (_, n) => buy(platform, `node${node}n${n}@demo.test`)),
    jobHandlers['mailbox.end_periods'](platform, {}).then(() => null),
    jobHandlers['billing.number_invoices'](platform, {}).then(() => null),
  ])
  const bought = (await Promise.all(work)).filter((result) => result === true).length
  for (const platform of nodes) {
    await jobHandlers['mailbox.end_periods'](platform, {})
    await jobHandlers['billing.number_invoices'](platform, {})
  }
  const { rows } = await sql<{ paid: number; unpaid: number; unnumbered: number }>`select
      (select count(*) from invoice_lines where kind = 'period')::int as paid,
      (select count(*) from mailboxes where unpaid_since is not null)::int as unpaid,
      (select count(*) from invoices where number is null)::int as unnumbered`.execute(one.platform.db)
  const [counts] = rows
  assert.ok(counts)
  assert.equal(counts.paid, money / price, 'all the money is spent, for periods that are paid once each')
  assert.equal(counts.paid, first + bought + (first - counts.unpaid))
  assert.equal(counts.unnumbered, 0)
  assert.deepEqual(await balanceOf(one.platform, one.scope.workspaceId), { balance: 0, held: 0 })
  await assertBooks(one.platform)
})
