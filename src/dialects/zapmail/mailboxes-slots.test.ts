/** Slots of a plan in the dialect of Zapmail: counted by the list, needed by a purchase, free again with a removal. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { giveMoney } from '../../testing/test-billing.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'

let u: TestVendor
let domainId = ''
before(async () => {
  u = await startTestVendor('zapmail', { environment: { MAILWRIGHT_BILLING: 'on' } })
  await makePlan(u.platform, { code: 'team', slots: 2, monthly: 1000 })
  await giveMoney(u.platform, u.scope, 5000)
  const subscribed = await u.call('POST', '/v1/subscriptions', { body: { plan: 'team', period: 'monthly' } })
  assert.equal(subscribed.status, 201, subscribed.text)
  const { json } = await u.call('POST', '/v1/domains', { body: { name: 'slots.test' } })
  domainId = textAt(json, 'id')
})
after(() => u[Symbol.asyncDispose]())

async function buy(...usernames: string[]) {
  const people = usernames.map((mailboxUsername) => {
    return { firstName: 'A', lastName: 'B', mailboxUsername, domainName: 'slots.test' }
  })
  return await u.operate('assignMailboxes', { body: { [domainId]: people } })
}

async function counters(): Promise<unknown[]> {
  const { json } = await u.operate('listMailboxes')
  const names = ['purchasedMailboxes', 'totalAssignedMailboxes', 'totalActiveMailboxes', 'availableMailboxes']
  return names.map((name) => at(json, 'data', name))
}

test('no more are made than there are slots; one that is removed at once leaves its slot free at once', async () => {
  assert.deepEqual(await counters(), [2, 0, 0, 2])
  const many = await buy('ann', 'bob', 'cay')
  assert.deepEqual([many.status, typeof at(many.json, 'message')], [400, 'string'], many.text)
  assert.deepEqual(await counters(), [2, 0, 0, 2])
  assert.equal((await buy('ann', 'bob')).status, 200)
  assert.deepEqual(await counters(), [2, 2, 2, 0])
  assert.equal((await buy('cay')).status, 400)
  const id = textAt((await u.call('GET', '/v1/mailboxes/ann@slots.test')).json, 'id')
  assert.equal((await u.operate('removeMailboxesInstantly', { body: { mailboxIds: [id] } })).status, 200)
  assert.deepEqual(await counters(), [2, 1, 1, 1])
  assert.equal((await buy('cay')).status, 200)
  assert.deepEqual(await counters(), [2, 2, 2, 0])
  assert.equal((await buy('ann')).status, 400, 'its address is kept as long as it can be restored')
})
