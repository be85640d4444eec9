import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { append, folderIdOf, inTransaction } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { expungeMessages } from './changes.ts'
import { copyMessages, moveMessages } from './copies.ts'
import { getMessage } from './find-message.ts'
import { flagBits } from './flags.ts'

let t: TestPlatform
let box: TestMailbox
let inboxId: string
let archiveId: string
before(async () => {
  t = await startTestPlatform()
  box = await t.createMailbox()
  inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  archiveId = await folderIdOf(t.platform, box.mailboxId, 'Archive')
})
after(() => t[Symbol.asyncDispose]())

const raw = Buffer.from(
  'From: Ann <ann@a.test>\r\nMessage-ID: <m@a.test>\r\nReferences: <x@a.test> <y@a.test>\r\n' +
    'Subject: one\r\nContent-Type: text/html\r\n\r\n<p>hello',
)

async function stored(): Promise<{ id: string; uid: number }> {
  const more = { flags: flagBits.flagged, keywords: ['Work'], internalDate: new Date('2026-01-02T03:04:05Z') }
  const [message] = await append(t.platform, box.owner, inboxId, [raw], more)
  assert.ok(message)
  return message
}

test('a message by its id, in any case', async () => {
  const { id, uid } = await stored()
  const { bodyId, threadId, modseq, envelope, structure, ...rest } = await getMessage(
    t.platform.db,
    box.mailboxId,
    id.toUpperCase(),
  )
  assert.deepEqual(rest, {
    id,
    mailboxId: box.mailboxId,
    folderId: inboxId,
    folderPath: 'INBOX',
    specialUse: 'inbox',
    uid,
    flags: flagBits.flagged,
    keywords: ['Work'],
    internalDate: new Date('2026-01-02T03:04:05Z'),
    sizeBytes: raw.length,
    preview: null,
    trust: null,
  })
  assert.match(`${bodyId} ${threadId}`, /^[0-9a-f-]{36} [0-9a-f-]{36}$/)
  assert.ok(modseq > 0)
  assert.deepEqual(
    [envelope.subject, envelope.messageId, envelope.references],
    ['one', '<m@a.test>', ['<x@a.test>', '<y@a.test>']],
  )
  assert.deepEqual([structure.type, structure.subtype], ['text', 'html'])
})

test('moved it keeps its id, a copy has its own, and an expunged one is gone', async () => {
  const { id, uid } = await stored()
  const ranges = [{ first: uid, last: uid }]
  await inTransaction(t.platform, (tx) => copyMessages(t.platform, tx, box.owner, inboxId, ranges, archiveId))
  await inTransaction(t.platform, (tx) => moveMessages(t.platform, tx, box.owner, inboxId, ranges, archiveId))
  const moved = await getMessage(t.platform.db, box.mailboxId, id)
  assert.deepEqual([moved.folderId, moved.folderPath], [archiveId, 'Archive'])
  await inTransaction(t.platform, (tx) => expungeMessages(t.platform, tx, box.owner, archiveId, [moved.uid]))
  await assert.rejects(getMessage(t.platform.db, box.mailboxId, id), { code: 'message_not_found' })
})

test('what is no id, nobody’s, or another mailbox’s is not found', async () => {
  const other = await t.createMailbox()
  const { id } = await stored()
  const cases: [mailboxId: string, id: string][] = [
    [box.mailboxId, ''],
    [box.mailboxId, "'; drop table messages"],
    [box.mailboxId, `${id} `],
    [box.mailboxId, '00000000-0000-7000-8000-000000000000'],
    [other.mailboxId, id],
  ]
  for (const [mailboxId, wanted] of cases)
    await assert.rejects(getMessage(t.platform.db, mailboxId, wanted), { code: 'message_not_found' })
})
