import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import { startReplyStandIn } from '../../testing/sequencers/reply.ts'
import type { RemoteStatus } from '../driver.ts'

test('what it is told; a change is in place and keeps the id', async () => {
  await using standIn = await startReplyStandIn()
  const driver = openOn('reply', standIn)
  const mailbox = testMailbox('ada@ours.example', {
    dailyLimit: 30,
    smtp: { host: 'mail.ours.example', port: 587, security: 'starttls' },
  })
  const [outcome] = await driver.add([mailbox])
  assert.deepEqual(standIn.requests[0]?.body, {
    connection: {
      email: 'ada@ours.example',
      senderName: 'Ada Byron',
      smtpHost: 'mail.ours.example',
      smtpPort: 587,
      smtpPassword: mailbox.password,
      smtpSsl: false,
      imapHost: 'mail.ours.example',
      imapPort: 993,
      imapPassword: mailbox.password,
      imapSsl: true,
    },
    safety: { dailyLimit: 30 },
  })
  assert.ok(outcome?.kind === 'added')
  const updated = await driver.update(
    outcome.account,
    testMailbox('ada@ours.example', { password: 'new-one' }),
  )
  assert.ok(updated.kind === 'added')
  assert.equal(updated.account.id, outcome.account.id)
  const kept = standIn.accounts.get('ada@ours.example')
  assert.deepEqual([kept?.password, kept?.dailyLimit], ['new-one', 30])
  await assert.rejects(driver.update({ ...outcome.account, id: '99' }, mailbox), { kind: 'gone' })
  assert.deepEqual(standIn.complaints, [])
})

test('where v3 takes the key in the older header only, it is found out once', async () => {
  await using standIn = await startReplyStandIn()
  standIn.settings.takes = 'x-api-key'
  const driver = openOn('reply', standIn)
  for (const name of ['a', 'b']) {
    const [outcome] = await driver.add([testMailbox(`${name}@ours.example`)])
    assert.equal(outcome?.kind, 'added')
  }
  assert.deepEqual(
    standIn.requests.map(({ headers }) => (headers.authorization === undefined ? 'key' : 'bearer')),
    ['bearer', 'key', 'key'],
  )
  const wrong = openOn('reply', standIn, { key: 'wr0ng' })
  await assert.rejects(wrong.add([testMailbox('c@ours.example')]), { kind: 'bad_key' })
})

const statuses: [account: object, status: RemoteStatus, words: string | null][] = [
  [{ connectionStatus: 'connected' }, 'connected', null],
  [{ connectionStatus: 'disconnected' }, 'auth_error', null],
  [{ connectionStatus: 'unknown' }, 'unknown', null],
  [{ connectionStatus: 'disconnected', sendingConnectivityError: 'no' }, 'smtp_error', 'no'],
  [{ connectionStatus: 'disconnected', receivingConnectivityError: 'off' }, 'imap_error', 'off'],
  [{ connectionStatus: 'connected', sendingLockedByProvider: true }, 'suspended', null],
  [{ connectionStatus: 7 }, 'unknown', null],
]

test('the list does not say how an account stands; it is asked for', async () => {
  await using standIn = await startReplyStandIn()
  const driver = openOn('reply', standIn)
  const list = { status: 200, body: [{ id: 7, emailAddress: 'a@ours.example' }] }
  for (const [account, status, words] of statuses) {
    standIn.answerNext.push(list, { status: 200, body: { id: 7, ...account } })
    assert.deepEqual(await driver.find('a@ours.example'), {
      id: '7',
      address: 'a@ours.example',
      status,
      words,
    })
  }
  standIn.answerNext.push(list, { status: 404, body: { title: 'Not Found' } })
  assert.equal((await driver.find('a@ours.example'))?.status, 'unknown')
})
