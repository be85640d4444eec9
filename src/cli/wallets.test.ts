import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooks, balanceOf } from '../testing/test-billing.ts'
import { startTestPlatform } from '../testing/test-platform.ts'
import { creditTyped } from './wallets.ts'

test('money is given as it is written, and only in the wallet’s currency', async () => {
  await using test = await startTestPlatform()
  const { platform, scope } = test
  const { workspaceId } = scope
  const give = (amount: string, currency = 'USD', to = workspaceId) =>
    creditTyped(platform, { workspaceId: to, amount, currency, reason: 'Bank transfer' })
  assert.equal(await give('50'), '50.00 USD')
  assert.equal(await give('0.05'), '50.05 USD')
  for (const wrong of ['-1', '0', '1.001', '1,5', 'x'])
    await assert.rejects(give(wrong), /no amount of money/)
  await assert.rejects(give('1', 'EUR'), { code: 'invalid_request' })
  await assert.rejects(give('1', 'USD', 'nobody'), { code: 'workspace_not_found' })
  assert.deepEqual(await balanceOf(platform, workspaceId), { balance: 5005, held: 0 })
  await assertBooks(platform)
})
