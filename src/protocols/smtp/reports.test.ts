/** Report addresses: reports come in over SMTP and become a summary; everything else about these addresses. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { dmarcSummaryOf } from '../../delivery/reports/summary.ts'
import type { Domain } from '../../domains/domains.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { rawMessages, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'

let smtp: TestSmtp
let customer: Domain
before(async () => {
  smtp = await startTestSmtp()
  customer = await smtp.t.connectActiveDomain('customer.example')
})
after(() => smtp[Symbol.asyncDispose]())

async function report(id: string): Promise<string> {
  const fixture = new URL('../../delivery/reports/fixtures/plain.xml', import.meta.url)
  const begin = Math.floor(Date.now() / 1000) - 2 * 86_400
  const xml = (await readFile(fixture, 'utf8'))
    .replace('1767225600', String(begin))
    .replace('1767311999', String(begin + 86_399))
    .replace('1234567890123456789', id)
  return [
    'From: noreply-dmarc@receiver.example',
    'To: dmarc-reports@customer.example',
    'Subject: Report Domain: customer.example',
    'Date: Sun, 29 Nov 2026 01:00:00 +0000',
    `Message-ID: <${id}@receiver.example>`,
    'MIME-Version: 1.0',
    'Content-Type: application/gzip; name="r.xml.gz"',
    'Content-Transfer-Encoding: base64',
    '',
    gzipSync(xml)
      .toString('base64')
      .replace(/.{1,76}/g, '$&\r\n'),
  ].join('\r\n')
}

test('a report that comes over SMTP is in the summary of its domain, and in no mailbox', async () => {
  using client = await smtp.greet('smtp')
  const sent = await sendMessage(
    client,
    '<noreply-dmarc@receiver.example>',
    ['DMARC-Reports@customer.example'],
    await report('r1'),
  )
  assert.match(sent, /^250 2\.6\.0 /)
  await runJobs(smtp.t.platform)
  const { reports, messages, passed } = await dmarcSummaryOf(smtp.t.platform, customer)
  assert.deepEqual([reports, messages, passed], [1, 15, 12])
  const stored = await smtp.t.platform.db.selectFrom('messages').select('id').execute()
  assert.deepEqual(stored, [])
})

test('who also writes to a mailbox reaches both', async () => {
  const box = await smtp.t.createMailbox('ann@customer.example')
  using client = await smtp.greet('smtp')
  const to = ['dmarc-reports@customer.example', box.address]
  assert.match(await sendMessage(client, '<x@receiver.example>', to, await report('r2')), /^250 2\.6\.0 /)
  await runJobs(smtp.t.platform)
  assert.equal((await dmarcSummaryOf(smtp.t.platform, customer)).reports, 2)
  assert.equal((await rawMessages(smtp.t.platform, box.mailboxId)).length, 1)
})

const recipients: [address: string, want: RegExp][] = [
  ['tls-reports@customer.example', /^250 /],
  ['other-reports@customer.example', /^550 5\.1\.1 /],
  ['dmarc-reports@elsewhere.example', /^550 5\.7\.1 /],
  ['dmarc-reports@not-here.test', /^553 5\.1\.3 /],
]
for (const [address, want] of recipients) {
  test(`RCPT TO:<${address}>`, async () => {
    using client = await smtp.greet('smtp')
    await client.command('MAIL FROM:<x@receiver.example>')
    assert.match(await client.command(`RCPT TO:<${address}>`), want)
  })
}

test('a mailbox of that name gets the mail itself', async () => {
  const box = await smtp.t.createMailbox('tls-reports@customer.example')
  using client = await smtp.greet('smtp')
  const sent = await sendMessage(client, '<x@receiver.example>', [box.address], 'Subject: mine\r\n\r\nx\r\n')
  assert.match(sent, /^250 /)
  assert.equal((await rawMessages(smtp.t.platform, box.mailboxId)).length, 1)
})
