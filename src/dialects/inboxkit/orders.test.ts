/** Orders in the dialect of InboxKit: domains and mailboxes in one call, out of the wallet. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startPictureServer } from '../../testing/picture-server.ts'
import { at, listAt, textAt } from '../../testing/test-api.ts'
import { balanceOf, giveMoney, setPrice } from '../../testing/test-billing.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { startTestVendor, type TestVendor } from '../../testing/test-vendors.ts'
import { provokeUsual } from '../../testing/vendor-refusals.ts'

let u: TestVendor
const money = 20_000
const price = 300

before(async () => {
  u = await startTestVendor('inboxkit', {
    environment: { MAILWRIGHT_BILLING: 'on', MAILWRIGHT_OUTBOUND_NETWORKS: 'any' },
  })
  await setPrice(u.platform, { item: 'mailbox', service: 'local', period: 'monthly', unit_amount: price })
  await giveMoney(u.platform, u.scope, money)
})
after(() => u[Symbol.asyncDispose]())

/** The documented example on names of the sandbox registrar. */
function order(name: string, change: (body: Record<string, unknown>) => object = (body) => body): object {
  const text = JSON.stringify(u.exampleOf('placeOrder'))
  const [first] = listAt(JSON.parse(text), 'domains')
  const body = JSON.parse(text.replaceAll(textAt(first, 'name'), name))
  const domains = listAt(body, 'domains')
    .slice(0, 1)
    .map((domain) => ({ ...Object(domain), mailboxes: listAt(domain, 'mailboxes').map(withoutSequencer) }))
  const { contact_details } = Object(u.exampleOf('registerDomains'))
  return change({ ...body, contact_details, domains })
}

function withoutSequencer(mailbox: unknown): object {
  const { sequencer_uid: _, ...plain } = Object(mailbox)
  return plain
}

test('domains are bought with their mailboxes, and the order says how far it is', async () => {
  const placed = await u.operate('placeOrder', { body: order('ordered.test') })
  assert.equal(placed.status, 201, placed.text)
  assert.deepEqual(
    [at(placed.json, 'status'), at(placed.json, 'domains', '0', 'status')],
    ['processing', 'registering'],
  )
  const count = listAt(placed.json, 'domains', 0, 'mailboxes').length
  assert.ok(count > 0)
  await runJobs(u.platform)
  const order_id = textAt(placed.json, 'order_id')
  const done = await u.operate('getOrder', { ids: [order_id] })
  assert.equal(at(done.json, 'domains', '0', 'status'), 'completed', done.text)
  assert.equal(at(done.json, 'domains', '0', 'mailboxes', '0', 'status'), 'active')
  const domain = await u.call('GET', '/v1/domains/ordered.test')
  assert.ok(at(domain.json, 'redirect', 'url'))
  const { balance } = await balanceOf(u.platform, u.scope.workspaceId)
  assert.equal(balance, money - 1000 - count * price)
  const again = await u.operate('placeOrder', { body: order('ordered.test') })
  assert.equal(again.status, 400, 'the addresses are there already')
})

test('the picture of an ordered mailbox is fetched afterwards', async () => {
  await using pictures = await startPictureServer()
  const body = order('pictured.test', (plain) => ({
    ...plain,
    domains: listAt(plain, 'domains').map((domain) => ({
      ...Object(domain),
      mailboxes: listAt(domain, 'mailboxes')
        .slice(0, 1)
        .map((mailbox) => ({ ...Object(mailbox), profile_pic_url: `${pictures.url}/red.png` })),
    })),
  }))
  const placed = await u.operate('placeOrder', { body })
  assert.equal(placed.status, 201, placed.text)
  await runJobs(u.platform)
  const email = textAt(placed.json, 'domains', 0, 'mailboxes', 0, 'email')
  assert.equal((await u.call('GET', `/v1/mailboxes/${email}/picture`)).status, 200)
})

test('nothing of an order that is refused stays', async () => {
  const before = await balanceOf(u.platform, u.scope.workspaceId)
  const wrong: [object, RegExp][] = [
    [order('new.test', (body) => ({ ...body, contact_details: undefined })), /contact_details/],
    [order('new.test', (body) => ({ ...body, more: 1 })), /more/],
    [order('new.test', (body) => ({ ...body, domains: [] })), /domains/],
    [order('not a name'), /./],
    [order('x.unsold'), /./],
    [
      order('new.test', (body) => ({
        ...body,
        domains: listAt(body, 'domains').map((domain) => ({
          ...Object(domain),
          mailboxes: [{ first_name: 'A', last_name: 'B', email: 'a@other.test', platform: 'GOOGLE' }],
        })),
      })),
      /a@other\.test is not in new\.test/,
    ],
    [
      order('new.test', (body) => ({
        ...body,
        domains: listAt(body, 'domains').map((domain) => ({
          ...Object(domain),
          mailboxes: Array.from({ length: 90 }, (_, n) => ({
            first_name: 'A',
            last_name: 'B',
            email: `a${n}@new.test`,
            platform: 'GOOGLE',
          })),
        })),
      })),
      /Insufficient wallet balance/,
    ],
  ]
  for (const [body, message] of wrong) {
    const reply = await u.operate('placeOrder', { body })
    assert.equal(reply.status, 400, reply.text)
    assert.match(textAt(reply.json, 'message'), message)
    assert.equal((await u.call('GET', '/v1/domains/new.test')).status, 404)
  }
  const unknown = await u.operate('placeOrder', {
    body: order('new.test', (body) => ({
      ...body,
      domains: listAt(body, 'domains').map((domain) => ({
        ...Object(domain),
        mailboxes: [
          { first_name: 'A', last_name: 'B', email: 'a@new.test', platform: 'GOOGLE', sequencer_uid: 'none' },
        ],
      })),
    })),
  })
  assert.equal(unknown.status, 404)
  assert.deepEqual(await balanceOf(u.platform, u.scope.workspaceId), before)
})

test('an order of another workspace is not found, and a key that may only read orders nothing', async () => {
  const placed = await u.operate('placeOrder', { body: order('mine.test') })
  const ids = [textAt(placed.json, 'order_id')]
  const other = await u.tenant()
  const foreign = await u.operate('getOrder', { ids, key: other.key, workspace: other.workspaceId })
  const unknown = await u.operate('getOrder', { ids: ['00000000-0000-4000-8000-000000000000'] })
  assert.deepEqual([foreign.status, foreign.json], [404, unknown.json])
  assert.equal((await u.operate('getOrder', { ids: ['x y'] })).status, 404)
  const key = await u.key({ access: 'read' })
  assert.equal((await u.unchecked('placeOrder', { key, body: order('read.test') })).status, 403)
})

test('what all operations refuse alike', () => provokeUsual(u, /^\/orders/))
test('every documented status was seen', () => u.requireSeen(/^\/orders/))
