/** What has come into a wallet, and what of it was spent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { giveMoney } from '../testing/test-billing.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { payBill } from './bills.ts'
import { credit } from './credits.ts'
import { walletIncome } from './income.ts'
import { lockPayer } from './payers.ts'
import { walletOf } from './wallets.ts'

test('what came counts, a purchase does not, and a correction takes away', async () => {
  await using house = await startTestPlatform({ MAILWRIGHT_BILLING: 'on' })
  const { platform, scope } = house
  assert.equal(await walletIncome(platform, scope), 0)
  await giveMoney(platform, scope, 5000)
  await giveMoney(platform, scope, 700)
  await transaction(platform.db, async (tx) => {
    const payer = await lockPayer(platform, tx, scope, [])
    const line = { kind: 'once' as const, item: 'domain_register' as const, subjectId: null }
    const lines = [{ ...line, description: 'x', quantity: 1, unitAmount: 1200 }]
    await payBill(platform, tx, { payer, cause: 'correction', causeId: null, description: 'x', lines })
    await credit(platform, tx, {
      payer,
      kind: 'correction',
      amount: -200,
      from: 'corrections',
      key: 'test',
      cause: 'correction',
      causeId: null,
      description: 'x',
    })
  })
  assert.equal(await walletIncome(platform, scope), 5500)
  assert.equal((await walletOf(platform, scope)).balance, 4300)
  const bound = { ...scope, mailboxId: scope.workspaceId }
  await assert.rejects(walletIncome(platform, bound), /bound to one mailbox/)
})
