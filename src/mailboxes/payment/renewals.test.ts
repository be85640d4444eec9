/** Periods of mailboxes end: renewed, announced, unpaid, restored; the books add up after each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from 'kysely'
import { at, refusal, textAt } from '../../testing/test-api.ts'
import { assertBooks, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { handlersWith } from '../../testing/test-jobs.ts'
import { assertNoGaps, linesOf, openShop, shown } from '../../testing/test-shop.ts'

test('renewals are billed, late ones period by period, and twice is once', async () => {
  await using shop = await openShop(5000)
  await shop.create({ address: 'a@demo.test' })
  await shop.pass('P32D')
  await shop.pass('PT1S')
  assert.deepEqual(await linesOf(shop, 'a@demo.test'), [500, 500])
  await shop.call('PATCH', '/v1/mailboxes/a@demo.test', { body: { period: 'yearly' } })
  await shop.call('PATCH', '/v1/mailboxes/a@demo.test', { body: { period: 'monthly' } })
  const moved = await shop.call('POST', '/v1/test/clock', { body: { advance: 'P92D' } })
  assert.equal(moved.status, 200)
  const run = () => handlersWith({})['mailbox.end_periods'](shop.platform, {})
  await Promise.all([run(), run(), run()])
  assert.deepEqual(await linesOf(shop, 'a@demo.test'), [500, 500, 500, 500, 500])
  await assertNoGaps(shop, 'a@demo.test')
  assert.equal(await shop.money().then(({ balance }) => balance), 2500)
  // A canceled one is never billed again.
  await shop.post('a@demo.test', 'cancel')
  await shop.pass('P40D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'deletion_scheduled')
  assert.equal((await shop.money()).balance, 2500)
  assert.equal(
    at((await shop.post('a@demo.test', 'restore', { preview: true })).json, 'charge', 'amount'),
    500,
  )
  assert.equal((await shop.post('a@demo.test', 'restore')).status, 200)
  assert.equal((await shop.money()).balance, 2000)
  await shop.call('DELETE', '/v1/mailboxes/a@demo.test')
  await shop.post('a@demo.test', 'restore')
  assert.equal((await shop.money()).balance, 2000)
  await assertBooks(shop.platform)
})

test('a late renewal goes by the steps of a price that held only in between', async () => {
  await using shop = await openShop(10_000)
  const { platform, scope } = shop
  const names = ['a', 'b', 'c'].map((name) => `${name}@demo.test`)
  for (const address of names) await shop.create({ address })
  const dayMs = 24 * 3600_000
  const inDays = (days: number): Date => new Date(platform.clock.now().getTime() + days * dayMs)
  await setPrice(platform, {
    ...{ item: 'mailbox', service: 'local', period: 'monthly', workspace_id: scope.workspaceId },
    ...{ unit_amount: 450, steps: [{ from: 3, unit_amount: 400 }] },
    ...{ valid_from: inDays(45), valid_until: inDays(75) },
  })
  await shop.pass('P95D')
  for (const address of names) assert.deepEqual(await linesOf(shop, address), [500, 500, 400, 500])
  await assertBooks(platform)
})

test('what is unpaid works on, is suspended, told of its deletion, and deleted', async () => {
  await using shop = await openShop(500)
  const made = (await shop.create({ address: 'a@demo.test' })).json
  await shop.pass('P32D')
  const unpaid = await shop.get('a@demo.test')
  assert.deepEqual(shown(unpaid), ['active', false, at(made, 'period_ends_at')])
  await shop.pass('P7D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'suspended')
  assert.equal(refusal(await shop.post('a@demo.test', 'resume')), '402 mailbox_unpaid')
  await shop.pass('P16D')
  const { rows } = await sql<{ data: { deletes_at: string } }>`select data from events
    where type = 'billing.mailbox_deletion_announced'`.execute(shop.platform.db)
  assert.equal(rows.length, 1)
  await shop.pass('P5D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'suspended')
  await shop.pass('P3D')
  assert.equal(at(await shop.get('a@demo.test'), 'state'), 'deletion_scheduled')
  assert.equal(refusal(await shop.post('a@demo.test', 'restore')), '402 insufficient_funds')
  await shop.pay(500)
  assert.equal((await shop.post('a@demo.test', 'restore')).status, 200)
  assert.deepEqual(shown(await shop.get('a@demo.test')), ['active', false, null])
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('money that comes in grace pays from the old end, after a suspension from now; who suspended himself stays so', async () => {
  await using shop = await openShop(1500)
  for (const name of ['a', 'b', 'c']) await shop.create({ address: `${name}@demo.test` })
  await shop.post('c@demo.test', 'suspend')
  await shop.pass('P32D')
  await shop.pay(500)
  // The first in order is paid.
  assert.deepEqual(
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => at(await shop.get(`${name}@demo.test`), 'unpaid_since') === null),
    ),
    [true, false, false],
  )
  await assertNoGaps(shop, 'a@demo.test')
  await shop.pass('P7D')
  await shop.pay(1000)
  const [b, c] = [await shop.get('b@demo.test'), await shop.get('c@demo.test')]
  assert.deepEqual(shown(b), ['active', false, null])
  assert.deepEqual(shown(c), ['suspended', false, null])
  const end = new Date(textAt(b, 'period_ends_at')).getTime()
  assert.ok(end > shop.platform.clock.now().getTime() + 27 * 24 * 3600_000)
  assert.equal((await shop.post('c@demo.test', 'resume')).status, 200)
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('a domain comes back with its mailboxes: what cannot be paid is suspended until it is', async () => {
  await using shop = await openShop(1000)
  const domain = await shop.call('POST', '/v1/domains', { body: { name: 'gone.test' } })
  assert.equal(domain.status, 201)
  for (const name of ['a', 'b']) await shop.create({ address: `${name}@gone.test` })
  const gone = await shop.call('DELETE', '/v1/domains/gone.test?with_mailboxes=true')
  assert.ok(gone.status < 300, gone.text)
  const moved = await shop.call('POST', '/v1/test/clock', { body: { advance: 'P29D' } })
  assert.equal(moved.status, 200)
  await sql`update mailboxes set period_ends_at = now() where state = 'deletion_scheduled'`.execute(
    shop.platform.db,
  )
  await giveMoney(shop.platform, shop.scope, 500)
  const back = await shop.call('POST', '/v1/domains/gone.test/restore')
  assert.equal(back.status, 200, back.text)
  const states = async () =>
    await Promise.all(['a', 'b'].map(async (name) => at(await shop.get(`${name}@gone.test`), 'state')))
  assert.deepEqual(await states(), ['active', 'suspended'])
  await shop.pay(500)
  assert.deepEqual(await states(), ['active', 'active'])
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('renewals are announced once for each of the days, with what they come to', async () => {
  await using shop = await openShop(5000)
  for (const name of ['a', 'b', 'c']) await shop.create({ address: `${name}@demo.test` })
  await shop.post('c@demo.test', 'cancel')
  const { period_ends_at: endsAt } = await shop.platform.db
    .selectFrom('mailboxes')
    .select('period_ends_at')
    .where('address', '=', 'a@demo.test')
    .executeTakeFirstOrThrow()
  assert.ok(endsAt)
  const announced = async (daysLeft: number): Promise<unknown[]> => {
    const ms = endsAt.getTime() - daysLeft * 86_400_000 - shop.platform.clock.now().getTime()
    await shop.pass(`PT${Math.ceil(ms / 1000)}S`)
    for (const _ of [1, 2]) await handlersWith({})['mailbox.announce_renewals'](shop.platform, {})
    const { rows } = await sql<{ data: unknown }>`select data from events where type = 'billing.renewal_due'
      order by id`.execute(shop.platform.db)
    return rows.map(({ data }) => ['days', 'mailboxes', 'amount'].map((name) => at(data, name)))
  }
  assert.deepEqual(await announced(8), [])
  assert.deepEqual(await announced(6), [[7, 2, 1000]])
  assert.deepEqual(await announced(5), [[7, 2, 1000]])
  assert.deepEqual(await announced(1), [
    [7, 2, 1000],
    [1, 2, 1000],
  ])
})
