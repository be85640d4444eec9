/** Delivery status notifications: who hears what, once, and what other programs read of it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { addJob } from '../../platform/jobs.ts'
import { requireProgram } from '../../testing/programs.ts'
import { decideFate, type Fate, queueMessage, sentMessage } from '../../testing/test-bounces.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { eventsOf } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import { rawMessages } from '../../testing/test-smtp.ts'
import type { OutboundMessage, OutboundRecipient } from '../outbound/queue.ts'
import { parseDsn } from './parse-dsn.ts'
import { readReport } from './report-parts.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform({ MAILWRIGHT_HOSTNAME: 'mail.demo.example', MAILWRIGHT_LOG_LEVEL: 'silent' })
})
after(() => t[Symbol.asyncDispose]())

const unknown = {
  state: 'bounced',
  step: 'bounced',
  reply: '550 5.1.1 User unknown',
  class: 'unknown_recipient',
} as const
const delivered = { state: 'delivered', step: 'delivered', reply: '250 2.0.0 OK' } as const
const deferred = { state: 'queued', step: 'deferred', reply: '451 4.3.2 Come later', class: 'other' } as const

type Sent = {
  recipients: (Partial<OutboundRecipient> & { address: string; fate: Fate })[]
  message?: Partial<OutboundMessage>
  raw?: Buffer
}

/** Sends, lets the recipients have their fate, and runs the job that tells. */
async function tell(
  sender: TestMailbox,
  { recipients, message = {}, raw = sentMessage('m1@demo.test') }: Sent,
) {
  const queued = recipients.map(({ fate: _, ...recipient }) => recipient)
  const id = await queueMessage(t.platform, sender.owner, raw, queued, {
    mailFrom: sender.address,
    ...message,
  })
  for (const { address, fate } of recipients) await decideFate(t.platform, id, address, fate)
  await notify(id)
  return id
}

async function notify(id: string): Promise<void> {
  await transaction(t.platform.db, (tx) => addJob(tx, 'delivery.notify', { outbound_message_id: id }))
  await runJobs(t.platform)
}

async function reportsOf(mailbox: TestMailbox): Promise<string[]> {
  return (await rawMessages(t.platform, mailbox.mailboxId)).map((raw) => raw.toString('utf8'))
}

test('a failure, word for word, once', async () => {
  const sender = await t.createMailbox()
  const fate = { ...unknown, detail: { host: 'mx.example.org' } }
  const id = await tell(sender, {
    recipients: [{ address: 'ann@example.org', orcpt: 'rfc822;ann+2Bx@example.org', fate }],
    message: { envid: 'QQ+3D1', messageId: 'm1@demo.test' },
  })
  await notify(id)
  const [report = '', ...more] = await reportsOf(sender)
  assert.deepEqual(more, [])
  assert.match(
    report,
    /^Return-Path: <>\r\nFrom: Mail Delivery System <mailer-daemon@mail\.demo\.example>\r\n/,
  )
  for (const line of [
    `To: <${sender.address}>`,
    'Subject: Not delivered to ann@example.org',
    'Auto-Submitted: auto-replied',
    'In-Reply-To: <m1@demo.test>',
    'Original-Envelope-Id: QQ=1',
    'Reporting-MTA: dns; mail.demo.example',
    'Original-Recipient: rfc822; ann+x@example.org',
    'Final-Recipient: rfc822; ann@example.org',
    'Action: failed',
    'Status: 5.1.1',
    'Remote-MTA: dns; mx.example.org',
    'Diagnostic-Code: smtp; 550 5.1.1 User unknown',
    '  The address does not exist.',
    'Content-Type: text/rfc822-headers',
    'Message-ID: <m1@demo.test>',
  ]) {
    assert.ok(report.includes(`\r\n${line}\r\n`), line)
  }
  assert.doesNotMatch(report, /hello|Return-Path: <sender/)
  assert.doesNotMatch(report, /[^\r]\n/)
})

type Row = { what: string; notify: string | null; fate: Fate; want: string | null }
const notOffered = { ...delivered, detail: { dsn: 'not_offered' as const } }
const passedOn = { ...delivered, detail: { dsn: 'passed' as const } }
const rows: Row[] = [
  { what: 'failure, nothing said', notify: null, fate: unknown, want: 'failed' },
  { what: 'failure asked for', notify: 'success,failure', fate: unknown, want: 'failed' },
  { what: 'failure not asked for', notify: 'success', fate: unknown, want: null },
  { what: 'failure, never', notify: 'never', fate: unknown, want: null },
  { what: 'success, nothing said', notify: null, fate: delivered, want: null },
  { what: 'success asked for', notify: 'SUCCESS', fate: notOffered, want: 'relayed' },
  { what: 'success asked for, the next server tells', notify: 'success', fate: passedOn, want: null },
  { what: 'success not asked for', notify: 'failure,delay', fate: delivered, want: null },
  { what: 'just deferred', notify: null, fate: deferred, want: null },
  { what: 'taken back', notify: null, fate: { state: 'cancelled', step: 'cancelled' }, want: null },
  { what: 'held', notify: null, fate: { state: 'held', step: 'held' }, want: null },
]
for (const { what, notify: wanted, fate, want } of rows) {
  test(`NOTIFY: ${what}`, async () => {
    const sender = await t.createMailbox()
    await tell(sender, { recipients: [{ address: 'ann@example.org', notify: wanted, fate }] })
    const actions = (await reportsOf(sender)).map((report) => /^Action: (\w+)/m.exec(report)?.[1])
    assert.deepEqual(actions, want === null ? [] : [want])
  })
}

test('one report for each fate, a group for each recipient', async () => {
  const sender = await t.createMailbox()
  await tell(sender, {
    recipients: [
      { address: 'ann@example.org', fate: unknown },
      { address: 'bob@example.org', fate: { ...unknown, reply: '552 5.2.2 Full', class: 'mailbox_full' } },
      { address: 'cid@example.org', notify: 'success', fate: delivered },
    ],
  })
  const reports = (await rawMessages(t.platform, sender.mailboxId)).map((raw) => parseDsn(readReport(raw)))
  assert.deepEqual(
    reports.map((report) =>
      report?.recipients.map(({ addresses, action, status }) => [...addresses, action, status]),
    ),
    [
      [
        ['ann@example.org', 'failed', '5.1.1'],
        ['bob@example.org', 'failed', '5.2.2'],
      ],
      [['cid@example.org', 'relayed', '2.0.0']],
    ],
  )
  assert.equal(reports[0]?.original?.messageId, 'm1@demo.test')
})

const contents: [what: string, ret: 'full' | 'hdrs' | null, fate: Fate, bytes: number, want: string][] = [
  ['the whole message where it is asked for', 'full', unknown, 5, 'message/rfc822'],
  ['the header where that is asked for', 'hdrs', unknown, 5, 'text/rfc822-headers'],
  ['the header of a message that is large', 'full', unknown, 300_000, 'text/rfc822-headers'],
  ['the header with good news', 'full', delivered, 5, 'text/rfc822-headers'],
]
for (const [what, ret, fate, bytes, want] of contents) {
  test(`returned: ${what}`, async () => {
    const sender = await t.createMailbox()
    const text = 'a line of text\r\n'.repeat(Math.ceil(bytes / 16))
    await tell(sender, {
      recipients: [{ address: 'ann@example.org', notify: 'success,failure', fate }],
      message: { ret },
      raw: sentMessage('m2@demo.test', text),
    })
    const [raw = Buffer.alloc(0)] = await rawMessages(t.platform, sender.mailboxId)
    const types = readReport(raw).parts.map(({ type }) => type)
    assert.deepEqual(types, ['multipart/report', 'text/plain', 'message/delivery-status', want])
    assert.equal(raw.includes('a line of text'), want === 'message/rfc822')
  })
}

test('a delay, once, after four hours; the failure that follows is told too', async () => {
  const delaying = await startTestPlatform({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  await using _ = delaying
  const { platform } = delaying
  const sender = await delaying.createMailbox()
  const id = await queueMessage(
    platform,
    sender.owner,
    sentMessage('m3@demo.test'),
    [{ address: 'ann@example.org' }],
    {
      mailFrom: sender.address,
    },
  )
  const run = async () => {
    await transaction(platform.db, (tx) => addJob(tx, 'delivery.notify', { outbound_message_id: id }))
    await runJobs(platform)
    const raws = await rawMessages(platform, sender.mailboxId)
    return raws.map(
      (raw) =>
        `${/^Action: (\w+)/m.exec(raw.toString())?.[1]} ${/^Status: (\S+)/m.exec(raw.toString())?.[1]}`,
    )
  }
  await decideFate(platform, id, 'ann@example.org', deferred)
  assert.deepEqual(await run(), [])
  platform.clock.advance?.('PT4H')
  assert.deepEqual(await run(), ['delayed 4.3.2'])
  await decideFate(platform, id, 'ann@example.org', deferred)
  assert.deepEqual(await run(), ['delayed 4.3.2'])
  const [raw] = await rawMessages(platform, sender.mailboxId)
  assert.match(String(raw), /^Will-Retry-Until: /m)
  await decideFate(platform, id, 'ann@example.org', {
    ...deferred,
    state: 'bounced',
    step: 'bounced',
    class: 'expired',
  })
  assert.deepEqual(await run(), ['delayed 4.3.2', 'failed 4.4.7'])
})

test('mail of the null sender is never answered; the log tells', async () => {
  const sender = await t.createMailbox()
  const id = await tell(sender, {
    recipients: [{ address: 'ann@example.org', fate: unknown }],
    message: { mailFrom: '', kind: 'notification' },
  })
  await notify(id)
  assert.deepEqual(await reportsOf(sender), [])
  const events = (await eventsOf(t.platform, sender.mailboxId)).filter(
    ({ type }) => type === 'message.bounce_undeliverable',
  )
  assert.equal(events.length, 1)
})

test('a sender elsewhere (a forward) is told by way of the queue, with the null sender', async () => {
  const forwarder = await t.createMailbox()
  await tell(forwarder, {
    recipients: [{ address: 'ann@example.org', fate: unknown }],
    message: { mailFrom: 'author@author.example', kind: 'forward' },
  })
  const queued = await t.platform.db
    .selectFrom('outbound_messages as m')
    .innerJoin('outbound_recipients as r', 'r.outbound_message_id', 'm.id')
    .select(['m.kind', 'm.mail_from', 'r.rcpt_to', 'r.notify'])
    .where('r.rcpt_to', '=', 'author@author.example')
    .execute()
  assert.deepEqual(queued, [
    { kind: 'notification', mail_from: '', rcpt_to: 'author@author.example', notify: 'never' },
  ])
})

test('addresses and replies beyond ASCII (RFC 6533)', async () => {
  const sender = await t.createMailbox('päike@demo.test')
  await tell(sender, {
    recipients: [
      {
        address: 'jõgeva@example.org',
        orcpt: 'utf-8;j\\x{F5}geva@example.org',
        fate: { ...unknown, reply: '550 5.1.1 Tundmatu: jõgeva' },
      },
    ],
    message: { smtputf8: true },
    raw: Buffer.from('Message-ID: <m4@demo.test>\r\nSubject: Tähtis\r\n\r\nTere\r\n'),
  })
  const [raw = Buffer.alloc(0)] = await rawMessages(t.platform, sender.mailboxId)
  const report = readReport(raw)
  assert.deepEqual(
    report.parts.map(({ type }) => type),
    ['multipart/report', 'text/plain', 'message/global-delivery-status', 'message/global-headers'],
  )
  const text = raw.toString('utf8')
  assert.match(text, /^Final-Recipient: utf-8; jõgeva@example\.org\r$/m)
  assert.match(text, /^Original-Recipient: utf-8; jõgeva@example\.org\r$/m)
  assert.match(text, /said: ?|The reason:/)
  assert.match(text, /550 5\.1\.1 Tundmatu: jõgeva/)
  assert.deepEqual(parseDsn(report)?.recipients[0]?.addresses, ['jõgeva@example.org'])
})

const pythonReader = `
import email, email.policy, json, sys
message = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
status = [part for part in message.walk() if part.get_content_type() == 'message/delivery-status'][0]
print(json.dumps({
  'defects': [str(defect) for part in message.walk() for defect in part.defects],
  'type': message.get_content_type(),
  'report': message.get_param('report-type'),
  'parts': [part.get_content_type() for part in message.iter_parts()],
  'text': message.get_body(('plain',)).get_content(),
  'groups': [dict(group.items()) for group in status.get_payload()],
}))`

test('Python’s email package reads the same', async (context) => {
  if (!requireProgram(context, 'python3')) return
  const sender = await t.createMailbox()
  const long = `550 5.7.1 ${'a long word from the other server '.repeat(40)}\n550 5.7.1 and a second line`
  await tell(sender, {
    recipients: [
      { address: 'ann@example.org', fate: { ...unknown, reply: long, class: 'policy' } },
      { address: 'bob@example.org', fate: { ...unknown, reply: 'connect ECONNREFUSED', class: 'expired' } },
    ],
    message: { ret: 'full' },
    raw: sentMessage('m5@demo.test', '--=_report\r\nümlaut'),
  })
  const [raw = Buffer.alloc(0)] = await rawMessages(t.platform, sender.mailboxId)
  const seen: unknown = JSON.parse(
    execFileSync('python3', ['-c', pythonReader], { input: raw, encoding: 'utf8' }),
  )
  assert.ok(typeof seen === 'object' && seen !== null)
  const { groups, text, ...rest } = Object.fromEntries(Object.entries(seen))
  assert.deepEqual(rest, {
    defects: [],
    type: 'multipart/report',
    report: 'delivery-status',
    parts: ['text/plain', 'message/delivery-status', 'message/rfc822'],
  })
  assert.match(String(text), /The recipient’s server does not accept this message by its rules\./)
  const [message, ann, bob] = Array.isArray(groups) ? groups : []
  assert.equal(message['Reporting-MTA'], 'dns; mail.demo.example')
  assert.equal(ann['Status'], '5.7.1')
  assert.equal(ann['Diagnostic-Code'], `smtp; ${long.replace(/\s+/g, ' ')}`)
  assert.equal(bob['Status'], '4.4.7')
  assert.equal(bob['Diagnostic-Code'], 'x-mailwright; connect ECONNREFUSED')
})
