/** Figures of what was sent: what counts, for how long, and for whom. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { countStatements } from '../testing/count-statements.ts'
import { addSent } from '../testing/test-figures.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import {
  bouncePercent,
  dailyFigures,
  domainFigures,
  figuresOfMailboxes,
  figuresOfWorkspace,
  mailboxesThatBounce,
} from './figures.ts'

let t: TestPlatform
let ada: TestMailbox
let ben: TestMailbox
let now: Date
before(async () => {
  t = await startTestPlatform()
  now = t.platform.clock.now()
  ada = await t.createMailbox()
  ben = await t.createMailbox()
  const { platform } = t
  await addSent(platform, ada.owner, { state: 'delivered', count: 3 })
  await addSent(platform, ada.owner, { state: 'bounced', count: 1, daysAgo: 2 })
  await addSent(platform, ada.owner, { state: 'bounced', count: 2, daysAgo: 20, class: 'blocked' })
  await addSent(platform, ada.owner, { state: 'delivered', count: 9, daysAgo: 31 })
  for (const state of ['queued', 'held', 'cancelled'] as const) {
    await addSent(platform, ada.owner, { state, count: 5 })
  }
  for (const kind of ['forward', 'notification'] as const) {
    await addSent(platform, ada.owner, { state: 'delivered', count: 5, kind })
  }
  await addSent(platform, ben.owner, { state: 'delivered', count: 4, daysAgo: 10 })
  const elsewhere = { ...ben.owner, workspaceId: t.scope.organizationId, mailboxId: t.scope.organizationId }
  await addSent(platform, elsewhere, { state: 'bounced', count: 50 })
})
after(() => t[Symbol.asyncDispose]())

test('of mailboxes: what was delivered or bounced in 7 and in 30 days', async () => {
  const ids = [ada.mailboxId, ben.mailboxId, t.scope.workspaceId]
  const found = await figuresOfMailboxes(t.platform.db, ids, t.platform.clock.now())
  const { lastAt, ...counts } = found.get(ada.mailboxId) ?? assert.fail('nothing')
  assert.deepEqual(counts, { sent7d: 4, bounced7d: 1, sent30d: 6, bounced30d: 3 })
  assert.ok(lastAt && Math.abs(lastAt.getTime() - now.getTime()) < 60_000)
  const { lastAt: before, ...others } = found.get(ben.mailboxId) ?? assert.fail('nothing')
  assert.deepEqual(others, { sent7d: 0, bounced7d: 0, sent30d: 4, bounced30d: 0 })
  assert.ok(before && before < now)
  assert.equal(found.has(t.scope.workspaceId), false)
  assert.equal(await countStatements(() => figuresOfMailboxes(t.platform.db, ids, now)), 1)
  assert.deepEqual(await figuresOfMailboxes(t.platform.db, [], now), new Map())
})

test('of a workspace, with who sent; who has one mailbox gets its own', async () => {
  const { lastAt, ...all } = await figuresOfWorkspace(t.platform.db, t.scope, t.platform.clock.now())
  const sums = { sent7d: 4, bounced7d: 1, sent30d: 10, bounced30d: 3 }
  assert.deepEqual(all, { ...sums, senders7d: 1, senders30d: 2 })
  assert.ok(lastAt)
  const bound = { ...t.scope, mailboxId: ben.mailboxId }
  const own = await figuresOfWorkspace(t.platform.db, bound, t.platform.clock.now())
  assert.deepEqual([own.sent7d, own.sent30d, own.senders30d], [0, 4, 1])
})

test('day by day, also those on which nothing was sent', async () => {
  const days = await dailyFigures(t.platform.db, t.scope, t.platform.clock.now(), 30)
  assert.equal(days.length, 30)
  assert.deepEqual(
    days.filter(({ sent }) => sent > 0).map(({ sent, bounced }) => [sent, bounced]),
    [
      [2, 2],
      [4, 0],
      [1, 1],
      [3, 0],
    ],
  )
  assert.deepEqual(days.at(-1)?.day, now.toISOString().slice(0, 10))
  const three = await dailyFigures(t.platform.db, t.scope, t.platform.clock.now(), 3)
  assert.deepEqual(three, days.slice(-3))
})

test('of a domain, with the reasons of what bounced', async () => {
  const { domain_id: domainId } = await t.platform.db
    .selectFrom('mailboxes')
    .select('domain_id')
    .where('id', '=', ada.mailboxId)
    .executeTakeFirstOrThrow()
  const at = t.platform.clock.now()
  const classes = { unknown_recipient: 1, blocked: 2 }
  assert.deepEqual(await domainFigures(t.platform.db, domainId, at, 30), { sent: 10, bounced: 3, classes })
  const week = { sent: 4, bounced: 1, classes: { unknown_recipient: 1 } }
  assert.deepEqual(await domainFigures(t.platform.db, domainId, at, 7), week)
})

const rates: [percent: number, minimum: number, found: boolean][] = [
  [50, 6, true],
  [50, 7, false],
  [51, 1, false],
  [0, 1, true],
]
for (const [percent, minimum, isFound] of rates) {
  test(`of mailboxes that bounce ${percent} % of ${minimum} or more: ${isFound}`, async () => {
    const rate = { percent, minimum, max: 10 }
    const found = await mailboxesThatBounce(t.platform.db, t.scope, t.platform.clock.now(), rate)
    assert.deepEqual(
      found.map(({ mailboxId }) => mailboxId),
      isFound ? [ada.mailboxId] : [],
    )
  })
}

test('a rate is in percent with two digits, and none of nothing', () => {
  assert.deepEqual(
    [bouncePercent(0, 0), bouncePercent(3, 1), bouncePercent(8, 8), bouncePercent(5, 0)],
    [null, 33.33, 100, 0],
  )
})
