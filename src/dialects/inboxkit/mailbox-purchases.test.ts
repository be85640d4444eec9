/** Mailboxes bought, cancelled and taken back in the dialect of InboxKit, with billing on. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type PictureServer, startPictureServer } from '../../testing/picture-server.ts'
import { at, listAt, type Reply, textAt } from '../../testing/test-api.ts'
import { assertBooks, balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
let pictures: PictureServer
const paths = /^\/mailboxes\/(buy|cancel|uncancel)$/
const unknownId = '00000000-0000-4000-8000-000000000000'

before(async () => {
  pictures = await startPictureServer()
  u = await startTestVendor('inboxkit', {
    environment: { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_OUTBOUND_NETWORKS: 'any' },
  })
  for (const name of ['one.test', 'two.test', 'getnorthwind.com'])
    await native('POST', '/v1/domains', { name })
  await setPrice(u.platform, { item: 'mailbox', unit_amount: 300, period: 'monthly', service: 'local' })
  await giveMoney(u.platform, u.scope, 2000)
})
after(async () => {
  await assertBooks(u.platform)
  await u[Symbol.asyncDispose]()
  await pictures[Symbol.asyncDispose]()
})

async function native(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await u.call(method, path, body === undefined ? {} : { body })
  assert.ok(reply.status < 300, reply.text)
  return reply
}

function row(username: string, more: object = {}): object {
  const names = { first_name: 'Ada', last_name: 'Quill' }
  return { ...names, username, platform: 'GOOGLE', domain_name: 'one.test', ...more }
}

async function buy(rows: object[], more: object = {}): Promise<string[]> {
  const reply = await u.operate('buyMailboxes', { body: { mailboxes: rows, ...more } })
  assert.equal(reply.status, 200, reply.text)
  return listAt(reply.json, 'mailboxes').map((one) => textAt(one, 'uid'))
}

async function stateOf(uid: string): Promise<string> {
  const { json } = await u.operate('getMailboxDetails', { query: { uid } })
  return textAt(json, 'mailbox', 'status')
}

test('the documented purchase: money is put aside until its domain is active', async () => {
  const reply = await u.operate('buyMailboxes', { body: u.exampleOf('buyMailboxes') })
  assert.equal(at(reply.json, 'message'), 'Mailbox scheduled to be assigned to domains successfully')
  const { uid, createdAt, updatedAt, ...rest } = Object(at(reply.json, 'mailboxes', 0))
  assert.deepEqual(rest, {
    domain_name: 'getnorthwind.com',
    first_name: 'Ada',
    last_name: 'Quill',
    username: 'ada',
    platform: 'GOOGLE',
    status: 'scheduled',
    renewal_date: null,
    renewal_cycle: 'monthly',
  })
  assert.deepEqual([typeof createdAt, typeof updatedAt], ['string', 'string'])
  assert.equal(await stateOf(uid), 'waiting_for_dns_propagation')
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), { balance: 1700, held: 300 })
  const domain = await native('GET', '/v1/domains/getnorthwind.com')
  assert.equal(at(domain.json, 'product'), 'google')
})

test('one that is there already is 409, and nothing of its call is made', async () => {
  const again = await u.operate('buyMailboxes', {
    body: { mailboxes: [row('new'), row('Ada', { domain_name: 'getnorthwind.com' })] },
  })
  const message = 'Mailbox ada@getnorthwind.com already exists'
  assert.deepEqual([again.status, again.json], [409, { error: true, message }])
  assert.equal((await u.call('GET', '/v1/mailboxes/new@one.test')).status, 404)
})

test('other refusals are no conflicts', async () => {
  await buy([row('first')])
  const refused: [rows: object[], status: number, message: RegExp][] = [
    [[row('x', { platform: 'AZURE' })], 400, /product/],
    [[row('x', { domain_name: 'none.test' })], 404, /Domain not found/],
    [[row('x y')], 400, /quotes/],
    [[row('x'), row('X')], 400, /twice/],
    [[row('x', { profile_picture: 'nothing' })], 400, /URL/],
    [[row('x', { platform: 'SMTP' })], 400, /platform must be/],
    [[row('x', { email: 'x@one.test' })], 400, /email is not known/],
    [[], 400, /mailboxes/],
  ]
  for (const [mailboxes, status, message] of refused) {
    const reply = await u.operate('buyMailboxes', { body: { mailboxes } })
    assert.equal(reply.status, status, reply.text)
    assert.match(textAt(reply.json, 'message'), message)
  }
  assert.equal((await u.call('GET', '/v1/mailboxes/x@one.test')).status, 404)
})

test('a wallet that is short is 402', async () => {
  const mailboxes = Array.from({ length: 8 }, (_, index) => row(`many${index}`))
  const reply = await u.operate('buyMailboxes', { body: { mailboxes, use_wallet_balance: true } })
  const message = 'Insufficient wallet balance to purchase mailboxes'
  assert.deepEqual([reply.status, reply.json], [402, { error: true, message }])
})

test('without the wallet only free slots of the plan will do', async () => {
  const noWallet = { use_wallet_balance: false }
  const body = { mailboxes: [row('slot1'), row('slot2')], ...noWallet }
  const early = await u.operate('buyMailboxes', { body })
  assert.equal(early.status, 400)
  assert.match(textAt(early.json, 'message'), /free slots/)
  await makePlan(u.platform, { code: 'team', slots: 2, monthly: 100 })
  await native('POST', '/v1/subscriptions', { plan: 'team', period: 'monthly' })
  const before = await balanceOf(u.platform, u.scope.workspaceId)
  const [first = ''] = await buy([row('slot1')], noWallet)
  assert.equal(at((await native('GET', `/v1/mailboxes/${first}`)).json, 'in_slot'), true)
  assert.equal(
    (await u.operate('buyMailboxes', { body: { ...body, mailboxes: [row('a'), row('b')] } })).status,
    400,
  )
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), before)
  await buy([row('slot2')], noWallet)
  // Also where the wallet has nothing at all, it is the slots that matter.
  const poor = await native('POST', '/v1/workspaces', { name: 'Poor' })
  const workspace = textAt(poor.json, 'id')
  const key = await u.key({ workspaceId: workspace })
  await u.call('POST', '/v1/domains', { key, body: { name: 'poor.test' } })
  const mailboxes = [row('x', { domain_name: 'poor.test' })]
  const none = await u.operate('buyMailboxes', { workspace, body: { mailboxes, ...noWallet } })
  assert.equal(none.status, 400)
  assert.match(textAt(none.json, 'message'), /free slots/)
})

test('pictures come afterwards, and one that cannot be had keeps nothing from being bought', async () => {
  pictures.paths.length = 0
  const [good = '', bad = ''] = await buy([
    row('seen', { profile_picture: `${pictures.url}/red.png`, domain_name: 'two.test' }),
    row('unseen', { profile_picture: `${pictures.url}/text`, domain_name: 'two.test' }),
  ])
  assert.deepEqual(pictures.paths, [])
  await runJobs(u.platform)
  const pictureOf = async (uid: string) =>
    at((await u.operate('getMailboxDetails', { query: { uid } })).json, 'mailbox', 'profile_picture')
  assert.match(String(await pictureOf(good)), new RegExp(`/v1/mailboxes/${good}/picture$`))
  assert.equal(await pictureOf(bad), null)
})

test('a cancellation is for the end of the period, and can be taken back', async () => {
  const { json } = await u.operate('listMailboxes', { body: { keyword: 'first@' } })
  const uid = textAt(json, 'mailboxes', 0, 'uid')
  const cancelled = await u.operate('cancelMailboxes', { body: { uids: [uid] } })
  assert.deepEqual(cancelled.json, { error: false, message: 'Mailbox scheduled for cancellation' })
  assert.equal(await stateOf(uid), 'scheduled_for_cancellation')
  assert.equal(at((await native('GET', `/v1/mailboxes/${uid}`)).json, 'cancel_at_period_end'), true)
  assert.equal((await u.operate('cancelMailboxes', { body: { uids: [uid] } })).status, 200, 'once more')
  const listed = await u.operate('listMailboxes', { body: { status: 'scheduled_for_cancellation' } })
  assert.deepEqual([at(listed.json, 'total'), at(listed.json, 'mailboxes', 0, 'uid')], [1, uid])
  assert.equal(at(listed.json, 'mailboxes', 0, 'mailbox_cancellation_status'), 'queued')
  const back = await u.operate('uncancelMailboxes', {
    body: { uids: [uid, unknownId, 'none', 'first@one.test'] },
  })
  const failed = [unknownId, 'none', 'first@one.test'].map((one) => ({
    uid: one,
    error: 'Mailbox not found',
  }))
  assert.deepEqual(at(back.json, 'results'), { success: [{ uid }], failed })
  assert.equal(await stateOf(uid), 'active')
})

test('all mailboxes of domains are cancelled; what has no period yet goes at once and comes back', async () => {
  const domain = await native('GET', '/v1/domains/two.test')
  const waiting = await u.operate('listMailboxes', { body: { domain: 'getnorthwind.com' } })
  const uid = textAt(waiting.json, 'mailboxes', 0, 'uid')
  const before = await balanceOf(u.platform, u.scope.workspaceId)
  await u.operate('cancelMailboxes', { body: { uids: [uid], domain_uids: [textAt(domain.json, 'id')] } })
  const two = await u.operate('listMailboxes', { body: { domain: 'two.test' } })
  const statuses = listAt(two.json, 'mailboxes').map((one) => at(one, 'status'))
  assert.deepEqual(statuses, ['scheduled_for_cancellation', 'scheduled_for_cancellation'])
  assert.equal(await stateOf(uid), 'cancelled')
  const released = await balanceOf(u.platform, u.scope.workspaceId)
  assert.deepEqual([released.held, released.balance - before.balance], [0, 300])
  const back = await u.operate('uncancelMailboxes', { body: { uids: [uid] } })
  assert.deepEqual(at(back.json, 'results', 'success'), [{ uid }], back.text)
  assert.equal(await stateOf(uid), 'waiting_for_dns_propagation')
})

test('what is refused: all or none, other tenants’, keys that may only read', async () => {
  const [uid = ''] = await buy([row('last', { domain_name: 'demo.test' })])
  for (const uids of [[uid, unknownId], ['none'], ['last@demo.test']]) {
    const reply = await u.operate('cancelMailboxes', { body: { uids } })
    assert.deepEqual(reply.json, { error: true, message: 'Mailbox not found' })
  }
  assert.equal((await u.operate('cancelMailboxes', { body: { uids: [] } })).status, 400)
  const other = await u.tenant()
  const theirs = { key: other.key, workspace: other.workspaceId }
  assert.equal((await u.operate('cancelMailboxes', { ...theirs, body: { uids: [uid] } })).status, 404)
  const foreign = await u.operate('uncancelMailboxes', { ...theirs, body: { uids: [uid] } })
  assert.deepEqual(at(foreign.json, 'results', 'failed'), [{ uid, error: 'Mailbox not found' }])
  assert.equal(
    (await u.operate('buyMailboxes', { ...theirs, body: { mailboxes: [row('mine')] } })).status,
    404,
  )
  const bodies = {
    buyMailboxes: { mailboxes: [row('mine')] },
    cancelMailboxes: { uids: [uid] },
    uncancelMailboxes: { uids: [uid] },
  }
  const keys = [
    await u.key({ access: 'read' }),
    await u.key({ mailboxId: uid, workspaceId: u.scope.workspaceId }),
  ]
  for (const key of keys) {
    for (const [id, body] of Object.entries(bodies)) {
      assert.equal((await u.unchecked(id, { key, body })).status, 403, id)
    }
  }
  assert.equal(await stateOf(uid), 'active')
})

test('too many calls are told so', async () => {
  await using slow = await startTestVendor('inboxkit', { requestsPerMinute: 1 })
  const body = { mailboxes: [row('x', { domain_name: 'demo.test' })] }
  await slow.operate('buyMailboxes', { body })
  u.contract.check('buyMailboxes', await slow.operate('buyMailboxes', { body }))
})

test('every documented status was seen', async () => {
  await provokeUsual(u, paths)
  u.requireSeen(paths)
})
