/** What a mailbox's rules make of mail that comes by SMTP: filters, forwarding, autoreplies, as IMAP would show it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addAlias } from '../../mailboxes/aliases.ts'
import { putForwarding } from '../../mailboxes/forwarding.ts'
import { deleteMailbox, suspendMailbox } from '../../mailboxes/mailboxes.ts'
import { readBodyBytes } from '../../messages/bodies.ts'
import { deleteFolder } from '../../messages/folders.ts'
import type { Tx } from '../../platform/database.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { inTransaction } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { pruneRouting } from './autoreply-send.ts'
import { type AutoreplySettings, putAutoreply } from './autoreply-settings.ts'
import { putFilter } from './filters.ts'
import { forwardBounced } from './forward-messages.ts'
import { rulesOf } from './rules.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  await smtp.t.connectActiveDomain('real.example')
})
after(() => smtp[Symbol.asyncDispose]())

const change = (work: (tx: Tx) => Promise<unknown>) => inTransaction(smtp.t.platform, work)

const filter = (box: TestMailbox, script: string) =>
  change((tx) =>
    putFilter(smtp.t.platform, tx, smtp.t.scope, box.address, { name: 'main', script, active: true }),
  )

const forward = (box: TestMailbox, targets: string[], keepCopy: boolean) =>
  change((tx) => putForwarding(smtp.t.platform, tx, smtp.t.scope, box.address, { targets, keepCopy }))

const reply = (box: TestMailbox, more: Partial<AutoreplySettings> = {}) =>
  change((tx) =>
    putAutoreply(smtp.t.platform, tx, smtp.t.scope, box.address, {
      ...{ enabled: true, subject: null, text: 'I am away.', starts_at: null, ends_at: null, days: 7 },
      ...more,
    }),
  )

type Mail = { to?: string; from?: string; subject?: string; fields?: string[] }

async function send(
  rcpt: string,
  { to = rcpt, from = 'bob@far.example', subject = 'hello', fields = [] }: Mail = {},
): Promise<string> {
  using client = await smtp.greet('smtp')
  const header = [
    `From: <${from || 'mailer-daemon@far.example'}>`,
    `To: <${to}>`,
    `Subject: ${subject}`,
    'Message-ID: <m1@far.example>',
    ...fields,
  ]
  return await sendMessage(client, `<${from}>`, [rcpt], `${header.join('\r\n')}\r\n\r\nhello`)
}

/** `Folder flags keywords` of every message, in the order of the folders. */
async function stored(box: TestMailbox): Promise<string[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('messages')
    .innerJoin('folders', (join) =>
      join
        .onRef('folders.id', '=', 'messages.folder_id')
        .onRef('folders.mailbox_id', '=', 'messages.mailbox_id'),
    )
    .select(['path', 'flags', 'keywords'])
    .where('messages.mailbox_id', '=', box.mailboxId)
    .orderBy('path')
    .execute()
  return rows.map(({ path, flags, keywords }) =>
    [path, flags || '', ...keywords].filter((one) => one !== '').join(' '),
  )
}

async function events(box: TestMailbox, type: string): Promise<unknown[]> {
  const rows = await smtp.t.platform.db
    .selectFrom('events')
    .select('data')
    .where('mailbox_id', '=', box.mailboxId)
    .where('type', '=', type)
    .execute()
  return rows.map(({ data }) => data)
}

async function queued(box: TestMailbox): Promise<
  {
    id: string
    kind: string
    mail_from: string
    rcpt_to: string
    signing_domain: string | null
    body_id: string
    skip_bytes: number
  }[]
> {
  return await smtp.t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_message_id', 'outbound_messages.id')
    .select([
      'outbound_recipients.id',
      'kind',
      'mail_from',
      'rcpt_to',
      'signing_domain',
      'body_id',
      'skip_bytes',
    ])
    .where('outbound_messages.mailbox_id', '=', box.mailboxId)
    .orderBy('rcpt_to')
    .execute()
}

const filters: [script: string, subject: string, want: string[]][] = [
  ['keep;', 'x', ['INBOX']],
  ['require "fileinto"; fileinto "Archive";', 'x', ['Archive']],
  ['require ["fileinto","mailbox"]; fileinto :create "Lists/Node";', 'x', ['Lists/Node']],
  ['require ["fileinto","copy"]; fileinto :copy "Archive";', 'x', ['Archive', 'INBOX']],
  [
    'require ["fileinto","imap4flags"]; fileinto :flags ["\\\\Seen","$work"] "Archive";',
    'x',
    ['Archive 1 $work'],
  ],
  ['require "imap4flags"; addflag "\\\\Flagged";', 'x', ['INBOX 4']],
  ['if header :contains "subject" "GRÖßE" { discard; }', '=?utf-8?Q?Gr=C3=B6=C3=9Fe?=', ['INBOX']], // casemap folds ASCII only
  ['if header :contains "subject" "röße" { discard; }', '=?utf-8?Q?Gr=C3=B6=C3=9Fe?=', []],
  ['require "envelope"; if envelope :domain "from" "far.example" { discard; }', 'x', []],
  ['require ["fileinto","mailbox"]; if mailboxexists "Junk" { fileinto "Junk"; }', 'x', ['Junk']],
  ['require "fileinto"; fileinto "None";', 'x', ['INBOX']],
  ['require ["fileinto","mailbox"]; fileinto :create "a//b";', 'x', ['INBOX']],
]
describe('a filter', () => {
  for (const [script, subject, want] of filters) {
    test(script, async () => {
      const box = await smtp.t.createMailbox()
      await filter(box, script)
      assert.match(await send(box.address, { subject }), /^250 /)
      assert.deepEqual(await stored(box), want)
    })
  }

  test('that fails keeps the message and says so', async () => {
    const box = await smtp.t.createMailbox()
    await filter(box, 'require "fileinto"; fileinto "None";')
    await send(box.address)
    assert.deepEqual(await events(box, 'filter.failed'), [
      { mailbox_id: box.mailboxId, name: 'main', line: 1, column: 1, detail: 'There is no folder "None".' },
    ])
  })

  test('finds a folder no more that was deleted, and makes it anew', async () => {
    const box = await smtp.t.createMailbox()
    await filter(box, 'require ["fileinto","mailbox"]; fileinto :create "Later";')
    await send(box.address)
    await change((tx) => deleteFolder(smtp.t.platform, tx, box.owner, 'Later'))
    assert.match(await send(box.address), /^250 /)
    assert.deepEqual(await stored(box), ['Later'])
  })

  test('is used as it is at each message', async () => {
    const box = await smtp.t.createMailbox()
    await send(box.address)
    await filter(box, 'discard;')
    await send(box.address)
    assert.deepEqual(await stored(box), ['INBOX'])
  })
})

describe('forwarding', () => {
  test('to an address elsewhere, with and without a copy', async () => {
    const box = await smtp.t.createMailbox('fw@real.example')
    await forward(box, ['far@example.com'], true)
    await send(box.address)
    await forward(box, ['far@example.com'], false)
    await send(box.address)
    assert.deepEqual(await stored(box), ['INBOX'])
    const left = await queued(box)
    assert.equal(left.length, 2)
    for (const one of left) {
      assert.deepEqual(
        [one.kind, one.rcpt_to, one.signing_domain],
        ['forward', 'far@example.com', 'real.example'],
      )
      assert.match(one.mail_from, /^SRS0=.*=far\.example=bob@real\.example$/)
      const raw = (await readBodyBytes(smtp.t.platform.db, one.body_id)).subarray(one.skip_bytes).toString()
      assert.doesNotMatch(raw, /^Return-Path/)
    }
  })

  test('to mailboxes here, by their own rules, and a circle ends', async () => {
    const [one, two, three] = [
      await smtp.t.createMailbox(),
      await smtp.t.createMailbox(),
      await smtp.t.createMailbox(),
    ]
    await filter(two, 'require "imap4flags"; addflag "$two";')
    await forward(one, [two.address], true)
    await forward(two, [three.address, one.address], true)
    await forward(three, [one.address, two.address], false)
    await send(one.address)
    assert.deepEqual(
      [await stored(one), await stored(two), await stored(three)],
      [['INBOX'], ['INBOX $two'], []],
    )
  })

  test('to a mailbox that takes nothing now: the message is kept, and an event tells', async () => {
    const [box, away] = [await smtp.t.createMailbox(), await smtp.t.createMailbox()]
    await forward(box, [away.address], false)
    await change((tx) => suspendMailbox(smtp.t.platform, tx, smtp.t.scope, away.address))
    await send(box.address)
    assert.deepEqual(await stored(box), ['INBOX'])
    const failed = {
      address: box.address,
      target: away.address,
      reason: 'The mailbox does not accept mail now.',
      outbound_recipient_id: null,
    }
    assert.deepEqual(await events(box, 'forward.failed'), [failed])
  })

  test('a redirect of a sandbox mailbox does not leave the platform', async () => {
    const box = await smtp.t.createMailbox()
    await filter(box, 'redirect "far@example.com";')
    await send(box.address)
    assert.deepEqual([await stored(box), await queued(box)], [['INBOX'], []])
    assert.equal((await events(box, 'forward.failed')).length, 1)
  })

  test('what has come through too many servers goes no further', async () => {
    const box = await smtp.t.createMailbox('loop@real.example')
    await filter(box, 'redirect "far@example.com";')
    await send(box.address, {
      fields: Array.from({ length: 26 }, (_, n) => `Received: from a by b; id ${n}`),
    })
    assert.deepEqual([await stored(box), await queued(box)], [['INBOX'], []])
  })

  test('a forward that bounces for good is told of, other mail is not', async () => {
    const box = await smtp.t.createMailbox('bounced@real.example')
    await forward(box, ['far@example.com'], true)
    await send(box.address)
    const ids = (await queued(box)).map(({ id }) => id)
    await change((tx) => forwardBounced(smtp.t.platform, tx, ids))
    const [event, ...others] = await events(box, 'forward.failed')
    assert.deepEqual(others, [])
    assert.deepEqual(event, {
      address: box.address,
      target: 'far@example.com',
      reason: 'It could not be delivered.',
      outbound_recipient_id: ids[0],
    })
  })
})

describe('an autoreply', () => {
  async function answers(box: TestMailbox): Promise<string[]> {
    await runJobs(smtp.t.platform)
    const left = await queued(box)
    return await Promise.all(
      left
        .filter(({ kind }) => kind === 'notification')
        .map(async ({ body_id, skip_bytes }) =>
          (await readBodyBytes(smtp.t.platform.db, body_id)).subarray(skip_bytes).toString(),
        ),
    )
  }

  test('answers once in so many days, with what RFC 3834 asks for', async () => {
    const box = await smtp.t.createMailbox()
    await reply(box)
    await send(box.address, { subject: 'Question', fields: ['References: <m0@far.example>'] })
    await send(box.address)
    const [raw = '', ...others] = await answers(box)
    await send(box.address)
    assert.equal((await answers(box)).length, 1)
    assert.deepEqual(others, [])
    assert.match(raw, /^Auto-Submitted: auto-replied\r$/m)
    assert.match(raw, /^Subject: Auto: (?:Question|hello)\r$/m)
    assert.match(raw, /^In-Reply-To: <m1@far.example>\r$/m)
    assert.match(raw, new RegExp(`^From: ${box.address}\\r$`, 'm'))
    assert.match(raw, /^To: bob@far.example\r$/m)
    assert.match(raw, /\r\n\r\nI am away\.(?:\r\n)*$/)
    const [row] = await queued(box)
    assert.deepEqual(
      [row?.mail_from, row?.rcpt_to, row?.signing_domain],
      ['', 'bob@far.example', 'demo.test'],
    )
    await send(box.address, { from: 'carl@far.example' })
    assert.equal((await answers(box)).length, 2, 'another sender')
    await reply(box, { text: 'Another text.' })
    await send(box.address)
    assert.equal((await answers(box)).length, 3, 'a new autoreply')
  })

  test('keeps to its time', async () => {
    const box = await smtp.t.createMailbox()
    const hours = (count: number): Date => new Date(smtp.t.platform.clock.now().getTime() + count * 3_600_000)
    await reply(box, { starts_at: hours(1) })
    await send(box.address)
    await reply(box, { ends_at: hours(-1) })
    await send(box.address)
    assert.deepEqual(await answers(box), [])
    await reply(box, { starts_at: hours(-1), ends_at: hours(1) })
    await send(box.address)
    assert.equal((await answers(box)).length, 1)
  })

  test('to a mailbox here is delivered there, and is not answered in turn', async () => {
    const [one, two] = [await smtp.t.createMailbox(), await smtp.t.createMailbox()]
    await reply(one)
    await reply(two)
    await send(one.address, { from: two.address })
    await runJobs(smtp.t.platform)
    assert.deepEqual([await stored(one), await stored(two)], [['INBOX'], ['INBOX']])
  })

  const silent: [why: string, mail: Mail][] = [
    ['the null sender', { from: '' }],
    ['what is automatic', { fields: ['Auto-Submitted: auto-generated'] }],
    ['a list', { fields: ['List-Id: <x.far.example>'] }],
    ['bulk', { fields: ['Precedence: bulk'] }],
    ['junk', { fields: ['Precedence: Junk'] }],
    ['who asks for none', { fields: ['X-Auto-Response-Suppress: DR, OOF'] }],
    ['a mailer daemon', { from: 'MAILER-DAEMON@far.example' }],
    ['no-reply', { from: 'no-reply@far.example' }],
    ['the owner of a list', { from: 'owner-list@far.example' }],
    ['a request address', { from: 'list-request@far.example' }],
    ['bounces', { from: 'bounces+12@far.example' }],
    ['what does not name it', { to: 'somebody@far.example' }],
  ]
  for (const [why, mail] of silent) {
    test(`does not answer ${why}`, async () => {
      const box = await smtp.t.createMailbox()
      await reply(box)
      await send(box.address, mail)
      assert.deepEqual(await answers(box), [])
    })
  }

  test('does not answer oneself, and knows an alias and a detail for its own', async () => {
    const box = await smtp.t.createMailbox()
    const alias = box.address.replace('@', '.alias@')
    await change((tx) => addAlias(smtp.t.platform, tx, smtp.t.scope, box.address, alias))
    await reply(box)
    await send(box.address, { from: alias })
    assert.deepEqual(await answers(box), [])
    await send(alias, { to: alias.replace('@', '+x@'), fields: ['Auto-Submitted: no'] })
    assert.equal((await answers(box)).length, 1)
  })

  test('of a filter comes before the mailbox’s, and says what the filter says', async () => {
    const box = await smtp.t.createMailbox()
    await reply(box)
    await filter(
      box,
      `require "vacation"; vacation :days 2 :subject "Gone" :from "ceo@demo.test" "Fishing: größer";`,
    )
    await send(box.address)
    const [raw = '', ...others] = await answers(box)
    assert.deepEqual(others, [])
    assert.match(raw, /^Subject: Gone\r$/m)
    assert.match(raw, new RegExp(`^From: ${box.address}\\r$`, 'm'), 'another’s address cannot be used')
    assert.deepEqual(await stored(box), ['INBOX'])
    await filter(box, 'require "vacation"; vacation :mime "Content-Type: text/html\r\n\r\n<b>away</b>";')
    await send(box.address)
    const second = (await answers(box)).find((one) => one.includes('<b>away</b>'))
    assert.match(
      second ?? '',
      /^Content-Type: multipart\/mixed;[\s\S]*\r\nContent-Type: text\/html\r\n\r\n<b>away<\/b>/m,
    )
  })
})

test('the rules of a mailbox that is gone go with it', async () => {
  const { t } = smtp
  const box = await t.createMailbox()
  await filter(box, 'keep;')
  await reply(box)
  await change((tx) => deleteMailbox(t.platform, tx, t.scope, box.address, { purge: true }))
  await runJobs(t.platform)
  await pruneRouting(t.platform)
  for (const table of ['sieve_scripts', 'autoreplies', 'mailbox_forwards'] as const) {
    const rows = await t.platform.db
      .selectFrom(table)
      .select('mailbox_id')
      .where('mailbox_id', '=', box.mailboxId)
      .execute()
    assert.deepEqual(rows, [], table)
  }
  const rules = await rulesOf(t.platform, box.mailboxId)
  assert.equal(rules?.filter ?? null, null)
})
