/** A full mailbox is refused at RCPT, where each recipient has an answer of its own. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { deleteFolder, findFolder } from '../../messages/folders.ts'
import { type PolicySettings, putSettings } from '../../messages/policies.ts'
import { renameFolder } from '../../messages/rename.ts'
import { transaction } from '../../platform/database.ts'
import { countStatements } from '../../testing/count-statements.ts'
import { append } from '../../testing/test-mail.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { type SmtpClient, sendMessage, startTestSmtp, type TestSmtp } from '../../testing/test-smtp.ts'
import { honestMessage } from '../../testing/test-spam.ts'
import { smtpLimits } from './limits.ts'

let smtp: TestSmtp
before(async () => {
  smtp = await startTestSmtp({ MAILWRIGHT_LOG_LEVEL: 'silent' })
})
after(() => smtp[Symbol.asyncDispose]())

const mail = (): Buffer => Buffer.from(honestMessage())

async function put(box: TestMailbox, settings: PolicySettings): Promise<void> {
  await transaction(smtp.t.platform.db, (tx) => putSettings(smtp.t.platform, tx, box.owner, settings))
}

async function boxWith(settings: PolicySettings): Promise<TestMailbox> {
  const box = await smtp.t.createMailbox()
  await put(box, settings)
  return box
}

async function messageCount(box: TestMailbox): Promise<number> {
  return (await findFolder(smtp.t.platform, box.mailboxId, 'INBOX'))?.message_count ?? 0
}

/** The answer to RCPT in a transaction of its own. */
async function answerTo(client: SmtpClient, box: TestMailbox, parameters = ''): Promise<string> {
  await client.command(`MAIL FROM:<a@client.example>${parameters}`)
  const answer = await client.command(`RCPT TO:<${box.address}>`)
  await client.command('RSET')
  return answer
}

const rows: [settings: PolicySettings, parameters: string, want: RegExp][] = [
  [{}, ' SIZE=1000000', /^250 2\.1\.5 /],
  [{ quotaBytes: 1000 }, '', /^250 2\.1\.5 /],
  [{ quotaBytes: 1000 }, ' SIZE=1000', /^250 2\.1\.5 /],
  [{ quotaBytes: 1000 }, ' SIZE=1001', /^552 5\.2\.2 /],
  [{ quotaBytes: 0 }, '', /^452 4\.2\.2 /],
  [{ quotaBytes: 0 }, ' SIZE=1', /^552 5\.2\.2 /],
  [{ quotaMessages: 0 }, '', /^452 4\.2\.2 /],
  [{ quotaMessages: 1 }, ' SIZE=1000000', /^250 2\.1\.5 /],
]
for (const [settings, parameters, want] of rows) {
  test(`an empty mailbox with ${JSON.stringify(settings)}: RCPT after MAIL${parameters}`, async () => {
    using client = await smtp.greet('smtp')
    assert.match(await answerTo(client, await boxWith(settings), parameters), want)
  })
}

test('a mailbox fills up by deliveries, and takes mail again once there is room', async () => {
  const box = await boxWith({ quotaMessages: 2 })
  using client = await smtp.greet('smtp')
  for (let sent = 0; sent < 2; sent++) {
    assert.match(await sendMessage(client, '<a@client.example>', [box.address], mail()), /^250 2\.6\.0 /)
  }
  assert.match(await answerTo(client, box), /^452 4\.2\.2 The mailbox is full/)
  const { platform } = smtp.t
  await transaction(platform.db, async (tx) => {
    await renameFolder(platform, tx, box.owner, 'INBOX', 'old')
  })
  assert.match(await answerTo(client, box), /^452 /) // moving makes no room
  await transaction(platform.db, (tx) => deleteFolder(platform, tx, box.owner, 'old'))
  assert.match(await answerTo(client, box), /^250 /)
  await put(box, { quotaMessages: 0 })
  assert.match(await answerTo(client, box), /^452 /)
  await put(box, {})
  assert.match(await answerTo(client, box), /^250 /)
})

test('what the owner appends counts too', async () => {
  const raw = mail()
  const box = await boxWith({ quotaBytes: raw.length + 100 })
  using client = await smtp.greet('smtp')
  assert.match(await answerTo(client, box, ' SIZE=90'), /^250 /)
  const folder = await findFolder(smtp.t.platform, box.mailboxId, 'Sent')
  assert.ok(folder)
  await append(smtp.t.platform, box.owner, folder.id, [raw])
  assert.match(await answerTo(client, box, ' SIZE=90'), /^250 /)
  assert.match(await answerTo(client, box, ' SIZE=101'), /^452 /)
})

test('a full mailbox takes nothing from the others, and what RCPT took is delivered', async () => {
  const [full, free] = [await boxWith({ quotaMessages: 0 }), await boxWith({ quotaMessages: 1 })]
  using client = await smtp.greet('smtp')
  assert.match(await client.command('MAIL FROM:<a@client.example>'), /^250 /)
  assert.match(await client.command(`RCPT TO:<${full.address}>`), /^452 /)
  assert.match(await client.command(`RCPT TO:<${free.address}>`), /^250 /)
  await put(free, { quotaMessages: 0 })
  assert.match(await client.command('DATA'), /^354 /)
  client.write(mail())
  assert.match(await client.command('\r\n.'), /^250 2\.6\.0 /)
  assert.deepEqual([await messageCount(full), await messageCount(free)], [0, 1])
})

test('full mailboxes are no guesses: the connection lives on', async () => {
  const box = await boxWith({ quotaMessages: 0 })
  using client = await smtp.greet('smtp')
  await client.command('MAIL FROM:<a@client.example>')
  for (let n = 0; n <= smtpLimits.refusedRecipientsMax; n++) {
    assert.match(await client.command(`RCPT TO:<${box.address}>`), /^452 /)
  }
})

test('RCPT asks its memory: no statement for a mailbox that is known', async () => {
  const box = await boxWith({ quotaMessages: 1000 })
  using client = await smtp.greet('smtp')
  await answerTo(client, box)
  const statements = await countStatements(async () => {
    for (let n = 0; n < 50; n++) assert.match(await answerTo(client, box), /^250 /)
  })
  assert.ok(statements < 25, `${statements} statements`) // the event feed may look meanwhile
})
