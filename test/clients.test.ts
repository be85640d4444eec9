/** Mail programs that people use, unmodified, against the real server: swaks sends, mutt and mbsync read and write. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { addressOf, type ChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import {
  type Account,
  type AccountServer,
  runProgram,
  startAccountServer,
} from '../src/testing/mail-programs.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'

const stack = new AsyncDisposableStack()
let accounts: AccountServer
let server: ChildServer

before(async () => {
  accounts = await startAccountServer(stack, 'clients.test')
  server = accounts.server
})
after(() => stack.disposeAsync())

test('swaks sends to the MX, over STARTTLS when it is told to', async (t) => {
  if (!requireProgram(t, 'swaks')) return
  const ann = await accounts.newAccount()
  const to = ['--server', server.endpoints.smtp ?? '', '--from', 'bob@elsewhere.test', '--to', ann.address]
  for (const more of [[], ['-tls']]) {
    const [code, output] = await runProgram('swaks', [...to, ...more])
    assert.equal(code, 0, output)
    assert.match(output, /250 2\.6\.0 Accepted as /)
  }
  const client = await connectImap(server, ann.address)
  assert.equal((await client.mailboxOpen('INBOX')).exists, 2)
  await client.logout()
})

test('swaks is refused for a stranger’s address and for another domain', async (t) => {
  if (!requireProgram(t, 'swaks')) return
  const from = ['--server', server.endpoints.smtp ?? '', '--from', 'bob@elsewhere.test']
  const [, unknown] = await runProgram('swaks', [...from, '--to', 'nobody@clients.test'])
  assert.match(unknown, /550 5\.1\.1 /)
  const [, relay] = await runProgram('swaks', [...from, '--to', 'someone@example.com'])
  assert.match(relay, /550 5\.7\.1 /)
})

test('swaks submits with a login, by STARTTLS, by TLS, and not with a wrong password', async (t) => {
  if (!requireProgram(t, 'swaks')) return
  const [ann, ben] = [await accounts.newAccount(), await accounts.newAccount()]
  const mail = ['--from', ann.address, '--to', ben.address, '--auth-user', ann.address]
  const login = ['--auth-password', ann.password]
  const submission = ['--server', server.endpoints.submission ?? '']
  const ways = [
    [...submission, '-tls', '--auth', 'PLAIN'],
    [...submission, '-tls', '--auth', 'LOGIN'],
    ['--server', server.endpoints.submissions ?? '', '--tls-on-connect', '--auth', 'PLAIN'],
  ]
  for (const way of ways) {
    const [code, output] = await runProgram('swaks', [...way, ...mail, ...login])
    assert.equal(code, 0, output)
  }
  const [code, output] = await runProgram('swaks', [
    ...submission,
    '--auth',
    'PLAIN',
    ...mail,
    '--auth-password',
    'wrong',
  ])
  assert.notEqual(code, 0)
  assert.match(output, /535 5\.7\.8 /)
})

test('mbsync copies a mailbox to a Maildir byte for byte, and changes both ways', async (t) => {
  if (!requireProgram(t, 'mbsync')) return
  const ann = await accounts.newAccount()
  await accounts.deliver(ann, 5)
  const directory = await temporaryDirectory(stack)
  const config = await mbsyncConfig(directory, ann)
  await mbsync(config)
  const inbox = join(directory, 'mail', 'INBOX')
  const files = await maildirFiles(inbox)
  assert.equal(files.length, 5)
  await sameAsOnServer(ann, files)

  // A message written here, and one flagged and one deleted there, reach the other side.
  await writeFile(
    join(inbox, 'cur', '1.made.here:2,S'),
    'From: me@clients.test\nSubject: made here\n\nHello.\n',
  )
  const client = await connectImap(server, ann.address)
  await client.mailboxOpen('INBOX')
  await client.messageFlagsAdd('1', ['\\Flagged'])
  await client.messageDelete('2')
  await mbsync(config)
  const synced = await client.status('INBOX', { messages: true })
  assert.ok(synced)
  assert.equal(synced.messages, 5)
  const subjects: (string | undefined)[] = []
  for await (const message of client.fetch('1:*', { envelope: true }))
    subjects.push(message.envelope?.subject)
  assert.ok(subjects.includes('made here'))
  const names = (await readdir(join(inbox, 'cur'))).concat(await readdir(join(inbox, 'new')))
  assert.equal(names.length, 5)
  assert.equal(names.filter((name) => /:2,[A-Z]*F/.test(name)).length, 1)

  // A folder made there appears here; mbsync keeps its name in modified UTF-7.
  await client.mailboxCreate('Projects/Grüße')
  await client.append('Projects/Grüße', 'Subject: in a folder\r\n\r\nHello.\r\n', ['\\Seen'])
  await client.logout()
  await mbsync(config)
  assert.equal((await maildirFiles(join(directory, 'mail', 'Projects', 'Gr&APwA3w-e'))).length, 1)

  async function mbsync(path: string): Promise<void> {
    const [code, output] = await runProgram('mbsync', ['-c', path, '-a'])
    assert.equal(code, 0, output)
  }
})

async function mbsyncConfig(directory: string, account: Account): Promise<string> {
  const { host, port } = addressOf(server.endpoints.imap)
  await mkdir(join(directory, 'mail'))
  const path = join(directory, 'mbsyncrc')
  const lines = [
    'IMAPAccount test',
    `Host ${host}`,
    `Port ${port}`,
    `User ${account.address}`,
    `Pass "${account.password}"`,
    'SSLType None',
    'AuthMechs LOGIN',
    '',
    'IMAPStore remote',
    'Account test',
    '',
    'MaildirStore local',
    `Path ${join(directory, 'mail')}/`,
    `Inbox ${join(directory, 'mail')}/INBOX`,
    'SubFolders Verbatim',
    '',
    'Channel all',
    'Far :remote:',
    'Near :local:',
    'Patterns *',
    'Create Both',
    'Expunge Both',
    'SyncState *',
    '',
  ]
  await writeFile(path, lines.join('\n'))
  return path
}

async function maildirFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  for (const part of ['new', 'cur']) {
    for (const name of await readdir(join(folder, part))) {
      files.push(await readFile(join(folder, part, name), 'latin1'))
    }
  }
  return files
}

/** mbsync writes LF for CRLF and adds a header of its own; nothing else may differ. */
async function sameAsOnServer(account: Account, files: readonly string[]): Promise<void> {
  const client = await connectImap(server, account.address)
  await client.mailboxOpen('INBOX')
  const sources: string[] = []
  for await (const { source } of client.fetch('1:*', { source: true })) {
    sources.push(source?.toString('latin1').replaceAll('\r\n', '\n') ?? '')
  }
  await client.logout()
  const local = files.map((file) => file.replace(/^X-TUID: .*\n/m, ''))
  assert.deepEqual(local.sort(), sources.sort())
}

test('mutt reads a mailbox, saves a message to another folder and deletes one', async (t) => {
  if (!requireProgram(t, 'mutt') || !requireProgram(t, 'script')) return
  const ann = await accounts.newAccount()
  await accounts.deliver(ann, 3)
  const directory = await temporaryDirectory(stack)
  const rc = join(directory, 'muttrc')
  const { host, port } = addressOf(server.endpoints.imap)
  const url = `imap://${host}:${port}`
  await writeFile(
    rc,
    [
      `set imap_user="${ann.address}"`,
      `set imap_pass="${ann.password}"`,
      'set ssl_starttls=no ssl_force_tls=no',
      `set folder="${url}/" spoolfile="${url}/INBOX"`,
      'set mbox_type=Maildir confirmappend=no confirmcreate=no delete=yes quit=yes wait_key=no move=no',
      `set header_cache="" tmpdir="${directory}"`,
    ].join('\n'),
  )
  const keys = [
    `<first-entry><copy-message>${directory}/copied<enter>`,
    '<first-entry><display-message><exit>',
    '<next-entry><save-message>=Archive<enter>',
    '<last-entry><delete-message><sync-mailbox><quit>',
  ].join('')
  const [code, output] = await runProgram(
    'script',
    ['-qec', `mutt -n -F ${rc} -e 'push "${keys}"'`, join(directory, 'typescript')],
    { TERM: 'xterm', HOME: directory, LC_ALL: 'C.UTF-8' },
  )
  assert.equal(code, 0, output)
  const copied = await readdir(join(directory, 'copied', 'cur')).catch(() => [])
  const copiedNew = await readdir(join(directory, 'copied', 'new')).catch(() => [])
  assert.equal(copied.length + copiedNew.length, 1)
  const client = await connectImap(server, ann.address)
  const inbox = await client.status('INBOX', { messages: true, unseen: true })
  const archive = await client.status('Archive', { messages: true })
  await client.logout()
  assert.ok(inbox && archive)
  assert.deepEqual([inbox.messages, archive.messages], [1, 1])
  assert.equal(inbox.unseen, 0)
})
