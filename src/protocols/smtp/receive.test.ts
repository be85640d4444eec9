/** DATA: what was sent is what is stored, and nothing else ends it. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import type { TestMailbox } from '../../testing/test-platform.ts'
import {
  rawMessages,
  type SmtpClient,
  sendMessage,
  startTestSmtp,
  type TestSmtp,
} from '../../testing/test-smtp.ts'

const sizeMax = 2_000_000
let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp({
    MAILWRIGHT_MESSAGE_BYTES_MAX: String(sizeMax),
    MAILWRIGHT_LOG_LEVEL: 'silent',
  })
})
after(() => smtp[Symbol.asyncDispose]())

/** A connection that has said EHLO, and a mailbox of its own to deliver to. */
async function fresh(): Promise<{ client: SmtpClient; box: TestMailbox }> {
  return { client: await smtp.greet('smtp'), box: await smtp.t.createMailbox() }
}

async function openData(client: SmtpClient, box: TestMailbox, mailFrom = '<a@example.net>'): Promise<void> {
  await client.command(`MAIL FROM:${mailFrom}`)
  await client.command(`RCPT TO:<${box.address}>`)
  assert.match(await client.command('DATA'), /^354 /)
}

/** A message of ours without the trace fields in front of it. */
function withoutTrace(raw: Buffer | undefined): Buffer {
  assert.ok(raw)
  const text = raw.toString('latin1')
  const trace = /^Received: [^\r\n]*\r\n\t[^\r\n]*\r\n\t[^\r\n]*\r\n/m.exec(text)
  assert.ok(trace && text.startsWith('Return-Path: <'), `no trace in ${JSON.stringify(text.slice(0, 300))}`)
  return raw.subarray(trace.index + trace[0].length)
}

async function lastMessage(box: TestMailbox): Promise<Buffer> {
  return withoutTrace((await rawMessages(smtp.t.platform, box.mailboxId)).at(-1))
}

// RFC 5321 §4.5.2.
function dotStuffed(raw: Buffer): Buffer {
  return Buffer.from(raw.toString('latin1').replace(/(^|\r\n)\./g, '$1..'), 'latin1')
}

const contents: [what: string, raw: Buffer][] = [
  ['nothing', Buffer.from('\r\n')],
  ['only a dot', Buffer.from('.\r\n')],
  ['dots', Buffer.from('.\r\n..\r\n...\r\n. .\r\n')],
  ['a header and a body', Buffer.from('Subject: x\r\n\r\n.signature\r\n')],
  ['NUL bytes', Buffer.from('Subject: \0\r\n\r\n\0\0 a\0b\r\n')],
  [
    'every byte but CR and LF',
    Buffer.concat([
      Buffer.from('\r\n'),
      Buffer.from(Array.from({ length: 256 }, (_, n) => n).filter((n) => n !== 10 && n !== 13)),
      Buffer.from('\r\n'),
    ]),
  ],
  ['a line of 100,000 bytes', Buffer.from(`\r\n${'x'.repeat(100_000)}\r\n`)],
  ['more than one chunk', Buffer.from(`\r\n${randomBytes(500_000).toString('base64')}\r\n`)],
]
describe('contents', { concurrency: true }, () => {
  for (const [what, raw] of contents) {
    test(`stored as it was sent: ${what}`, async () => {
      const { client, box } = await fresh()
      using _ = client
      await openData(client, box)
      client.write(dotStuffed(raw))
      assert.match(await client.command('.'), /^250 2\.6\.0 Accepted as [\w-]{36}$/)
      assert.ok(raw.equals(await lastMessage(box)))
    })
  }
})

test('any lines in any pieces are stored byte for byte, one message after the other', async () => {
  const { client, box } = await fresh()
  using _ = client
  const line = fc.oneof(
    fc.constantFrom('.', '..', '...', '', '.x', 'x.', '\0', 'QUIT', 'RSET'),
    fc.string({ unit: 'binary-ascii', maxLength: 30 }).map((text) => text.replace(/[\r\n]/g, '')),
  )
  const lines = fc.array(line, { maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(
      lines,
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 }),
      async (texts, cuts) => {
        const raw = Buffer.from(texts.map((text) => `${text}\r\n`).join(''), 'latin1')
        const wire = Buffer.concat([dotStuffed(raw), Buffer.from('.\r\n')])
        await openData(client, box)
        let at = 0
        for (const cut of cuts) {
          if (at >= wire.length) break
          client.write(wire.subarray(at, at + cut))
          at += cut
          await new Promise((resolve) => setImmediate(resolve))
        }
        if (at < wire.length) client.write(wire.subarray(at))
        assert.match(await client.reply(), /^250 2\.6\.0 /)
        assert.deepEqual(await lastMessage(box), raw)
      },
    ),
    { numRuns: 60 },
  )
})

test('every cut of a message that is all dots', async () => {
  const { client, box } = await fresh()
  using _ = client
  const raw = Buffer.from('.\r\n..\r\n\r\n.a\r\n')
  const wire = Buffer.concat([dotStuffed(raw), Buffer.from('.\r\n')])
  for (let cut = 1; cut < wire.length; cut++) {
    await openData(client, box)
    client.write(wire.subarray(0, cut))
    await new Promise((resolve) => setTimeout(resolve, 2))
    client.write(wire.subarray(cut))
    assert.match(await client.reply(), /^250 2\.6\.0 /)
    assert.deepEqual(await lastMessage(box), raw, `cut at ${cut}`)
  }
})

// What one server takes for the end of a message and another does not lets a sender hide a second message in it.
const ends = [
  '\n.\n',
  '\r.\r',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r\n',
  '\r\n.\r',
  '\r\n\0.\r\n',
  '\r\n.\0\r\n',
  '\r\r\n.\r\r\n',
  '\n\n.\r\n',
]
describe('smuggling', { concurrency: true }, () => {
  const hidden = 'MAIL FROM:<evil@example.net>\r\nRCPT TO:<x@demo.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx'
  for (const end of ends) {
    const raw = `Subject: outer\r\n\r\nbody${end}${hidden}\r\n`
    const isBare = /\r(?!\n)|(?<!\r)\n/.test(end)

    test(`${JSON.stringify(end)} does not end a message${isBare ? ', which is refused' : ''}`, async () => {
      const { client, box } = await fresh()
      using _ = client
      await openData(client, box)
      client.write(raw)
      assert.match(await client.command('.'), isBare ? /^550 5\.6\.11 / : /^250 2\.6\.0 /)
      assert.match(await client.command('NOOP'), /^250 2\.0\.0 OK/, 'nothing but NOOP was answered')
      const messages = await rawMessages(smtp.t.platform, box.mailboxId)
      assert.deepEqual(
        messages.map((one) => withoutTrace(one).toString('latin1')),
        isBare ? [] : [raw],
      )
    })

    test(`${JSON.stringify(end)} from a login of ours is mended`, async () => {
      const box = await smtp.t.createMailbox()
      using client = await smtp.logIn(box.address, box.password)
      const reply = await sendMessage(client, `<${box.address}>`, [box.address], raw)
      assert.match(reply, /^250 2\.6\.0 /)
      assert.match(await client.command('NOOP'), /^250 2\.0\.0 OK/)
      const messages = await rawMessages(smtp.t.platform, box.mailboxId)
      assert.equal(messages.length, 1)
      // The library takes a dot behind any LF for a stuffed one; here none stands before another.
      const mended = `${raw}\r\n`.replace(/\r\n|\r|\n/g, '\r\n')
      assert.ok(messages[0]?.toString('latin1').endsWith(mended.slice(mended.indexOf('body'))))
    })
  }
})

test('what is answered 250 is in the table at that moment', async () => {
  const { client, box } = await fresh()
  using _ = client
  for (let n = 1; n <= 20; n++) {
    assert.match(
      await sendMessage(client, '<a@example.net>', [box.address], `Subject: ${n}\r\n\r\nx`),
      /^250 /,
    )
    const { count } = await smtp.t.platform.db
      .selectFrom('messages')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('mailbox_id', '=', box.mailboxId)
      .executeTakeFirstOrThrow()
    assert.equal(count, n)
  }
})

test('a message above the limit is refused after its end, and the next one is accepted', async () => {
  const { client, box } = await fresh()
  using _ = client
  const line = `${'x'.repeat(998)}\r\n`
  const tooBig = `\r\n${line.repeat(sizeMax / 1000)}`
  for (const data of [tooBig, '.'.repeat(3) + tooBig]) {
    assert.match(await sendMessage(client, '<a@example.net>', [box.address], data), /^552 5\.3\.4 /)
  }
  assert.equal(await chunksWithoutBody(), 0, 'what came of it is gone')
  const fits = `\r\n${line.repeat(sizeMax / 1000 - 1)}`
  await openData(client, box)
  client.write(fits)
  assert.match(await client.command('.'), /^250 2\.6\.0 /)
  const messages = await rawMessages(smtp.t.platform, box.mailboxId)
  assert.equal(messages.length, 1)
  assert.equal(withoutTrace(messages[0]).toString(), fits)
})

async function chunksWithoutBody(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) as count from body_chunks
    where not exists (select from bodies where bodies.id = body_id)`.execute(smtp.t.platform.db)
  return rows[0]?.count ?? 0
}

for (const [what, bytes] of [
  ['in the middle of a small message', 1000],
  ['in the middle of a large one', 700_000],
] as const) {
  test(`a connection that breaks off ${what} stores nothing`, async () => {
    const { client, box } = await fresh()
    await openData(client, box)
    client.write(`Subject: half\r\n\r\n${'x'.repeat(bytes)}\r\n`)
    await new Promise((resolve) => setTimeout(resolve, 100))
    client.destroy()
    const deadline = performance.now() + 3000
    while ((await chunksWithoutBody()) > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.equal(await chunksWithoutBody(), 0)
    assert.equal((await rawMessages(smtp.t.platform, box.mailboxId)).length, 0)
  })
}

test('a mailbox with a UTF-8 address gets its mail with SMTPUTF8 only', async () => {
  const box = await smtp.t.createMailbox('jürgen@demo.test')
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<a@example.net>')
  assert.match(await client.command('RCPT TO:<jürgen@demo.test>'), /^553 5\.6\.7 /)
  await client.command('RSET')
  const reply = await sendMessage(
    client,
    '<ü@example.net> SMTPUTF8',
    ['Jürgen@demo.test'],
    'Subject: ü\r\n\r\nx',
  )
  assert.match(reply, /^250 2\.6\.0 /)
  const [raw] = await rawMessages(smtp.t.platform, box.mailboxId)
  assert.match(raw?.toString() ?? '', /^Return-Path: <ü@example\.net>\r\n/)
  assert.match(raw?.toString() ?? '', /with UTF8SMTP id \S+ for <jürgen@demo\.test>;/)
})

test('a sender of an IDN is written as it was sent, in A-labels', async () => {
  const { client, box } = await fresh()
  using _ = client
  await sendMessage(client, '<Jo@xn--bcher-kva.example>', [box.address], 'Subject: x\r\n\r\nx')
  const [raw] = await rawMessages(smtp.t.platform, box.mailboxId)
  assert.match(raw?.toString('latin1') ?? '', /^Return-Path: <Jo@xn--bcher-kva\.example>\r\n/)
})

test('a name in EHLO adds no field to a message', async () => {
  const box = await smtp.t.createMailbox()
  using client = await smtp.connect('smtp')
  assert.match(await client.command('EHLO a\0b'), /^501 /)
  assert.match(await client.command('EHLO x(y);z\\)'), /^250-/)
  await sendMessage(client, '<a@example.net>', [box.address], 'Subject: x\r\n\r\nx')
  const [raw] = await rawMessages(smtp.t.platform, box.mailboxId)
  assert.match(raw?.toString() ?? '', /\r\nReceived: from xyz \(\[127\.0\.0\.1\]\)\r\n\tby /)
})

test('a mailbox that vanishes during DATA makes the sender come back', async () => {
  const { client, box } = await fresh()
  using _ = client
  await openData(client, box)
  await sql`delete from folders where mailbox_id = ${box.mailboxId}::uuid`.execute(smtp.t.platform.db)
  assert.match(await client.command('Subject: late\r\n\r\nx\r\n.'), /^451 4\.2\.1 /)
  assert.match(await client.command('NOOP'), /^250 /)
})

test('a message that cannot be stored is answered 451, and the session goes on', async () => {
  const { client, box } = await fresh()
  using _ = client
  await sql`alter table bodies add constraint no_bodies check (size_bytes > 3000) not valid`.execute(
    smtp.t.platform.db,
  )
  const refused = await sendMessage(client, '<a@example.net>', [box.address], 'Subject: small\r\n\r\nx')
  await sql`alter table bodies drop constraint no_bodies`.execute(smtp.t.platform.db)
  assert.match(refused, /^451 4\.3\.0 /)
  assert.match(
    await sendMessage(client, '<a@example.net>', [box.address], 'Subject: small\r\n\r\nx'),
    /^250 /,
  )
})
