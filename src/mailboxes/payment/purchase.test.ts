/** Purchases at one moment from one wallet, and how often a purchase asks the database. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countStatements } from '../../testing/count-statements.ts'
import { refusal, startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import { assertBooks } from '../../testing/test-billing.ts'
import { givePlan, openShop } from '../../testing/test-shop.ts'

test('what is bought at one moment is never more than the wallet has, and an address is sold once', async () => {
  await using shop = await openShop(1600)
  const names = ['a', 'b', 'a', 'c', 'd', 'b', 'e', 'f']
  const replies = await Promise.all(names.map((name) => shop.create({ address: `${name}@demo.test` })))
  const made = replies.filter(({ status }) => status === 201)
  assert.equal(made.length, 3)
  assert.equal(new Set(made.map(({ json }) => textAt(json, 'address'))).size, 3)
  for (const reply of replies.filter(({ status }) => status !== 201))
    assert.match(refusal(reply), /^(402 insufficient_funds|409 address_taken)$/)
  assert.deepEqual(await shop.money(), { balance: 100, held: 0 })
  await assertBooks(shop.platform)
})

test('slots that are taken at one moment are never more than the plan has', async () => {
  await using shop = await openShop(1000)
  await givePlan(shop, 2)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const replies = await Promise.all(names.map((name) => shop.create({ address: `${name}@demo.test` })))
  assert.equal(replies.filter(({ status }) => status === 201).length, 4) // two by slots, two by price
  assert.deepEqual(await shop.money(), { balance: 0, held: 0 })
  await assertBooks(shop.platform)
})

test('a purchase adds the queue, the wallet, the slots, the invoice and the transfer to what a free create asks', async () => {
  await using free = await startTestApi()
  await using paid = await openShop(10_000)
  const statements = async ({ call }: TestApi): Promise<number> => {
    const create = (name: string) => call('POST', '/v1/mailboxes', { body: { address: `${name}@demo.test` } })
    await create('first')
    return await countStatements(async () => assert.equal((await create('second')).status, 201))
  }
  assert.equal((await statements(paid)) - (await statements(free)), 5)
})
