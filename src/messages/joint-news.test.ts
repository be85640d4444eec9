import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { append, folderIdOf, mail } from '../testing/test-mail.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import type { KnownState } from './folder-news.ts'
import { readNewsJointly } from './joint-news.ts'

let t: TestPlatform
before(async () => {
  t = await startTestPlatform()
})
after(() => t[Symbol.asyncDispose]())

async function inboxOf(): Promise<{
  known: KnownState & { uids: Uint32Array }
  append: () => Promise<unknown>
}> {
  const { mailboxId, owner } = await t.createMailbox()
  const folderId = await folderIdOf(t.platform, mailboxId, 'INBOX')
  const { news } = await readNewsJointly(
    t.platform,
    { mailboxId, folderId, modseq: 0, uidnext: 1, uids: new Uint32Array() },
    { claim: false, mustRead: false },
  )
  assert.ok(news)
  return {
    known: {
      mailboxId,
      folderId,
      modseq: news.highestModseq,
      uidnext: news.uidnext,
      uids: new Uint32Array(),
    },
    append: () => append(t.platform, owner, folderId, [mail()]),
  }
}

test('those who ask at once share a reading, and one of them gets what is recent', async () => {
  const box = await inboxOf()
  await box.append()
  const answers = await Promise.all(
    Array.from({ length: 10 }, () =>
      readNewsJointly(t.platform, { ...box.known }, { claim: true, mustRead: false }),
    ),
  )
  assert.equal(new Set(answers.map(({ news }) => news)).size, 1)
  assert.deepEqual(answers[0]?.news?.added, Uint32Array.of(1))
  assert.deepEqual(
    answers.flatMap(({ firstRecent }) => firstRecent ?? []),
    [1],
  )
})

test('who does not claim, or knows another state, reads for himself', async () => {
  const box = await inboxOf()
  await box.append()
  const [claiming, looking, newer] = await Promise.all([
    readNewsJointly(t.platform, box.known, { claim: true, mustRead: false }),
    readNewsJointly(t.platform, box.known, { claim: false, mustRead: false }),
    readNewsJointly(t.platform, { ...box.known, uidnext: 2 }, { claim: true, mustRead: false }),
  ])
  assert.equal(claiming?.firstRecent, 1)
  assert.equal(looking?.firstRecent, null)
  assert.deepEqual(looking?.news?.added, Uint32Array.of(1))
  assert.deepEqual(newer?.news?.added, new Uint32Array())
})

test('who asks after a change hears of it, whatever is being read', async () => {
  const box = await inboxOf()
  const readings: Promise<void>[] = []
  for (let count = 1; count <= 20; count++) {
    await box.append()
    for (let at = 0; at < 3; at++) {
      readings.push(
        readNewsJointly(t.platform, box.known, { claim: true, mustRead: false }).then(({ news }) => {
          assert.ok((news?.added.length ?? 0) >= count)
        }),
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(readings)
})

test('a folder that is gone, for all who ask', async () => {
  const box = await inboxOf()
  const gone = { ...box.known, folderId: box.known.mailboxId }
  const ask = () => readNewsJointly(t.platform, gone, { claim: true, mustRead: false })
  for (const { news, firstRecent } of await Promise.all([ask(), ask()])) {
    assert.deepEqual([news, firstRecent], [null, null])
  }
})
