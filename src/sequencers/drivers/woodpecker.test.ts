import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import { startWoodpeckerStandIn } from '../../testing/sequencers/woodpecker.ts'
import { sequencerPlatforms } from '../platforms.ts'

test('a batch is told of when it is finished: those that failed by name, the others by the list', async () => {
  await using standIn = await startWoodpeckerStandIn()
  standIn.settings.pollsBefore = 2
  const driver = openOn('woodpecker', standIn)
  const good = testMailbox('good@ours.example', { dailyLimit: 30 })
  const bad = testMailbox('bad@ours.example', { password: 'wrong', displayName: ' ' })
  const outcomes = await driver.add([good, bad])
  assert.deepEqual(outcomes, [
    { kind: 'pending', ref: '1001' },
    { kind: 'pending', ref: '1001' },
  ])
  const common = {
    imap_server: 'mail.ours.example',
    imap_port: 993,
    smtp_server: 'mail.ours.example',
    smtp_port: 465,
  }
  assert.deepEqual(standIn.requests[0]?.body, {
    mailboxes: [
      {
        smtp_email: good.address,
        smtp_login: good.address,
        smtp_password: good.password,
        smtp_from_name: 'Ada Byron',
        imap_email: good.address,
        imap_password: good.password,
        daily_sending_limit: 30,
        ...common,
      },
      {
        smtp_email: bad.address,
        smtp_login: bad.address,
        smtp_password: bad.password,
        imap_email: bad.address,
        imap_password: bad.password,
        ...common,
      },
    ],
    completion_notification_types: ['IN_APP'],
  })
  assert.deepEqual([await driver.poll('1001'), await driver.poll('1001')], [[], []])
  const told = await driver.poll('1001')
  assert.deepEqual(
    told.map(({ address, outcome }) => [
      address,
      outcome.kind === 'failed' ? outcome.error.kind : outcome.kind,
    ]),
    [
      ['bad@ours.example', 'connect_failed'],
      ['good@ours.example', 'added'],
    ],
  )
  assert.deepEqual(standIn.complaints, [])
})

test('as many as go into one call do', async () => {
  await using standIn = await startWoodpeckerStandIn()
  const { addMax } = sequencerPlatforms.woodpecker
  const mailboxes = Array.from({ length: addMax }, (_, at) => testMailbox(`u${at}@ours.example`))
  const outcomes = await openOn('woodpecker', standIn).add(mailboxes)
  assert.deepEqual([outcomes.length, standIn.requests.length], [200, 1])
})

test('the rows of a summary in every form that they may have', async () => {
  await using standIn = await startWoodpeckerStandIn()
  const driver = openOn('woodpecker', standIn)
  const failed_mailboxes = [
    'A@ours.example',
    { smtp_email: 'b@ours.example', errors: ['SMTP: timed out'] },
    { email: 'c@ours.example', details: { message: 'IMAP off' } },
    { odd: 1 },
    null,
  ]
  standIn.answerNext.push({ status: 200, body: { processing_finished: false, failed_mailboxes } })
  const told = await driver.poll('7')
  assert.deepEqual(
    told.map(({ address, outcome }) => [address, outcome.kind === 'failed' ? outcome.error.message : '']),
    [
      ['a@ours.example', 'Woodpecker could not connect it.'],
      ['b@ours.example', 'SMTP: timed out'],
      ['c@ours.example', 'IMAP off'],
    ],
  )
  standIn.answerNext.push({ status: 200, body: { failed_mailboxes } })
  await assert.rejects(driver.poll('7'), { kind: 'unreachable' })
  await assert.rejects(driver.poll('nobody'), { kind: 'gone' })
})

test('an account is its SMTP row', async () => {
  await using standIn = await startWoodpeckerStandIn()
  const driver = openOn('woodpecker', standIn)
  const row = (id: number, type: string, error: unknown) => ({
    id,
    type,
    details: { email: `u${id}@ours.example`, error },
  })
  const body = [
    row(1, 'IMAP', undefined),
    row(2, 'SMTP', null),
    row(3, 'SMTP', ''),
    row(4, 'SMTP', 'Connected conditionally.'),
    row(5, 'SMTP', 'Authentication failed'),
    row(6, 'SMTP', 'Connection timed out'),
    row(7, 'SMTP', 'IMAP cannot be reached'),
  ]
  standIn.answerNext.push({ status: 200, body })
  assert.deepEqual(
    (await driver.list(null)).accounts.map(({ id, status }) => `${id} ${status}`),
    ['2 connected', '3 connected', '4 connected', '5 auth_error', '6 smtp_error', '7 imap_error'],
  )
})
