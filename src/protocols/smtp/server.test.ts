/** How a listener stops: politely, and soon. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCommitLane } from '../../delivery/commit-lane.ts'
import { startRecipientResolver } from '../../delivery/recipients.ts'
import { loadTls } from '../../platform/tls.ts'
import { startTestPlatform, type TestPlatform } from '../../testing/test-platform.ts'
import { connectSmtp, rawMessages, type SmtpClient } from '../../testing/test-smtp.ts'
import { type SmtpListener, startSmtpListener } from './listener.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function startListener(): Promise<SmtpListener> {
  return await startSmtpListener(t.platform, {
    name: 'smtp',
    host: '127.0.0.1',
    port: 0,
    tls: await loadTls(t.config, new Date()),
    lane: startCommitLane(t.platform),
    recipients: startRecipientResolver(t.platform),
  })
}

async function greet(listener: SmtpListener): Promise<SmtpClient> {
  const client = await connectSmtp(listener.port)
  await client.command('EHLO client.example')
  return client
}

test('a stop sends idle clients away at once and lets a running DATA finish', async () => {
  const box = await t.createMailbox()
  const listener = await startListener()
  const [idle, between, sending] = [await greet(listener), await greet(listener), await greet(listener)]
  await between.command('MAIL FROM:<a@example.net>')
  await sending.command('MAIL FROM:<a@example.net>')
  await sending.command(`RCPT TO:<${box.address}>`)
  await sending.command('DATA')
  sending.write('Subject: last\r\n\r\nfirst half ')
  const start = performance.now()
  const stopped = listener.stop()
  for (const client of [idle, between]) {
    assert.match(await client.reply(), /^421 4\.3\.2 /)
    await client.closed
  }
  await assert.rejects(connectSmtp(listener.port))
  assert.match(await sending.command('second half\r\n.'), /^250 2\.6\.0 /)
  assert.match(await sending.reply(), /^421 4\.3\.2 /)
  await stopped
  assert.ok(performance.now() - start < 2000, 'no client was waited for in vain')
  const [raw] = await rawMessages(t.platform, box.mailboxId)
  assert.match(raw?.toString() ?? '', /first half second half\r\n$/)
})

test('a stop without clients is immediate', async () => {
  const listener = await startListener()
  const start = performance.now()
  await listener.stop()
  assert.ok(performance.now() - start < 500)
})

test('a stop takes a session in TLS and one that was not greeted yet along', async () => {
  const listener = await startListener()
  const secure = await greet(listener)
  await secure.startTls()
  assert.match(await secure.command('NOOP'), /^250 /) // its handshake has ended on the other side, too
  const early = connectSmtp(listener.port).catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const start = performance.now()
  const stopped = listener.stop()
  assert.match(await secure.reply(), /^421 4\.3\.2 /)
  assert.ok((await early) instanceof Error, 'it was told 421 in place of a greeting')
  await stopped
  assert.ok(performance.now() - start < 2000)
})

test('a port that is taken is refused at the start', async () => {
  const listener = await startListener()
  const refused = startSmtpListener(t.platform, {
    name: 'smtp',
    host: '127.0.0.1',
    port: listener.port,
    tls: await loadTls(t.config, new Date()),
    lane: startCommitLane(t.platform),
    recipients: startRecipientResolver(t.platform),
  })
  await assert.rejects(refused, /EADDRINUSE/)
  await listener.stop()
})
