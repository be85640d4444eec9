import assert from 'node:assert/strict'
import { test } from 'node:test'
import { at, refusal, startTestApi } from '../testing/test-api.ts'
import { giveMoney } from '../testing/test-billing.ts'

test('the operator changes the terms, within bounds', async () => {
  await using api = await startTestApi()
  const patch = (body: object) => api.call('PATCH', '/v1/billing-settings', { body })
  const { json } = await api.call('GET', '/v1/billing-settings')
  assert.deepEqual(
    [at(json, 'currency'), at(json, 'notice_days'), at(json, 'enabled')],
    ['USD', [7, 1], false],
  )
  const changed = await patch({
    issuer: { company: 'Mail Ltd', country: 'IE', address_lines: ['Road 2'] },
    invoice_prefix: 'ML/',
    notice_days: [1, 30, 3, 3],
    retry_hours: [48, 24],
    suspend_after_days: 3,
  })
  assert.equal(changed.status, 200, changed.text)
  assert.deepEqual(
    ['issuer', 'invoice_prefix', 'notice_days', 'retry_hours'].map((name) => at(changed.json, name)),
    [{ company: 'Mail Ltd', country: 'IE', address_lines: ['Road 2'] }, 'ML/', [30, 3, 1], [24, 48]],
  )
  assert.deepEqual((await api.call('GET', '/v1/billing-settings')).json, changed.json)
  for (const wrong of [
    { invoice_prefix: 'CN-' },
    { invoice_prefix: 'INV1' },
    { invoice_prefix: '' },
    { delete_after_days: 2 },
    { suspend_after_days: 31 },
    { notice_days: [0] },
    { retry_hours: Array.from({ length: 21 }, (_, hour) => hour + 1) },
    { currency: 'usd' },
    { issuer: { country: 'Ireland' } },
    { payment_wait_days: -1 },
    { other: 1 },
  ]) {
    assert.equal(refusal(await patch(wrong)), '400 invalid_request', JSON.stringify(wrong))
  }
  const { key } = await api.tenant()
  assert.equal((await api.call('GET', '/v1/billing-settings', { key })).status, 403)
  assert.equal((await api.call('PATCH', '/v1/billing-settings', { key, body: {} })).status, 403)
})

test('the currency is changed until money has moved; empty wallets go with it', async () => {
  await using api = await startTestApi()
  const patch = (currency: string) => api.call('PATCH', '/v1/billing-settings', { body: { currency } })
  await api.call('PATCH', '/v1/wallet', { body: { low_balance: 1 } })
  assert.equal((await patch('EUR')).status, 200)
  assert.deepEqual(at((await api.call('GET', '/v1/wallet')).json, 'balance'), { amount: 0, currency: 'EUR' })
  await giveMoney(api.platform, api.scope, 1)
  assert.equal(refusal(await patch('USD')), '409 billing_currency_in_use')
  assert.equal((await patch('EUR')).status, 200)
})
