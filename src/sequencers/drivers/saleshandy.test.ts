import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import { startSaleshandyStandIn } from '../../testing/sequencers/saleshandy.ts'
import type { RemoteStatus } from '../driver.ts'

test('what it is told; a mailbox that it cannot log in to is kept, and said to be so', async () => {
  await using standIn = await startSaleshandyStandIn()
  const driver = openOn('saleshandy', standIn)
  const mailbox = testMailbox('ada@ours.example', {
    password: 'wrong-one',
    smtp: { host: 'mail.ours.example', port: 587, security: 'starttls' },
  })
  const [outcome] = await driver.add([mailbox])
  const leg = { emailAddress: mailbox.address, userName: mailbox.address, password: mailbox.password }
  assert.deepEqual(standIn.requests[0]?.body, {
    emailServiceProvider: 'other',
    fromName: 'Ada Byron',
    fromFirstName: 'Ada',
    fromLastName: 'Byron',
    payload: {
      smtp: { ...leg, host: 'mail.ours.example', port: 587, encryption: 'tls' },
      imap: { ...leg, host: 'mail.ours.example', port: 993, encryption: 'ssl' },
    },
  })
  assert.ok(outcome?.kind === 'added')
  assert.equal(outcome.account.status, 'auth_error')
  assert.equal(outcome.account.words, '535 Authentication failed; Invalid credentials')
  const found = await driver.find(mailbox.address)
  assert.equal(found?.status, 'auth_error')
  assert.match(found.words ?? '', /inactive/)
  assert.deepEqual(standIn.complaints, [])
})

const answers: [body: unknown, status: RemoteStatus, words: string | null][] = [
  [{ payload: { id: 'x1', status: 1 } }, 'connected', null],
  [{ id: 'x1', status: 1, smtpConnection: {}, imapConnection: { error: null } }, 'connected', null],
  [{ id: 'x1', status: 0 }, 'auth_error', null],
  [{ id: 'x1', status: 0, smtpConnection: { error: 'refused' } }, 'smtp_error', 'refused'],
  [{ id: 'x1', status: 0, imapConnection: { error: { message: 'off' } } }, 'imap_error', 'off'],
  [{ payload: { emailAccountId: 'x1', status: 'odd' } }, 'unknown', null],
]
for (const [body, status, words] of answers) {
  test(`an answer: ${JSON.stringify(body)}`, async () => {
    await using standIn = await startSaleshandyStandIn()
    standIn.answerNext.push({ status: 200, body })
    const [outcome] = await openOn('saleshandy', standIn).add([testMailbox('a@ours.example')])
    const account = { id: 'x1', address: 'a@ours.example', status, words }
    assert.deepEqual(outcome, { kind: 'added', account })
  })
}

test('an answer without an id is looked up', async () => {
  await using standIn = await startSaleshandyStandIn()
  const driver = openOn('saleshandy', standIn)
  const emails = [{ id: 'x2', fromEmail: 'a@ours.example', status: 2 }]
  standIn.answerNext.push({ status: 200, body: { message: 'done' } }, { status: 200, body: { emails } })
  const [outcome] = await driver.add([testMailbox('a@ours.example')])
  assert.ok(outcome?.kind === 'added')
  assert.deepEqual([outcome.account.id, outcome.account.status], ['x2', 'suspended'])
  standIn.answerNext.push({ status: 200, body: { message: 'done' } }, { status: 200, body: { emails: [] } })
  await assert.rejects(driver.add([testMailbox('a@ours.example')]), { kind: 'unreachable', maybeDone: true })
})
