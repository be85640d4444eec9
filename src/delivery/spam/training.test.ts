/** Training over IMAP: moving into and out of Junk, keywords, and what teaches nothing. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import { runJobs } from '../../testing/test-jobs.ts'
import { type RspamdStandIn, startRspamdStandIn } from '../../testing/test-rspamd.ts'
import { type SpamTraining, startSpamTraining } from './training.ts'

let imap: TestImap
let rspamd: RspamdStandIn
let training: SpamTraining
let client: RawClient
let subjects = 0

before(async () => {
  rspamd = await startRspamdStandIn()
  imap = await startTestImap({
    MAILWRIGHT_RSPAMD_URL: `http://127.0.0.1:${rspamd.port}`,
    MAILWRIGHT_LOG_LEVEL: 'silent',
  })
  training = startSpamTraining(imap.test.platform)
})
after(async () => {
  await training.stop()
  await imap[Symbol.asyncDispose]()
  await rspamd[Symbol.asyncDispose]()
})
beforeEach(async () => {
  client = await imap.logIn()
  await imap.test.platform.pool.query('delete from spam_taught')
  await imap.test.platform.pool.query('delete from spam_totals')
  rspamd.answer = { status: 200, body: { success: true } }
})
afterEach(async () => {
  client.close()
  await learned()
  rspamd.requests.length = 0
})

/** A message alone in a folder, which is selected. */
async function put(folder: string, flags = ''): Promise<void> {
  await client.ok(`SELECT ${folder}`)
  await client.ok('STORE 1:* +FLAGS (\\Deleted)').catch(() => undefined) // it may be empty
  await client.ok('EXPUNGE')
  assert.match(await client.append(folder, mail(`lesson ${++subjects}`), flags), /^OK/)
  await client.ok('NOOP')
}

/** What was taught, after all jobs: `spam 1 ham 0`, and what rspamd heard. */
async function learned(): Promise<string> {
  const { platform } = imap.test
  await training.idle()
  await runJobs(platform)
  const { rows } = await platform.pool.query('select spam, ham from spam_totals')
  const [{ spam, ham } = { spam: 0, ham: 0 }] = rows
  return [`spam ${spam} ham ${ham}`, ...rspamd.requests.map(({ path }) => path)].join(' ')
}

const lessons: [what: string, folder: string, commands: string[], taught: string][] = [
  ['into Junk', 'INBOX', ['MOVE 1 Junk'], 'spam 1 ham 0 /learnspam'],
  ['a copy into Junk', 'INBOX', ['COPY 1 Junk'], 'spam 1 ham 0 /learnspam'],
  ['out of Junk', 'Junk', ['MOVE 1 INBOX'], 'spam 0 ham 1 /learnham'],
  ['out of Junk into the archive', 'Junk', ['MOVE 1 Archive'], 'spam 0 ham 1 /learnham'],
  ['out of Junk into Trash', 'Junk', ['MOVE 1 Trash'], 'spam 0 ham 0'],
  ['between other folders', 'INBOX', ['MOVE 1 Archive'], 'spam 0 ham 0'],
  ['within Junk', 'Junk', ['MOVE 1 Junk'], 'spam 0 ham 0'],
  ['$Junk', 'INBOX', ['STORE 1 +FLAGS ($Junk)'], 'spam 1 ham 0 /learnspam'],
  ['$junk in another case', 'INBOX', ['STORE 1 +FLAGS ($JUNK)'], 'spam 1 ham 0 /learnspam'],
  ['$Junk after FETCH', 'INBOX', ['FETCH 1:* (FLAGS)', 'STORE 1 +FLAGS ($Junk)'], 'spam 1 ham 0 /learnspam'],
  ['$NotJunk', 'INBOX', ['STORE 1 +FLAGS ($NotJunk)'], 'spam 0 ham 1 /learnham'],
  ['both', 'INBOX', ['STORE 1 +FLAGS ($Junk $NotJunk)'], 'spam 0 ham 0'],
  ['$Junk taken away', 'INBOX', ['STORE 1 -FLAGS ($Junk)'], 'spam 0 ham 0'],
  ['other flags', 'INBOX', ['STORE 1 +FLAGS (\\Seen $Forwarded)'], 'spam 0 ham 0'],
  ['expunged from Junk', 'Junk', ['STORE 1 +FLAGS (\\Deleted)', 'EXPUNGE'], 'spam 0 ham 0'],
]
for (const [what, folder, commands, taught] of lessons) {
  test(`${what}: ${taught}`, async () => {
    await put(folder)
    for (const command of commands) await client.ok(command)
    assert.equal(await learned(), taught)
  })
}

test('back out of Junk takes back what the move into it taught', async () => {
  await put('INBOX')
  await client.ok('MOVE 1 Junk')
  assert.equal(await learned(), 'spam 1 ham 0 /learnspam')
  await client.ok('SELECT Junk')
  await client.ok('MOVE * INBOX')
  assert.equal(await learned(), 'spam 0 ham 1 /learnspam /learnham')
})

test('a message that is marked and moved teaches once here', async () => {
  await put('INBOX')
  await client.ok('STORE 1 +FLAGS ($Junk)')
  await learned()
  await client.ok('MOVE 1 Junk')
  assert.match(await learned(), /^spam 1 ham 0 /)
})

test('an rspamd that is down is taught when it is back, and we have learned at once', async () => {
  await put('INBOX')
  rspamd.answer = 'drops'
  await client.ok('MOVE 1 Junk')
  assert.equal(await learned(), 'spam 1 ham 0')
  rspamd.answer = { status: 200, body: { success: true } }
  await imap.test.platform.pool.query(
    "update graphile_worker._private_jobs set run_at = now() - interval '1 second'",
  )
  assert.equal(await learned(), 'spam 1 ham 0 /learnspam')
})
