/** A purge leaves no readable content: every column of the database is searched for what the mailbox held. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { sql } from 'kysely'
import { cancelOutbound, holdOutbound, outboundIds } from '../src/delivery/outbound/control.ts'
import { putAutoreply } from '../src/delivery/routing/autoreply-settings.ts'
import { putFilter } from '../src/delivery/routing/filters.ts'
import { addSenders, mailboxLevel } from '../src/delivery/spam/sender-list-changes.ts'
import { startSpamTraining } from '../src/delivery/spam/training.ts'
import { prepareSubmission, submitPrepared } from '../src/delivery/submission/submit.ts'
import { jobHandlers } from '../src/job-handlers.ts'
import { addAlias } from '../src/mailboxes/aliases.ts'
import { putForwarding } from '../src/mailboxes/forwarding.ts'
import { deleteMailbox, updateMailbox } from '../src/mailboxes/mailboxes.ts'
import { setPicture } from '../src/mailboxes/pictures.ts'
import { findFolder } from '../src/messages/folders.ts'
import { indexFolder } from '../src/messages/search/search-index-jobs.ts'
import type { Tx } from '../src/platform/database.ts'
import { columnsWithId, columnsWithText } from '../src/testing/find-traces.ts'
import { runJobs } from '../src/testing/test-jobs.ts'
import { inTransaction } from '../src/testing/test-mail.ts'
import { startTestMailServers, type TestMailServers } from '../src/testing/test-mail-servers.ts'
import type { TestMailbox } from '../src/testing/test-platform.ts'
import { setDeliveryPolicy } from '../src/testing/test-sending.ts'

/** In all that the mailbox holds and that is content: not in addresses, nor in names of folders, filters and keywords. */
const secret = 'Zqmarkerlobster77'

let servers: TestMailServers
let box: TestMailbox
const change = <T>(work: (tx: Tx) => Promise<T>): Promise<T> =>
  inTransaction(servers.imap.test.platform, work)

before(async () => {
  servers = await startTestMailServers()
  box = await servers.imap.test.createSender()
})
after(() => servers[Symbol.asyncDispose]())

function message(subject: string, text: string): string {
  const head = `From: "${secret} Writer" <writer@far.example>\r\nTo: ${box.address}\r\nDate: ${new Date().toUTCString()}\r\n`
  return `${head}Message-ID: <${subject}@far.example>\r\nSubject: ${secret} ${subject}\r\n${text}`
}

const withAttachment =
  `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n` +
  `--b\r\nContent-Type: text/html\r\n\r\n<p>${secret}</p>\r\n` +
  `--b\r\nContent-Type: application/octet-stream; name=${secret}.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
  `${Buffer.from(`the ${secret} attached`).toString('base64')}\r\n--b--\r\n`

/** Does not become small by compression, so that it lies in several pieces. */
const large = `\r\n${secret}\r\n${(randomBytes(600_000).toString('base64').match(/.{76}/g) ?? []).join('\r\n')}\r\n${secret}\r\n`

async function fill(): Promise<void> {
  const { platform, scope } = servers.imap.test
  await change(async (tx) => {
    const names = { displayName: `${secret} D`, firstName: `${secret} F`, lastName: `${secret} L` }
    await updateMailbox(platform, tx, scope, box.mailboxId, { ...names, tags: [`${secret} tag`] }, null)
    await sql`update mailboxes set notes = ${secret}, signature_text = ${secret}, signature_html = ${secret},
      custom_fields = ${JSON.stringify({ [secret]: secret })}::jsonb, recovery_email = ${`${secret}@far.example`},
      recovery_phone = ${secret} where id = ${box.mailboxId}`.execute(tx)
    await setPicture(platform, tx, scope, box.mailboxId, Buffer.from(secret))
    await addAlias(platform, tx, scope, box.mailboxId, 'also@sender.example')
    await putForwarding(platform, tx, scope, box.mailboxId, { targets: ['on@far.example'], keepCopy: true })
    const script = `require "vacation"; # ${secret}\r\nkeep;`
    await putFilter(platform, tx, scope, box.mailboxId, { name: 'main', script, active: false })
    const answer = { enabled: true, subject: null, text: secret, starts_at: null, ends_at: null, days: 1 }
    await putAutoreply(platform, tx, scope, box.mailboxId, answer)
    const level = await mailboxLevel(platform, scope, box.mailboxId, tx)
    await addSenders(platform, tx, scope, level, [{ kind: 'allow', pattern: 'friend@far.example' }])
  })
  await servers.deliver(box.address, message('plain', `\r\n${secret}\r\n`))
  await servers.deliver(box.address, message('attached', withAttachment))
  await servers.deliver(box.address, message('large', large))
  await servers.deliver('also@sender.example', message('expunged', `\r\n${secret}\r\n`))
  await holdOne()
  await useOverImap()
  const inbox = await findFolder(platform, box.mailboxId, 'INBOX')
  assert.ok(inbox)
  const place = { mailboxId: box.mailboxId, folderId: inbox.id }
  await indexFolder(platform, place, { documents: 2, textBytes: 1024 })
}

/** A message that waits for an approval. */
async function holdOne(): Promise<void> {
  const { platform, scope } = servers.imap.test
  await setDeliveryPolicy(platform, scope, 'mailbox', box.mailboxId, { sending_mode: 'approve' })
  assert.deepEqual(await submit('held@far.example'), [])
  await setDeliveryPolicy(platform, scope, 'mailbox', box.mailboxId, {})
}

/** Folders, flags, annotations, subscriptions, a message that is expunged, a folder that is deleted, and Junk. */
async function useOverImap(): Promise<void> {
  const { platform } = servers.imap.test
  const training = startSpamTraining(platform)
  const client = await servers.imap.logIn(box)
  await client.ok('CREATE Kept')
  await client.ok('CREATE Gone')
  await client.ok('SUBSCRIBE Nowhere')
  await client.ok(`SETMETADATA Kept (/private/comment "${secret}")`)
  await client.append('Gone', message('gone', `\r\n${secret}\r\n`))
  await client.append('Drafts', message('draft', `\r\n${secret}\r\n`), '(\\Draft) ')
  await client.ok('DELETE Gone')
  await client.ok('SELECT INBOX')
  await client.ok('STORE 1 +FLAGS (\\Flagged $important)')
  await client.ok('FETCH 1:3 (PREVIEW)')
  await client.ok('COPY 1 Kept')
  await client.ok('COPY 2 Junk')
  await client.ok('STORE 4 +FLAGS (\\Deleted)')
  await client.ok('EXPUNGE')
  await client.ok('LOGOUT')
  await training.idle()
  await training.stop()
}

/** Sends to the outside, where nothing runs that takes it from the queue. @returns the recipients' ids. */
async function submit(to: string): Promise<string[]> {
  const { platform, scope } = servers.imap.test
  const before = await outboundIds(platform.db, null, { mailboxId: box.mailboxId }, 100)
  const prepared = await prepareSubmission(platform, scope, box.mailboxId, {
    to: [{ address: to, name: secret }],
    cc: [],
    bcc: [],
    replyTo: [],
    subject: secret,
    text: secret,
    html: `<b>${secret}</b>`,
    headers: { 'X-Secret': secret },
    attachments: [],
    sendAt: null,
  })
  await change((tx) => submitPrepared(platform, tx, scope, prepared))
  const ids = await outboundIds(platform.db, null, { mailboxId: box.mailboxId }, 100)
  return ids.filter((id) => !before.includes(id))
}

/** What runs by the clock and removes something. */
const cleaning = [
  'mailbox.purge_due',
  'bodies.sweep',
  'search.schedule',
  'retention.clean_up',
  'retention.expire',
  'tombstones.prune_old',
  'spam.clean_up',
  'spam.forget',
  'routing.prune',
  'maildrop.expire',
  'limits.clean_up',
  'outbound.expire',
] as const

async function cleanUp(): Promise<void> {
  const { platform } = servers.imap.test
  for (const name of cleaning) await jobHandlers[name](platform, {})
  await runJobs(platform)
}

const traces = () => columnsWithText(servers.imap.test.platform.db, secret)

test('what a mailbox holds is nowhere after its purge and the sweep, but for what is still being sent', async () => {
  const { platform, scope } = servers.imap.test
  await fill()
  await submit('queued@far.example')
  const held = await submit('held@far.example')
  await change((tx) => holdOutbound(platform, tx, scope, held, 'test'))
  await runJobs(platform)
  const before = await traces()
  assert.ok((await columnsWithId(platform.db, box.mailboxId)).includes('search_grams.mailbox_id'))
  // The search finds what is there: otherwise it would prove nothing.
  for (const place of [
    'bodies.content',
    'bodies.envelope',
    'bodies.preview',
    'body_chunks.content',
    'search_texts.content',
    'search_fields.subject',
    'annotations.value',
    'search_fields.sender',
    'sieve_scripts.script',
    'autoreplies.text',
    'contacts.name',
    'mailboxes.display_name',
    'mailboxes.search_text',
    'mailboxes.notes',
    'mailboxes.custom_fields',
    'mailbox_pictures.jpeg',
  ]) {
    assert.ok(before.includes(place), `${place} is not among ${before.join(', ')}`)
  }
  const client = await servers.imap.logIn(box)
  await change((tx) => deleteMailbox(platform, tx, scope, box.mailboxId, { purge: true }))
  await client.ended
  await runJobs(platform)
  platform.clock.advance?.('PT2H')
  await cleanUp()
  // The bodies of what it sent and forwarded, each for as long as someone is still to get it.
  for (const place of await traces()) assert.match(place, /^(bodies|body_chunks)\./)
  const { rows: bodies } = await sql<{ rcpt_to: string | null }>`
    select distinct rcpt_to from bodies left join outbound_messages on body_id = bodies.id
      left join outbound_recipients on outbound_message_id = outbound_messages.id and state = 'queued'
    order by 1`.execute(platform.db)
  assert.deepEqual(
    bodies.map(({ rcpt_to }) => rcpt_to),
    ['on@far.example', 'queued@far.example', 'writer@far.example'],
  )
  const waiting = await outboundIds(platform.db, null, { mailboxId: box.mailboxId, state: 'queued' }, 100)
  await change((tx) => cancelOutbound(platform, tx, null, waiting, 'test'))
  platform.clock.advance?.('PT2H')
  await cleanUp()
  assert.deepEqual(await traces(), [])
})

test('its id is then in the log of events, the queue’s timeline and its own row, and after some weeks less', async () => {
  const { platform } = servers.imap.test
  const places = await columnsWithId(platform.db, box.mailboxId)
  const timeline = ['outbound_messages.mailbox_id', 'outbound_recipients.mailbox_id']
  const counters = places.filter((place) => place.startsWith('sending_counters.'))
  assert.deepEqual(places, ['events.mailbox_id', 'mailboxes.id', ...timeline, ...counters])
  platform.clock.advance?.('P31D')
  await cleanUp()
  assert.deepEqual(await columnsWithId(platform.db, box.mailboxId), ['events.mailbox_id', 'mailboxes.id'])
  const row = await platform.db
    .selectFrom('mailboxes')
    .selectAll()
    .where('id', '=', box.mailboxId)
    .executeTakeFirstOrThrow()
  assert.deepEqual([row.state, row.search_text, row.tags], ['deleted', row.address, []])
})
