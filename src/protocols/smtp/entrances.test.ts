/** The other ways in: behind a load balancer (PROXY), behind a mail server (LMTP), and too many at once. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import net from 'node:net'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import { requireProgram } from '../../testing/programs.ts'
import { startTestDns, type TestDns } from '../../testing/test-dns.ts'
import {
  connectSmtp,
  rawMessages,
  type SmtpClient,
  sendMessage,
  startTestSmtp,
  type TestSmtp,
} from '../../testing/test-smtp.ts'
import { smtpLimits } from './limits.ts'

let dns: TestDns
let plain: TestSmtp
let proxied: TestSmtp
before(async () => {
  dns = await startTestDns({
    'there.example': { TXT: ['v=spf1 ip4:192.0.2.7 ip6:2001:db8::9 -all'] },
    '_dmarc.there.example': { TXT: ['v=DMARC1; p=reject'] },
  })
  const environment = { MAILWRIGHT_RESOLVER: dns.resolver, MAILWRIGHT_LOG_LEVEL: 'silent' }
  plain = await startTestSmtp(environment)
  proxied = await startTestSmtp({ ...environment, MAILWRIGHT_PROXY_PROTOCOL_FROM: '127.0.0.0/8' })
})
after(async () => {
  await plain[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
  await dns[Symbol.asyncDispose]()
})

const v1 = 'PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n'
const v2 = Buffer.concat([
  Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'),
  Buffer.from([
    0x21,
    0x21,
    0,
    36,
    0x20,
    1,
    0xd,
    0xb8,
    ...Array(11).fill(0),
    9,
    0x20,
    1,
    0xd,
    0xb8,
    ...Array(12).fill(0),
  ]),
  Buffer.from([0x30, 0x39, 0, 25]),
])
const mail = 'From: a@there.example\r\nSubject: x\r\n\r\nx\r\n'

describe('PROXY', { concurrency: true }, () => {
  for (const [what, first, address] of [
    ['version 1', v1, '[192.0.2.7]'],
    ['version 2', v2, '[IPv6:2001:db8::9]'],
  ] as const) {
    test(`${what}: the client is the one that it names`, async () => {
      const box = await proxied.t.createMailbox()
      using client = await connectSmtp(proxied.listeners.smtp.port, { first })
      await client.command('EHLO client.example')
      assert.match(await sendMessage(client, '<a@there.example>', [box.address], mail), /^250 /)
      const [raw] = await rawMessages(proxied.t.platform, box.mailboxId)
      assert.ok(raw?.toString().includes(`Received: from client.example (${address})`))
      assert.match(raw?.toString() ?? '', /\bspf=pass\b/)
    })
  }

  test('before TLS from the first byte', async () => {
    const socket = net.connect({ host: '127.0.0.1', port: proxied.listeners.submissions.port })
    socket.write(v1)
    socket.destroy()
    using client = await connectSmtp(proxied.listeners.submissions.port, { first: v1, tls: true })
    assert.match(await client.command('EHLO client.example'), /^250-/)
  })

  for (const [what, bytes] of [
    ['another client’s words', 'EHLO client.example\r\n'],
    ['a header that is none', 'PROXY TCP4 mail.example x y z\r\n'],
  ] as const) {
    test(`${what} in its place end the connection without an answer`, async () => {
      assert.equal(await answerTo(proxied.listeners.smtp.port, bytes), '')
    })
  }

  test('a client that is no load balancer of ours is refused with it', async () => {
    for (const bytes of [v1, v2]) {
      assert.match(await answerTo(plain.listeners.smtp.port, bytes), /^421 /)
    }
    using client = await plain.greet('smtp')
    assert.match(await client.command(v1.trim()), /^500 /)
  })
})

async function answerTo(port: number, bytes: string | Buffer): Promise<string> {
  const socket = net.connect({ host: '127.0.0.1', port })
  socket.write(bytes)
  const pieces: Buffer[] = []
  for await (const piece of socket) pieces.push(piece)
  return Buffer.concat(pieces).toString()
}

test('one address has so many connections and no more, and others have theirs', async () => {
  await using stack = new AsyncDisposableStack()
  const open = async (first: string): Promise<SmtpClient> => {
    const client = await connectSmtp(proxied.listeners.smtp.port, { first })
    stack.defer(() => client.destroy())
    return client
  }
  const crowd = v1.replace('192.0.2.7', '192.0.2.99')
  const clients = await Promise.all(
    Array.from({ length: smtpLimits.connectionsPerAddressMax }, () => open(crowd)),
  )
  assert.match(await answerTo(proxied.listeners.smtp.port, crowd), /^421 4\.7\.0 /)
  await open(v1)
  const [one] = clients
  await one?.command('QUIT')
  await one?.closed
  const again = await open(crowd)
  assert.match(await again.command('NOOP'), /^250 /)
})

async function sendLmtp(client: SmtpClient, to: readonly string[], data: string): Promise<string[]> {
  await client.command('MAIL FROM:<a@there.example>')
  for (const one of to) assert.match(await client.command(`RCPT TO:<${one}>`), /^250 /)
  assert.match(await client.command('DATA'), /^354 /)
  client.write(data)
  const replies = [await client.command('.')]
  while (replies.length < to.length) replies.push(await client.reply())
  return replies
}

describe('LMTP (RFC 2033)', () => {
  test('greets by LHLO only, and takes no mail for elsewhere', async () => {
    using client = await plain.connect('lmtp')
    assert.match(await client.command('EHLO front.example'), /^500 /)
    assert.match(await client.command('LHLO front.example'), /^250-/)
    assert.match(await client.command('MAIL FROM:<a@there.example> RET=FULL'), /^555 /)
    assert.match(await client.command('MAIL FROM:<a@there.example>'), /^250 /)
    assert.match(await client.command('RCPT TO:<x@elsewhere.example>'), /^550 5\.7\.1 /)
    assert.match(await client.command('RCPT TO:<nobody@demo.test>'), /^550 5\.1\.1 /)
  })

  test('answers for each recipient, and judges by the client in the newest trace, without refusing', async () => {
    const [one, two] = [await plain.t.createMailbox(), await plain.t.createMailbox()]
    using client = await plain.greet('lmtp')
    for (const [address, spf, disposition] of [
      ['192.0.2.7', 'pass', 'none'],
      ['192.0.2.8', 'fail', 'quarantine'],
      ['10.0.0.8', 'none', 'quarantine'],
    ] as const) {
      const trace = `Received: from x.there.example (x.there.example [${address}])\r\n\tby front.example with ESMTP id 1;\r\n\tMon, 02 Nov 2026 10:00:00 +0000\r\n`
      const replies = await sendLmtp(
        client,
        [one.address, two.address, one.address.replace('@', '+tag@')],
        trace + mail,
      )
      assert.deepEqual(
        replies.map((reply) => reply.slice(0, 9)),
        ['250 2.6.0', '250 2.6.0', '250 2.6.0'],
      )
      const row = await plain.t.platform.db
        .selectFrom('messages')
        .innerJoin('bodies', 'bodies.id', 'messages.body_id')
        .select('bodies.trust')
        .where('mailbox_id', '=', two.mailboxId)
        .orderBy('messages.id', 'desc')
        .executeTakeFirstOrThrow()
      assert.equal(row.trust?.spf.result, spf)
      assert.equal(row.trust?.dmarc.disposition, disposition)
    }
    const raws = await rawMessages(plain.t.platform, one.mailboxId)
    assert.equal(raws.length, 3, 'a mailbox that is named twice gets a message once')
    assert.match(
      raws[0]?.toString() ?? '',
      /^Received: from client\.example .*\r\n\tby localhost \(Mailwright\) with LMTP id /m,
    )
  })

  test('a mailbox that vanished keeps the others from nothing', async () => {
    const [gone, here] = [await plain.t.createMailbox(), await plain.t.createMailbox()]
    using client = await plain.greet('lmtp')
    await client.command('MAIL FROM:<a@quiet.example>')
    await client.command(`RCPT TO:<${gone.address}>`)
    await client.command(`RCPT TO:<${here.address}>`)
    await client.command('DATA')
    await sql`delete from folders where mailbox_id = ${gone.mailboxId}::uuid`.execute(plain.t.platform.db)
    assert.match(await client.command('Subject: x\r\n\r\nx\r\n.'), /^451 4\.2\.1 /)
    assert.match(await client.reply(), /^250 2\.6\.0 /)
    assert.equal((await rawMessages(plain.t.platform, here.mailboxId)).length, 1)
  })

  test('bare line ends are mended, because the mail was accepted before', async () => {
    const box = await plain.t.createMailbox()
    using client = await plain.greet('lmtp')
    assert.match((await sendLmtp(client, [box.address], 'Subject: x\n\nline\nline\r\n'))[0] ?? '', /^250 /)
    const [raw] = await rawMessages(plain.t.platform, box.mailboxId)
    assert.ok(raw?.toString().endsWith('Subject: x\r\n\r\nline\r\nline\r\n'))
  })

  test('swaks delivers', async (t) => {
    if (!requireProgram(t, 'swaks')) return
    const [one, two] = [await plain.t.createMailbox(), await plain.t.createMailbox()]
    const { stdout } = await promisify(execFile)('swaks', [
      ...['--protocol', 'LMTP', '--server', '127.0.0.1', '--port', String(plain.listeners.lmtp.port)],
      ...['--from', 'a@quiet.example', '--to', `${one.address},${two.address}`, '--ehlo', 'front.example'],
    ])
    assert.equal(stdout.match(/^<-\s+250 2\.6\.0 Accepted/gm)?.length, 2)
    assert.equal((await rawMessages(plain.t.platform, two.mailboxId)).length, 1)
  })
})
