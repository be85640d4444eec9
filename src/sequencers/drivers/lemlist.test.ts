import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startLemlistStandIn } from '../../testing/sequencers/lemlist.ts'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'

test('what it is told, by a key that is a password without a user name', async () => {
  await using standIn = await startLemlistStandIn()
  const driver = openOn('lemlist', standIn)
  assert.equal(await driver.check(), 'The stand-in')
  const mailbox = testMailbox('ada@ours.example', {
    smtp: { host: 'mail.ours.example', port: 587, security: 'starttls' },
  })
  const [outcome] = await driver.add([mailbox])
  assert.deepEqual(standIn.requests.at(-1)?.body, {
    sender_name: 'Ada Byron',
    sender_email: 'ada@ours.example',
    smtp_host: 'mail.ours.example',
    smtp_port: 587,
    smtp_login: 'ada@ours.example',
    smtp_password: mailbox.password,
    smtp_secure: false,
    imap_host: 'mail.ours.example',
    imap_port: 993,
    imap_login: 'ada@ours.example',
    imap_password: mailbox.password,
    imap_secure: true,
  })
  assert.ok(outcome?.kind === 'added')
  assert.equal(outcome.account.id, 'umx_1001')
  assert.deepEqual(standIn.complaints, [])
})

test('the key is in no words, nor is what it is sent as', async () => {
  await using standIn = await startLemlistStandIn()
  const driver = openOn('lemlist', standIn)
  const sent = Buffer.from(`:${standIn.key}`).toString('base64')
  standIn.answerNext.push({ status: 400, body: { message: `odd: ${standIn.key} Basic ${sent}` } })
  await assert.rejects(driver.check(), { message: 'lemlist answered 400: odd: *** Basic ***' })
})

test('a host that it does not take', async () => {
  await using standIn = await startLemlistStandIn()
  const smtp = { host: 'smtp.gmail.com', port: 465, security: 'tls' } as const
  const [outcome] = await openOn('lemlist', standIn).add([testMailbox('a@ours.example', { smtp })])
  assert.ok(outcome?.kind === 'failed')
  assert.equal(outcome.error.kind, 'validation', outcome.error.message)
})

test('a user who is gone, or has no mailboxes, has none; what is no user is not understood', async () => {
  await using standIn = await startLemlistStandIn()
  const driver = openOn('lemlist', standIn)
  const team = { status: 200, body: { name: 'T', userIds: ['usr_first', 'usr_second'] } }
  standIn.answerNext.push(team, { status: 404, body: { message: 'User not found' } })
  assert.deepEqual(await driver.list(null), { accounts: [], next: '1' })
  standIn.answerNext.push({ status: 200, body: { _id: 'usr_second' } })
  assert.deepEqual(await driver.list('1'), { accounts: [], next: null })
  standIn.answerNext.push(team, { status: 200, body: { odd: true } })
  await assert.rejects(driver.list(null), { kind: 'unreachable' })
  standIn.answerNext.push({ status: 200, body: { name: 'T' } })
  await assert.rejects(driver.list(null), { kind: 'unreachable' })
  const mailboxes = ['ERROR', 'OK', '', 'odd'].map((status, at) => ({
    _id: `usm_${at}`,
    email: `u${at}@ours.example`,
    status,
  }))
  standIn.answerNext.push(team, { status: 200, body: { _id: 'usr_first', mailboxes } })
  assert.deepEqual(
    (await driver.list(null)).accounts.map(({ status }) => status),
    ['auth_error', 'connected', 'connected', 'unknown'],
  )
})
