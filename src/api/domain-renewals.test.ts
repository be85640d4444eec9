/** The time of a domain at the sandbox registrar: renewed by hand and by itself, expired, and back. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { updateRegistration } from '../domains/registrations.ts'
import { transaction } from '../platform/database.ts'
import { at, refusal, textAt } from '../testing/test-api.ts'
import { handlersWith, runJobs } from '../testing/test-jobs.ts'
import { startTestRegistrations, usd } from '../testing/test-registrations.ts'

const api = await startTestRegistrations()
after(() => api[Symbol.asyncDispose]())
const { platform, post, register, report, pass, setPrice } = api

test('renewed by hand', async () => {
  await register('hand.test', { auto_renew: false })
  const before = new Date(textAt((await report('hand.test')).json, 'expires_at'))
  const look = await post('/v1/domains/hand.test/renew', { years: 2, preview: true })
  assert.deepEqual(at(look.json, 'charge'), usd(2400))
  const offer = await post('/v1/domains/hand.test/renewal-quotes', { years: 2 })
  assert.equal(offer.status, 201)
  const body = { years: 2, quote_id: textAt(offer.json, 'id') }
  assert.equal((await post('/v1/domains/hand.test/renew', body)).status, 201)
  assert.equal(refusal(await post('/v1/domains/hand.test/renew', body)), '409 order_open')
  await runJobs(platform)
  const { json, order } = await report('hand.test')
  assert.equal(order, 'done')
  assert.equal(new Date(textAt(json, 'expires_at')).getUTCFullYear(), before.getUTCFullYear() + 2)
  assert.equal(refusal(await post('/v1/domains/demo.test/renew', body)), '404 domain_not_registered')
})

test('renewed by itself, at the price that was shown and at no higher one', async () => {
  await register('auto.test')
  const first = textAt((await report('auto.test')).json, 'expires_at')
  await pass('P340D')
  const renewed = (await report('auto.test')).json
  assert.ok(textAt(renewed, 'expires_at') > first)
  assert.deepEqual(
    [at(renewed, 'orders', 0, 'automatic'), at(renewed, 'orders', 0, 'price', 'amount')],
    [true, 1200],
  )
  await setPrice('renew', 1300)
  await pass('P370D')
  const refused = await report('auto.test')
  assert.deepEqual(
    [refused.failure, at(refused.json, 'orders', 0, 'new_price')],
    ['price_changed', usd(1300)],
  )
  await api.call('PUT', '/v1/domains/auto.test/registration', {
    body: { auto_renew: true, renew_price: usd(1400) },
  })
  await pass('P1DT1H')
  const agreed = await report('auto.test')
  assert.deepEqual([agreed.order, at(agreed.json, 'orders', 0, 'price', 'amount')], ['done', 1300])
  await setPrice('renew', 1200)
})

test('expired at its end, renewed within the days of grace, and not after them', async () => {
  await register('ends.test', { auto_renew: false })
  await post('/v1/mailboxes', { address: 'ann@ends.test' })
  await pass('P364D')
  assert.equal((await report('ends.test')).state, 'active')
  await pass('P2D')
  assert.equal((await report('ends.test')).state, 'expired')
  assert.equal(refusal(await post('/v1/mailboxes', { address: 'bob@ends.test' })), '409 domain_not_usable')
  await post('/v1/domains/ends.test/renew', { expected_price: usd(1200) })
  await runJobs(platform)
  assert.equal((await report('ends.test')).state, 'active')
  await pass('P400D')
  const late = await post('/v1/domains/ends.test/renew', { expected_price: usd(1200) })
  assert.equal(refusal(late), '409 domain_state_conflict')
})

test('what was renewed elsewhere is seen, and is active again', async () => {
  await register('else.test', { auto_renew: false })
  await pass('P366D')
  assert.equal((await report('else.test')).state, 'expired')
  await sql`update sandbox_registrations set expires_at = expires_at + interval '1 year' where name = 'else.test'`.execute(
    platform.db,
  )
  await pass('P1D')
  await pass('PT1M')
  assert.equal((await report('else.test')).state, 'active')
})

test('not renewed by itself any more from the moment that its owner says so', async () => {
  await register('late-no.test')
  platform.clock.advance?.('P340D')
  let renewing: Promise<void> | undefined
  await transaction(platform.db, async (tx) => {
    await updateRegistration(platform, tx, api.scope, 'late-no.test', { autoRenew: false })
    // It has found the domain, which is still to be renewed for all others, and waits for its row.
    renewing = handlersWith({})['registrations.renew_due'](platform, {})
    for (let isWaiting = false, rounds = 0; !isWaiting; await sleep(5)) {
      assert.ok(rounds++ < 1000, 'the job does not come to it')
      const { rows } = await sql`select 1 from pg_locks join pg_stat_activity using (pid)
        where not granted and datname = current_database()`.execute(platform.db)
      isWaiting = rows.length > 0
    }
  })
  await renewing
  await runJobs(platform)
  const { json } = await report('late-no.test')
  assert.deepEqual([at(json, 'auto_renew'), at(json, 'orders', 0, 'kind')], [false, 'register'])
})
