import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { sql } from 'kysely'
import { startTestPlatform, type TestPlatform } from '../testing/test-platform.ts'
import { messageRowsMax, readMessages } from './view.ts'

let running: TestPlatform
const mailboxId = '00000000-0000-7000-8000-000000000001'
const folderId = '00000000-0000-7000-8000-000000000002'
/** Two UIDs of three exist. */
const uids = Array.from({ length: 1800 }, (_, index) => index + 1).filter((uid) => uid % 3 !== 0)

before(async () => {
  running = await startTestPlatform()
  await sql`
    insert into messages (mailbox_id, folder_id, uid, id, modseq, flags, keywords, internal_date, size_bytes, body_id,
      thread_id, saved_at)
    select ${mailboxId}::uuid, ${folderId}::uuid, uid, gen_random_uuid(), 1, 0, '{}', now(), 10, gen_random_uuid(),
      gen_random_uuid(), now()
    from unnest(${uids}::bigint[]) as uids (uid)`.execute(running.platform.db)
})
after(() => running[Symbol.asyncDispose]())

const range = fc
  .tuple(fc.integer({ min: 1, max: 1900 }), fc.oneof(fc.constant(0), fc.nat(20), fc.nat(2000)))
  .map(([first, width]) => ({ first, last: first + width }))

test('a page has the first messages of the ranges above a UID, each once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(range, { maxLength: 300 }), fc.nat(2000), async (ranges, afterUid) => {
      const rows = await readMessages(running.platform.db, mailboxId, folderId, ranges, {
        parts: 'none',
        afterUid,
      })
      const wanted = uids.filter(
        (uid) => uid > afterUid && ranges.some(({ first, last }) => first <= uid && uid <= last),
      )
      assert.deepEqual(
        rows.map((row) => row.uid),
        wanted.slice(0, messageRowsMax),
      )
    }),
    { numRuns: 60 },
  )
})
