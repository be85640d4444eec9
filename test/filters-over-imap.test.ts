/** What a filter files over SMTP is where an IMAP client looks for it. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type CommitLane, startCommitLane } from '../src/delivery/commit-lane.ts'
import { startRecipientResolver } from '../src/delivery/recipients.ts'
import { putFilter } from '../src/delivery/routing/filters.ts'
import { loadTls } from '../src/platform/tls.ts'
import { type SmtpListener, startSmtpListener } from '../src/protocols/smtp/listener.ts'
import { startTestImap, type TestImap } from '../src/testing/test-imap.ts'
import { inTransaction } from '../src/testing/test-mail.ts'
import { connectSmtp, sendMessage } from '../src/testing/test-smtp.ts'

let imap: TestImap
let smtp: SmtpListener
let lane: CommitLane
let stopResolver: () => void
before(async () => {
  imap = await startTestImap()
  const { platform, config } = imap.test
  lane = startCommitLane(platform)
  const recipients = startRecipientResolver(platform)
  stopResolver = () => recipients.stop()
  const options = {
    name: 'smtp',
    host: '127.0.0.1',
    port: 0,
    tls: await loadTls(config, new Date()),
  } as const
  smtp = await startSmtpListener(platform, { ...options, lane, recipients })
})
after(async () => {
  await smtp.stop()
  stopResolver()
  await lane.stop()
  await imap[Symbol.asyncDispose]()
})

test('a folder that the filter makes, with the flags that it sets; what it discards is nowhere', async () => {
  const { mailbox, test: t } = imap
  const script = `require ["fileinto", "mailbox", "imap4flags"];
    if header :contains "subject" "offer" { discard; stop; }
    if header :matches "list-id" "*node*" { fileinto :create :flags ["\\\\Seen", "$list"] "Lists/Node"; }`
  await inTransaction(t.platform, (tx) =>
    putFilter(t.platform, tx, t.scope, mailbox.address, { name: 'main', script, active: true }),
  )
  using client = await connectSmtp(smtp.port)
  await client.command('EHLO client.example')
  const honest = `From: Ann <a@far.example>\r\nDate: ${new Date().toUTCString()}\r\nMessage-ID: <1@far.example>\r\n`
  for (const header of ['Subject: news\r\nList-Id: <NODE.example>', 'Subject: an offer', 'Subject: plain']) {
    assert.match(
      await sendMessage(client, '<a@far.example>', [mailbox.address], `${honest}${header}\r\n\r\nhello`),
      /^250 /,
    )
  }
  const reader = await imap.logIn()
  const list = await reader.ok('LIST "" "Lists/*"')
  assert.ok(list.some((line) => line.includes('Lists/Node')))
  await reader.ok('SELECT Lists/Node')
  const [fetched = ''] = (await reader.ok('FETCH 1:* (FLAGS)')).filter((line) => line.includes('FETCH'))
  assert.match(fetched, /\\Seen/)
  assert.match(fetched, /\$list/)
  const status = await reader.ok('STATUS INBOX (MESSAGES)')
  assert.ok(
    status.some((line) => line.includes('MESSAGES 1')),
    status.join('\n'),
  )
})
