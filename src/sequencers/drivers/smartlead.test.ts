import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overNetwork } from '../../testing/sequencers/mail-login.ts'
import { startTestMailServer } from '../../testing/sequencers/mail-server.ts'
import { openOn, testMailbox } from '../../testing/sequencers/open.ts'
import { startSmartleadStandIn } from '../../testing/sequencers/smartlead.ts'
import type { RemoteStatus } from '../driver.ts'

test('credentials that are told work: it logs in to the server over SMTP and IMAP before it takes them', async () => {
  await using server = await startTestMailServer()
  await using standIn = await startSmartleadStandIn({ logins: overNetwork })
  const driver = openOn('smartlead', standIn)
  const { address, password } = await server.t.createMailbox()
  const mailbox = testMailbox(address, { password, smtp: server.smtp, imap: server.imap })
  const [outcome] = await driver.add([mailbox])
  assert.ok(outcome?.kind === 'added', JSON.stringify(outcome))
  assert.equal(outcome.account.status, 'connected')
  const other = await server.t.createMailbox()
  const [refused] = await driver.add([{ ...mailbox, address: other.address, password: 'not-it' }])
  assert.ok(refused?.kind === 'failed')
  assert.equal(refused.error.kind, 'connect_failed', refused.error.message)
  assert.equal(standIn.accounts.size, 1)
  assert.deepEqual(standIn.complaints, [])
})

test('what it is told; a change is a save with the id, and keeps warmup as it is', async () => {
  await using standIn = await startSmartleadStandIn()
  const driver = openOn('smartlead', standIn)
  const mailbox = testMailbox('ada@ours.example', { dailyLimit: 30, warmup: true })
  const [outcome] = await driver.add([mailbox])
  assert.ok(outcome?.kind === 'added')
  const body = {
    id: null,
    from_name: 'Ada Byron',
    from_email: 'ada@ours.example',
    user_name: 'ada@ours.example',
    password: mailbox.password,
    smtp_host: 'mail.ours.example',
    smtp_port: 465,
    imap_host: 'mail.ours.example',
    imap_port: 993,
    imap_user_name: 'ada@ours.example',
    imap_password: mailbox.password,
    type: 'SMTP',
    warmup_enabled: true,
    max_email_per_day: 30,
  }
  assert.deepEqual(standIn.requests[0]?.body, body)
  const renamed = testMailbox('ada.byron@ours.example', { password: 'new-one', warmup: null })
  const updated = await driver.update(outcome.account, renamed)
  assert.ok(updated.kind === 'added')
  assert.equal(updated.account.id, outcome.account.id)
  assert.equal(updated.account.address, 'ada.byron@ours.example')
  assert.deepEqual([...standIn.accounts.keys()], ['ada.byron@ours.example'])
  const kept = standIn.accounts.get('ada.byron@ours.example')
  assert.deepEqual([kept?.password, kept?.warmup, kept?.dailyLimit], ['new-one', true, 30])
  await driver.update(outcome.account, { ...renamed, warmup: false })
  assert.equal(standIn.accounts.get('ada.byron@ours.example')?.warmup, false)
  await assert.rejects(driver.update({ ...outcome.account, id: '99' }, renamed), { kind: 'gone' })
  await assert.rejects(driver.update({ ...outcome.account, id: 'x' }, renamed), { kind: 'gone' })
  assert.deepEqual(standIn.complaints, [])
})

const answers: [what: string, body: unknown, id: string, status: RemoteStatus][] = [
  [
    'both legs',
    { ok: true, data: { id: 7, is_smtp_success: true, is_imap_success: true } },
    '7',
    'connected',
  ],
  ['an older shape', { ok: true, message: 'added', emailAccountId: 8, warmupKey: 'k' }, '8', 'connected'],
  [
    'no SMTP',
    { ok: true, data: { id: 9, is_smtp_success: false, is_imap_success: true } },
    '9',
    'smtp_error',
  ],
  [
    'no IMAP',
    { ok: true, data: { id: 9, is_smtp_success: true, is_imap_success: false } },
    '9',
    'imap_error',
  ],
  [
    'neither',
    { ok: true, data: { id: 9, is_smtp_success: false, is_imap_success: false } },
    '9',
    'auth_error',
  ],
  ['suspended', { ok: true, data: { id: 9, is_suspended: true } }, '9', 'suspended'],
]
for (const [what, body, id, status] of answers) {
  test(`an answer to a save: ${what}`, async () => {
    await using standIn = await startSmartleadStandIn()
    standIn.answerNext.push({ status: 200, body })
    const [outcome] = await openOn('smartlead', standIn).add([testMailbox('Ada@ours.example')])
    assert.deepEqual(outcome, {
      kind: 'added',
      account: { id, address: 'ada@ours.example', status, words: null },
    })
  })
}

test('a plain success is looked up; one that is not there is in doubt', async () => {
  await using standIn = await startSmartleadStandIn()
  const driver = openOn('smartlead', standIn)
  const row = { id: 5, from_email: 'ada@ours.example', is_smtp_success: true, is_imap_success: true }
  standIn.answerNext.push({ status: 200, body: 'success' }, { status: 200, body: [row] })
  const [outcome] = await driver.add([testMailbox('ada@ours.example')])
  assert.ok(outcome?.kind === 'added')
  assert.equal(outcome.account.id, '5')
  standIn.answerNext.push({ status: 200, body: 'success' }, { status: 200, body: [] })
  await assert.rejects(driver.add([testMailbox('ada@ours.example')]), {
    kind: 'unreachable',
    maybeDone: true,
  })
})

test('passwords that it shows, and the key, go no further', async () => {
  await using standIn = await startSmartleadStandIn()
  const driver = openOn('smartlead', standIn)
  const row = {
    id: 5,
    from_email: 'ada@ours.example',
    password: 'leaked-smtp',
    imap_password: 'leaked-imap',
    is_smtp_success: false,
    is_imap_success: true,
    smtp_failure_error: 'LOGIN ada leaked-smtp leaked-imap refused',
  }
  standIn.answerNext.push({ status: 200, body: [row] })
  const { accounts } = await driver.list(null)
  assert.deepEqual(accounts[0]?.words, 'LOGIN ada *** *** refused')
  assert.doesNotMatch(JSON.stringify(accounts), /leaked/)
  standIn.answerNext.push({
    status: 400,
    body: { message: `bad call /save?api_key=${encodeURIComponent(standIn.key)}` },
  })
  await assert.rejects(driver.list(null), { message: 'Smartlead answered 400: bad call /save?api_key=***' })
  const { password } = testMailbox('x@ours.example')
  standIn.answerNext.push({ status: 400, body: { message: `SMTP failed for ${password}` } })
  const [refused] = await driver.add([testMailbox('x@ours.example')])
  assert.ok(refused?.kind === 'failed')
  assert.equal(refused.error.message, 'Smartlead answered 400: SMTP failed for ***')
})
