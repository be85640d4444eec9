import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { transaction } from '../../platform/database.ts'
import { append, assertCounters, folderIdOf, mail, messagesIn } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox } from '../../testing/test-platform.ts'
import { type PolicySettings, putSettings } from '../policies.ts'
import { openMaildrop } from './maildrop.ts'
import { expireRetrieved, leastKeepDays } from './maildrop-expiry.ts'
import { startMaildropLocks } from './maildrop-locks.ts'

const t = await startTestPlatform()
const { platform } = t
const locks = startMaildropLocks(platform)
after(async () => {
  await locks.stop()
  await t[Symbol.asyncDispose]()
})

async function mailboxWith(count: number, settings: PolicySettings): Promise<TestMailbox> {
  const box = await t.createMailbox()
  await say(box, settings)
  const inbox = await folderIdOf(platform, box.mailboxId, 'INBOX')
  await append(
    platform,
    box.owner,
    inbox,
    Array.from({ length: count }, () => mail()),
  )
  return box
}

async function say(box: TestMailbox, settings: PolicySettings): Promise<void> {
  await transaction(platform.db, (tx) => putSettings(platform, tx, box.owner, settings))
}

async function retrieve(box: TestMailbox, numbers: readonly number[]): Promise<void> {
  const opened = await openMaildrop(platform, locks, box.owner)
  assert.ok(opened.kind === 'opened')
  for (const number of numbers) await opened.maildrop.noteRetrieved(number)
  await opened.maildrop.update()
}

async function uidsLeft(box: TestMailbox): Promise<number[]> {
  await assertCounters(platform, box.mailboxId)
  const inbox = await folderIdOf(platform, box.mailboxId, 'INBOX')
  return (await messagesIn(platform, box.mailboxId, inbox)).map(({ uid }) => uid)
}

async function notedIn(box: TestMailbox): Promise<number> {
  const rows = await platform.db
    .selectFrom('maildrop_retrievals')
    .selectAll()
    .where('mailbox_id', '=', box.mailboxId)
    .execute()
  return rows.length
}

test('what was retrieved goes after its days, and what was not stays', async () => {
  const week = await mailboxWith(3, { pop3KeepDays: 7 })
  const month = await mailboxWith(2, { pop3KeepDays: 30 })
  const forEver = await mailboxWith(1, {})
  await retrieve(week, [1, 2])
  await retrieve(month, [1])
  await retrieve(forEver, [1])
  assert.deepEqual([await notedIn(week), await notedIn(month), await notedIn(forEver)], [2, 1, 0])
  assert.equal(await expireRetrieved(platform), 0)

  platform.clock.advance?.('P6D')
  await retrieve(week, [2, 3]) // the second for the second time
  assert.equal(await expireRetrieved(platform), 0)
  platform.clock.advance?.('P1D')
  assert.equal(await expireRetrieved(platform), 2)
  assert.deepEqual(await uidsLeft(week), [3])
  assert.deepEqual(await uidsLeft(month), [1, 2])
  platform.clock.advance?.('P23D')
  assert.equal(await expireRetrieved(platform), 2)
  assert.deepEqual([await uidsLeft(week), await uidsLeft(month), await uidsLeft(forEver)], [[], [2], [1]])
  assert.deepEqual([await notedIn(week), await notedIn(month)], [0, 0])
  assert.equal(await expireRetrieved(platform), 0)
})

test('a policy that says never keeps what was retrieved before', async () => {
  const box = await mailboxWith(1, { pop3KeepDays: 1 })
  await retrieve(box, [1])
  await say(box, { pop3KeepDays: null })
  platform.clock.advance?.('P60D')
  assert.equal(await expireRetrieved(platform), 0)
  assert.deepEqual([await uidsLeft(box), await notedIn(box)], [[1], 0])
})

test('messages that somebody removed or moved do not matter', async () => {
  const box = await mailboxWith(2, { pop3KeepDays: 1 })
  await retrieve(box, [1, 2])
  const opened = await openMaildrop(platform, locks, box.owner)
  assert.ok(opened.kind === 'opened' && opened.maildrop.markDeleted(1))
  await opened.maildrop.update()
  platform.clock.advance?.('P1D')
  assert.equal(await expireRetrieved(platform), 1)
  assert.deepEqual(await uidsLeft(box), [])
})

test('many are removed in several transactions', async () => {
  const box = await mailboxWith(1050, { pop3KeepDays: 1 })
  await retrieve(
    box,
    Array.from({ length: 1050 }, (_, at) => at + 1),
  )
  platform.clock.advance?.('P1D')
  assert.equal(await expireRetrieved(platform), 1050)
  assert.deepEqual(await uidsLeft(box), [])
})

test('the least number of days is that of the program, a workspace or a mailbox', async () => {
  await using own = await startTestPlatform({ MAILWRIGHT_POP3_KEEP_DAYS: '30' })
  assert.equal(await leastKeepDays(own.platform), 30)
  assert.equal(await leastKeepDays({ ...platform }), 1)
  await using none = await startTestPlatform()
  assert.equal(await leastKeepDays(none.platform), null)
  const box = await none.createMailbox()
  await transaction(none.platform.db, (tx) => putSettings(none.platform, tx, box.owner, { pop3KeepDays: 0 }))
  assert.equal(await leastKeepDays(none.platform), null, 'it is remembered for a minute')
  assert.equal(await leastKeepDays({ ...none.platform }), 0)
})
