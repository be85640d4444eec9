import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { append, folderIdOf, inTransaction, mail, messagesIn } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { copyMessages, moveMessages } from './copies.ts'
import { foldersPerMailboxMax } from './folders.ts'
import { type PolicySettings, putSettings } from './policies.ts'
import { hasRoom, quotaOf, storageOf } from './quotas.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const all = [{ first: 1, last: 1000 }]
const isFull = (error: unknown) => error instanceof Refusal && error.code === 'quota_exceeded'

async function boxWith(settings: PolicySettings): Promise<TestMailbox> {
  const box = await t.createMailbox()
  await transaction(t.platform.db, (tx) => putSettings(t.platform, tx, box.owner, settings))
  return box
}

const limits: [bytes: number | null, messages: number | null, need: [number, number], has: boolean][] = [
  [null, null, [1e12, 1e6], true],
  [100, null, [40, 1], true],
  [100, null, [41, 1], false],
  [null, 3, [1, 1], true],
  [null, 3, [1, 2], false],
  [100, 3, [41, 1], false],
  [100, 3, [40, 2], false],
  [0, null, [1, 1], false],
  [0, 0, [0, 0], true], // what was lowered below the usage refuses only what adds
  [0, 0, [-5, 0], true],
  [0, 2, [1, -1], false],
]
for (const [quotaBytes, quotaMessages, [bytes, messages], has] of limits) {
  test(`60 bytes in 2 messages of ${quotaBytes} and ${quotaMessages}: ${bytes} in ${messages} more`, () => {
    const policy = {
      quotaBytes,
      quotaMessages,
      trashDays: null,
      junkDays: null,
      restoreDays: 0,
      pop3: { keepDays: null },
    }
    assert.equal(hasRoom(policy, { bytes: 60, messages: 2 }, { bytes, messages }), has)
  })
}

test('the usage is that of all folders, and of no other mailbox', async () => {
  const box = await boxWith({ quotaBytes: 10_000, quotaMessages: 10 })
  const other = await boxWith({ quotaMessages: 1 })
  const raw = mail()
  await append(t.platform, box.owner, await folderIdOf(t.platform, box.mailboxId, 'INBOX'), [raw, raw])
  await append(t.platform, box.owner, await folderIdOf(t.platform, box.mailboxId, 'Sent'), [raw])
  assert.deepEqual(await quotaOf(t.platform, box.owner), {
    usage: { bytes: 3 * raw.length, messages: 3, folders: 6 },
    limits: { bytes: 10_000, messages: 10, folders: foldersPerMailboxMax },
  })
  const { usage } = await quotaOf(t.platform, other.owner)
  assert.deepEqual(usage, { bytes: 0, messages: 0, folders: 6 })
})

test('what does not fit is neither appended nor copied; moving is free', async () => {
  const raw = mail()
  const box = await boxWith({ quotaBytes: 2 * raw.length })
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const sent = await folderIdOf(t.platform, box.mailboxId, 'Sent')
  await assert.rejects(append(t.platform, box.owner, inbox, [raw, raw, raw]), isFull)
  assert.equal((await messagesIn(t.platform, box.mailboxId, inbox)).length, 0)
  await append(t.platform, box.owner, inbox, [raw, raw])
  await assert.rejects(append(t.platform, box.owner, sent, [raw]), isFull)
  const copy = inTransaction(t.platform, (tx) => copyMessages(t.platform, tx, box.owner, inbox, all, sent))
  await assert.rejects(copy, isFull)
  await inTransaction(t.platform, (tx) => moveMessages(t.platform, tx, box.owner, inbox, all, sent))
  assert.equal((await messagesIn(t.platform, box.mailboxId, sent)).length, 2)
})

test('a limit of messages holds for copies', async () => {
  const box = await boxWith({ quotaMessages: 3 })
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await append(t.platform, box.owner, inbox, [mail(), mail()])
  const copy = (last: number) =>
    inTransaction(t.platform, (tx) =>
      copyMessages(t.platform, tx, box.owner, inbox, [{ first: 1, last }], inbox),
    )
  await assert.rejects(copy(2), isFull)
  assert.equal((await copy(1)).destinationUids.length, 1)
  assert.equal((await copy(0)).destinationUids.length, 0) // nothing fits everywhere
})

test('a workspace may say it for its mailboxes', async () => {
  const box = await boxWith({})
  const { organizationId, workspaceId } = box.owner
  const level = { organizationId, workspaceId, mailboxId: null }
  const put = (settings: PolicySettings) =>
    transaction(t.platform.db, (tx) => putSettings(t.platform, tx, level, settings))
  await put({ quotaMessages: 0 })
  const inbox = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  await assert.rejects(append(t.platform, box.owner, inbox, [mail()]), isFull)
  await put({})
  await append(t.platform, box.owner, inbox, [mail()])
})

test('the storage of many mailboxes at once is what each of them says alone', async () => {
  const boxes = [await boxWith({ quotaBytes: 5000 }), await boxWith({ quotaBytes: null }), await boxWith({})]
  const [first] = boxes
  assert.ok(first)
  const inbox = await folderIdOf(t.platform, first.mailboxId, 'INBOX')
  await append(t.platform, first.owner, inbox, [mail()])
  const rows = boxes.map(({ mailboxId }) => ({ id: mailboxId, workspace_id: t.scope.workspaceId }))
  const storage = await storageOf(t.platform, t.platform.db, rows)
  for (const { owner } of boxes) {
    const { usage, limits } = await quotaOf(t.platform, owner)
    assert.deepEqual(storage.get(owner.mailboxId), { bytes: usage.bytes, limitBytes: limits.bytes })
  }
  assert.equal(storage.get(first.mailboxId)?.bytes, mail().length)
  assert.equal((await storageOf(t.platform, t.platform.db, [])).size, 0)
})
