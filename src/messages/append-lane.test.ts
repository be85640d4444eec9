import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { transaction } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { countStatements } from '../testing/count-statements.ts'
import { assertCounters, eventsOf, folderIdOf, mail, messagesIn, stage } from '../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../testing/test-platform.ts'
import type { AppendedMessage } from './append.ts'
import { commitAppend } from './append-lane.ts'
import { lockFolders } from './copies.ts'
import { deleteFolder, findFolder } from './folders.ts'
import { policyOf, putSettings } from './policies.ts'
import { claimRecent } from './view.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

type Box = TestMailbox & { folderId: string }

async function newBox(path = 'INBOX'): Promise<Box> {
  const box = await t.createMailbox()
  return { ...box, folderId: await folderIdOf(t.platform, box.mailboxId, path) }
}

async function message(raw: Buffer = mail()): Promise<AppendedMessage> {
  const body = await stage(t.platform, raw)
  return { body, flags: 0, keywords: [], internalDate: new Date() }
}

function append({ owner, folderId }: Box, messages: readonly AppendedMessage[], claimsRecent = false) {
  return commitAppend(t.platform, { owner, folderId, messages, claimsRecent })
}

const uidsIn = async (box: Box) =>
  (await messagesIn(t.platform, box.mailboxId, box.folderId)).map(({ uid }) => uid)

const refusedAs = (code: string, result: PromiseSettledResult<unknown>): boolean =>
  result.status === 'rejected' && result.reason instanceof Refusal && result.reason.code === code

test('APPENDs of the same moment share a commit, and each has its UIDs and its event', async () => {
  const boxes = await Promise.all(Array.from({ length: 4 }, () => newBox()))
  const messages = await Promise.all(boxes.flatMap(() => [message(), message(), message()]))
  for (const box of boxes) await append(box, [await message()]) // policies are known then
  const statements = await countStatements(async () => {
    await Promise.all(
      boxes.flatMap((box, at) => [
        append(box, messages.slice(at * 3, at * 3 + 2)),
        append(box, messages.slice(at * 3 + 2, at * 3 + 3)),
      ]),
    )
  })
  assert.ok(statements <= 10, `${statements} statements`) // one transaction, and what the feed sends
  for (const box of boxes) {
    assert.deepEqual(await uidsIn(box), [1, 2, 3, 4])
    await assertCounters(t.platform, box.mailboxId)
    const events = await eventsOf(t.platform, box.mailboxId)
    assert.equal(events.filter(({ type }) => type === 'message.appended').length, 3)
  }
})

test('what cannot be stored fails alone', async () => {
  const [good, full, gone] = [await newBox(), await newBox(), await newBox('Sent')]
  const [bad] = [await newBox()]
  await transaction(t.platform.db, (tx) => putSettings(t.platform, tx, full.owner, { quotaMessages: 2 }))
  await transaction(t.platform.db, (tx) => deleteFolder(t.platform, tx, gone.owner, 'Sent'))
  const twice = await message()
  await append(bad, [twice])
  const messages = await Promise.all(Array.from({ length: 6 }, () => message()))
  for (const { owner } of [good, full, gone]) await policyOf(t.platform, owner) // else one may pass another
  const results = await Promise.allSettled([
    append(good, messages.slice(0, 1)),
    append(full, messages.slice(1, 3)),
    append(gone, messages.slice(3, 4)),
    append(full, messages.slice(4, 5)), // two of three have room
    append(bad, [twice]), // its body's id exists
    append(good, messages.slice(5, 6)),
  ])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected', 'rejected', 'fulfilled'],
  )
  assert.ok(results[2] && refusedAs('folder_not_found', results[2]))
  assert.ok(results[3] && refusedAs('quota_exceeded', results[3]))
  assert.deepEqual(await uidsIn(good), [1, 2])
  assert.deepEqual(await uidsIn(full), [1, 2])
  for (const box of [good, full, gone, bad]) await assertCounters(t.platform, box.mailboxId)
})

test('who must wait for a lock does not keep others waiting', async () => {
  const [box, other] = [await newBox(), await newBox()]
  for (const { owner } of [box, other]) await policyOf(t.platform, owner) // so that they set out in this order
  const release = Promise.withResolvers<void>()
  const locked = Promise.withResolvers<void>()
  const holder = transaction(t.platform.db, async (tx) => {
    await lockFolders(tx, box.mailboxId, [box.folderId])
    locked.resolve()
    await release.promise
  })
  await locked.promise
  const [one, two] = [await message(), await message()]
  const waiting = append(box, [one])
  await append(other, [two]) // with it, and without waiting
  assert.deepEqual(await uidsIn(box), [])
  release.resolve()
  await holder
  await waiting
  assert.deepEqual(await uidsIn(box), [1])
})

const firstRecent = async ({ mailboxId }: Box) =>
  (await findFolder(t.platform, mailboxId, 'INBOX'))?.first_recent_uid

test('what a session stores is its \\Recent, unless others were there before or came with it', async () => {
  const box = await newBox()
  const [own] = await append(box, [await message()], true)
  assert.equal(own?.isClaimed, true)
  assert.equal(await claimRecent(t.platform, box.mailboxId, box.folderId), null)
  await append(box, [await message()])
  const [late] = await append(box, [await message()], true)
  assert.equal(late?.isClaimed, false)
  assert.equal(await firstRecent(box), 2)
  assert.equal(await claimRecent(t.platform, box.mailboxId, box.folderId), 2)
  const shared = await Promise.all([message(), message()])
  const stored = await Promise.all(shared.map((one) => append(box, [one], true)))
  assert.deepEqual(
    stored.map(([one]) => one?.isClaimed),
    [false, false],
  )
  assert.equal(await firstRecent(box), 4)
})
