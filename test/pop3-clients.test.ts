/** POP3 with programs that people use, unmodified, against the real server: Python's poplib, fetchmail and mutt. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { addressOf, type ChildServer, callApi, startChildServer } from '../src/testing/child-server.ts'
import { connectImap } from '../src/testing/imap-client.ts'
import { requireProgram } from '../src/testing/programs.ts'
import { loadMessage, sendLoad } from '../src/testing/smtp-load.ts'
import { temporaryDirectory } from '../src/testing/test-database.ts'

const run = promisify(execFile)
const programMsMax = 30_000

const stack = new AsyncDisposableStack()
let server: ChildServer
let made = 0

before(async () => {
  server = stack.use(await startChildServer(await temporaryDirectory(stack)))
  await callApi(server, 'POST', '/v1/domains', { name: 'pop3.test' })
})
after(() => stack.disposeAsync())

type Account = { address: string; password: string }

async function newAccount(messages: number): Promise<Account> {
  const address = `user${++made}@pop3.test`
  await callApi(server, 'POST', '/v1/mailboxes', { address })
  type Credentials = { password: string; pop3: { port: number } }
  const shown = await callApi<Credentials>(server, 'GET', `/v1/mailboxes/${address}/credentials`)
  assert.equal(shown.pop3.port, addressOf(server.endpoints.pop3).port)
  let sent = 0
  const { accepted } = await sendLoad({
    ...addressOf(server.endpoints.smtp),
    sessions: 1,
    next: () => (sent < messages ? loadMessage(`m${sent++}`, address, 2000) : null),
  })
  assert.equal(accepted, messages)
  return { address, password: shown.password }
}

/** What INBOX holds by IMAP: the messages' bytes, and how many are unseen. */
async function inboxOf({ address }: Account): Promise<{ sources: string[]; unseen: number }> {
  const client = await connectImap(server, address)
  const unseen = (await client.status('INBOX', { unseen: true })) || { unseen: undefined }
  await client.mailboxOpen('INBOX', { readOnly: true })
  const sources: string[] = []
  for await (const { source } of client.fetch('1:*', { source: true })) {
    sources.push(source?.toString('latin1') ?? '')
  }
  await client.logout()
  return { sources, unseen: unseen.unseen ?? 0 }
}

const poplibSession = `
import json, poplib, ssl, sys
host, port, tls_port, user, password = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
found = {}

pop = poplib.POP3(host, int(port), timeout=20)
found['capabilities'] = pop.capa()
pop.stls(context)
pop.utf8()
pop.user(user)
pop.pass_(password)
found['stat'] = pop.stat()
found['list'] = [line.decode() for line in pop.list()[1]]
found['uidl'] = [line.decode() for line in pop.uidl()[1]]
found['messages'] = [b'\\r\\n'.join(pop.retr(n)[1]).decode('latin1') + '\\r\\n' for n in (1, 2, 3)]
found['octets'] = pop.retr(1)[2]
found['top'] = [line.decode() for line in pop.top(1, 1)[1]]
try:
    pop.retr(9)
except poplib.error_proto as error:
    found['error'] = error.args[0].decode()
second = poplib.POP3_SSL(host, int(tls_port), context=context, timeout=20)
second.user(user)
try:
    second.pass_(password)
except poplib.error_proto as error:
    found['in_use'] = error.args[0].decode()
pop.dele(1)
pop.dele(2)
pop.rset()
pop.dele(3)
pop.quit()
second.user(user)
second.pass_(password)
found['after'] = [line.decode() for line in second.uidl()[1]]
second.quit()
print(json.dumps(found))
`

type Found = {
  capabilities: Record<string, string[]>
  stat: [number, number]
  list: string[]
  uidl: string[]
  messages: string[]
  octets: number
  top: string[]
  error: string
  in_use: string
  after: string[]
}

test('poplib reads a mailbox byte for byte, and deletes', async (t) => {
  if (!requireProgram(t, 'python3')) return
  const ann = await newAccount(3)
  const { sources } = await inboxOf(ann)
  const { host, port } = addressOf(server.endpoints.pop3)
  const args = [host, String(port), String(addressOf(server.endpoints.pop3s).port), ann.address, ann.password]
  const { stdout } = await run('python3', ['-c', poplibSession, ...args], { timeout: programMsMax })
  const found = JSON.parse(stdout) as Found // the script above
  assert.deepEqual(found.messages, sources)
  const sizes = sources.map((source) => source.length)
  assert.deepEqual(found.stat, [3, sizes.reduce((a, b) => a + b)])
  assert.deepEqual(
    found.list,
    sizes.map((size, at) => `${at + 1} ${size}`),
  )
  assert.equal(found.octets, sizes[0])
  assert.equal(found.uidl.length, 3)
  assert.deepEqual(found.capabilities['UTF8'], ['USER'])
  const lines = sources[0]?.split('\r\n') ?? []
  assert.deepEqual(found.top, lines.slice(0, lines.indexOf('') + 2))
  assert.equal(found.error, '-ERR No such message')
  assert.match(found.in_use, /^-ERR \[IN-USE\] /)
  assert.deepEqual(found.after, found.uidl.slice(0, 2))
  const left = await inboxOf(ann)
  assert.deepEqual(left.sources, sources.slice(0, 2))
  assert.equal(left.unseen, 0)
})

test('fetchmail fetches over STLS and deletes, and keeps where it is told to', async (t) => {
  if (!requireProgram(t, 'fetchmail')) return
  const ann = await newAccount(5)
  const { sources } = await inboxOf(ann)
  const directory = await temporaryDirectory(stack)
  const fetch = async (options: 'keep' | 'no keep fetchall'): Promise<string[]> => {
    const box = join(directory, `mail${Date.now()}`)
    await writeFile(box, '')
    const { host, port } = addressOf(server.endpoints.pop3)
    const rc = join(directory, 'fetchmailrc')
    const lines = [
      `set idfile "${join(directory, 'ids')}"`,
      `set pidfile "${join(directory, 'pid')}"`,
      `poll ${host} service ${port} proto POP3 uidl`,
      ` user "${ann.address}" password "${ann.password}" ${options}`,
      ` sslproto tls1.2+ no sslcertck mda "cat >> ${box}; echo END-OF-MESSAGE >> ${box}"`,
    ]
    await writeFile(rc, `${lines.join('\n')}\n`, { mode: 0o600 })
    const env = { ...process.env, HOME: directory, FETCHMAILHOME: directory }
    await run('fetchmail', ['-f', rc, '--nosyslog'], { timeout: programMsMax, env }).catch((error) => {
      if (error.code !== 1) throw error // 1: there was no mail
    })
    return (await readFile(box, 'latin1')).split('END-OF-MESSAGE\n').slice(0, -1)
  }
  // It puts a header of its own before the message and writes LF for CRLF.
  const bodies = (texts: readonly string[]): (string | undefined)[] =>
    texts.map((text) => text.replaceAll('\r\n', '\n').split('\n\n').slice(1).join('\n\n').trimEnd())
  const kept = await fetch('keep')
  assert.deepEqual(bodies(kept), bodies(sources))
  assert.deepEqual(await fetch('keep'), [], 'it knows their unique ids')
  assert.equal((await inboxOf(ann)).sources.length, 5)
  assert.deepEqual(bodies(await fetch('no keep fetchall')), bodies(sources))
  assert.deepEqual((await inboxOf(ann)).sources, [])
})

test('mutt reads a maildrop and deletes a message', async (t) => {
  if (!requireProgram(t, 'mutt') || !requireProgram(t, 'script')) return
  const ann = await newAccount(3)
  const directory = await temporaryDirectory(stack)
  const rc = join(directory, 'muttrc')
  const { host, port } = addressOf(server.endpoints.pop3)
  await writeFile(
    rc,
    [
      `set pop_user="${ann.address}" pop_pass="${ann.password}" pop_authenticators="user"`,
      'set ssl_starttls=no ssl_force_tls=no pop_delete=no pop_checkinterval=1000',
      'set mbox_type=Maildir confirmappend=no confirmcreate=no delete=yes quit=yes wait_key=no move=no',
      `set header_cache="" message_cachedir="" tmpdir="${directory}" folder="${directory}" sort=mailbox-order`,
    ].join('\n'),
  )
  const keys = [
    `<first-entry><copy-message>${directory}/copied<enter>`,
    '<first-entry><display-message><exit>',
    '<last-entry><delete-message><sync-mailbox><quit>',
  ].join('')
  const url = `pop://${host}:${port}/`
  await run(
    'script',
    ['-qec', `mutt -n -F ${rc} -f '${url}' -e 'push "${keys}"'`, join(directory, 'typescript')],
    {
      timeout: programMsMax,
      env: { ...process.env, TERM: 'xterm', HOME: directory, LC_ALL: 'C.UTF-8' },
    },
  )
  const copied = await Promise.all(
    ['cur', 'new'].map((part) => readdir(join(directory, 'copied', part)).catch(() => [])),
  )
  assert.equal(copied.flat().length, 1)
  assert.equal((await inboxOf(ann)).sources.length, 2)
})
