/** A restored mailbox is what it was, as an IMAP client and the database see it; while it is deleted, mail is refused. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { putAutoreply } from '../src/delivery/routing/autoreply-settings.ts'
import { putFilter } from '../src/delivery/routing/filters.ts'
import { jobHandlers } from '../src/job-handlers.ts'
import { addAlias, updateAlias } from '../src/mailboxes/aliases.ts'
import { putCatchAll } from '../src/mailboxes/extra-addresses.ts'
import { putForwarding } from '../src/mailboxes/forwarding.ts'
import { deleteMailbox, restoreMailbox } from '../src/mailboxes/mailboxes.ts'
import type { Tx } from '../src/platform/database.ts'
import type { RawClient } from '../src/testing/test-imap.ts'
import { runJobs } from '../src/testing/test-jobs.ts'
import { inTransaction } from '../src/testing/test-mail.ts'
import { startTestMailServers, type TestMailServers } from '../src/testing/test-mail-servers.ts'
import type { TestMailbox } from '../src/testing/test-platform.ts'

let servers: TestMailServers
let box: TestMailbox
let catcher: TestMailbox
const change = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
  inTransaction(servers.imap.test.platform, work)

const message = (subject: string): string =>
  `From: a@far.example\r\nDate: ${new Date().toUTCString()}\r\nMessage-ID: <${subject}@far.example>\r\nSubject: ${subject}\r\n\r\n${subject}\r\n`

before(async () => {
  servers = await startTestMailServers()
  const { platform, scope } = servers.imap.test
  box = servers.imap.mailbox
  catcher = await servers.imap.test.createMailbox('catcher@demo.test')
  await change(async (tx) => {
    await putCatchAll(platform, tx, scope, 'demo.test', { mailbox: catcher.address })
    await addAlias(platform, tx, scope, box.address, 'on@demo.test', 'in use')
    await addAlias(platform, tx, scope, box.address, 'off@demo.test', 'not in use')
    await updateAlias(platform, tx, scope, box.address, 'off@demo.test', { enabled: false })
    await putForwarding(platform, tx, scope, box.address, { targets: [catcher.address], keepCopy: true })
    await putFilter(platform, tx, scope, box.address, { name: 'main', script: 'keep;', active: true })
    await putFilter(platform, tx, scope, box.address, { name: 'other', script: 'stop;', active: false })
    const answer = { enabled: true, subject: null, text: 'Away', starts_at: null, ends_at: null, days: 1 }
    await putAutoreply(platform, tx, scope, box.address, answer)
  })
  for (const subject of ['one', 'two', 'three', 'four']) await servers.deliver(box.address, message(subject))
  const client = await servers.imap.logIn(box)
  await client.ok('CREATE Work/Plans')
  await client.ok('CREATE Old')
  await client.ok('SUBSCRIBE Work/Plans')
  await client.ok('SUBSCRIBE Nowhere')
  await client.ok('UNSUBSCRIBE Drafts')
  await client.ok('DELETE Old')
  await client.ok('SETMETADATA Work/Plans (/private/comment "mine")')
  await client.append('Drafts', message('draft'), '(\\Draft $later) ')
  await client.ok('SELECT INBOX')
  await client.ok('STORE 1 +FLAGS (\\Seen \\Flagged $kept)')
  await client.ok('COPY 2 Work/Plans')
  await client.ok('MOVE 3 Trash')
  await client.ok('STORE 3 +FLAGS (\\Deleted)')
  await client.ok('EXPUNGE')
  await client.ok('LOGOUT')
})
after(() => servers[Symbol.asyncDispose]())

/** All that a client can see, folder by folder, raw messages included. */
async function seenBy(client: RawClient): Promise<unknown> {
  const list = await client.ok('LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE CHILDREN)')
  const folders = [...list, ...(await client.ok('LSUB "" "*"'))].toSorted()
  const names = list.flatMap((line) => (/NonExistent/.test(line) ? [] : [line.split(' ').at(-1) ?? '']))
  const contents: string[][] = []
  for (const name of names) {
    const status = await client.ok(
      `STATUS ${name} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ SIZE MAILBOXID)`,
    )
    await client.ok(`EXAMINE ${name}`)
    const fetched = await client.ok(
      'UID FETCH 1:* (FLAGS MODSEQ INTERNALDATE RFC822.SIZE EMAILID THREADID BODY.PEEK[])',
    )
    contents.push([...status, ...fetched, ...(await client.ok(`GETMETADATA ${name} /private/comment`))])
  }
  await client.ok('UNSELECT')
  return { folders, contents }
}

const tables = [
  'addresses',
  'mailbox_passwords',
  'mailbox_forwards',
  'sieve_scripts',
  'autoreplies',
  'deleted_messages',
  'contacts',
] as const

/** What it is given beside its mail. */
async function kept(): Promise<unknown> {
  const rows: unknown[] = []
  for (const table of tables) {
    const found = await sql<{ row: unknown }>`
      select to_json(kept) as row from ${sql.table(table)} as kept where mailbox_id = ${box.mailboxId}
      order by kept::text`.execute(servers.imap.test.platform.db)
    assert.ok(found.rows.length > 0, `${table} has something to be kept`)
    rows.push(found.rows)
  }
  return rows
}

/** What runs by the clock and could remove something. */
const cleaning = [
  'mailbox.purge_due',
  'bodies.sweep',
  'tombstones.prune_old',
  'spam.forget',
  'limits.clean_up',
] as const

test('deleted for some weeks and restored, it is what it was; in between nobody gets its mail', async () => {
  const { platform, scope } = servers.imap.test
  const client = await servers.imap.logIn(box)
  const before = { seen: await seenBy(client), kept: await kept() }
  await change((tx) => deleteMailbox(platform, tx, scope, box.address, { purge: false }))

  await client.ended
  await assert.rejects(servers.imap.logIn(box), /AUTHENTICATIONFAILED/)
  for (const address of [box.address, 'on@demo.test', 'off@demo.test', box.address.replace('@', '+x@')]) {
    assert.equal(await servers.rcpt(address), '550 5.2.1', address)
  }
  await servers.deliver('nobody@demo.test', message('caught'))
  platform.clock.advance?.('P29D')
  for (const name of cleaning) await jobHandlers[name](platform, {})
  await runJobs(platform)

  const restored = await change((tx) => restoreMailbox(platform, tx, scope, box.address))
  assert.equal(restored.state, 'active')
  const again = await servers.imap.logIn(box)
  const after = { seen: await seenBy(again), kept: await kept() }
  assert.deepEqual(after, before)
  assert.equal(await servers.rcpt('off@demo.test'), '550 5.2.1')

  const [status = ''] = await again.ok('STATUS INBOX (UIDNEXT)')
  const next = /UIDNEXT (\d+)/.exec(status)?.[1]
  await servers.deliver('on@demo.test', message('after'))
  await again.ok('SELECT INBOX')
  const found = await again.ok('UID SEARCH SUBJECT after')
  assert.ok(
    found.some((line) => line === `* SEARCH ${next}`),
    found.join(),
  )
})

test('the day after its last, it cannot be restored', async () => {
  const { platform, scope } = servers.imap.test
  await change((tx) => deleteMailbox(platform, tx, scope, box.address, { purge: false }))
  platform.clock.advance?.('P30DT1M')
  await jobHandlers['mailbox.purge_due'](platform, {})
  await runJobs(platform)
  await assert.rejects(
    change((tx) => restoreMailbox(platform, tx, scope, box.mailboxId)),
    { code: 'mailbox_not_found' },
  )
})
