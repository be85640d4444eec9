import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { Refusal } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import {
  append,
  assertCounters,
  eventsOf,
  folderIdOf,
  inTransaction,
  mail,
  messagesIn,
  stage,
} from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import { appendMessages } from './append.ts'
import { flagBits } from './flags.ts'
import { findFolder, findInboxId } from './folders.ts'
import { type NewMessage, storeMessages } from './store.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function mailboxWithInbox(): Promise<TestMailbox & { inboxId: string }> {
  const mailbox = await t.createMailbox()
  const inboxId = await findInboxId(t.platform, mailbox.mailboxId)
  assert.ok(inboxId)
  return { ...mailbox, inboxId }
}

async function newMessage(
  mailboxId: string,
  folderId: string,
  more: Partial<NewMessage> = {},
): Promise<NewMessage> {
  const body = await stage(t.platform, mail({ id: newId() }))
  return { mailboxId, folderId, body, flags: 0, keywords: [], internalDate: new Date(), ...more }
}

test('the first message of a folder has UID 1 and raises its MODSEQ', async () => {
  const { owner, mailboxId, inboxId } = await mailboxWithInbox()
  const before = await findFolder(t.platform, mailboxId, 'INBOX')
  const [message] = await append(t.platform, owner, inboxId, [mail()])
  assert.equal(message?.uid, 1)
  assert.equal(message?.modseq, (before?.highest_modseq ?? 0) + 1)
  assert.equal(message?.uidvalidity, before?.uidvalidity)
  const folder = await findFolder(t.platform, mailboxId, 'INBOX')
  assert.deepEqual(
    [
      folder?.uidnext,
      folder?.highest_modseq,
      folder?.message_count,
      folder?.unseen_count,
      folder?.size_bytes,
    ],
    [2, message?.modseq, 1, 1, mail().length],
  )
})

test('concurrent transactions give each batch consecutive UIDs, and the folder no gap', async () => {
  const { owner, mailboxId, inboxId } = await mailboxWithInbox()
  const sentId = await folderIdOf(t.platform, mailboxId, 'Sent')
  const batches = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      append(
        t.platform,
        owner,
        n % 3 === 0 ? sentId : inboxId,
        Array.from({ length: 1 + (n % 4) }, () => mail()),
      ),
    ),
  )
  for (const folderId of [inboxId, sentId]) {
    const here = batches.filter(([first]) => first?.folderId === folderId)
    for (const batch of here) {
      assert.deepEqual(
        batch.map((message) => message.uid),
        batch.map((_, index) => (batch[0]?.uid ?? 0) + index),
      )
    }
    const ordered = here.toSorted((a, b) => (a[0]?.uid ?? 0) - (b[0]?.uid ?? 0))
    const uids = ordered.flat().map((message) => message.uid)
    assert.deepEqual(
      uids,
      uids.map((_, index) => index + 1),
    )
    const modseqs = ordered.map(([first]) => first?.modseq ?? 0)
    assert.deepEqual(
      modseqs,
      [...new Set(modseqs)].toSorted((a, b) => a - b),
      'a later UID has a higher MODSEQ',
    )
  }
  await assertCounters(t.platform, mailboxId)
})

test('a transaction that is given up leaves no gap', async () => {
  const { owner, mailboxId, inboxId } = await mailboxWithInbox()
  const message = await newMessage(mailboxId, inboxId)
  await assert.rejects(
    inTransaction(t.platform, async (tx) => {
      await storeMessages(t.platform, tx, [message], () => [])
      throw new Error('given up')
    }),
    /given up/,
  )
  const [stored] = await append(t.platform, owner, inboxId, [mail()])
  assert.equal(stored?.uid, 1)
  await assertCounters(t.platform, mailboxId)
})

test('one body for many recipients is written once, and each recipient has a message', async () => {
  const boxes = await Promise.all(Array.from({ length: 5 }, () => mailboxWithInbox()))
  const body = await stage(t.platform, mail({ text: 'to all' }))
  const messages = await Promise.all(
    boxes.map(({ mailboxId, inboxId }) => newMessage(mailboxId, inboxId, { body })),
  )
  const stored = await inTransaction(t.platform, (tx) => storeMessages(t.platform, tx, messages, () => []))
  assert.deepEqual(
    stored.map((message) => message?.mailboxId),
    boxes.map(({ mailboxId }) => mailboxId),
  )
  assert.equal(new Set(stored.map((message) => message?.id)).size, 5)
  for (const { mailboxId, inboxId } of boxes) {
    const [message] = await messagesIn(t.platform, mailboxId, inboxId)
    assert.equal(message?.body_id, body.id)
  }
})

test('a folder that is gone gives null, and the other messages are stored', async () => {
  const { mailboxId, inboxId } = await mailboxWithInbox()
  const other = await mailboxWithInbox()
  const messages = [
    await newMessage(mailboxId, newId()),
    await newMessage(mailboxId, inboxId),
    await newMessage(mailboxId, other.inboxId), // a folder, but of another mailbox
  ]
  const stored = await inTransaction(t.platform, (tx) => storeMessages(t.platform, tx, messages, () => []))
  assert.deepEqual(
    stored.map((message) => message?.uid ?? null),
    [null, 1, null],
  )
  assert.equal((await messagesIn(t.platform, other.mailboxId, other.inboxId)).length, 0)
  const bodies = await t.platform.db
    .selectFrom('bodies')
    .select('id')
    .where(
      'id',
      'in',
      messages.map(({ body }) => body.id),
    )
    .execute()
  assert.deepEqual(
    bodies.map(({ id }) => id),
    [messages[1]?.body.id],
  )
})

test('an error of the caller while it makes the events rolls everything back', async () => {
  const { mailboxId, inboxId } = await mailboxWithInbox()
  const message = await newMessage(mailboxId, inboxId)
  const given = inTransaction(t.platform, (tx) =>
    storeMessages(t.platform, tx, [message], () => {
      throw new Error('no events')
    }),
  )
  await assert.rejects(given, /no events/)
  assert.equal((await messagesIn(t.platform, mailboxId, inboxId)).length, 0)
})

test('nothing to store is nothing stored', async () => {
  assert.deepEqual(await inTransaction(t.platform, (tx) => storeMessages(t.platform, tx, [], () => [])), [])
})

test('appended messages keep their flags, keywords and date, and write one event', async () => {
  const { owner, mailboxId, inboxId } = await mailboxWithInbox()
  const internalDate = new Date('2020-02-29T12:34:56.000Z')
  const messages = await append(t.platform, owner, inboxId, [mail(), mail()], {
    flags: flagBits.seen | flagBits.draft,
    keywords: ['$Work', '$work', 'other'],
    internalDate,
  })
  const rows = await messagesIn(t.platform, mailboxId, inboxId)
  for (const row of rows) {
    assert.equal(row.flags, flagBits.seen | flagBits.draft)
    assert.deepEqual(row.keywords, ['$Work', 'other'])
    assert.deepEqual(row.internal_date, internalDate)
  }
  assert.deepEqual(
    rows.map((row) => row.id),
    messages.map((message) => message.id),
  )
  const events = (await eventsOf(t.platform, mailboxId)).filter(({ type }) => type === 'message.appended')
  assert.deepEqual(
    events.map(({ data }) => data),
    [{ folder_id: inboxId, highest_modseq: messages[1]?.modseq, message_ids: messages.map(({ id }) => id) }],
  )
  assert.equal((await findFolder(t.platform, mailboxId, 'INBOX'))?.unseen_count, 0)
  await assertCounters(t.platform, mailboxId)
})

const refusals: [what: string, keywords: string[], folder: 'inbox' | 'gone', code: string][] = [
  ['a folder that is gone', [], 'gone', 'folder_not_found'],
  ['too many keywords', Array.from({ length: 101 }, (_, n) => `k${n}`), 'inbox', 'keyword_limit_reached'],
]
for (const [what, keywords, folder, code] of refusals) {
  test(`append to or with ${what}: ${code}, and nothing is stored`, async () => {
    const { owner, mailboxId, inboxId } = await mailboxWithInbox()
    const body = await stage(t.platform, mail())
    const given = inTransaction(t.platform, (tx) =>
      appendMessages(t.platform, tx, owner, folder === 'inbox' ? inboxId : newId(), [
        { body, flags: 0, keywords: [], internalDate: new Date() },
        { body, flags: 0, keywords, internalDate: new Date() },
      ]),
    )
    await assert.rejects(given, (error) => error instanceof Refusal && error.code === code)
    assert.equal((await messagesIn(t.platform, mailboxId, inboxId)).length, 0)
    assert.deepEqual(
      (await eventsOf(t.platform, mailboxId)).filter(({ type }) => type.startsWith('message.')),
      [],
    )
  })
}
