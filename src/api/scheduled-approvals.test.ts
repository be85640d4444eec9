/** A message that waits for its time and for an approval: it needs both, whichever comes first. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { insertApiKey } from '../accounts/api-keys.ts'
import { startAuthenticator } from '../accounts/principals.ts'
import { apiKeyPrefix, newToken } from '../accounts/tokens.ts'
import type { SendingMode } from '../delivery/approvals/sending-mode.ts'
import { sendDue } from '../delivery/scheduled/send-due.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, type Call, call, listAt, refusal, textAt } from '../testing/test-api.ts'
import { folderIdOf, inTransaction, messagesIn } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { setDeliveryPolicy } from '../testing/test-sending.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../testing/test-smtp.ts'
import { startApi } from './server.ts'

let smtp: TestSmtp
let api: Call
let approver: string
const stack = new AsyncDisposableStack()
before(async () => {
  smtp = stack.use(await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent', MAILWRIGHT_TEST_CLOCK: '1' }))
  const { platform, apiKey, scope } = smtp.t
  const authenticator = startAuthenticator(platform)
  stack.defer(() => authenticator.stop())
  const server = await startApi(platform, { authenticator, host: '127.0.0.1', port: 0, isReady: () => true })
  stack.defer(() => server.stop())
  api = (method, path, options = {}) => call(`http://127.0.0.1:${server.port}`, apiKey, method, path, options)
  const token = newToken(apiKeyPrefix)
  const { organizationId, workspaceId } = scope
  const wanted = { name: 'x', workspaceId, mailboxId: null, access: 'write' as const, expiresAt: null }
  await inTransaction(platform, (tx) => insertApiKey(platform, tx, organizationId, wanted, token))
  approver = token.token
})
after(() => stack.disposeAsync())

const mode = (box: TestMailbox, sendingMode: SendingMode): Promise<void> =>
  setDeliveryPolicy(smtp.t.platform, smtp.t.scope, 'mailbox', box.mailboxId, { sending_mode: sendingMode })

/** Sends a message that is to go in an hour. */
async function later(box: TestMailbox) {
  const sendAt = new Date(smtp.t.platform.clock.now().getTime() + 3600 * 1000).toISOString()
  const body = {
    to: ['Far <far@example.net>'],
    bcc: ['blind@example.net'],
    subject: 'later',
    text: 'x',
    send_at: sendAt,
  }
  const reply = await api('POST', `/v1/mailboxes/${box.address}/messages`, { body })
  assert.equal(reply.status, 202, reply.text)
  return { ...reply, sendAt }
}

async function queued({ mailboxId }: TestMailbox): Promise<string[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('outbound_recipients')
    .select('rcpt_to')
    .where('mailbox_id', '=', mailboxId)
    .orderBy('rcpt_to')
    .execute()
  return rows.map(({ rcpt_to }) => rcpt_to)
}

async function countIn({ mailboxId }: TestMailbox, folder: string): Promise<number> {
  const { platform } = smtp.t
  return (await messagesIn(platform, mailboxId, await folderIdOf(platform, mailboxId, folder))).length
}

async function anHourLater(): Promise<void> {
  const reply = await api('POST', '/v1/test/clock', { body: { advance: 'PT61M' } })
  assert.equal(reply.status, 200, reply.text)
  await sendDue(smtp.t.platform)
}

const scheduledOf = async (box: TestMailbox) =>
  listAt((await api('GET', `/v1/mailboxes/${box.address}/scheduled`)).json, 'data')

test('approved before its time: it waits on, and goes to everyone at its time', async () => {
  const box = await smtp.t.createSender()
  await mode(box, 'approve')
  const { json, sendAt } = await later(box)
  assert.deepEqual([textAt(json, 'status'), (await scheduledOf(box)).length], ['pending_approval', 0])
  const reply = await api('POST', `/v1/approvals/${textAt(json, 'approval_id')}/approve`, {
    body: {},
    key: approver,
  })
  assert.equal(reply.status, 200, reply.text)
  const [row] = await scheduledOf(box)
  assert.deepEqual(
    [
      textAt(row, 'send_at'),
      textAt(row, 'to', 0, 'address'),
      textAt(row, 'bcc', 0, 'address'),
      at(row, 'cc'),
      at(row, 'message_id'),
    ],
    [sendAt, 'far@example.net', 'blind@example.net', [], at(json, 'message_id')],
  )
  assert.deepEqual([await queued(box), await countIn(box, 'Sent')], [[], 1])
  await anHourLater()
  assert.deepEqual(
    [await queued(box), await countIn(box, 'Sent'), await scheduledOf(box)],
    [['blind@example.net', 'far@example.net'], 1, []],
  )
})

test('approved after its time: it goes at once', async () => {
  const box = await smtp.t.createSender()
  await mode(box, 'approve')
  const { json } = await later(box)
  await anHourLater()
  assert.deepEqual(await queued(box), [])
  const reply = await api('POST', `/v1/approvals/${textAt(json, 'approval_id')}/approve`, {
    body: {},
    key: approver,
  })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(await queued(box), ['blind@example.net', 'far@example.net'])
})

test('held for later by a mail program: approved, it waits in the queue with what the program said of it', async () => {
  const [box, other] = [await smtp.t.createSender(), await smtp.t.createMailbox()]
  await mode(box, 'approve')
  using client = await smtp.logIn(box.address, box.password)
  const text = `From: <${box.address}>\r\nSubject: later\r\n\r\nx`
  const answer = await sendMessage(
    client,
    `<${box.address}> HOLDFOR=3600 RET=HDRS ENVID=one`,
    ['far@example.net'],
    text,
  )
  const id = /Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
  const decide = (body: object) => api('POST', `/v1/approvals/${id}/approve`, { body, key: approver })
  assert.equal(refusal(await decide({ edit: { to: [other.address] } })), '422 recipient_refused')
  const reply = await decide({})
  assert.deepEqual([reply.status, at(reply.json, 'sent_message_id')], [200, null], reply.text)
  const [row, ...more] = await smtp.t.platform.db
    .selectFrom('outbound_recipients as r')
    .innerJoin('outbound_messages as m', 'm.id', 'r.outbound_message_id')
    .select(['rcpt_to', 'ret', 'envid', 'skip_bytes', 'm.body_id', 'next_attempt_at', 'm.created_at'])
    .where('r.mailbox_id', '=', box.mailboxId)
    .execute()
  assert.ok(row)
  assert.deepEqual(
    [row.rcpt_to, row.ret, row.envid, more, await countIn(box, 'Sent'), await scheduledOf(box)],
    ['far@example.net', 'hdrs', 'one', [], 0, []],
  )
  const waitsMs = row.next_attempt_at.getTime() - row.created_at.getTime()
  assert.ok(waitsMs > 30 * 60 * 1000 && waitsMs <= 3600 * 1000, `${waitsMs} ms`)
  const whole = (await readBodyBytes(smtp.t.platform.db, row.body_id)).toString()
  assert.match(whole, /^Return-Path: /)
  assert.match(whole.slice(row.skip_bytes), /^Received: /)
})

for (const sendingMode of ['approve', 'read_only'] as const) {
  test(`scheduled before the mode became ${sendingMode}: it is a draft again, and nobody got it`, async () => {
    const box = await smtp.t.createSender()
    const { json } = await later(box)
    assert.equal(textAt(json, 'status'), 'accepted')
    await mode(box, sendingMode)
    await anHourLater()
    assert.deepEqual(
      [await queued(box), await countIn(box, 'Sent'), await countIn(box, 'Drafts'), await scheduledOf(box)],
      [[], 0, 1, []],
    )
  })
}
