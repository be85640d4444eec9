/** Mailboxes that are made later: asked for, made when their time has come, kept with what stood in the way, canceled. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Scope } from '../../accounts/principals.ts'
import { transaction } from '../../platform/database.ts'
import type { Platform } from '../../platform/platform.ts'
import { at, listAt, startTestApi, type TestApi, textAt } from '../../testing/test-api.ts'
import { giveMoney } from '../../testing/test-billing.ts'
import { makePlan } from '../../testing/test-subscriptions.ts'
import type { WantedMailbox } from '../purchases.ts'
import { forgetFailedMailboxes, makeDueMailboxes } from './make-due.ts'
import {
  cancelScheduledMailbox,
  countScheduled,
  listScheduledMailboxes,
  retryScheduledMailboxes,
  scheduledMax,
  scheduleMailboxes,
} from './scheduled-mailboxes.ts'

let api: TestApi
let platform: Platform
let time = new Date('2030-01-31T12:00:00Z')
before(async () => {
  api = await startTestApi({ environment: { MAILWRIGHT_BILLING: 'on' } })
  platform = api.platform
  Object.assign(platform.clock, { now: () => new Date(time) })
})
after(() => api[Symbol.asyncDispose]())

function wanted(localPart: string, domain: string): WantedMailbox {
  return { localPart, domain, product: 'google', firstName: 'Ann', lastName: 'Lee' }
}

type Customer = { scope: Scope; key: string; domainId: string }

/** A workspace with a domain. */
async function customer(domain: string): Promise<Customer> {
  const { organizationId, workspaceId, key } = await api.tenant()
  const { json } = await api.call('POST', '/v1/domains', { key, body: { name: domain } })
  const scope = { ...api.scope, organizationId, workspaceId }
  return { scope, key, domainId: textAt(json, 'id') }
}

const schedule = ({ scope }: Customer, ...items: WantedMailbox[]) =>
  transaction(platform.db, (tx) => scheduleMailboxes(platform, tx, scope, items))

const listed = async ({ scope }: Customer) =>
  (await listScheduledMailboxes(platform, scope, { after: null, limit: 100 })).rows

async function told({ key }: Customer): Promise<unknown[]> {
  const { json } = await api.call('GET', '/v1/events?from=start&limit=200', { key })
  return listAt(json, 'data')
    .map((event) => textAt(event, 'type'))
    .filter((type) => type.startsWith('scheduled_mailbox.'))
}

test('with the next period of the plan they are made; what had no slot at first gets one that is free soon', async () => {
  time = new Date('2030-01-31T12:00:00Z')
  const one = await customer('plan.test')
  await makePlan(platform, { code: 'one', slots: 1, monthly: 100 })
  await giveMoney(platform, one.scope, 1000)
  const { key } = one
  await api.call('POST', '/v1/subscriptions', { key, body: { plan: 'one', period: 'monthly' } })
  const old = await api.call('POST', '/v1/mailboxes', { key, body: { address: 'old@plan.test' } })
  assert.equal(old.status, 201, old.text)
  const [first] = await schedule(one, wanted('ann', 'plan.test'))
  assert.equal(first?.due_at.toISOString(), '2030-02-28T12:00:00.000Z')
  assert.equal(await countScheduled(platform.db, one.scope, ['google']), 1)
  assert.equal(await countScheduled(platform.db, one.scope, ['microsoft', null]), 0)
  time = new Date('2030-02-28T11:59:00Z')
  assert.equal(await makeDueMailboxes(platform), 0)
  time = new Date('2030-02-28T12:01:00Z')
  assert.equal(await makeDueMailboxes(platform), 1)
  assert.equal(await makeDueMailboxes(platform), 0, 'not again at once')
  assert.equal((await listed(one))[0]?.failed_at, null)
  await api.call('DELETE', '/v1/mailboxes/old@plan.test', { key })
  time = new Date('2030-02-28T12:12:00Z')
  assert.equal(await makeDueMailboxes(platform), 1)
  const made = await api.call('GET', '/v1/mailboxes/ann@plan.test', { key })
  assert.deepEqual(
    ['state', 'product', 'first_name', 'display_name'].map((name) => at(made.json, name)),
    ['active', 'google', 'Ann', 'Ann Lee'],
  )
  assert.deepEqual(await listed(one), [])
  assert.deepEqual(await told(one), ['scheduled_mailbox.created', 'scheduled_mailbox.made'])
})

test('what cannot be made is kept with why, tried again when that is asked for, and forgotten in the end', async () => {
  time = new Date('2030-05-20T00:00:00Z')
  const one = await customer('late.test')
  await schedule(one, wanted('ann', 'late.test'), wanted('bob', 'late.test'))
  assert.equal((await listed(one))[0]?.due_at.toISOString(), '2030-06-01T00:00:00.000Z')
  const { scope, key } = one
  await giveMoney(platform, scope, 1000)
  await makePlan(platform, { code: 'late', slots: 3, monthly: 100 })
  await api.call('POST', '/v1/subscriptions', { key, body: { plan: 'late', period: 'monthly' } })
  const taken = await api.call('POST', '/v1/mailboxes', { key, body: { address: 'ann@late.test' } })
  assert.equal(taken.status, 201, taken.text)
  time = new Date('2030-06-01T00:00:30Z')
  assert.equal(await makeDueMailboxes(platform), 2)
  const [ann, ...others] = await listed(one)
  assert.deepEqual([ann?.address, ann?.failure_code, others], ['ann@late.test', 'address_taken', []])
  assert.equal(await makeDueMailboxes(platform), 0)
  await api.call('DELETE', '/v1/mailboxes/ann@late.test?purge=true', { key })
  const retried = await transaction(platform.db, (tx) =>
    retryScheduledMailboxes(platform, tx, scope, [one.domainId]),
  )
  assert.equal(retried, 1)
  assert.equal(await makeDueMailboxes(platform), 1)
  assert.deepEqual(await listed(one), [])
  const poor = await customer('poor.test')
  await schedule(poor, wanted('ann', 'poor.test'))
  for (const moment of ['2030-07-01T00:00:00Z', '2030-07-01T01:59:00Z', '2030-07-01T02:30:00Z']) {
    assert.equal((await listed(poor))[0]?.failed_at, null, moment)
    time = new Date(moment)
    await makeDueMailboxes(platform)
  }
  assert.equal((await listed(poor))[0]?.failure_code, 'item_not_priced')
  assert.deepEqual(await told(poor), ['scheduled_mailbox.created', 'scheduled_mailbox.failed'])
  time = new Date('2030-09-28T00:00:00Z')
  assert.equal(await forgetFailedMailboxes(platform), 0)
  time = new Date('2030-10-01T00:00:00Z')
  assert.equal(await forgetFailedMailboxes(platform), 1)
  assert.deepEqual(await listed(poor), [])
})

test('what cannot be asked for', async () => {
  const one = await customer('ask.test')
  await api.call('PATCH', '/v1/domains/ask.test', { key: one.key, body: { product: 'google' } })
  await schedule(one, wanted('ann', 'ask.test'))
  const fine = wanted('bob', 'ask.test')
  const refused = async (item: WantedMailbox, code: string) =>
    await assert.rejects(schedule(one, fine, item), { code })
  await refused(wanted('ann', 'ask.test'), 'address_taken')
  await refused(wanted('BOB', 'ask.test'), 'address_repeated')
  await refused(wanted('a b', 'ask.test'), 'address_invalid')
  await refused(wanted('cay', 'plan.test'), 'domain_not_found')
  await refused({ ...wanted('cay', 'ask.test'), product: 'microsoft' }, 'domain_product_differs')
  const many = Array.from({ length: scheduledMax }, (_, index) => wanted(`a${index}`, 'ask.test'))
  await assert.rejects(schedule(one, ...many), { code: 'mailbox_limit_reached' })
  const reader = { ...one, scope: { ...one.scope, access: 'read' as const } }
  await assert.rejects(schedule(reader, fine), { code: 'forbidden' })
  const bound = { ...one, scope: { ...one.scope, mailboxId: one.domainId } }
  await assert.rejects(schedule(bound, fine), { code: 'forbidden' })
  assert.equal((await listed(one)).length, 1)
})

test('one that is canceled is not made; another workspace’s is not there', async () => {
  const [one, other] = [await customer('mine.test'), await customer('theirs.test')]
  const [ann] = await schedule(one, wanted('ann', 'mine.test'))
  const cancel = ({ scope }: Customer, id = '') =>
    transaction(platform.db, (tx) => cancelScheduledMailbox(platform, tx, scope, id))
  await assert.rejects(cancel(other, ann?.id), { code: 'scheduled_mailbox_not_found' })
  await assert.rejects(cancel(one, 'none'), { code: 'scheduled_mailbox_not_found' })
  await cancel(one, ann?.id)
  await assert.rejects(cancel(one, ann?.id), { code: 'scheduled_mailbox_not_found' })
  assert.deepEqual(await listed(one), [])
  assert.deepEqual(await told(one), ['scheduled_mailbox.created', 'scheduled_mailbox.canceled'])
})
