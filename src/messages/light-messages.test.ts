import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { type FilledFolder, fillFolder } from '../testing/test-folder.ts'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { type LightMessage, lightMessagesMax, readLightMessages } from './light-messages.ts'
import type { UidRange } from './uid-ranges.ts'

let t: TestPlatform
let box: FilledFolder
const count = 2 * lightMessagesMax + 100

before(async () => {
  t = await startTestPlatform()
  box = await fillFolder(t, count)
  await sql`
    update messages set keywords = array['a', 'B"c'], flags = 31, modseq = ${2 ** 40}
    where folder_id = ${box.folderId}::uuid and uid % 1000 = 1`.execute(t.platform.db)
  await sql`delete from messages where folder_id = ${box.folderId}::uuid and uid % 3 = 0`.execute(
    t.platform.db,
  )
})
after(() => t[Symbol.asyncDispose]())

async function read(ranges: readonly UidRange[]): Promise<LightMessage[]> {
  const found: LightMessage[] = []
  for await (const page of readLightMessages(t.platform.db, box.mailboxId, box.folderId, ranges)) {
    assert.ok(page.length > 0 && page.length <= lightMessagesMax)
    found.push(...page)
  }
  return found
}

const exists = (uid: number): boolean => uid <= count && uid % 3 !== 0

const range = fc
  .tuple(fc.integer({ min: 1, max: count + 50 }), fc.oneof(fc.constant(0), fc.nat(20), fc.nat(count)))
  .map(([first, width]) => ({ first, last: first + width }))

test('every message of the ranges comes once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(range, { maxLength: 200 }), async (ranges) => {
      const wanted = Array.from({ length: count }, (_, at) => at + 1).filter(
        (uid) => exists(uid) && ranges.some(({ first, last }) => first <= uid && uid <= last),
      )
      assert.deepEqual(
        (await read(ranges)).map(({ uid }) => uid),
        wanted,
      )
    }),
    { numRuns: 40 },
  )
})

test('as many single UIDs as fill pages', async () => {
  const single = Array.from({ length: count }, (_, at) => at + 1).filter((uid) => uid % 2 === 1)
  const found = await read(single.map((uid) => ({ first: uid, last: uid })))
  assert.deepEqual(
    found.map(({ uid }) => uid),
    single.filter(exists),
  )
})

test('what a message is, unpacked', async () => {
  const [plain, marked] = await read([
    { first: 2, last: 2 },
    { first: 1001, last: 1001 },
  ])
  assert.deepEqual(plain, {
    uid: 2,
    modseq: 2,
    flags: 0,
    keywords: [],
    internal_date: new Date('2026-01-02T03:04:07Z'),
    size_bytes: 1002,
  })
  assert.deepEqual(marked, {
    uid: 1001,
    modseq: 2 ** 40,
    flags: 31,
    keywords: ['a', 'B"c'],
    internal_date: new Date('2026-01-02T03:20:46Z'),
    size_bytes: 2001,
  })
})

test('UIDs have 32 bits', async () => {
  const uid = 2 ** 32 - 1
  await sql`update messages set uid = ${uid} where folder_id = ${box.folderId}::uuid and uid = 2`.execute(
    t.platform.db,
  )
  const found = await read([{ first: uid - 5, last: uid }])
  assert.deepEqual(
    found.map((message) => message.uid),
    [uid],
  )
})
