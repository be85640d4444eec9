import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import { eventsOf } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { rawMessages } from '../../testing/test-smtp.ts'
import { rewriteSender, srsKeyOf } from '../routing/srs.ts'
import { type GeneratedMessage, sendGenerated } from './generated.ts'

let t: TestPlatform
let ann: TestMailbox
let bob: TestMailbox
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  ann = await t.createMailbox('ann@demo.test')
  bob = await t.createMailbox('bob@demo.test')
})
after(() => t[Symbol.asyncDispose]())

const raw = Buffer.from('Message-ID: <1@demo.test>\r\nSubject: generated\r\n\r\nhello\r\n')

function generated(to: readonly string[], more: Partial<GeneratedMessage> = {}): GeneratedMessage {
  return {
    owner: ann.owner,
    kind: 'notification',
    mailFrom: '',
    to,
    raw,
    signingDomain: 'demo.test',
    ...more,
  }
}

const queued = () =>
  t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_recipients.outbound_message_id', 'outbound_messages.id')
    .select([
      'kind',
      'mail_from',
      'skip_bytes',
      'size_bytes',
      'signing_domain',
      'message_id',
      'rcpt_to',
      'notify',
    ])
    .orderBy('rcpt_to')
    .execute()

test('who is here gets it, who is elsewhere is queued for, and what comes with it is in the same transaction', async () => {
  const to = ['bob@demo.test', 'BOB+x@demo.test', 'far@example.com', 'nobody@demo.test', 'not an address']
  let rows = 0
  await sendGenerated(t.platform, generated(to), async (tx) => {
    rows = (await tx.selectFrom('outbound_messages').select('id').execute()).length
  })
  assert.equal(rows, 1, 'what is also done sees the queue')
  const [message, ...others] = await rawMessages(t.platform, bob.mailboxId)
  assert.deepEqual(others, [])
  assert.equal(message?.toString(), `Return-Path: <>\r\n${raw}`)
  assert.deepEqual(await queued(), [
    {
      kind: 'notification',
      mail_from: '',
      skip_bytes: 'Return-Path: <>\r\n'.length,
      size_bytes: raw.length,
      signing_domain: 'demo.test',
      message_id: '1@demo.test',
      rcpt_to: 'far@example.com',
      notify: 'never',
    },
  ])
})

test('when what comes with it fails, nothing was sent', async () => {
  const before = await rawMessages(t.platform, bob.mailboxId)
  const sending = sendGenerated(t.platform, generated(['bob@demo.test', 'far@example.net']), async () => {
    throw new Error('not this time')
  })
  await assert.rejects(sending, /not this time/)
  assert.equal((await rawMessages(t.platform, bob.mailboxId)).length, before.length)
  assert.equal((await queued()).length, 1)
})

test('with nobody to send to, the rest is done all the same', async () => {
  const types = async () => (await eventsOf(t.platform, ann.mailboxId)).map(({ type }) => type)
  await sendGenerated(t.platform, generated(['nobody@demo.test']), (tx) =>
    appendEvents(t.platform, tx, [
      { type: 'mailbox.updated', ...ann.owner, data: { mailbox_id: newId(), address: 'x@demo.test' } },
    ]),
  )
  assert.ok((await types()).includes('mailbox.updated'))
})

test('a report to a rewritten sender goes on to whom it stands for', async () => {
  const srs = rewriteSender('Writer@far.example', 'demo.test', srsKeyOf(t.platform.vault), new Date())
  const here = rewriteSender('bob@demo.test', 'real.example', srsKeyOf(t.platform.vault), new Date())
  await t.connectActiveDomain('real.example')
  const before = (await rawMessages(t.platform, bob.mailboxId)).length
  await sendGenerated(t.platform, generated([here, srs.replace('demo.test', 'real.example')]))
  assert.equal((await rawMessages(t.platform, bob.mailboxId)).length, before + 1)
  const last = (await queued()).find(({ rcpt_to }) => rcpt_to === 'writer@far.example')
  assert.deepEqual([last?.kind, last?.mail_from], ['forward', ''])
})
