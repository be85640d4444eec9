/** Billing is switched off while mailboxes wait: for money, and with money that was put aside for them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { at, textAt } from '../../testing/test-api.ts'
import { assertBooks } from '../../testing/test-billing.ts'
import { openShop } from '../../testing/test-shop.ts'
import { activateWaitingMailboxes } from '../domain-activation.ts'
import { engineOf, setEngines } from '../engines.ts'
import { failUnpaidWaits } from './waiting.ts'

/** The same platform, as it is after a start without billing. */
function withoutBilling(platform: Platform): Platform {
  const off: Platform = { ...platform, config: { ...platform.config, billing: 'off' } }
  const local = engineOf(platform, 'local')
  if (local === null) throw new Error('there is no local engine')
  setEngines(off, new Map([['local', local]]))
  return off
}

test('with billing off what waited for money goes on, and what was put aside is given back', async () => {
  await using shop = await openShop(1000)
  const domain = await shop.call('POST', '/v1/domains', { body: { name: 'later.example' } })
  assert.equal(domain.status, 201, domain.text)
  for (const name of ['a', 'b']) await shop.create({ address: `${name}@later.example` })
  assert.deepEqual(await shop.money(), { balance: 0, held: 1000 })
  await shop.create({ address: 'c@demo.test', wait_for_payment: true })
  assert.equal(at(await shop.get('c@demo.test'), 'state'), 'waiting_payment')
  const off = withoutBilling(shop.platform)
  assert.equal(await failUnpaidWaits(off), 3)
  assert.equal(await failUnpaidWaits(off), 0)
  assert.equal(at(await shop.get('c@demo.test'), 'state'), 'active')
  assert.equal(at(await shop.get('a@later.example'), 'state'), 'waiting_domain')
  assert.deepEqual(await shop.money(), { balance: 1000, held: 0 })
  await assertBooks(shop.platform)
  // One that begins when billing is on again is paid like any other.
  const domainId = textAt(domain.json, 'id')
  await transaction(shop.platform.db, (tx) =>
    tx.updateTable('domains').set({ state: 'active' }).where('id', '=', domainId).execute(),
  )
  await shop.call('DELETE', '/v1/mailboxes/b@later.example')
  await activateWaitingMailboxes(shop.platform, domainId)
  assert.deepEqual(await shop.money(), { balance: 500, held: 0 })
  await assertBooks(shop.platform)
})
