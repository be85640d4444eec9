/** More mail programs, unmodified, against the real server: Python's imaplib, fetchmail, and mbsync with TLS and flags. */
import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
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
  accounts = await startAccountServer(stack, 'programs.test')
  server = accounts.server
})
after(() => stack.disposeAsync())

test('imaplib goes through its commands, over STARTTLS and over TLS', async (t) => {
  if (!requireProgram(t, 'python3')) return
  const { address, password } = await accounts.newAccount()
  const { host, port } = addressOf(server.endpoints.imap)
  const script = fileURLToPath(new URL('./programs/imaplib_session.py', import.meta.url))
  const tlsPort = addressOf(server.endpoints.imaps).port
  const [code, output] = await runProgram('python3', [
    script,
    host,
    `${port}`,
    `${tlsPort}`,
    address,
    password,
  ])
  assert.equal(code, 0, output)
  assert.equal(output.trim(), 'whole')
})

test('fetchmail takes what is new by IMAP, byte for byte, and deletes when it is told to', async (t) => {
  if (!requireProgram(t, 'fetchmail')) return
  const ann = await accounts.newAccount()
  await accounts.deliver(ann, 3)
  const directory = await temporaryDirectory(stack)
  const rc = join(directory, 'fetchmailrc')
  const { host, port } = addressOf(server.endpoints.imap)
  await writeFile(
    rc,
    [
      `set idfile "${directory}/ids"`,
      `set pidfile "${directory}/pid"`,
      `poll ${host} protocol imap service ${port} user "${ann.address}" password "${ann.password}"`,
      `  sslproto "tls1.2+" no sslcertck no rewrite mda "cat >> ${directory}/mail; echo ++end >> ${directory}/mail"`,
      '',
    ].join('\n'),
    { mode: 0o600 },
  )
  const sources = await sourcesOf(ann)
  const fetchmail = (...more: string[]) => runProgram('fetchmail', ['-f', rc, ...more], { HOME: directory })
  const [code, output] = await fetchmail('--keep')
  assert.equal(code, 0, output)
  const mail = await readFile(join(directory, 'mail'), 'latin1')
  const fetched = mail.split('++end\n').filter((text) => text !== '')
  assert.equal(fetched.length, 3)
  for (const source of sources) {
    const [, body = ''] = source.replaceAll('\r\n', '\n').split(/\n\n(.*)/s)
    assert.equal(fetched.filter((text) => text.includes(body)).length, 1)
  }
  const noNewMail = 1
  assert.equal((await fetchmail('--keep'))[0], noNewMail)
  assert.equal((await sourcesOf(ann)).length, 3)
  assert.equal((await fetchmail('--all', '--nokeep'))[0], 0)
  assert.deepEqual(await sourcesOf(ann), [])
})

test('mbsync over TLS: flags, deletions, moves and folders go both ways, and then there is nothing to do', async (t) => {
  if (!requireProgram(t, 'mbsync')) return
  const ann = await accounts.newAccount()
  await accounts.deliver(ann, 4)
  const directory = await temporaryDirectory(stack)
  const config = await mbsyncConfig(directory, ann)
  const mbsync = async (): Promise<void> => {
    const [code, output] = await runProgram('mbsync', ['-c', config, '-a'])
    assert.equal(code, 0, output)
  }
  await mbsync()
  const inbox = join(directory, 'mail', 'INBOX')
  const names = await namesIn(inbox)
  assert.equal(names.length, 4)

  // Here: one is answered and flagged, one deleted, one copied to a folder that is new. There: one is seen.
  const [first = '', second = '', third = ''] = names
  await rename(join(inbox, first), join(inbox, 'cur', `${plainName(first)}:2,FRS`))
  await unlink(join(inbox, second))
  for (const part of ['cur', 'new', 'tmp'])
    await mkdir(join(directory, 'mail', 'Kept', part), { recursive: true })
  const text = await readFile(join(inbox, third), 'latin1')
  await writeFile(
    join(directory, 'mail', 'Kept', 'cur', '1.kept.here:2,S'),
    text.replace(/^X-TUID: .*\n/m, ''),
    'latin1',
  )
  const client = await connectImap(server, ann.address)
  await client.mailboxOpen('INBOX')
  await client.messageFlagsAdd('4', ['\\Seen'], { uid: true })
  await mbsync()

  await client.noop()
  const flags: string[] = []
  for await (const message of client.fetch('1:*', { flags: true }))
    flags.push(
      [...(message.flags ?? [])]
        .filter((flag) => flag !== '\\Recent')
        .sort()
        .join(' '),
    )
  assert.deepEqual(flags.sort(), ['', '\\Answered \\Flagged \\Seen', '\\Seen'])
  const kept = await client.status('Kept', { messages: true, unseen: true })
  assert.ok(kept)
  assert.deepEqual([kept.messages, kept.unseen], [1, 0])
  const here = await namesIn(inbox)
  assert.deepEqual(here.map((name) => /:2,([A-Z]*)$/.exec(name)?.[1] ?? '').sort(), ['', 'FRS', 'S'])

  // There: one is moved.
  await client.messageMove('4', 'Kept', { uid: true })
  await mbsync()
  const state = async (): Promise<unknown[]> => [
    await namesIn(inbox),
    await namesIn(join(directory, 'mail', 'Kept')),
    (await client.status('INBOX', { highestModseq: true })) || null,
    (await client.status('Kept', { highestModseq: true })) || null,
  ]
  const before = await state()
  assert.deepEqual(
    [before[0], before[1]].map((paths) => (Array.isArray(paths) ? paths.length : 0)),
    [2, 2],
  )
  await mbsync()
  assert.deepEqual(await state(), before)
  await client.logout()
})

async function mbsyncConfig(directory: string, account: Account): Promise<string> {
  const { host, port } = addressOf(server.endpoints.imaps)
  await mkdir(join(directory, 'mail'))
  const path = join(directory, 'mbsyncrc')
  const lines = [
    'IMAPAccount test',
    `Host ${host === '127.0.0.1' ? 'localhost' : host}`,
    `Port ${port}`,
    `User ${account.address}`,
    `Pass "${account.password}"`,
    'SSLType IMAPS',
    `CertificateFile ${join(accounts.dataDir, 'tls', 'self-signed.cert.pem')}`,
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
    'Remove Both',
    'Expunge Both',
    'CopyArrivalDate yes',
    'SyncState *',
    '',
  ]
  await writeFile(path, lines.join('\n'))
  return path
}

/** Paths of a Maildir's messages, within it. */
async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = []
  for (const part of ['new', 'cur']) {
    for (const name of await readdir(join(folder, part))) names.push(join(part, name))
  }
  return names.sort()
}

function plainName(path: string): string {
  return path.replace(/^.*\//, '').replace(/:2,.*$/, '')
}

async function sourcesOf({ address }: Account): Promise<string[]> {
  const client = await connectImap(server, address)
  const { exists } = await client.mailboxOpen('INBOX', { readOnly: true })
  const sources: string[] = []
  if (exists > 0) {
    for await (const { source } of client.fetch('1:*', { source: true })) {
      sources.push(source?.toString('latin1') ?? '')
    }
  }
  await client.logout()
  return sources
}
