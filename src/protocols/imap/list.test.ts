/** LIST of very many folders asks the database a few times, whatever it returns. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { countStatements } from '../../testing/count-statements.ts'
import { mail, startTestImap, type TestImap } from '../../testing/test-imap.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

const foldersMax = 4_990
const rows: [command: string, linesPerFolder: number][] = [
  ['LIST "" "f%"', 1],
  ['LSUB "" "f%"', 1],
  ['LIST (SUBSCRIBED RECURSIVEMATCH) "" "f%" RETURN (CHILDREN SPECIAL-USE)', 1],
  ['LIST "" "f%" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT HIGHESTMODSEQ SIZE))', 2],
  ['LIST "" "f%" RETURN (STATUS (MESSAGES DELETED RECENT))', 2],
  ['LIST "" "f%" RETURN (METADATA (/private/comment))', 2],
]

test('5,000 folders', async (t) => {
  const client = await imap.logIn()
  await sql`insert into folders (mailbox_id, id, path, subscribed, uidvalidity, created_at)
    select ${imap.mailbox.mailboxId}::uuid, gen_random_uuid(), 'f' || n, true, 1, now()
    from generate_series(1, ${foldersMax}::int) n`.execute(imap.test.platform.db)
  await client.append('f7', mail('x'), '(\\Deleted) ')
  for (const [command, linesPerFolder] of rows) {
    await t.test(command, async () => {
      let lines: string[] = []
      const statements = await countStatements(async () => {
        lines = await client.ok(command)
      })
      assert.equal(lines.length, linesPerFolder * foldersMax)
      assert.ok(statements >= 1 && statements <= 8, `${statements} statements`) // the event feed's among them
    })
  }
  const marked = await client.ok('LIST "" (f7 f8) RETURN (STATUS (MESSAGES DELETED DELETED-STORAGE))')
  assert.deepEqual(
    marked.filter((line) => line.startsWith('* STATUS')),
    [
      `* STATUS "f7" (MESSAGES 1 DELETED 1 DELETED-STORAGE ${mail('x').length})`,
      '* STATUS "f8" (MESSAGES 0 DELETED 0 DELETED-STORAGE 0)',
    ],
  )
})
