/** Messages that are made to break the checks, or to make them expensive. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import { sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'

let dns: TestDns
let smtp: TestSmtp
before(async () => {
  dns = await startTestDns({ 'pass.example': { TXT: ['v=spf1 ip4:127.0.0.1 -all'] } })
  smtp = await startTestSmtp({ MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_LOG_LEVEL: 'silent' })
})
after(async () => {
  await smtp[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

const mail = 'From: a@pass.example\r\nSubject: Hello\r\n\r\nThe text.\r\n'

async function receive(raw: string): Promise<string> {
  const box = await smtp.t.createMailbox()
  using client = await smtp.greet('smtp')
  return await sendMessage(client, '<a@pass.example>', [box.address], raw)
}

test('a flood of signatures costs a bounded number of questions and little time', async () => {
  const one = (n: number): string =>
    `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=flood${n}.example; s=r; h=from:${'x:'.repeat(50)}to; bh=AAAA; b=AAAA\r\n`
  const flood = Array.from({ length: 1000 }, (_, n) => one(n)).join('')
  const before = dns.questions.length
  const startedAt = performance.now()
  assert.match(await receive(flood + mail), /^250 /)
  const { trust } = await smtp.t.platform.db.selectFrom('bodies').select('trust').executeTakeFirstOrThrow()
  assert.ok((trust?.dkim.length ?? 99) <= 12)
  assert.ok(dns.questions.length - before < 40, `${dns.questions.length - before} questions`)
  assert.ok(performance.now() - startedAt < 10_000)
})

test('a header beyond the bound is refused', async () => {
  const raw = `${'X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n'.repeat(8000)}${mail}`
  assert.match(await receive(raw), /^552 5\.3\.4 /)
})

const hostile: [what: string, raw: string][] = [
  ['NULs in a signature', 'DKIM-Signature: v=1; a=rsa-sha256; d=\0a.example; s=\0; h=from; bh=x; b=x\r\n'],
  ['half a surrogate', 'From: =?utf-16be?B?2AA=?= <a@nothing.example>\r\n'],
  ['tags that never end', `DKIM-Signature: ${';='.repeat(5000)}\r\n`],
  ['an ARC set without its parts', 'ARC-Seal: i=1; cv=none; a=rsa-sha256; d=x.example; s=r; b=AA\r\n'],
  ['an author that is none', 'From: @@@@,,,;;;<<<>>>"\r\n'],
  ['comments without end', `From: ${'('.repeat(20_000)}\r\n`],
]
describe('hostile messages', { concurrency: true }, () => {
  for (const [what, field] of hostile) {
    test(`are taken or refused, and nothing breaks: ${what}`, async () => {
      const reply = await receive(`${field}Subject: x\r\n\r\nx\r\n`)
      assert.match(reply, /^(?:250|550) /)
    })
  }
})
