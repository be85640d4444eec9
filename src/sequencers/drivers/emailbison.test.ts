import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEmailBisonStandIn } from '../../testing/sequencers/emailbison.ts'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import type { RemoteStatus } from '../driver.ts'

test('what it is told; the daily limit is a second call, whose failure does not undo the mailbox', async () => {
  await using standIn = await startEmailBisonStandIn()
  standIn.settings.msBetweenCreates = 0
  const driver = openOn('emailbison', standIn)
  const mailbox = testMailbox('ada@ours.example', {
    dailyLimit: 30,
    smtp: { host: 'mail.ours.example', port: 587, security: 'starttls' },
  })
  await driver.add([mailbox])
  assert.deepEqual(standIn.requests[0]?.body, {
    name: 'Ada Byron',
    email: 'ada@ours.example',
    password: mailbox.password,
    imap_server: 'mail.ours.example',
    imap_port: 993,
    imap_secure: true,
    smtp_server: 'mail.ours.example',
    smtp_port: 587,
    smtp_secure: false,
  })
  assert.equal(standIn.accounts.get('ada@ours.example')?.dailyLimit, 30)
  const data = { id: 9, email: 'bob@ours.example', status: 'Connected', daily_limit: 5 }
  standIn.answerNext.push({ status: 201, body: { data } }, { status: 500, body: 'out of order' })
  const [outcome] = await driver.add([testMailbox('bob@ours.example', { dailyLimit: 30 })])
  assert.ok(outcome?.kind === 'added')
  assert.match(outcome.account.words ?? '', /^The daily limit was not set: EmailBison answered 500/)
  assert.deepEqual(standIn.complaints, [])
})

test('it stumbles over two at once; with the pause of its platform it does not', async () => {
  await using standIn = await startEmailBisonStandIn()
  standIn.settings.msBetweenCreates = 100
  const two = [testMailbox('a@ours.example'), testMailbox('b@ours.example')]
  const hasty = await openOn('emailbison', standIn).add(two)
  assert.deepEqual(
    hasty.map((one) => (one.kind === 'failed' ? [one.error.kind, one.error.maybeDone] : one.kind)),
    ['added', ['upstream', true]],
  )
  const limits = { perMinute: 600, spacingMs: 0, addSpacingMs: 150 }
  const others = [testMailbox('c@ours.example'), testMailbox('d@ours.example')]
  await new Promise((resolve) => setTimeout(resolve, 110)) // what the stand-in wants, since the last one
  const patient = await openOn('emailbison', standIn, { limits }).add(others)
  assert.deepEqual(
    patient.map(({ kind }) => kind),
    ['added', 'added'],
  )
})

const statuses: [word: unknown, status: RemoteStatus][] = [
  ['Connected', 'connected'],
  ['Not connected', 'auth_error'],
  ['Disconnected', 'auth_error'],
  ['Pending', 'pending'],
  ['Odd', 'unknown'],
  [7, 'unknown'],
]

test('how it says that it stands with an account', async () => {
  await using standIn = await startEmailBisonStandIn()
  const driver = openOn('emailbison', standIn)
  for (const [word, status] of statuses) {
    standIn.answerNext.push({ status: 200, body: { data: { id: 3, email: 'a@ours.example', status: word } } })
    assert.equal((await driver.find('a@ours.example'))?.status, status, String(word))
  }
})

test('a page that does not say whether it is the last is not taken for all', async () => {
  await using standIn = await startEmailBisonStandIn()
  const driver = openOn('emailbison', standIn)
  standIn.answerNext.push({ status: 200, body: { data: [] } })
  await assert.rejects(driver.list(null), { kind: 'unreachable' })
})
