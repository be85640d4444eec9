/** Waiting from now on and from a place: what is stored late, what has a date to come, and what was there before. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { append, folderIdOf, mail } from '../../testing/test-mail.ts'
import { startTestPlatform, type TestMailbox, type TestPlatform } from '../../testing/test-platform.ts'
import type { ArrivalPlace } from './arrival-cursor.ts'
import { startOfWait } from './start.ts'
import { type Waited, waitForMessage } from './wait.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

const fromNow = { since: null, after: null }
const anything = { from: null, to: null, subject: null, text: null, hasAttachments: null, hasCode: null }

async function look({ mailboxId }: TestMailbox, from?: ArrivalPlace): Promise<Waited> {
  return await waitForMessage(t.platform, {
    mailboxId,
    callerId: 'test',
    folderId: null,
    filter: anything,
    from: from ?? (await startOfWait(t.platform, mailboxId, fromNow)),
    timeoutMs: 0,
    signal: new AbortController().signal,
  })
}

const seconds = (count: number): Date => new Date(t.platform.clock.now().getTime() + count * 1000)

async function put(box: TestMailbox, internalDate: Date, count = 1): Promise<string[]> {
  const inboxId = await folderIdOf(t.platform, box.mailboxId, 'INBOX')
  const raws = Array.from({ length: count }, () => mail())
  return (await append(t.platform, box.owner, inboxId, raws, { internalDate })).map(({ id }) => id)
}

/** Ids of what a chain of calls finds, until there is no more. */
async function chain(box: TestMailbox, from: ArrivalPlace): Promise<string[]> {
  const ids: string[] = []
  for (let waited = await look(box, from); waited.found !== null; waited = await look(box, waited.next)) {
    ids.push(waited.found.id)
  }
  return ids
}

test('from now on: what is dated before the call and stored after it is not missed, and what was there does not count', async () => {
  const box = await t.createMailbox()
  await put(box, seconds(-3))
  const { found, next } = await look(box)
  assert.equal(found, null)
  const late = await put(box, seconds(-5))
  const later = await put(box, seconds(0))
  assert.deepEqual(await chain(box, next), [...late, ...later])
})

test('from now on in a mailbox that has had many messages just now', async () => {
  const box = await t.createMailbox()
  await put(box, seconds(-1), 100)
  const { found, next } = await look(box)
  assert.equal(found, null)
  const later = await put(box, seconds(0))
  assert.deepEqual(await chain(box, next), later)
})

test('what a program has put there with a date to come has not arrived, and keeps nothing from arriving', async () => {
  const box = await t.createMailbox()
  await put(box, new Date('2100-01-01T00:00:00Z'), 100)
  const { found, next } = await look(box)
  assert.equal(found, null)
  const later = await put(box, seconds(0))
  assert.deepEqual(await chain(box, next), later)
})

test('many messages of one moment come one after the other', async () => {
  const box = await t.createMailbox()
  const since = new Date('2026-01-02T03:04:05Z')
  const ids = await put(box, since, 70)
  const from = await startOfWait(t.platform, box.mailboxId, { since, after: null })
  assert.deepEqual(await chain(box, from), ids.toSorted())
})
