/** A message that waits for its time and for an approval: it needs both, whichever comes first. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { SendingMode } from '../delivery/approvals/sending-mode.ts'
import { sendDue } from '../delivery/scheduled/send-due.ts'
import { readBodyBytes } from '../messages/bodies.ts'
import { at, listAt, refusal, textAt } from '../testing/test-api.ts'
import { startTestApprovals, type TestApprovals } from '../testing/test-approvals.ts'
import { eventsOf, folderIdOf, messagesIn } from '../testing/test-mail.ts'
import type { TestMailbox } from '../testing/test-platform.ts'
import { sendMessage } from '../testing/test-smtp.ts'

let api: TestApprovals
before(async () => {
  api = await startTestApprovals({ MAILWRIGHT_TEST_CLOCK: '1' })
})
after(() => api[Symbol.asyncDispose]())

const mode = (box: TestMailbox, sendingMode: SendingMode): Promise<void> =>
  api.policy(box, { sending_mode: sendingMode })

/** Sends a message that is to go in an hour. */
async function later(box: TestMailbox) {
  const sendAt = new Date(api.t.platform.clock.now().getTime() + 3600 * 1000).toISOString()
  const body = {
    to: ['Far <far@example.net>'],
    bcc: ['blind@example.net'],
    subject: 'later',
    text: 'x',
    send_at: sendAt,
  }
  const reply = await api.call('POST', `/v1/mailboxes/${box.address}/messages`, { body })
  assert.equal(reply.status, 202, reply.text)
  return { ...reply, sendAt }
}

async function countIn({ mailboxId }: TestMailbox, folder: string): Promise<number> {
  const { platform } = api.t
  return (await messagesIn(platform, mailboxId, await folderIdOf(platform, mailboxId, folder))).length
}

async function anHourLater(): Promise<void> {
  const reply = await api.call('POST', '/v1/test/clock', { body: { advance: 'PT61M' } })
  assert.equal(reply.status, 200, reply.text)
  await sendDue(api.t.platform)
}

const scheduledOf = async (box: TestMailbox) =>
  listAt((await api.call('GET', `/v1/mailboxes/${box.address}/scheduled`)).json, 'data')

test('approved before its time: it waits on, and goes to everyone at its time', async () => {
  const box = await api.t.createSender()
  await mode(box, 'approve')
  const { json, sendAt } = await later(box)
  assert.deepEqual([textAt(json, 'status'), (await scheduledOf(box)).length], ['pending_approval', 0])
  const reply = await api.call('POST', `/v1/approvals/${textAt(json, 'approval_id')}/approve`, {
    body: {},
    key: api.approver,
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
  assert.deepEqual([await api.queued(box), await countIn(box, 'Sent')], [[], 1])
  await anHourLater()
  assert.deepEqual(
    [await api.queued(box), await countIn(box, 'Sent'), await scheduledOf(box)],
    [['blind@example.net', 'far@example.net'], 1, []],
  )
})

test('approved after its time: it goes at once', async () => {
  const box = await api.t.createSender()
  await mode(box, 'approve')
  const { json } = await later(box)
  await anHourLater()
  assert.deepEqual(await api.queued(box), [])
  const reply = await api.call('POST', `/v1/approvals/${textAt(json, 'approval_id')}/approve`, {
    body: {},
    key: api.approver,
  })
  assert.equal(reply.status, 200, reply.text)
  assert.deepEqual(await api.queued(box), ['blind@example.net', 'far@example.net'])
})

for (const sendAfterMinutes of [null, 60]) {
  test(`a forward that was approved is told as one when it goes${sendAfterMinutes === null ? '' : ', at its time'}`, async () => {
    const [box, { platform }] = [await api.t.createSender(), api.t]
    const path = `/v1/mailboxes/${box.mailboxId}/messages`
    await api.call('POST', path, { body: { to: [box.address], subject: 'First', text: 'x' } })
    await mode(box, 'approve')
    const [original] = await messagesIn(
      platform,
      box.mailboxId,
      await folderIdOf(platform, box.mailboxId, 'INBOX'),
    )
    const now = platform.clock.now().getTime()
    const sendAt =
      sendAfterMinutes === null ? null : new Date(now + sendAfterMinutes * 60 * 1000).toISOString()
    const body = { to: ['far@example.net'], text: 'x', ...(sendAt === null ? {} : { send_at: sendAt }) }
    const held = await api.call('POST', `${path}/${original?.id}/forward`, { body })
    const approve = `/v1/approvals/${textAt(held.json, 'approval_id')}/approve`
    const reply = await api.call('POST', approve, { body: { edit: { subject: 'Other' } }, key: api.approver })
    assert.equal(reply.status, 200, reply.text)
    if (sendAt !== null) await anHourLater()
    const told = (await eventsOf(platform, box.mailboxId)).filter(({ type }) => type === 'message.sent')
    assert.deepEqual(
      told.map(({ data }) => [at(data, 'subject'), at(data, 'answers')]),
      [
        ['First', undefined],
        ['Other', { message_id: original?.id, kind: 'forward' }],
      ],
    )
  })
}

test('held for later by a mail program: approved, it waits in the queue with what the program said of it', async () => {
  const [box, other] = [await api.t.createSender(), await api.t.createMailbox()]
  await mode(box, 'approve')
  using client = await api.logIn(box.address, box.password)
  const text = `From: <${box.address}>\r\nSubject: later\r\n\r\nx`
  const answer = await sendMessage(
    client,
    `<${box.address}> HOLDFOR=3600 RET=HDRS ENVID=one`,
    ['far@example.net'],
    text,
  )
  const id = /Held for approval as (\S+)$/.exec(answer)?.[1] ?? assert.fail(answer)
  const decide = (body: object) =>
    api.call('POST', `/v1/approvals/${id}/approve`, { body, key: api.approver })
  assert.equal(refusal(await decide({ edit: { to: [other.address] } })), '422 recipient_refused')
  const reply = await decide({})
  assert.deepEqual([reply.status, at(reply.json, 'sent_message_id')], [200, null], reply.text)
  const [row, ...more] = await api.t.platform.db
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
  const whole = (await readBodyBytes(api.t.platform.db, row.body_id)).toString()
  assert.match(whole, /^Return-Path: /)
  assert.match(whole.slice(row.skip_bytes), /^Received: /)
})

for (const sendingMode of ['approve', 'read_only'] as const) {
  test(`scheduled before the mode became ${sendingMode}: it is a draft again, and nobody got it`, async () => {
    const box = await api.t.createSender()
    const { json } = await later(box)
    assert.equal(textAt(json, 'status'), 'accepted')
    await mode(box, sendingMode)
    await anHourLater()
    assert.deepEqual(
      [
        await api.queued(box),
        await countIn(box, 'Sent'),
        await countIn(box, 'Drafts'),
        await scheduledOf(box),
      ],
      [[], 0, 1, []],
    )
  })
}
