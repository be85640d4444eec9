/** Real flows of a real client. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ImapFlow } from 'imapflow'
import { mail, startTestImap, type TestImap } from '../../testing/test-imap.ts'
import type { TestMailbox } from '../../testing/test-platform.ts'

let imap: TestImap
before(async () => {
  imap = await startTestImap()
})
after(() => imap[Symbol.asyncDispose]())

async function connect(mailbox: TestMailbox): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: imap.listener.port,
    secure: false,
    auth: { user: mailbox.address, pass: mailbox.password },
    tls: { rejectUnauthorized: false },
    logger: false,
  })
  await client.connect()
  return client
}

async function count(
  client: ImapFlow,
  path: string,
  what: 'messages' | 'unseen',
): Promise<number | undefined> {
  const status = await client.status(path, { [what]: true })
  return status === false ? undefined : status[what]
}

test('folders', async () => {
  const client = await connect(await imap.test.createMailbox())
  assert.equal(client.secureConnection, true) // STARTTLS
  const special = (await client.list()).map(({ path, specialUse }) => `${path} ${specialUse ?? ''}`.trim())
  assert.deepEqual(special.sort(), [
    'Archive \\Archive',
    'Drafts \\Drafts',
    'INBOX \\Inbox',
    'Junk \\Junk',
    'Sent \\Sent',
    'Trash \\Trash',
  ])
  await client.mailboxCreate(['Kunden', 'Müller & Söhne', '日本語'])
  const created = (await client.list()).map(({ path }) => path)
  assert.ok(created.includes('Kunden/Müller & Söhne/日本語'))
  await client.mailboxRename('Kunden', 'Partner')
  assert.ok((await client.list()).some(({ path }) => path === 'Partner/Müller & Söhne/日本語'))
  await client.mailboxDelete('Partner/Müller & Söhne/日本語')
  assert.ok(!(await client.list()).some(({ path }) => path.endsWith('日本語')))
  await client.logout()
})

test('messages', async () => {
  const client = await connect(await imap.test.createMailbox())
  const source = mail('Grüße aus Köln')
  const appended = await client.append(
    'INBOX',
    source,
    ['\\Flagged', 'later'],
    new Date('2026-01-02T03:04:05Z'),
  )
  assert.ok(appended)
  assert.equal(appended.uid, 1)
  await client.append('INBOX', mail('second'))
  const lock = await client.getMailboxLock('INBOX')
  const message = await client.fetchOne('1', {
    uid: true,
    flags: true,
    envelope: true,
    source: true,
    bodyStructure: true,
    internalDate: true,
  })
  assert.ok(message)
  assert.equal(message.source?.toString('utf8'), source)
  assert.equal(message.envelope?.from?.[0]?.address, 'a@demo.test')
  assert.deepEqual([...(message.flags ?? [])].filter((flag) => flag !== '\\Recent').sort(), [
    '\\Flagged',
    'later',
  ])
  assert.deepEqual(message.internalDate, new Date('2026-01-02T03:04:05Z'))
  assert.equal(message.bodyStructure?.type, 'text/plain')
  assert.deepEqual(await client.search({ subject: 'second' }, { uid: true }), [2])
  assert.deepEqual(await client.search({ keyword: 'later' }), [1])
  await client.messageFlagsAdd('2', ['\\Seen'])
  assert.equal(await count(client, 'INBOX', 'unseen'), 1)
  const copied = await client.messageCopy('1:2', 'Archive')
  assert.ok(copied)
  assert.deepEqual(
    [...(copied.uidMap ?? [])],
    [
      [1, 1],
      [2, 2],
    ],
  )
  const moved = await client.messageMove('1', 'Trash', { uid: true })
  assert.ok(moved)
  assert.deepEqual([...(moved.uidMap ?? [])], [[1, 1]])
  await client.messageDelete('1')
  assert.equal(await count(client, 'INBOX', 'messages'), 0)
  assert.equal(await count(client, 'Archive', 'messages'), 2)
  lock.release()
  await client.logout()
})

test('new mail while idling', async () => {
  const mailbox = await imap.test.createMailbox()
  const client = await connect(mailbox)
  const other = await connect(mailbox)
  await client.mailboxOpen('INBOX')
  const exists = new Promise((resolve) => client.on('exists', resolve))
  const idling = client.idle()
  await new Promise((resolve) => setTimeout(resolve, 50))
  await other.append('INBOX', mail('news'))
  await exists
  const message = await client.fetchOne('*', { envelope: true })
  await idling
  assert.ok(message)
  assert.equal(message.envelope?.subject, 'news')
  await client.logout()
  await other.logout()
})
