/** The account in the dialect of Zapmail. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { at, textAt } from '../../testing/test-api.ts'
import { giveMoney } from '../../testing/test-billing.ts'
import { loggedIn } from '../../testing/test-members.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { requireRefusals } from '../../testing/vendor-refusals.ts'
import { namesOf } from './account.ts'

let u: TestVendor
before(async () => {
  const environment = { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_BOOTSTRAP_EMAIL: 'ops@owner.example' }
  u = await startTestVendor('zapmail', { environment })
  await makePlan(u.platform, { code: 'team', slots: 5, monthly: 1000 })
})
after(() => u[Symbol.asyncDispose]())

const user = async (options: Parameters<TestVendor['operate']>[1] = {}): Promise<unknown> => {
  const reply = await u.operate('getUser', options)
  assert.equal(reply.status, 200, reply.text)
  return at(reply.json, 'data')
}

test('without a plan there is nothing that ends, and nothing bought', async () => {
  const data = await user()
  assert.equal(at(data, 'email'), 'ops@owner.example')
  assert.deepEqual(
    ['activePlan', 'purchasedMailboxes', 'assignedMailboxes', 'walletBalance'].map((name) => at(data, name)),
    ['', 0, 0, 0],
  )
  assert.match(textAt(data, 'planEndsOn'), /^9999/)
})

test('the plan of the workspace, its slots, its mailboxes by provider, and the wallet', async () => {
  await giveMoney(u.platform, u.scope, 5250)
  const taken = await u.call('POST', '/v1/subscriptions', { body: { plan: 'team', period: 'monthly' } })
  assert.equal(taken.status, 201, taken.text)
  const made = await u.call('POST', '/v1/mailboxes', { body: { address: 'ann@demo.test' } })
  assert.equal(made.status, 201, made.text)
  const data = await user()
  assert.deepEqual(
    ['activePlan', 'planEndsOn', 'purchasedMailboxes', 'assignedMailboxes', 'walletBalance'].map((name) =>
      at(data, name),
    ),
    ['team', textAt(taken.json, 'period_ends_at'), 5, 1, 42.5],
  )
  const microsoft = await user({ headers: { 'x-service-provider': 'MICROSOFT' } })
  assert.deepEqual([at(microsoft, 'purchasedMailboxes'), at(microsoft, 'assignedMailboxes')], [4, 0])
})

test('who is logged in is the account, and a bound key sees nobody of the organization', async () => {
  const member = await loggedIn(u, 'viewer')
  const data = await user({ key: member.key })
  assert.deepEqual([at(data, 'id'), at(data, 'email')], [member.id, member.email])
  const bound = await u.key({ workspaceId: u.scope.workspaceId })
  assert.equal(at(await user({ key: bound }), 'email'), 'nobody@customer.invalid')
  const { key, workspaceId } = await u.tenant()
  const other = await user({ key, workspace: workspaceId })
  assert.deepEqual([at(other, 'activePlan'), at(other, 'assignedMailboxes')], ['', 0])
  const mailboxId = textAt((await u.call('GET', '/v1/mailboxes/ann@demo.test')).json, 'id')
  const ofMailbox = await u.key({ workspaceId: u.scope.workspaceId, mailboxId })
  assert.equal((await u.unchecked('getUser', { key: ofMailbox })).status, 403)
})

test('the reference has the operations of these nouns', async () => {
  const reference = await u.at('GET', '/openapi.json', { key: null, workspace: null })
  assert.equal(reference.status, 200, reference.text)
  const paths = Object.keys(Object(at(reference.json, 'paths')))
  for (const path of ['/users', '/wallet/balance', '/exports/files/{id}', '/webhooks/endpoints/{id}'])
    assert.ok(
      paths.some((one) => one.endsWith(`/v2${path}`)),
      path,
    )
})

test('a name in two', () => {
  assert.deepEqual(['', 'Dana', 'Dana Reyes', ' Dana  van der Reyes '].map(namesOf), [
    { firstName: '', lastName: '' },
    { firstName: 'Dana', lastName: '' },
    { firstName: 'Dana', lastName: 'Reyes' },
    { firstName: 'Dana  van der', lastName: 'Reyes' },
  ])
})

test('everything documented has been seen', async () => {
  await requireRefusals(u, 'zapmail', /^\/v2\/users/)
  u.requireSeen(/^\/v2\/users/)
})
