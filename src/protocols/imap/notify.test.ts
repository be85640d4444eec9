/** NOTIFY, RFC 5465: what comes unasked for, and what does not. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { mail, type RawClient, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'
import { imapLimits } from './limits.ts'
import { createNotify, hasPending, noteEvent } from './notify-state.ts'
import type { NotifyEvent } from './syntax/notify-group.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

/** Two sessions of one mailbox: one that is told, and one that does things. */
async function pair(): Promise<{ told: RawClient; other: RawClient; mailbox: TestMailbox }> {
  const mailbox = await imap.test.createMailbox()
  const other = await imap.logIn(mailbox)
  for (const path of ['Work', 'Work/2026', 'Lists']) await other.ok(`CREATE ${path}`)
  return { told: await imap.logIn(mailbox), other, mailbox }
}

/** Nothing has come, and nothing comes before the answer to a command. */
async function silent(client: RawClient): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(client.rest(), '')
  assert.deepEqual(await client.ok('NOOP'), [])
}

test('without NOTIFY nothing comes between commands', async () => {
  const { told, other } = await pair()
  await told.ok('SELECT INBOX')
  await other.append('INBOX', mail('one'))
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(told.rest(), '')
  assert.deepEqual(await told.ok('NOOP'), ['* 1 EXISTS', '* 1 RECENT'])
})

test('new messages in the selected mailbox, with what was asked for', async () => {
  const { told, other } = await pair()
  await told.ok('SELECT INBOX')
  await told.ok(
    'NOTIFY SET (SELECTED (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))',
  )
  await other.append('INBOX', mail('one'))
  assert.equal(await told.line(), '* 1 EXISTS')
  assert.equal(await told.line(), '* 1 RECENT')
  assert.equal(await told.line(), '* 1 FETCH (UID 1 BODY[HEADER.FIELDS (SUBJECT)] {16}')
  assert.equal(await told.line(), 'Subject: one')
  assert.equal(await told.line(), '')
  assert.equal(await told.line(), ')')
  await told.append('INBOX', mail('my own'))
  assert.deepEqual(await told.ok('NOOP'), [], 'its own message is not shown to it')
  await other.ok('SELECT INBOX')
  await other.ok('STORE 1 +FLAGS (\\Flagged)')
  assert.match(await told.line(), /^\* 1 FETCH \(UID 1 FLAGS \(\\Flagged( \\Recent)?\)\)$/)
  await other.ok('STORE 1 +FLAGS (\\Deleted)')
  assert.match(await told.line(), /^\* 1 FETCH \(UID 1 FLAGS /)
  await other.ok('EXPUNGE')
  assert.equal(await told.line(), '* 1 EXPUNGE')
  await silent(told)
})

test('its own APPEND is told by EXISTS alone', async () => {
  const { told } = await pair()
  await told.ok('SELECT INBOX')
  await told.ok('NOTIFY SET (SELECTED (MessageNew (UID FLAGS) MessageExpunge))')
  const message = mail('one')
  const answer = await told.run(`APPEND INBOX {${message.length}+}\r\n${message}`)
  assert.deepEqual(answer.untagged, ['* 1 EXISTS', '* 1 RECENT'])
  await silent(told)
})

test('changes of flags that were not asked for are not told', async () => {
  const { told, other } = await pair()
  await other.append('INBOX', mail('one'))
  await other.ok('SELECT INBOX')
  await told.ok('SELECT INBOX')
  await told.ok('NOTIFY SET (SELECTED (MessageNew MessageExpunge))')
  await other.ok('STORE 1 +FLAGS (\\Seen)')
  await silent(told)
  await other.append('INBOX', mail('two'))
  assert.equal(await told.line(), '* 2 EXISTS')
})

test('SELECTED-DELAYED: message numbers shift only during a command', async () => {
  const { told, other } = await pair()
  await other.append('INBOX', mail('one'), '(\\Deleted) ')
  await other.append('INBOX', mail('two'))
  await told.ok('SELECT INBOX')
  await told.ok('NOTIFY SET (SELECTED-DELAYED (MessageNew MessageExpunge))')
  await other.ok('SELECT INBOX')
  await other.ok('EXPUNGE')
  await other.append('INBOX', mail('three'))
  assert.equal(await told.line(), '* 3 EXISTS')
  assert.equal(await told.line(), '* 3 RECENT')
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(told.rest(), '')
  assert.deepEqual(await told.ok('NOOP'), ['* 1 EXPUNGE'])
  told.send('i IDLE\r\n')
  assert.equal(await told.line(), '+ idling')
  await other.ok('STORE 1 +FLAGS.SILENT (\\Deleted)')
  await other.ok('EXPUNGE')
  assert.equal(await told.line(), '* 1 EXPUNGE', 'IDLE is such a command')
})

test('NOTIFY NONE is a snapshot, until SET, which tells what has gathered', async () => {
  const { told, other } = await pair()
  await other.append('INBOX', mail('one'))
  await told.ok('SELECT INBOX')
  await told.ok('NOTIFY NONE')
  await other.append('INBOX', mail('two'))
  await other.ok('SELECT INBOX')
  await other.ok('STORE 1 +FLAGS (\\Deleted)')
  await silent(told)
  told.send('i IDLE\r\n')
  assert.equal(await told.line(), '+ idling')
  await other.append('INBOX', mail('three'))
  told.send('DONE\r\n')
  assert.deepEqual((await told.answer('i')).untagged, [])
  const expunged = await told.ok('EXPUNGE')
  assert.deepEqual(expunged.slice(0, 2), ['* 1 EXPUNGE', '* 2 EXISTS'], 'it did that itself')
  await other.append('INBOX', mail('four'))
  const gathered = await told.ok('NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))')
  assert.equal(gathered[0], '* 3 EXISTS')
})

test('other mailboxes by STATUS: once for many events, and not for what it did itself', async () => {
  const { told, other } = await pair()
  await told.ok('SELECT INBOX')
  await told.ok('NOTIFY SET (SUBTREE Work (MessageNew MessageExpunge))')
  await other.append('Lists', mail('not asked for'))
  await other.append('INBOX', mail('selected, and SELECTED is NONE'))
  await told.append('Work', mail('its own'))
  await silent(told)
  other.send(
    Array.from({ length: 5 }, (_, at) => {
      const message = mail(`number ${at}`)
      return `m${at} APPEND Work/2026 {${message.length}+}\r\n${message}\r\n`
    }).join(''),
  )
  await other.answer('m4')
  let last = ''
  let count = 0
  for (; !/MESSAGES 5 /.test(last); count++) last = await told.line()
  assert.match(last, /^\* STATUS "Work\/2026" \(MESSAGES 5 UIDNEXT 6 UIDVALIDITY \d+\)$/)
  // What was read may be younger than the event that is told of it, and then comes twice.
  await new Promise((resolve) => setTimeout(resolve, 60))
  count += (await told.ok('NOOP')).length
  assert.ok(count <= 5)
  await other.ok('SELECT Work/2026')
  await other.ok('STORE 1 +FLAGS (\\Deleted)')
  await silent(told)
  await other.ok('EXPUNGE')
  assert.match(await told.line(), /^\* STATUS "Work\/2026" \(MESSAGES 4 UIDNEXT 6 /)
})

test('FlagChange of other mailboxes: UNSEEN, and HIGHESTMODSEQ for a client that knows it', async () => {
  const { told, other } = await pair()
  await other.append('Work', mail('one'))
  await other.ok('SELECT Work')
  await told.ok('NOTIFY SET (MAILBOXES Work (MessageNew MessageExpunge FlagChange))')
  await other.ok('STORE 1 +FLAGS (\\Seen)')
  assert.match(await told.line(), /^\* STATUS "Work" \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+ UNSEEN 0\)$/)
  await told.ok('ENABLE CONDSTORE')
  await other.ok('STORE 1 -FLAGS (\\Seen)')
  assert.match(await told.line(), /UNSEEN 1 HIGHESTMODSEQ \d+\)$/)
})

test('SET STATUS tells where the mailboxes stand; NONE leaves some out', async () => {
  const { told, other } = await pair()
  await other.append('Work', mail('one'))
  const lines = await told.ok(
    'NOTIFY SET STATUS (SUBTREE (Work Nowhere) (MessageNew MessageExpunge)) (MAILBOXES Work/2026 NONE)',
  )
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^\* STATUS "Work" \(MESSAGES 1 UIDNEXT 2 UIDVALIDITY \d+\)$/)
  await other.append('Work/2026', mail('two'))
  await silent(told)
})

test('SUBSCRIBED follows the subscriptions, INBOXES where mail is delivered', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (SUBSCRIBED (MessageNew MessageExpunge))')
  await other.append('Work', mail('one'))
  await silent(told)
  await other.ok('SUBSCRIBE Work')
  await other.append('Work', mail('two'))
  assert.match(await told.line(), /^\* STATUS "Work" \(MESSAGES 2 /)
  await told.ok('NOTIFY SET (INBOXES (MessageNew MessageExpunge))')
  await other.append('Work', mail('three'))
  await other.append('INBOX', mail('four'))
  assert.match(await told.line(), /^\* STATUS "INBOX" \(MESSAGES 1 /)
})

test('names that are made, renamed, and removed', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (PERSONAL (MailboxName))')
  await other.ok('CREATE Lists/imap')
  const made = [await told.line(), await told.line()].sort()
  assert.deepEqual(made, ['* LIST (\\HasChildren) "/" "Lists"', '* LIST (\\HasNoChildren) "/" "Lists/imap"'])
  await other.ok('RENAME Work Projects')
  assert.equal(await told.line(), '* LIST (\\HasChildren) "/" "Projects" ("OLDNAME" ("Work"))')
  await other.ok('DELETE Lists/imap')
  const removed = [await told.line(), await told.line()].sort()
  assert.deepEqual(removed, [
    '* LIST (\\HasNoChildren) "/" "Lists"',
    '* LIST (\\NonExistent) "/" "Lists/imap"',
  ])
  await told.ok('CREATE mine')
  await silent(told)
  await other.ok('SUBSCRIBE Lists')
  await silent(told)
})

test('subscriptions, also of names without a mailbox', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (PERSONAL (SubscriptionChange))')
  await other.ok('SUBSCRIBE Work')
  assert.equal(await told.line(), '* LIST (\\HasChildren \\Subscribed) "/" "Work"')
  await other.ok('UNSUBSCRIBE Work')
  assert.equal(await told.line(), '* LIST (\\HasChildren) "/" "Work"')
  await other.ok('SUBSCRIBE Nowhere')
  assert.equal(await told.line(), '* LIST (\\NonExistent \\Subscribed) "/" "Nowhere"')
  await other.ok('CREATE unasked')
  await silent(told)
})

test('metadata of mailboxes and of the server: the names of entries', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (SUBTREE Work (MailboxMetadataChange)) (INBOXES (ServerMetadataChange))')
  await other.ok('SETMETADATA Work (/private/comment "a comment")')
  assert.equal(await told.line(), '* METADATA "Work" /private/comment')
  await other.ok('SETMETADATA Lists (/private/comment "unasked")')
  await silent(told)
  await other.ok('SETMETADATA "" (/private/comment "of all")')
  assert.equal(await told.line(), '* METADATA "" /private/comment')
})

test('IDLE tells the same, also without a selected mailbox', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge))')
  told.send('i IDLE\r\n')
  assert.equal(await told.line(), '+ idling')
  await other.append('Work', mail('one'))
  assert.match(await told.line(), /^\* STATUS "Work" \(MESSAGES 1 /)
  told.send('DONE\r\n')
  assert.deepEqual((await told.answer('i')).untagged, [])
})

test('what is wrong leaves everything as it was', async () => {
  const { told, other } = await pair()
  await told.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge))')
  assert.match(
    (await told.run('NOTIFY SET (PERSONAL (AnnotationChange))')).tagged,
    /^NO \[BADEVENT \(MessageNew /,
  )
  assert.match((await told.run('NOTIFY SET (SELECTED (MessageNew))')).tagged, /^BAD/)
  await other.append('Work', mail('one'))
  assert.match(await told.line(), /^\* STATUS "Work" /)
})

test('events of one mailbox are not told to another', async () => {
  const { told } = await pair()
  await told.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge MailboxName))')
  const stranger = await imap.logIn(await imap.test.createMailbox())
  await stranger.ok('CREATE Elsewhere')
  await stranger.append('INBOX', mail('one'))
  await silent(told)
})

test('more than is kept is an overflow', async () => {
  const { mailbox } = await pair()
  const told = await imap.logIn(mailbox)
  await told.ok('NOTIFY SET (PERSONAL (MessageNew MessageExpunge SubscriptionChange))')
  const { bus } = imap.test.platform
  const events = Array.from({ length: imapLimits.notifyPendingMax + 1 }, (_, at) => ({
    type: 'folder.subscription_changed',
    ...mailbox.owner,
    data: { folder_id: null, path: `name ${at}`, subscribed: true },
  }))
  bus.publish(events)
  assert.match(await told.line(), /^\* OK \[NOTIFICATIONOVERFLOW\]/)
  const other = await imap.logIn(mailbox)
  await other.append('INBOX', mail('one'))
  await silent(told)
})

test('events of another version of this program do no harm', () => {
  const events = new Set<NotifyEvent>(['MailboxName', 'MessageNew'])
  const notify = createNotify([{ mailboxes: { kind: 'personal' }, events, fetch: [] }])
  for (const data of [null, 1, 'x', {}, { folder_id: 1 }, { path: [] }, { path: 'x' }]) {
    for (const type of ['message.new_kind', 'folder.new_kind', 'folder.renamed', 'mailbox.new_kind', '']) {
      noteEvent(notify, { type, organizationId: '', workspaceId: null, mailboxId: null, data })
    }
  }
  assert.equal(hasPending(notify), false)
})
