import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type DeliveryPolicy, deliveryDefaults } from '../policies.ts'
import { type Limit, limitRefusal, limitsOf, pauseRefusal, rampUpOf, suppressionRefusal } from './limits.ts'
import { createReservations } from './reservations.ts'
import { reasonToPause } from './review.ts'

const now = new Date('2026-05-15T12:00:00Z')
const daysAgo = (days: number): Date => new Date(now.getTime() - days * 86_400_000)
const policy = (more: Partial<DeliveryPolicy>): DeliveryPolicy => ({ ...deliveryDefaults, ...more })

const rampUps: [
  what: string,
  more: Partial<DeliveryPolicy>,
  firstSentAt: Date | null,
  expected: object | null,
][] = [
  ['none', {}, daysAgo(1), null],
  ['before the first sending', { ramp_up_start: 20 }, null, { day: 0, max: 20 }],
  ['on the first day', { ramp_up_start: 20 }, daysAgo(0.9), { day: 0, max: 20 }],
  ['on the second', { ramp_up_start: 20 }, daysAgo(1), { day: 1, max: 24 }],
  ['rounded down', { ramp_up_start: 20 }, daysAgo(3), { day: 3, max: 34 }],
  ['steeper', { ramp_up_start: 20, ramp_up_percent: 100 }, daysAgo(4), { day: 4, max: 320 }],
  ['at the limit of a day it ends', { ramp_up_start: 20, ramp_up_percent: 100 }, daysAgo(7), null],
  [
    'without such a limit it goes on',
    { ramp_up_start: 20, mailbox_per_day: null },
    daysAgo(30),
    { day: 30, max: 4747 },
  ],
  ['and has an end all the same', { ramp_up_start: 20, mailbox_per_day: null }, daysAgo(3000), null],
  ['a start of nothing', { ramp_up_start: 0 }, daysAgo(5), { day: 5, max: 0 }],
  ['a clock that went back', { ramp_up_start: 20 }, daysAgo(-2), { day: 0, max: 20 }],
]
for (const [what, more, firstSentAt, expected] of rampUps) {
  test(`ramp-up: ${what}`, () => assert.deepEqual(rampUpOf(policy(more), firstSentAt, now), expected))
}

test('the ramp-up stands in the place of the limit of a day', () => {
  const names = (more: Partial<DeliveryPolicy>): string[] =>
    limitsOf(policy(more), null, now).map(({ name, max }) => `${name} ${max}`)
  assert.deepEqual(names({}), ['mailbox_per_hour 500', 'mailbox_per_day 2000', 'mailbox_new_per_day 500'])
  assert.deepEqual(names({ ramp_up_start: 5, mailbox_per_hour: null, workspace_per_day: 9 }), [
    'ramp_up 5',
    'mailbox_new_per_day 500',
    'workspace_per_day 9',
  ])
})

test('a refusal says which limit, and when', () => {
  const limit: Limit = {
    name: 'mailbox_per_hour',
    scope: 'mailbox',
    span: 'hour',
    counts: 'recipients',
    max: 1,
  }
  assert.equal(
    limitRefusal(limit, now).text,
    'The mailbox may send to 1 recipient in an hour; come again at 2026-05-15T12:00:00Z',
  )
  assert.match(limitRefusal({ ...limit, max: 0 }, null).text, /0 recipients in an hour; this is more$/)
})

test('what people and other servers wrote is one line of printable ASCII', () => {
  assert.equal(pauseRefusal('domain', 'a\r\n250 ok ü').text, 'Sending is paused for this domain: a 250 ok')
  assert.equal(
    suppressionRefusal({ reason: 'bounced\n', since: now }).text,
    'The address is suppressed since 2026-05-15 (bounced)',
  )
  assert.ok(pauseRefusal('mailbox', 'x'.repeat(1000)).text.length < 400)
})

const outcomes: [recipients: number, bounced: number, complained: number, expected: RegExp | null][] = [
  [49, 49, 49, null], // fewer than the minimum
  [50, 9, 0, null],
  [50, 10, 0, /^10 of 50 recipients in a day bounced/],
  [1000, 0, 4, null],
  [1000, 0, 5, /^5 of 1000 recipients in a day complained/],
  [1000, 0, 0, null],
]
for (const [recipients, bounced, complained, expected] of outcomes) {
  test(`${bounced} bounces and ${complained} complaints of ${recipients}`, () => {
    const reason = reasonToPause(deliveryDefaults, { recipients, bounced, complained })
    if (expected === null) assert.equal(reason, null)
    else assert.match(reason ?? '', expected)
    const off = { ...deliveryDefaults, pause_bounce_percent: null, pause_complaint_per_mille: null }
    assert.equal(reasonToPause(off, { recipients, bounced, complained }), null)
  })
}

test('reservations: settled, and forgotten after a minute', () => {
  let nowMs = 0
  const reservations = createReservations(() => nowMs)
  reservations.add('a', true)
  reservations.add('a', false)
  nowMs = 30_000
  reservations.add('a', true)
  assert.deepEqual(reservations.of('a'), { recipients: 3, newRecipients: 2 })
  assert.deepEqual(reservations.of('b'), { recipients: 0, newRecipients: 0 })
  reservations.settle('a', { recipients: 1, newRecipients: 1 })
  assert.deepEqual(reservations.of('a'), { recipients: 2, newRecipients: 1 })
  nowMs = 60_000
  assert.deepEqual(reservations.of('a'), { recipients: 1, newRecipients: 1 })
  reservations.settle('a', { recipients: 5, newRecipients: 0 })
  nowMs = 90_000
  assert.deepEqual(reservations.of('a'), { recipients: 0, newRecipients: 0 })
})
