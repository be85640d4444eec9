import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { countStatements } from '../testing/count-statements.ts'
import { append, folderIdOf, mail, messagesIn } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { readRange } from './bodies-read.ts'
import { flagBits } from './flags.ts'
import { lightFolderOf, lightMessagesIn } from './light-folders.ts'
import { commitExpunge, commitFlags } from './quick-changes.ts'
import { keepBody, rememberedMessage } from './remembered-bodies.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const all = [{ first: 1, last: 1000 }]

const light = (uid: number) => ({
  uid,
  modseq: 9,
  flags: flagBits.seen,
  keywords: ['$A'],
  internal_date: new Date(0),
  size_bytes: 1,
})

test('what was stored is opened without a statement, with the flags that it has now', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const raw = mail({ text: 'x'.repeat(5000) })
  await append(t.platform, box.owner, inbox, [raw])
  const target = { mailboxId: box.mailboxId, folderId: inbox }
  const folder = await lightFolderOf(t.platform, target, { modseq: 0, isStale: false })
  assert.ok(folder)
  const change = { mode: 'add', flags: flagBits.flagged, keywords: ['$Work'] } as const
  await commitFlags(t.platform, box.owner, inbox, all, change, () => {})
  const [message] = [...lightMessagesIn(folder, all)]
  assert.ok(message)
  const [stored] = await messagesIn(t.platform, box.mailboxId, inbox)
  assert.ok(stored)
  const statements = await countStatements(async () => {
    const opened = rememberedMessage(t.platform, inbox, message)
    assert.ok(opened)
    assert.deepEqual(await readRange(opened.body, { start: 0, end: raw.length }), raw)
    const { uid, modseq, flags, keywords, id, body_id, thread_id, internal_date } = opened.row
    assert.deepEqual({ uid, modseq, flags, keywords, id, body_id, thread_id, internal_date }, stored)
  })
  assert.equal(statements, 0)
})

test('what is expunged is forgotten, and a large body is not kept', async () => {
  const box = await t.createMailbox()
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail(), mail()])
  await append(t.platform, box.owner, inbox, [randomBytes(300_000)])
  await lightFolderOf(
    t.platform,
    { mailboxId: box.mailboxId, folderId: inbox },
    { modseq: 0, isStale: false },
  )
  const change = { mode: 'add', flags: flagBits.deleted, keywords: [] } as const
  await commitFlags(t.platform, box.owner, inbox, [{ first: 1, last: 1 }], change, () => {})
  await commitExpunge(t.platform, box.owner, inbox, null)
  assert.deepEqual(
    [1, 2, 3].map((uid) => rememberedMessage(t.platform, inbox, light(uid)) !== null),
    [false, true, false],
  )
})

test('there is a bound, and what was used longest ago goes first', async () => {
  const platform = { ...t.platform } // a memory of its own
  const row = {
    id: 'm',
    body_id: 'b',
    thread_id: 't',
    internal_date: new Date(0),
    saved_at: new Date(0),
    size_bytes: 200_000,
  }
  const frame = randomBytes(200_000)
  for (let uid = 1; uid <= 300; uid++) {
    keepBody(platform, 'folder', uid, { ...row, frame })
    assert.notEqual(rememberedMessage(platform, 'folder', light(1)), null) // so that it stays
  }
  const kept = Array.from({ length: 300 }, (_, n) => rememberedMessage(platform, 'folder', light(n + 1)))
  const count = kept.filter((one) => one !== null).length
  assert.ok(count > 100 && count * 200_000 <= 32 * 1024 ** 2, `${count} are kept`)
  assert.deepEqual([kept[0] !== null, kept[1] !== null, kept[299] !== null], [true, false, true])
  assert.equal(rememberedMessage(platform, 'another folder', light(1)), null)
})
