/** What a login may say of itself, what is mended, and what it may ask of the way out. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { readBodyBytes } from '../../messages/bodies.ts'
import { eventsOf } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import {
  plainToken,
  rawMessages,
  type SmtpClient,
  sendMessage,
  startTestSmtp,
  type TestSmtp,
} from '../../testing/test-smtp.ts'
import { smtpLimits } from './limits.ts'

let smtp: TestSmtp
let ann: TestMailbox
let bob: TestMailbox
let sandbox: TestMailbox
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
  await smtp.t.connectActiveDomain('mail.example')
  ann = await smtp.t.createMailbox('ann@mail.example')
  bob = await smtp.t.createMailbox('bob@mail.example')
  sandbox = await smtp.t.createMailbox('sandy@demo.test')
})
after(() => smtp[Symbol.asyncDispose]())

const full = (header: string): string =>
  `${header}Date: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@mail.example>\r\nSubject: x\r\n\r\nbody\r\n`

const authors: [what: string, header: string, want: RegExp][] = [
  ['the login’s own address', 'From: Ann <ann@mail.example>\r\n', /^250 /],
  ['it in capitals, with a detail', 'From: ANN+tag@MAIL.example\r\n', /^250 /],
  ['none at all', '', /^250 /],
  ['a colleague’s', 'From: bob@mail.example\r\n', /^550 5\.7\.1 /],
  ['a stranger’s', 'From: someone@elsewhere.example\r\n', /^550 5\.7\.1 /],
  [
    'its own and a colleague’s',
    'From: ann@mail.example, bob@mail.example\r\nSender: ann@mail.example\r\n',
    /^550 5\.7\.1 /,
  ],
  ['a group with a stranger', 'From: us: ann@mail.example, x@elsewhere.example;\r\n', /^550 5\.7\.1 /],
  [
    'its own, sent by a stranger',
    'From: ann@mail.example\r\nSender: x@elsewhere.example\r\n',
    /^550 5\.7\.1 /,
  ],
  [
    'its own name with a stranger’s address',
    'From: "ann@mail.example" <x@elsewhere.example>\r\n',
    /^550 5\.7\.1 /,
  ],
  ['words without an address', 'From: Ann\r\n', /^550 5\.7\.1 /],
  ['two fields', 'From: ann@mail.example\r\nFrom: ann@mail.example\r\n', /^550 5\.6\.0 /],
  ['a colleague’s, folded', 'From:\r\n bob@mail.example\r\n', /^550 5\.7\.1 /],
]
describe('authors', { concurrency: true }, () => {
  for (const [what, header, want] of authors) {
    test(`From is ${what}`, async () => {
      using client = await smtp.logIn(ann.address, ann.password)
      assert.match(await sendMessage(client, '<ann@mail.example>', [bob.address], full(header)), want)
    })
  }
})

async function queued(mailboxId: string) {
  return await smtp.t.platform.db
    .selectFrom('outbound_messages')
    .innerJoin('outbound_recipients', 'outbound_recipients.outbound_message_id', 'outbound_messages.id')
    .selectAll('outbound_messages')
    .select(['rcpt_to', 'notify', 'orcpt', 'next_attempt_at'])
    .where('outbound_messages.mailbox_id', '=', mailboxId)
    .orderBy('outbound_messages.id')
    .orderBy('rcpt_to')
    .execute()
}

let senders = 0
async function sender(): Promise<{ box: TestMailbox; client: SmtpClient }> {
  const box = await smtp.t.createMailbox(`sender${++senders}@mail.example`)
  return { box, client: await smtp.logIn(box.address, box.password) }
}

test('what is missing is added, what is private is taken out, what leaves is one body with the local copy', async () => {
  const { box, client } = await sender()
  using _ = client
  const raw = [
    'Return-Path: <forged@elsewhere.example>',
    'Authentication-Results: localhost; dmarc=pass',
    'To: x@elsewhere.example',
    'Bcc: secret@elsewhere.example,',
    ' hidden@elsewhere.example',
    'Resent-Bcc: more@elsewhere.example',
    'Subject: mended',
    '',
    'Bcc: this is text',
  ].join('\r\n')
  const to = ['x@elsewhere.example', 'secret@elsewhere.example', bob.address]
  assert.match(await sendMessage(client, `<${box.address}>`, to, raw), /^250 /)
  const here = (await rawMessages(smtp.t.platform, bob.mailboxId)).at(-1)?.toString() ?? ''
  const rows = await queued(box.mailboxId)
  assert.equal(new Set(rows.map((row) => row.body_id)).size, 1)
  const [row] = rows
  assert.ok(row)
  const whole = await readBodyBytes(smtp.t.platform.db, row.body_id)
  assert.equal(whole.toString(), here)
  const leaving = whole.subarray(row.skip_bytes).toString()
  assert.match(leaving, /^Received: from client\.example /)
  assert.equal(leaving.length, row.size_bytes)
  assert.doesNotMatch(leaving, /secret|hidden|more@|forged|Authentication-Results|Return-Path/)
  assert.match(leaving, new RegExp(`^From: <${box.address}>\r$`, 'm'))
  assert.match(leaving, /^Date: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000\r$/m)
  assert.match(leaving, new RegExp(`^Message-ID: <${row.message_id}>\r$`, 'm'))
  assert.match(leaving, /\r\n\r\nBcc: this is text/)
  assert.match(
    here,
    /^Return-Path: <sender\d+@mail\.example>\r\nAuthentication-Results: localhost; auth=pass\r\n/,
  )
  assert.equal(row.signing_domain, 'mail.example')
  const told = (await eventsOf(smtp.t.platform, box.mailboxId)).flatMap(({ type, data }) =>
    type === 'message.delivered' ? [data] : [],
  )
  const about = { message_id: null, outbound_recipient_id: null, rcpt_to: bob.address, reply: null }
  assert.deepEqual(told, [{ ...about, outbound_message_id: row.id }])
})

test('the author’s domain signs, whatever the envelope says', async () => {
  await smtp.t.connectActiveDomain('brand.example')
  const { box, client } = await sender()
  using _ = client
  await smtp.t.platform.db
    .insertInto('addresses')
    .values(({ selectFrom }) => ({
      address: `alias${senders}@brand.example`,
      kind: 'alias',
      workspace_id: box.owner.workspaceId,
      domain_id: selectFrom('domains').select('id').where('name', '=', 'brand.example'),
      mailbox_id: box.mailboxId,
      created_at: new Date(),
    }))
    .execute()
  const raw = full(`From: alias${senders}@brand.example\r\n`)
  assert.match(await sendMessage(client, `<${box.address}>`, ['x@elsewhere.example'], raw), /^250 /)
  assert.equal((await queued(box.mailboxId))[0]?.signing_domain, 'brand.example')
})

test('the mail of a sandbox domain stays on the platform', async () => {
  using client = await smtp.logIn(sandbox.address, sandbox.password)
  for (const from of ['<sandy@demo.test>', '<>']) {
    await client.command(`MAIL FROM:${from}`)
    assert.match(await client.command('RCPT TO:<x@elsewhere.example>'), /^550 5\.7\.1 .*sandbox/)
    assert.match(await client.command(`RCPT TO:<${bob.address}>`), /^250 /)
    await client.command('RSET')
  }
})

const dsnRows: [what: string, mail: string, rcpt: string, want: RegExp | Record<string, string | null>][] = [
  ['nothing', '', '', { ret: null, envid: null, notify: null, orcpt: null }],
  [
    'all of it',
    ' RET=HDRS ENVID=QQ314159',
    ' NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob@elsewhere.example',
    {
      ret: 'hdrs',
      envid: 'QQ314159',
      notify: 'success,delay',
      orcpt: 'rfc822;Bob@elsewhere.example',
    },
  ],
  [
    'xtext',
    ' ret=full ENVID=a+2Bb+3Dc',
    ' NOTIFY=NEVER ORCPT=rfc822;a+2Bb@elsewhere.example',
    {
      ret: 'full',
      envid: 'a+2Bb+3Dc',
      notify: 'never',
      orcpt: 'rfc822;a+2Bb@elsewhere.example',
    },
  ],
  ['RET of another word', ' RET=SOME', '', /^501 5\.5\.4 /],
  ['RET twice', ' RET=FULL RET=HDRS', '', /^501 5\.5\.4 /],
  ['a line end in ENVID', ' ENVID=a+0D+0Ab', '', /^501 /],
  ['ENVID of 101 characters', ` ENVID=${'x'.repeat(101)}`, '', /^501 5\.5\.4 /],
  ['NEVER with another', '', ' NOTIFY=NEVER,FAILURE', /^501 5\.5\.4 /],
  ['NOTIFY of another word', '', ' NOTIFY=ALWAYS', /^501 5\.5\.4 /],
  ['ORCPT without a type', '', ' ORCPT=bob@elsewhere.example', /^501 5\.5\.4 /],
  ['ORCPT of 501 characters', '', ` ORCPT=rfc822;${'x'.repeat(494)}`, /^501 5\.5\.4 /],
]
describe('DSN (RFC 3461)', { concurrency: true }, () => {
  for (const [what, mail, rcpt, want] of dsnRows) {
    test(`${what}`, async () => {
      const { box, client } = await sender()
      using _ = client
      const replies = [
        await client.command(`MAIL FROM:<${box.address}>${mail}`),
        await client.command(`RCPT TO:<bob@elsewhere.example>${rcpt}`),
      ]
      if (want instanceof RegExp) {
        assert.match(replies.find((reply) => !reply.startsWith('250')) ?? '', want)
        return
      }
      assert.match(await client.command('DATA'), /^354 /)
      assert.match(await client.command(`${full('')}\r\n.`), /^250 /)
      const [row] = await queued(box.mailboxId)
      const { ret, envid, notify, orcpt } = row ?? {}
      assert.deepEqual({ ret, envid, notify, orcpt }, want)
    })
  }

  test('is not offered at the MX, and refused there', async () => {
    using client = await smtp.greet('smtp')
    assert.match(await client.command('MAIL FROM:<a@b.example> RET=HDRS ENVID=1'), /^555 5\.5\.4 /)
    assert.match(await client.command('MAIL FROM:<a@b.example>'), /^250 /)
    assert.match(await client.command(`RCPT TO:<${bob.address}> NOTIFY=FAILURE`), /^555 5\.5\.4 /)
  })
})

const inSeconds = (seconds: number): string =>
  new Date(Date.now() + seconds * 1000).toISOString().replace(/\.\d+/, '')
const holdRows: [what: string, parameter: () => string, want: RegExp | number][] = [
  ['for an hour', () => 'HOLDFOR=3600', 3600],
  ['until a time', () => `HOLDUNTIL=${inSeconds(7200)}`, 7200],
  ['until a time that is past', () => 'HOLDUNTIL=2020-01-01T00:00:00Z', 0],
  ['for longer than is offered', () => `HOLDFOR=${smtpLimits.holdSecondsMax + 60}`, /^501 5\.5\.4 /],
  ['until later than is offered', () => 'HOLDUNTIL=2199-01-01T00:00:00Z', /^501 5\.5\.4 /],
  ['for words', () => 'HOLDFOR=soon', /^501 5\.5\.4 /],
  ['until a date that is none', () => 'HOLDUNTIL=2026-13-45T00:00:00Z', /^501 5\.5\.4 /],
  ['for nothing', () => 'HOLDFOR', /^501 5\.5\.4 /],
  ['both', () => `HOLDFOR=1 HOLDUNTIL=${inSeconds(60)}`, /^501 5\.5\.4 /],
]
describe('FUTURERELEASE (RFC 4865)', { concurrency: true }, () => {
  for (const [what, parameter, want] of holdRows) {
    test(`held ${what}`, async () => {
      const { box, client } = await sender()
      using _ = client
      const reply = await client.command(`MAIL FROM:<${box.address}> ${parameter()}`)
      if (want instanceof RegExp) return assert.match(reply, want)
      assert.match(reply, /^250 /)
      assert.match(await client.command('RCPT TO:<bob@elsewhere.example>'), /^250 /)
      await client.command('DATA')
      assert.match(await client.command(`${full('')}\r\n.`), /^250 /)
      const [row] = await queued(box.mailboxId)
      const seconds = ((row?.next_attempt_at.getTime() ?? 0) - Date.now()) / 1000
      assert.ok(Math.abs(seconds - want) < 60, `${seconds} seconds`)
    })
  }

  test('not for a mailbox here, which would get it at once', async () => {
    const { box, client } = await sender()
    using _ = client
    await client.command(`MAIL FROM:<${box.address}> HOLDFOR=60`)
    assert.match(await client.command(`RCPT TO:<${bob.address}>`), /^550 5\.3\.3 /)
  })
})

test('REQUIRETLS (RFC 8689) goes with the message, over TLS only, and not with the next one', async () => {
  const { box, client } = await sender()
  using _ = client
  assert.match(await client.command(`MAIL FROM:<${box.address}> REQUIRETLS`), /^530 /)
  await client.startTls()
  await client.command('EHLO client.example')
  await client.command(`AUTH PLAIN ${plainToken(box.address, box.password)}`)
  for (const parameter of [' REQUIRETLS', '']) {
    assert.match(
      await sendMessage(client, `<${box.address}>${parameter}`, ['x@elsewhere.example'], full('')),
      /^250 /,
    )
  }
  assert.deepEqual(
    (await queued(box.mailboxId)).map((row) => row.require_tls),
    [true, false],
  )
})

describe('loops', { concurrency: true }, () => {
  const own =
    'Received: from x.example ([192.0.2.1])\r\n\tby localhost (Mailwright) with ESMTP id 1;\r\n\tMon, 02 Nov 2026 10:00:00 +0000\r\n'
  const other = 'Received: from x.example by y.example; Mon, 02 Nov 2026 10:00:00 +0000\r\n'
  const rows: [what: string, header: string, want: RegExp][] = [
    ['50 hops', other.repeat(50), /^250 /],
    ['51 hops', other.repeat(51), /^554 5\.4\.6 /],
    ['10 times through here', own.repeat(10), /^250 /],
    ['11 times through here', own.repeat(11), /^554 5\.4\.6 /],
  ]
  for (const [what, header, want] of rows) {
    test(`${what}`, async () => {
      using client = await smtp.greet('smtp')
      const box = await smtp.t.createMailbox()
      assert.match(await sendMessage(client, '<a@b.example>', [box.address], full(header)), want)
    })
  }
})
